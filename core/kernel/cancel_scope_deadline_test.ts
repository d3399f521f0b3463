import { assert, assertEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, checkpoint, currentTime, moveOnAfter, openNursery, run, sleep, sleepForever } from "../mod.ts";
import { AlarmQueue, type Clock } from "../lowlevel.ts";

/** Catches what a wait throws. */
async function caught(wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A clock moved by hand, which can pass a deadline without anybody noticing. */
class HandClock implements Clock {
  readonly #alarms = new AlarmQueue();
  time = 0;
  now = () => this.time;
  wall = () => this.time;
  at<A>(deadline: number, fire: (arg: A) => void, arg: A) {
    return this.#alarms.add(deadline, fire, arg);
  }
  notice(): void {
    while (this.#alarms.fireOne(this.time));
  }
  get size(): number {
    return this.#alarms.size;
  }
}

const byHand = (body: (clock: HandClock) => Promise<unknown>) => async () => {
  const clock = new HandClock();
  await run(() => body(clock), { clock, handleSignals: false });
};

Deno.test(
  "at equal deadlines the outer scope wins",
  simulated(async () => {
    const inner = new CancelScope({ deadline: 5 });
    const outcome = await new CancelScope({ deadline: 5 }).run(async () => {
      await inner.run(() => sleep(5));
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "moving a deadline before it is noticed rescues the scope; afterwards it does not",
  simulated(async (sim) => {
    const rescued = new CancelScope({ timeout: 5 });
    const outcome = await rescued.run(async (scope) => {
      await sleep(4);
      scope.deadline += 10;
      await sleep(10);
      return sim.now;
    });
    assertEquals(outcome.value, 14);
    const late = await new CancelScope({ timeout: 5 }).run(async (scope) => {
      await caught(sleepForever());
      scope.deadline = Infinity;
      await checkpoint();
    });
    assert(late.cancelledCaught);
  }),
);

Deno.test(
  "a deadline set into the past cancels at once; one in the past at entry lets code run to its first wait",
  simulated(async () => {
    const ran: string[] = [];
    const outcome = await new CancelScope().run(async (scope) => {
      scope.deadline = -Infinity;
      ran.push("set");
      await checkpoint();
    });
    assert(outcome.cancelledCaught);
    const entered = await new CancelScope({ deadline: -1 }).run(async () => {
      ran.push("entered");
      await checkpoint();
    });
    assert(entered.cancelledCaught);
    assertEquals(ran, ["set", "entered"]);
  }),
);

Deno.test(
  "at equal deadlines the outer scope wins, also if its deadline was set later",
  simulated(async (sim) => {
    const scopes = [1, 2, 3].map(() => new CancelScope());
    const [outer, middle, inner] = scopes as [CancelScope, CancelScope, CancelScope];
    await outer.run(() =>
      middle.run(() =>
        inner.run(async () => {
          for (const scope of [inner, middle, outer]) scope.deadline = 5;
          await sleepForever();
        })
      )
    );
    assertEquals(scopes.map(({ cancelledCaught }) => cancelledCaught), [true, false, false]);
    assertEquals(sim.now, 5);
  }),
);

Deno.test(
  "at equal deadlines a shield divides: the inner scope catches its own, the outer one the next wait",
  simulated(async () => {
    const inner = new CancelScope({ shield: true });
    const outer = new CancelScope();
    await outer.run(async () => {
      await inner.run(async () => {
        inner.deadline = 5;
        outer.deadline = 5;
        await sleepForever();
      });
      await checkpoint();
      await sleep(1);
    });
    assertEquals([inner.cancelledCaught, outer.cancelledCaught], [true, true]);
  }),
);

Deno.test(
  "sleep(5) inside a scope of 5 times out: the scope was there first",
  simulated(async () => {
    const outcome = await moveOnAfter(5, () => sleep(5));
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "a deadline that has passed is not noticed by looking at the clock, and extending it rescues the scope",
  byHand(async (clock) => {
    const outcome = await new CancelScope({ timeout: 5 }).run(async (scope) => {
      clock.time = 10;
      assertEquals([currentTime(), scope.cancelCalled], [10, false]);
      scope.deadline = 20;
      clock.notice();
      await checkpoint();
      clock.time = 20;
      clock.notice();
      assert(scope.cancelCalled);
      await checkpoint();
    });
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "a deadline moved earlier counts, moved later counts, and the last one is the one that fires",
  simulated(async (sim) => {
    const scope = new CancelScope({ deadline: 50 });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => sleepForever()));
      await sleep(1);
      for (const deadline of [10, 90, Infinity, 30]) scope.deadline = deadline;
    });
    assertEquals([sim.now, scope.cancelledCaught, scope.deadline], [30, true, 30]);
  }),
);

Deno.test(
  "a deadline set before entry counts from the run's zero, a timeout from the entry",
  simulated(async (sim) => {
    const early = new CancelScope({ timeout: 10 });
    const fixed = new CancelScope();
    fixed.deadline = 25;
    assertEquals([early.deadline, fixed.deadline], [Infinity, 25]);
    await sleep(5);
    await early.run(() => sleepForever());
    assertEquals([sim.now, early.deadline], [15, 15]);
    await fixed.run(() => sleepForever());
    assertEquals(sim.now, 25);
  }),
);

Deno.test(
  "an explicit cancel and the exit both withdraw deadline and grace: nothing stays on the clock",
  byHand(async (clock) => {
    const before = clock.size;
    await moveOnAfter(100, (scope) => {
      assertEquals(clock.size, before + 1);
      scope.deadline = 200;
      assertEquals(clock.size, before + 1);
      scope.deadline = Infinity;
      assertEquals(clock.size, before);
      scope.deadline = 300;
      scope.cancel();
      assertEquals(clock.size, before);
      scope.deadline = 400;
      assertEquals(clock.size, before);
    });
    await new CancelScope({ deadline: 100 }).run(() => {});
    await new CancelScope().run((scope) => {
      for (const grace of [100, 50]) scope.shutdown({ grace });
      assertEquals(clock.size, before + 1);
    });
    assertEquals(clock.size, before);
    await new CancelScope().run((scope) => {
      scope.shutdown({ grace: 100 });
      scope.cancel();
      assertEquals(clock.size, before);
    });
    await moveOnAfter(100, () => Promise.reject(new Error("x"))).catch(() => {});
    assertEquals(clock.size, before);
  }),
);

Deno.test(
  "Infinity never fires, and -Infinity is a scope that is cancelled from the start",
  simulated(async (sim) => {
    const never = await new CancelScope({ deadline: Infinity, shield: false }).run(() => sleep(1e6));
    assert(!never.cancelledCaught);
    assertEquals(sim.now, 1e6);
    const steps: string[] = [];
    const scope = new CancelScope({ deadline: -Infinity });
    const outcome = await scope.run(async () => {
      steps.push(`cancelled at entry: ${scope.cancelCalled}`);
      await checkpoint();
    });
    assertEquals([outcome.cancelledCaught, steps], [true, ["cancelled at entry: true"]]);
  }),
);

Deno.test(
  "a deadline of an outer scope ends the waits of an inner one that has longer to go",
  simulated(async (sim) => {
    const inner = new CancelScope({ timeout: 100 });
    const outcome = await moveOnAfter(5, () => inner.run(() => sleepForever()));
    assertEquals([outcome.cancelledCaught, inner.cancelCalled, sim.now], [true, false, 5]);
  }),
);

Deno.test(
  "a deadline that is set before entry takes the place of the timeout",
  simulated(async (sim) => {
    const later = new CancelScope({ timeout: 5 });
    later.deadline = 9;
    assertEquals(await later.run(() => sleep(7)).then(({ cancelledCaught }) => [cancelledCaught, sim.now]), [false, 7]);
    const never = new CancelScope({ timeout: 5 });
    never.deadline = Infinity;
    assertEquals((await never.run(() => sleep(7))).cancelledCaught, false);
    const sooner = new CancelScope({ timeout: 5 });
    sooner.deadline = sim.now + 1;
    assert((await sooner.run(() => sleep(7))).cancelledCaught);
    assertEquals(sim.now, 15);
  }),
);

Deno.test("a shield must be true or false", () => {
  const scope = new CancelScope();
  assertThrows(
    () => scope.shield = "no" as never,
    TypeError,
    'Cannot set the shield of a scope as "shield" must be true or false: received "no"',
  );
  assertThrows(() => new CancelScope({ shield: 0 as never }), TypeError, '"shield" must be true or false: received 0');
  assertEquals(scope.shield, false);
});
