import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  ErrorGroup,
  failAfter,
  moveOnAfter,
  type Nursery,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  type Task,
  untilShutdown,
  withSignal,
} from "../mod.ts";

/** What can be opened and forgotten; each needs 3 ms, under a shield, to end when it is cancelled. */
const FORGOTTEN: Record<string, (ended: () => void) => unknown> = {
  "openNursery()": (ended) => openNursery((nursery) => void nursery.startSoon(() => lingering(ended))),
  "CancelScope.run()": (ended) => new CancelScope().run(() => lingering(ended)),
  "moveOnAfter()": (ended) => moveOnAfter(60_000, () => lingering(ended)),
  "failAfter()": (ended) => failAfter(60_000, () => lingering(ended)),
  "shielded()": (ended) => shielded(() => lingering(ended)),
  "untilShutdown()": (ended) => untilShutdown(() => lingering(ended)),
  "withSignal()": (ended) => withSignal(new AbortController().signal, () => lingering(ended)),
};

async function lingering(ended: () => void): Promise<void> {
  try {
    await sleepForever();
  } finally {
    // A host's timer would do as well: nothing of the kernel ends it.
    await shielded(() => sleep(3));
    ended();
  }
}

/** The blocks that may have something forgotten in them; each resolves when it is left. */
const BLOCKS: Record<string, (body: () => unknown) => Promise<unknown>> = {
  "a scope": (body) => new CancelScope().run(() => void body()),
  "moveOnAfter()": (body) => moveOnAfter(1_000, () => void body()),
  "failAfter()": (body) => failAfter(1_000, () => void body()),
  "shielded()": (body) => shielded(() => void body()),
  "the body of a nursery": (body) => openNursery(() => void body()),
  "a task": (body) => openNursery((nursery) => void nursery.startSoon(() => void body(), { name: "forgetful" })),
  "an async task": (body) => openNursery((nursery) => void nursery.startSoon(async () => void await body)),
};

for (const [block, inBlock] of Object.entries(BLOCKS)) {
  if (block === "an async task") continue;
  for (const [what, open] of Object.entries(FORGOTTEN)) {
    // Nothing below the shield is cancelled twice: it ends as its own cleanup does.
    Deno.test(
      `${block} in which somebody forgot to await ${what} waits for it, and fails with an error that names it`,
      simulated(async (sim) => {
        let endedAt = -1;
        const error = await assertRejects(() => inBlock(() => open(() => void (endedAt = sim.now))));
        // shielded() as what was forgotten: its shield is lifted, that of the cleanup in it as well.
        assert(endedAt === 3 || endedAt === 0, `ended at ${endedAt}`);
        const named = error instanceof ErrorGroup ? error.flatten()[0] : error;
        assertInstanceOf(named, TypeError);
        assertMatch(
          named.message,
          /^Cannot leave .* as everything that is opened in it must have ended: (a scope|nursery "nursery") \(opened at .*core\/tasks\/forgotten_await_test\.ts:\d+:\d+\) was still open, and cancelled \(an "await" is missing\)$/,
        );
      }, { leaks: { forgottenWaits: "ignore" } }),
    );
  }
}

Deno.test("run() settles when what its main task forgot has ended, and fails with its name", async () => {
  const log: string[] = [];
  const error = await assertRejects(() =>
    run(async () => {
      openNursery((nursery) => {
        nursery.startSoon(() => sleepForever().finally(() => void log.push("child ended")));
      }, { name: "forgotten" });
      await sleep(1);
    }, { handleSignals: false }), TypeError);
  log.push("run ended");
  assertEquals(log, ["child ended", "run ended"]);
  assertMatch(
    error.message,
    /^Cannot leave task "main" #1 .*: nursery "forgotten" \(opened at .*:\d+:\d+\) was still open/,
  );
});

