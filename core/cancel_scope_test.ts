import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../testing/mod.ts";
import {
  Cancelled,
  CancelScope,
  checkpoint,
  currentTime,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  suspend,
  type Waker,
} from "./mod.ts";

/** Catches what a wait throws. */
async function caught(wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait;
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test(
  "CancelScope.run() returns the value of a body that is not cancelled",
  simulated(async () => {
    const scope = new CancelScope();
    assertEquals(await scope.run(() => 7), { cancelledCaught: false, value: 7 });
    assert(!scope.cancelCalled && !scope.cancelledCaught);
  }),
);

Deno.test(
  "CancelScope.cancel() ends a wait, and the outcome says who and why",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.cancel("enough"), { name: "canceller" });
      return await scope.run(() => sleepForever());
    });
    assert(outcome.cancelledCaught && scope.cancelledCaught && scope.cancelCalled);
    const { source, reason, sourceTask, message } = outcome.cancelled;
    assertEquals([source, reason, sourceTask], ["explicit", "enough", '"canceller"']);
    assertEquals(message, 'Cancelled as cancel() was called in task "canceller": enough');
  }),
);

Deno.test(
  "CancelScope.cancel() keeps the first reason",
  simulated(async () => {
    const outcome = await new CancelScope().run(async (scope) => {
      scope.cancel("first");
      scope.cancel("second");
      await checkpoint();
    });
    assert(outcome.cancelledCaught && outcome.cancelled.reason === "first");
  }),
);

Deno.test(
  "CancelScope.cancel() before entry cancels at the first wait",
  simulated(async () => {
    const scope = new CancelScope();
    scope.cancel();
    let ran = false;
    const outcome = await scope.run(async () => {
      ran = true;
      await sleep(1);
    });
    assert(ran && outcome.cancelledCaught);
  }),
);

Deno.test(
  "CancelScope.cancel() from inside lets the caller go on up to its next wait",
  simulated(async () => {
    const steps: string[] = [];
    await moveOnAfter(Infinity, async (scope) => {
      scope.cancel();
      steps.push("after cancel");
      await checkpoint();
      steps.push("not reached");
    });
    assertEquals(steps, ["after cancel"]);
  }),
);

Deno.test(
  "CancelScope.run() reports not caught when nothing waits after the cancel",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await scope.run((scope) => {
      scope.cancel();
      return "value";
    });
    assertEquals(outcome, { cancelledCaught: false, value: "value" });
    assert(scope.cancelCalled && !scope.cancelledCaught);
  }),
);

Deno.test(
  "cancellation is level-triggered: swallowing it does not defuse it",
  simulated(async () => {
    let thrown = 0;
    const outcome = await moveOnAfter(5, async () => {
      for (let i = 0; i < 10; i++) if (isCancelled(await caught(sleep(100)))) thrown++;
      await sleep(1);
    });
    assertEquals(thrown, 10);
    assert(outcome.cancelledCaught);
    assertEquals(currentTime(), 5);
  }),
);

Deno.test(
  "CancelScope.run() reports not caught when the body swallows the cancellation and returns",
  simulated(async () => {
    const outcome = await moveOnAfter(5, async () => {
      await caught(sleepForever());
      return "swallowed";
    });
    assertEquals(outcome, { cancelledCaught: false, value: "swallowed" });
  }),
);

Deno.test(
  "the outermost cancelled scope catches",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      inner.cancel();
      outer.cancel();
      await inner.run(() => checkpoint());
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && outer.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "the outer scope catches even if it is cancelled while the error of the inner one unwinds",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      await inner.run(async () => {
        try {
          inner.cancel();
          await checkpoint();
        } finally {
          outer.cancel();
        }
      });
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "raising the inner shield while an outer cancellation unwinds does not make the inner scope catch it",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      await inner.run(async () => {
        try {
          outer.cancel();
          await checkpoint();
        } finally {
          inner.shield = true;
        }
      });
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && outer.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "a saved Cancelled thrown again later is eaten by any scope that is cancelled, and passes one that is not",
  simulated(async () => {
    let saved: unknown;
    await moveOnAfter(1, async () => {
      saved = await caught(sleepForever());
      await checkpoint();
    });
    assert(isCancelled(saved));
    const outcome = await moveOnAfter(Infinity, (scope) => {
      scope.cancel();
      throw saved;
    });
    assert(outcome.cancelledCaught);
    assertStrictEquals(
      await caught(moveOnAfter(Infinity, () => {
        throw saved;
      })),
      saved,
    );
  }),
);

