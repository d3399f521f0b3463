import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokenResourceError, CancelScope, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { Sequencer, simulate, simulated } from "../mod.ts";

Deno.test(
  "turns come in the order of their numbers, whoever asks first, and a block ends before the next begins",
  simulated(async () => {
    const steps = new Sequencer();
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const n of [3, 1, 0, 2]) {
        nursery.startSoon(async () => {
          using _ = await steps.turn(n);
          log.push(`begin ${n}`);
          await sleep(10 - n);
          log.push(`end ${n}`);
        });
      }
    });
    assertEquals(log, [0, 1, 2, 3].flatMap((n) => [`begin ${n}`, `end ${n}`]));
  }),
);

Deno.test(
  "an error in a block ends it, and disposing twice ends no other",
  simulated(async () => {
    const steps = new Sequencer();
    await assertRejects(async () => {
      using _ = await steps.turn(0);
      throw new RangeError("in the block");
    }, RangeError);
    const first = await steps.turn(1);
    first[Symbol.dispose]();
    const second = await steps.turn(2);
    first[Symbol.dispose]();
    await openNursery((nursery) => {
      let ended = false;
      nursery.startSoon(async () => {
        using _ = await steps.turn(3);
        assert(ended);
      });
      nursery.startSoon(async () => {
        await sleep(5);
        ended = true;
        second[Symbol.dispose]();
      });
    });
  }),
);

Deno.test(
  "a number that was used, or is none, is refused",
  simulated(async () => {
    const steps = new Sequencer();
    (await steps.turn(0))[Symbol.dispose]();
    const again = await assertRejects(() => steps.turn(0), TypeError);
    assertEquals(
      again.message,
      "Cannot take turn 0 as each number must be used once: it is over",
    );
    for (const bad of [-1, 0.5, NaN]) {
      const error = await assertRejects(() => steps.turn(bad), RangeError);
      assertEquals(error.message, `Cannot take a turn as "n" must be a whole number >= 0: received ${bad}`);
    }
  }),
);

Deno.test(
  "a wait that is cancelled breaks the sequence for all who wait and all who come",
  simulated(async () => {
    const steps = new Sequencer();
    const scope = new CancelScope();
    const expected = (n: number) =>
      `Cannot take turn ${n} as the sequence must not be broken: the wait of task "two" #3 for turn 2 was cancelled`;
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        const error = await assertRejects(() => steps.turn(3), BrokenResourceError);
        assertEquals(error.message, expected(3));
      });
      nursery.startSoon(() => scope.run(() => steps.turn(2)), { name: "two" });
      nursery.startSoon(async () => {
        await sleep(1);
        scope.cancel();
        const error = await assertRejects(() => steps.turn(0), BrokenResourceError);
        assertEquals(error.message, expected(0));
      });
    });
  }),
);

Deno.test("a gap is a deadlock that says which turn nobody has asked for, or who holds it", async () => {
  const gap = await assertRejects(() => simulate(() => new Sequencer().turn(1)), Error);
  assertStringIncludes(gap.message, "turn 1, while nobody has asked for turn 0");
  const held = await assertRejects(() =>
    simulate(async () => {
      const steps = new Sequencer();
      await steps.turn(0);
      await steps.turn(1);
    }), Error);
  assertStringIncludes(held.message, 'turn 1, while task "main" #1 is in turn 0');
});

Deno.test(
  "a turn that is asked for in a cancelled scope breaks the sequence, as one that is cancelled while it waits",
  simulated(async () => {
    const steps = new Sequencer();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        const error = await assertRejects(() => steps.turn(2), BrokenResourceError);
        assertEquals(
          error.message,
          'Cannot take turn 2 as the sequence must not be broken: the wait of task "late" #3 for turn 1 was cancelled',
        );
      });
      nursery.startSoon(() =>
        moveOnAfter(Infinity, async (scope) => {
          scope.cancel();
          await steps.turn(1);
        }), { name: "late" });
      using _ = await steps.turn(0);
    });
    await assertRejects(() => steps.turn(1), BrokenResourceError);
    // Asking again for what is used breaks nothing.
    const others = new Sequencer();
    (await others.turn(0))[Symbol.dispose]();
    await moveOnAfter(Infinity, async (scope) => {
      scope.cancel();
      await others.turn(0);
    });
    (await others.turn(1))[Symbol.dispose]();
  }),
);

Deno.test("who waits for a turn that it holds up itself is shown as a cycle", async () => {
  const error = await assertRejects(() =>
    simulate(async () => {
      const steps = new Sequencer();
      using _first = await steps.turn(0);
      using _second = await steps.turn(1);
    }), Error);
  assertMatch(error.message, /\ncycle: main #1 → turn 1, while task "main" #1 is in turn 0 → main #1$/m);
});
