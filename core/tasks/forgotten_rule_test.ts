// deno-lint-ignore-file no-console -- it looks at what is printed
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { simulate } from "../../testing/mod.ts";
import {
  CancelScope,
  ErrorGroup,
  Event,
  failAfter,
  moveOnAfter,
  openNursery,
  race,
  run,
  type RunOptions,
  shielded,
  sleep,
  sleepForever,
} from "../mod.ts";

/** What is printed while a program runs, and what it fails with, if it does. */
async function printedBy(
  main: () => unknown,
  options: RunOptions = {},
): Promise<{ readonly printed: string[]; readonly error: unknown; readonly value: unknown }> {
  const printed: string[] = [];
  const { warn } = console;
  console.warn = (...words: unknown[]) => void printed.push(words.join(" "));
  try {
    const value = await run(async () => await main(), { handleSignals: false, ...options });
    return { printed, error: undefined, value };
  } catch (error) {
    return { printed, error, value: undefined };
  } finally {
    console.warn = warn;
  }
}

/** The blocks that may have something forgotten in them. */
const BLOCKS: Record<string, (body: () => unknown) => Promise<unknown>> = {
  "a scope": (body) => new CancelScope().run(() => void body()),
  "moveOnAfter()": (body) => moveOnAfter(1_000, () => void body()),
  "failAfter()": (body) => failAfter(1_000, () => void body()),
  "shielded()": (body) => shielded(() => void body()),
  "the body of a nursery": (body) => openNursery(() => void body()),
  "a task": (body) => openNursery((nursery) => void nursery.startSoon(() => void body(), { name: "poll" })),
  "a task that starts": (body) =>
    openNursery((nursery) => {
      return nursery.start((status) => {
        status.started();
        void body();
      }, { name: "poll" });
    }),
};

for (const [block, inBlock] of Object.entries(BLOCKS)) {
  Deno.test(`E4: a wait that is forgotten in ${block} is warned of, and the block ends as it would have`, async () => {
    const { printed, error } = await printedBy(() => inBlock(() => sleep(5_000)));
    assertEquals(error, undefined);
    assertEquals(printed.length, 1);
    assertMatch(
      printed[0]!,
      /^Trefoil: a wait was forgotten: sleep until t=[\d.]+s in task "(main|poll)" #\d+( \(started at \/.*\))? was open when (the task|a scope|nursery "nursery") ended, and was cancelled; an "await" is missing at \/.*forgotten_rule_test\.ts:\d+:\d+, or Promise\.race\(\) has left it behind: use race\(\)$/,
    );
  });

  Deno.test(`E4: "error": ${block} in which a wait was forgotten fails with an error that names it`, async () => {
    const { printed, error } = await printedBy(() => inBlock(() => sleep(5_000)), { forgotten: "error" });
    assertEquals(printed, []);
    const [named] = error instanceof ErrorGroup ? error.flatten() : [error];
    assert(named instanceof TypeError);
    assertMatch(
      named.message,
      /^Cannot leave .* as everything that is opened in it must have ended: sleep until t=[\d.]+s \(begun at .*forgotten_rule_test\.ts:\d+:\d+\) was still open, and cancelled \(an "await" is missing\)$/,
    );
    assertMatch(named.stack ?? "", /\n {4}at \S*forgotten_rule_test\.ts:\d+:\d+$/);
  });

  for (const forgotten of ["warn", "ignore"] as const) {
    Deno.test(`E4: "${forgotten}": ${block} waits for a block that was forgotten in it, and ends well`, async () => {
      let ended = false;
      const lingering = async () => {
        await sleepForever().catch(() => {});
        await shielded(() => sleep(1)).catch(() => {});
        ended = true;
      };
      const { printed, error } = await printedBy(
        () => inBlock(() => openNursery((nursery) => void nursery.startSoon(lingering), { name: "jobs" })),
        { forgotten },
      );
      assertEquals([error, ended], [undefined, true]);
      if (forgotten === "ignore") assertEquals(printed, []);
      else {
        assertMatch(
          printed.join("\n"),
          /^Trefoil: a block was forgotten: nursery "jobs" in task "(main|poll)" #\d+( \(started at .*\))? was open when (the task|a scope|nursery "nursery") ended, and was cancelled; an "await" is missing at \/.*forgotten_rule_test\.ts:\d+:\d+$/,
        );
      }
    });
  }
}

Deno.test('E4: "ignore" says nothing of waits, and still ends them', async () => {
  let source = "";
  const { printed, error } = await printedBy(async () => {
    await new CancelScope().run(() => void sleepForever().catch((error) => source = error.source));
    await sleep(0);
  }, { forgotten: "ignore" });
  assertEquals([printed, error, source], [[], undefined, "ended"]);
});