Deno.test(
  "an error that is no cancellation leaves a cancelled scope untouched",
  simulated(async () => {
    const error = new TypeError("mine");
    const scope = new CancelScope();
    const thrown = await caught(scope.run(() => {
      scope.cancel();
      throw error;
    }));
    assertStrictEquals(thrown, error);
    assert(!scope.cancelledCaught);
  }),
);

Deno.test(
  "a scope strips the cancellations out of groups, and keeps the shape of the rest",
  simulated(async () => {
    const scope = new CancelScope();
    const thrown = await caught(scope.run(async () => {
      scope.cancel();
      const cancelled = await caught(checkpoint());
      throw new ErrorGroup([
        cancelled,
        new ErrorGroup([new TypeError("kept"), cancelled]),
        new ErrorGroup([cancelled]),
      ]);
    }));
    assertInstanceOf(thrown, ErrorGroup);
    assertEquals(thrown.errors.length, 1);
    assertInstanceOf(thrown.errors[0], ErrorGroup);
    assertEquals(thrown.flatten().map(String), ["TypeError: kept"]);
    assert(scope.cancelledCaught);
  }),
);

Deno.test(
  "a scope absorbs a group of nothing but cancellations, an AggregateError and a SuppressedError too",
  simulated(async () => {
    for (
      const wrap of [
        (error: unknown) => new ErrorGroup([error, new ErrorGroup([error])]),
        (error: unknown) => new AggregateError([error]),
        (error: unknown) => new SuppressedError(error, error),
      ]
    ) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        throw wrap(await caught(checkpoint()));
      });
      assert(outcome.cancelledCaught);
    }
  }),
);

Deno.test(
  "a scope keeps the real error of a SuppressedError, on either side",
  simulated(async () => {
    const real = new TypeError("real");
    for (const swap of [false, true]) {
      const thrown = await caught(moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        const cancelled = await caught(checkpoint());
        throw swap ? new SuppressedError(real, cancelled) : new SuppressedError(cancelled, real);
      }));
      assertStrictEquals(thrown, real);
    }
  }),
);

Deno.test(
  "an error of undefined thrown in a cancelled scope is not lost",
  simulated(async () => {
    let thrown: unknown = "nothing";
    await moveOnAfter(Infinity, (scope) => {
      scope.cancel();
      return Promise.reject(undefined);
    }).catch((error) => thrown = error);
    assertStrictEquals(thrown, undefined);
  }),
);

Deno.test(
  "a shield keeps outside cancellation out, and can be toggled at any time",
  simulated(async (sim) => {
    const log: string[] = [];
    const outer = new CancelScope();
    const inner = new CancelScope({ shield: true });
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        outer.run(() =>
          inner.run(async () => {
            await sleep(10);
            log.push(`shielded sleep done at ${sim.now}`);
            await caught(sleepForever());
            log.push(`unshielded at ${sim.now}`);
            inner.shield = true;
            await sleep(5);
            log.push(`shielded again until ${sim.now}`);
          })
        )
      );
      await sleep(1);
      outer.cancel();
      await sleep(14);
      inner.shield = false;
    });
    assertEquals(log, ["shielded sleep done at 10", "unshielded at 15", "shielded again until 20"]);
  }),
);

Deno.test(
  "a shielded scope's own cancel and deadline still work",
  simulated(async (sim) => {
    const outcome = await new CancelScope({ shield: true, timeout: 5 }).run(() => sleepForever());
    assert(outcome.cancelledCaught && outcome.cancelled.source === "deadline");
    assertEquals(sim.now, 5);
  }),
);

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
  "a ready operation in a cancelled scope refuses and changes nothing",
  simulated(async () => {
    let registered = false;
    const outcome = await moveOnAfter(0, async () => {
      await suspend({ kind: "test" }, () => registered = true, () => true);
    });
    assert(outcome.cancelledCaught && !registered);
  }),
);