Deno.test(
  "an error of the body is not hidden by what else was going on, which is waited for: Promise.all() of two blocks",
  simulated(async (sim) => {
    const mine = new RangeError("mine");
    let saved = false;
    const error = await assertRejects(() =>
      moveOnAfter(1_000, () =>
        Promise.all([
          shielded(() => sleep(5).then(() => void (saved = true))),
          openNursery(() => sleepForever()),
          Promise.reject(mine),
        ]))
    );
    assertStrictEquals(error, mine);
    assertEquals([saved, sim.now, suppressedErrors(error)], [true, 5, []], "the shield holds: it may be cleanup");
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a block that is cancelled says nothing of what was forgotten in it, and waits for that",
  simulated(async (sim) => {
    let ended = -1;
    const outcome = await moveOnAfter(2, async () => {
      void openNursery((nursery) => void nursery.startSoon(() => lingering(() => void (ended = sim.now))));
      await sleepForever();
    });
    assert(outcome.cancelledCaught);
    assertEquals([ended, sim.now], [5, 5]);
    const value = await new CancelScope().run((scope) => {
      void openNursery(() => sleepForever());
      scope.cancel();
      return "value";
    });
    assertEquals(value, { cancelledCaught: false, value: "value" });
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "code of a forgotten block that goes on can wait no more, nor open what would hold its block up",
  simulated(async (sim) => {
    const seen: string[] = [];
    await assertRejects(() =>
      moveOnAfter(1_000, () => {
        (async () => {
          await moveOnAfter(60_000, () => sleepForever()).catch((error) => seen.push(error.source));
          await sleep(1_000).catch((error) => seen.push(error.source));
          await moveOnAfter(1_000, () => sleep(1_000)).catch((error) => seen.push(error.source));
        })();
      }), TypeError);
    await sim.settled();
    assertEquals([seen, sim.now], [["ended", "ended", "ended"], 0]);
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a task that is being waited for counts as running: join() and its nursery wait, too",
  simulated(async (sim) => {
    let task: Task | undefined;
    const group = await openNursery(async (nursery) => {
      task = nursery.startSoon(() => void openNursery((inner) => void inner.startSoon(() => lingering(() => {}))));
      await sleep(1);
      assertEquals(task.state, "running");
      await assertRejects(() => task!.join(), TypeError, 'an "await" is missing');
      assertEquals(sim.now, 3);
    }).catch((error) => error);
    assertInstanceOf(group, ErrorGroup);
    assertEquals(task!.state, "failed");
  }),
);

Deno.test(
  "nothing is reported that has ended by itself before its block",
  simulated(async () => {
    await openNursery(async (nursery: Nursery) => {
      void openNursery((inner) => void inner.startSoon(() => sleep(1)));
      nursery.startSoon(() => sleep(2));
      await sleep(2);
    });
  }),
);

/** Ends by cleaning up, in two steps of 3 ms, after what it waits for was cancelled. */
async function cleaningUp(wait: () => Promise<unknown>, done: () => void): Promise<void> {
  try {
    await wait();
    await sleep(1);
  } finally {
    await shielded(() => sleep(3));
    await shielded(() => sleep(3));
    done();
  }
}

for (const [block, inBlock] of Object.entries(BLOCKS)) {
  if (block === "an async task") continue;
  Deno.test(
    `${block} also waits for what the code that was forgotten in it opens to clean up`,
    simulated(async (sim) => {
      let endedAt = -1;
      const forget = () => {
        cleaningUp(() => moveOnAfter(60_000, () => sleepForever()), () => void (endedAt = sim.now)).catch(() => {});
      };
      await assertRejects(() => inBlock(forget));
      assertEquals([endedAt, sim.now], [6, 6]);
    }, { leaks: "ignore" }),
  );
}

Deno.test(
  "the other halves of a body that has failed clean up in its block, also after the scopes that were open",
  simulated(async (sim) => {
    const mine = new RangeError("mine");
    for (const inBlock of [BLOCKS["a scope"]!, BLOCKS["failAfter()"]!]) {
      const start = sim.now;
      let ended = -1;
      const body = () => {
        const half = cleaningUp(() => moveOnAfter(60_000, () => sleepForever()), () => void (ended = sim.now - start));
        half.catch(() => {});
        throw mine;
      };
      const error = await assertRejects(() => inBlock(body));
      assertStrictEquals(error, mine);
      assertEquals([ended, sim.now - start], [6, 6]);
    }
  }, { leaks: "ignore" }),
);

Deno.test(
  "forgotten code that goes on and on under shields does not hold its block up for ever",
  simulated(async (sim) => {
    let over = false;
    const error = await assertRejects(() =>
      moveOnAfter(1_000, () => {
        (async () => {
          while (!over) await shielded(() => sleep(1)).catch(() => over = true);
        })();
      }), TypeError);
    over = true;
    await sim.settled();
    assertMatch(error.message, /^Cannot leave a scope /);
  }, { leaks: "ignore" }),
);