Deno.test("E4: the value of a block that is only warned of is what its body returned", async () => {
  const { printed, value } = await printedBy(
    () =>
      moveOnAfter(1_000, () => {
        void sleep(5_000);
        return "value";
      }),
    { forgotten: "warn" },
  );
  assertEquals([printed.length, value], [1, { cancelledCaught: false, value: "value" }]);
});

Deno.test("E4: one place is told of once, however often it is passed", async () => {
  const { printed } = await printedBy(async () => {
    for (let i = 0; i < 5; i++) {
      await moveOnAfter(1_000, () => void sleep(5_000));
      await openNursery((nursery) => void nursery.startSoon(() => void new Event().wait(), { name: `worker ${i}` }));
    }
  });
  assertEquals(printed.length, 2);
});

Deno.test("E4: beyond the budget, the next wait of that kind in a task of that name is told of with its place", async () => {
  const { printed } = await printedBy(async () => {
    for (let i = 0; i < 4; i++) {
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          await sleep(0);
          void new Event().wait();
        }, { name: `worker ${i}` });
        // Of the same kind, but not in a task of that name.
        nursery.startSoon(async () => {
          const event = new Event();
          setTimeout(() => event.set());
          await event.wait();
        }, { name: "other" });
      });
    }
  }, { waitSites: 0 });
  assertEquals(printed.length, 2);
  assertStringIncludes(printed[0]!, 'event in task "worker 0" #2');
  assertMatch(printed[0]!, /an "await" is missing, or/);
  assertMatch(
    printed[1]!,
    /event in task "worker 1" #\d+ .*an "await" is missing at \/.*forgotten_rule_test\.ts:\d+:\d+, or/,
  );
});

Deno.test("E4: nothing is said of a block that has failed, or is cancelled, nor of what ended before it", async () => {
  const { printed, error } = await printedBy(async () => {
    await assertRejects(() => failAfter(1_000, () => Promise.all([sleep(5_000), Promise.reject(new Error("mine"))])));
    await moveOnAfter(0, async () => {
      void sleep(5_000);
      await sleep(5_000);
    });
    await new CancelScope().run((scope) => {
      void sleep(5_000);
      scope.cancel();
    });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => {
        void sleep(0);
        return sleep(1);
      }, { daemon: true });
      void sleep(0);
      await sleep(2);
    });
    await race([() => sleep(0), () => sleep(5_000)]);
  });
  assertEquals([printed, error], [[], undefined]);
});

Deno.test("E4: waits of callbacks of what a nursery has adopted are meant to last until it ends", async () => {
  const { printed, error } = await printedBy(() =>
    openNursery(async (nursery) => {
      await nursery.adopt(() => void setTimeout(() => sleepForever().catch(() => {})));
      await sleep(5);
    }), { forgotten: "error" });
  assertEquals([printed, error], [[], undefined]);
});

Deno.test("E4: several things that were forgotten are in one error: blocks first, then waits, oldest first", async () => {
  const { error } = await printedBy(() =>
    new CancelScope().run(() => {
      void sleep(5_000);
      void new Event({ name: "second" }).wait();
      void openNursery(() => sleepForever(), { name: "third" });
    }), { forgotten: "error" });
  assert(error instanceof TypeError);
  assertMatch(
    error.message,
    /: nursery "third" \(opened at .*\), sleep until t=\S+ \(begun at .*\), event "second" \(begun at .*\) were still open/,
  );
});

Deno.test("E4: a label that throws, as it is the user's, hides nothing", async () => {
  const { suspend } = await import("../lowlevel.ts");
  const reason = {
    kind: "mine",
    label: () => {
      throw new Error("broken");
    },
  };
  const { printed } = await printedBy(() => new CancelScope().run(() => void suspend(reason, () => {}, () => true)));
  assertStringIncludes(printed[0]!, "a wait was forgotten: mine (its label threw Error: broken)");
});

Deno.test("E4: a simulation tells of waits by its own option, and of blocks as every run", async () => {
  const { printed } = await printedBy(() => {});
  assertEquals(printed, []);
  await simulate(() => new CancelScope().run(() => void sleep(5)), { leaks: { forgottenWaits: "ignore" } });
  await assertRejects(
    () => simulate(() => new CancelScope().run(() => void sleep(5)), { leaks: "error" }),
    Error,
    "wait that nobody awaited",
  );
});

Deno.test("E4: run() refuses rules and budgets that are none, before anything runs", async () => {
  let ran = false;
  const main = () => void (ran = true);
  await assertRejects(
    () => run(main, { forgotten: "maybe" as never }),
    RangeError,
    'Cannot start a run as "forgotten" must be "error", "warn" or "ignore": received "maybe"',
  );
  await assertRejects(
    () => run(main, { waitSites: -1 }),
    RangeError,
    'Cannot start a run as "waitSites" must be >= 0: received -1',
  );
  assert(!ran);
});