Deno.test(
  "abort callbacks may cancel other scopes, wake tasks and toggle shields while a cancel runs",
  simulated(async () => {
    const other = new CancelScope();
    const woken: Waker<string>[] = [];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const first = new CancelScope();
      nursery.startSoon(async () => {
        const outcome = await other.run(() => sleepForever());
        log.push(`other ${outcome.cancelledCaught}`);
      });
      nursery.startSoon(async () => {
        const value = await suspend<string>({ kind: "test" }, (waker) => woken.push(waker), () => true);
        log.push(value);
      });
      nursery.startSoon(() =>
        first.run(() =>
          suspend({ kind: "test" }, () => {}, () => {
            other.cancel();
            woken[0]?.wake("woken by an abort");
            return true;
          })
        )
      );
      await sleep(1);
      first.cancel();
    });
    assertEquals(log.sort(), ["other true", "woken by an abort"]);
  }),
);

Deno.test(
  "one Cancelled serves all waits of a region",
  simulated(async () => {
    const errors = new Set<unknown>();
    await openNursery(async (nursery) => {
      for (let i = 0; i < 1_000; i++) {
        nursery.startSoon(async () => {
          errors.add(await caught(sleepForever()));
        });
      }
      await sleep(1);
      nursery.cancel();
    });
    assertEquals(errors.size, 1);
  }),
);

Deno.test(
  "a wait that was forgotten ends with its scope, and a later one in that code is refused",
  simulated(async (sim) => {
    const log: unknown[] = [];
    const late = new Event();
    let stray: Promise<void> | undefined;
    await moveOnAfter(100, () => {
      stray = (async () => {
        log.push(await caught(sleep(50)), sim.now);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(await caught(late.wait()));
      })();
    });
    await stray;
    assertEquals([isCancelled(log[0]), log[1], isCancelled(log[2])], [true, 0, true]);
    assertEquals(
      (log[0] as Error).message,
      "Cancelled as cancel() was called: the scope or task this code belongs to has already ended (is an await missing?)",
    );
  }),
);

Deno.test("CancelScope refuses times that are none, before the body starts", async () => {
  assertThrows(
    () => new CancelScope({ deadline: NaN }),
    RangeError,
    'Cannot make a CancelScope as "deadline" must be a time in milliseconds: received NaN',
  );
  assertThrows(
    () => new CancelScope({ timeout: -1 }),
    RangeError,
    'Cannot make a CancelScope as "timeout" must be >= 0: received -1',
  );
  assertThrows(
    () => new CancelScope({ timeout: 1, deadline: 1 }),
    RangeError,
    'Cannot make a CancelScope as only one of "deadline" and "timeout" may be given: received both',
  );
  assertThrows(() => new CancelScope({ timeout: "1" as never }), TypeError, '"timeout" must be a number: received "1"');
  const scope = new CancelScope();
  assertThrows(() => scope.deadline = NaN, RangeError, "Cannot set the deadline of a scope");
  await scope.run(() => {});
});

Deno.test("CancelScope.run() refuses a second use, and a body that is no function", async () => {
  const scope = new CancelScope();
  await scope.run(() => {});
  await assertRejects(
    () => scope.run(() => {}),
    TypeError,
    "Cannot enter a scope as it was used before: make a new one for each use",
  );
  await assertRejects(
    () => new CancelScope().run(Promise.resolve() as never),
    TypeError,
    'Cannot run a scope as "body" must be a function: received a promise: write () => work() instead of work()',
  );
  await assertRejects(
    () => new CancelScope().run(async function* () {} as never),
    TypeError,
    'Cannot run a scope as "body" must be a plain or async function: received a generator function',
  );
});

Deno.test("Cancelled cannot be made by users", () => {
  assertThrows(
    () => new (Cancelled as unknown as new () => Error)(),
    TypeError,
    'Cannot construct "Cancelled" as only a cancel scope makes it: call scope.cancel(reason)',
  );
});
