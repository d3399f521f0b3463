import { assert, assertEquals, assertRejects } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { simulated } from "../../testing/mod.ts";
import { currentTask, ErrorGroup, moveOnAfter, openNursery, run, sleep, sleepForever, type Task } from "../mod.ts";

Deno.test(
  "join() returns the value of a task, before and after it has ended",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(async () => {
        await sleep(1);
        return 5;
      });
      assertEquals(task.state, "running");
      assertEquals(await task.join(), 5);
      assertEquals(await task.join(), 5);
      assertEquals(task.state, "done");
    });
  }),
);

Deno.test(
  "join() throws the error of the task, and the nursery fails all the same",
  simulated(async () => {
    let joined: unknown;
    let task: Task | undefined;
    const error = await openNursery(async (nursery) => {
      task = nursery.startSoon(() => Promise.reject(new TypeError("bad")));
      await task.join().catch((error) => joined = error);
    }).catch((error) => error);
    assertEquals(String(joined), "TypeError: bad");
    assert(error instanceof ErrorGroup && error.errors[0] === joined);
    assertEquals(task?.state, "failed");
  }),
);

Deno.test(
  "join() that is cancelled leaves the task running",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleep(10));
      const outcome = await moveOnAfter(1, () => task.join());
      assert(outcome.cancelledCaught);
      assertEquals(task.state, "running");
    });
    assertEquals(sim.now, 10);
  }),
);

Deno.test(
  "join() of oneself is refused",
  simulated(async () => {
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await assertRejects(
          () => currentTask().join(),
          TypeError,
          'Cannot join task "me" #2 as it would wait for itself: join it from another task',
        );
      }, { name: "me" });
    });
  }),
);

Deno.test(
  "cancel() ends this task alone, with everything in it, and its nursery does not fail",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() =>
        openNursery((inner) => {
          inner.startSoon(() => sleepForever().finally(() => log.push(`grandchild ended at ${sim.now}`)));
        })
      );
      nursery.startSoon(() => sleep(10));
      await sleep(2);
      task.cancel("no longer needed");
      const error = await task.join().catch((error) => error);
      assertEquals(error.cause.reason, "no longer needed");
      assertEquals(task.state, "cancelled");
    });
    assertEquals([log, sim.now], [["grandchild ended at 2"], 10]);
  }),
);

Deno.test(
  "cancel() of a task whose cleanup fails fails the nursery with that error",
  simulated(async () => {
    const error = await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever().finally(() => Promise.reject(new Error("cleanup"))));
      await sleep(1);
      task.cancel();
    }).catch((error) => error);
    assertEquals(String(error.errors), "Error: cleanup");
  }),
);

Deno.test(
  "tasks have names, and ids in the order of creation",
  simulated(async () => {
    await openNursery((nursery) => {
      const tasks = [
        nursery.startSoon(function worker() {}),
        nursery.startSoon(() => {}),
        nursery.startSoon(() => {}, { name: "named" }),
      ];
      assertEquals(tasks.map(({ name }) => name), ["worker", "task", "named"]);
      assert(tasks[0]!.id < tasks[1]!.id && tasks[1]!.id < tasks[2]!.id);
      assert(!("then" in tasks[0]!));
      assert(tasks[0]!.spawnSite?.includes("task_test.ts:"), tasks[0]!.spawnSite);
    });
  }),
);

Deno.test("a child sees the spawner's async-local values, whatever the nursery was opened with", async () => {
  const user = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  await run(() =>
    user.run("opener", () =>
      openNursery(async (nursery) => {
        user.run("spawner", () =>
          nursery.startSoon(async () => {
            seen.push(user.getStore());
            await sleep(0);
            seen.push(user.getStore());
          }));
        await user.run("other", () =>
          nursery.start((status) => {
            seen.push(user.getStore());
            status.started();
          }));
      })), { handleSignals: false });
  assertEquals(seen.sort(), ["other", "spawner", "spawner"]);
});

Deno.test("a task may return any kind of promise, or none", async () => {
  class Sub<T> extends Promise<T> {}
  await openNursery(async (nursery) => {
    assertEquals(await nursery.startSoon(() => Sub.resolve(1)).join(), 1);
    const thenable = { then: (resolve: (value: number) => void) => resolve(2) };
    assertEquals(await nursery.startSoon(() => thenable as Promise<number>).join(), 2);
    assertEquals(await nursery.startSoon(() => 3).join(), 3);
    const failing = await nursery.startSoon(() => {
      const task = currentTask();
      return Sub.resolve(0).then(() => currentTask() === task);
    }).join();
    assertEquals(failing, true);
  });
});
