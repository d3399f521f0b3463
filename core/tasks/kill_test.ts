import { assertEquals } from "@std/assert";
import { checkpoint, isCancelled, moveOnAfter, openNursery, run, shielded, sleep, type Task } from "../mod.ts";
import { currentRun } from "../lowlevel.ts";
import { abandon, abandonRun, currentNode, kill } from "../internal.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Shields, and what cleanup does under them. */
async function cleanUp(log: unknown[]): Promise<void> {
  for (const how of ["first", "second"]) {
    try {
      await shielded(() => sleep(1));
      log.push(`${how}: went through`);
    } catch (error) {
      log.push(isCancelled(error) ? error.reason : error);
    }
  }
}

Deno.test("what is killed is refused every wait, also under shields, those to come and those that hold already", async () => {
  const log: unknown[] = [];
  await openNursery(async (nursery) => {
    const early = nursery.startSoon(async () => {
      await shielded(() => sleep(60_000)).finally(() => cleanUp(log));
    });
    const late = nursery.startSoon(async () => {
      await sleep(60_000).finally(() => cleanUp(log));
    });
    const cancelled = nursery.startSoon(() =>
      moveOnAfter(0, async (scope) => {
        scope.cancel("first");
        await sleep(60_000).finally(() => shielded(() => sleep(60_000))).finally(() => cleanUp(log));
      })
    );
    await turn();
    kill([early, late, cancelled], "no power");
    // How many turns that takes, the budget of wake-ups decides.
    for (let i = 0; i < 100 && cancelled.state === "running"; i++) await turn();
    assertEquals([early.state, late.state, cancelled.state], ["cancelled", "cancelled", "cancelled"]);
  });
  assertEquals(log, Array(6).fill("no power"));
});

Deno.test("what is killed in a region of a task ends there, and the task goes on", async () => {
  const log: unknown[] = [];
  const outcome = await moveOnAfter(Infinity, async () => {
    const node = currentNode();
    setImmediate(() => kill([node], "no power"));
    await sleep(60_000).finally(() => cleanUp(log));
  });
  assertEquals([outcome.cancelledCaught, log], [true, ["no power", "no power"]]);
  await checkpoint();
});

Deno.test("code that outlives a task that was killed stands still at its next wait", async () => {
  const log: unknown[] = [];
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(async () => {
      (async () => {
        await turn();
        await turn();
        await cleanUp(log);
      })();
      await sleep(60_000);
    });
    await turn();
    kill([task], "no power");
    await turn();
    assertEquals(task.state, "cancelled");
    for (let i = 0; i < 5; i++) await turn();
  });
  assertEquals(log, []);
});

Deno.test("what was killed and does not end can be abandoned: who waits for it goes on, and it stands still", async () => {
  let steps = 0;
  const inner: Task[] = [];
  const stubborn = [
    () => new Promise(() => {}),
    () => sleep(60_000).catch(() => {}),
    () => shielded(() => sleep(60_000)).catch(() => {}),
    () => openNursery((nursery) => void inner.push(nursery.startSoon(() => new Promise(() => {})))),
  ];
  for (const step of stubborn) {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(async () => {
        while (true) {
          steps++;
          await step();
        }
      });
      await turn();
      kill([task, ...inner], "no power");
      abandon([task, ...inner]);
      assertEquals(task.state, "cancelled");
    });
    for (let i = 0; i < 3; i++) await turn();
    const before = steps;
    for (let i = 0; i < 3; i++) await turn();
    assertEquals(steps, before);
  }
});

Deno.test("nothing goes on in a run that was abandoned: its loops stand still", async () => {
  let steps = 0;
  const loops = [
    () => checkpoint(),
    () => sleep(0),
    () => shielded(() => checkpoint()),
    () => openNursery((nursery) => void nursery.startSoon(() => {})),
  ];
  for (const step of loops) {
    const abandoned = run(async () => {
      const view = currentRun();
      setImmediate(() => abandonRun(view));
      while (true) {
        steps++;
        await step();
      }
    }, { handleSignals: false });
    abandoned.catch(() => {});
    for (let i = 0; i < 3; i++) await turn();
    const before = steps;
    for (let i = 0; i < 3; i++) await turn();
    assertEquals(steps, before);
  }
});
