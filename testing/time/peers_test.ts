import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  checkpoint,
  Condition,
  currentTime,
  DeadlockError,
  Event,
  failAfter,
  isCancelled,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  Semaphore,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
  TooSlowError,
} from "../../core/mod.ts";
import { beginHostOperation, hostOperation, suspend } from "../../core/lowlevel.ts";
import { MockClock, settled, simulate, simulated } from "../mod.ts";

// The rules of our peers for time in tests, told in our words, and what their users have complained about: Go's
// testing/synctest, tokio's pause() and advance(), Trio's MockClock and wait_all_tasks_blocked().

/** A turn of the real event loop that nobody accounts for. */
const realImmediate = setImmediate;

// Go: time.

Deno.test(
  "Go: the clock starts at midnight 2000-01-01 UTC, and takes as long as computing does: nothing",
  simulated(() => {
    const [before, start] = [performance.now(), new Date().toISOString()];
    for (let i = 0; i < 1e6; i++);
    assertEquals([before, performance.now(), start], [0, 0, "2000-01-01T00:00:00.000Z"]);
  }),
);

Deno.test(
  "Go: time moves when all tasks are durably blocked, to the next moment at which one can go on",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const ms of [3_000, 1_000, 2_000]) {
        nursery.startSoon(() => sleep(ms).then(() => log.push(`${ms} at ${sim.now}`)));
      }
      // As busy as can be, for a while: it takes no time.
      nursery.startSoon(async () => {
        for (let i = 0; i < 2_000; i++) await checkpoint();
        log.push(`busy until ${sim.now}`);
      });
    });
    assertEquals(log, ["busy until 0", "1000 at 1000", "2000 at 2000", "3000 at 3000"]);
  }),
);

/** Every way to block of which Go has a counterpart, and some that block a mutex there without counting. */
const DURABLE: Record<string, (nursery: { startSoon(fn: () => unknown): unknown }) => Promise<unknown>> = {
  "a receive from an empty channel": () => openMemoryChannel<number>(0)[1].receive(),
  "a send to a full channel": () => openMemoryChannel<number>(0)[0].send(1),
  "a wait for a condition": async () => {
    const condition = new Condition();
    using _ = await condition.acquire();
    await condition.wait();
  },
  "a nursery that waits for its children": () => openNursery((inner) => void inner.startSoon(() => sleepForever())),
  "an event": () => new Event().wait(),
  "two waits at once": () => Promise.all([sleepForever(), new Event().wait()]),
  "a sleep for ever": () => sleepForever(),
  // Complaint: blocked on a mutex is not durable there, and a test that holds one across a sleep hangs.
  "a lock that sleeps in its holder's hand": async (nursery) => {
    const lock = new Lock();
    const held = new Event();
    nursery.startSoon(async () => {
      using _ = await lock.acquire();
      held.set();
      await sleep(10_000);
    });
    await held.wait();
    await lock.acquire();
  },
  "a semaphore": () => new Semaphore(0).acquire(),
};

for (const [name, block] of Object.entries(DURABLE)) {
  Deno.test(
    `Go: ${name} is durably blocked: time goes on, at once`,
    simulated(async (sim) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => block(nursery));
        await sleep(1_000);
        assertEquals(sim.now, 1_000);
        nursery.cancel();
      });
    }, { onForeign: "error" }),
  );
}

Deno.test(
  "Go: what the outside world can end is not durably blocked",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1_000));
      const answer = new Promise<number>((resolve) => realImmediate(() => realImmediate(() => resolve(sim.now))));
      assertEquals(await hostOperation("read", answer), 0);
    });
    assertEquals(sim.now, 1_000);
  }),
);

Deno.test(
  "Go: a timer that is stopped moves no time, and one that is reset goes off at its new time alone",
  simulated(async (sim) => {
    const fired: number[] = [];
    clearTimeout(setTimeout(() => fired.push(-1), 500));
    const timer = setTimeout(() => fired.push(sim.now), 1_000);
    await sleep(900);
    (timer as unknown as { refresh(): void }).refresh();
    await sleep(900);
    assertEquals(fired, []);
    await sim.advance(100);
    assertEquals([sim.now, ...fired], [1_900, 1_900]);
  }),
);

Deno.test(
  "Go: a context with a timeout is alive a moment before, and over at its time",
  simulated(async (sim) => {
    const signal = AbortSignal.timeout(5_000);
    await sim.advance(5_000 - 1e-3);
    assert(!signal.aborted);
    await sim.advance(1e-3);
    assert(signal.aborted);
    await moveOnAfter(5_000, async (scope) => {
      await shielded(() => sim.advance(5_000 - 1e-3));
      assert(!scope.cancelCalled);
      await shielded(() => sim.advance(1e-3));
      assert(scope.cancelCalled);
    });
  }),
);

// Go: waiting, and the end.

Deno.test(
  "Go: Wait returns when all others are durably blocked; here several may wait at a time, in different tasks",
  simulated(async (sim) => {
    let steps = 0;
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(async () => {
          await settled();
          assertEquals([steps, sim.now], [100, 0]);
        });
      }
      nursery.startSoon(async () => {
        for (; steps < 100; steps++) await new Promise<void>((resolve) => setImmediate(resolve));
      });
    });
  }),
);

Deno.test(
  "Go: Wait returns although a channel from outside the bubble is awaited: the wait is the library's, so it is counted",
  async () => {
    const [send, receive] = openMemoryChannel<string>(0);
    let ask = () => {};
    const asked = new Promise<void>((resolve) => ask = resolve);
    const inside = simulate(async (sim) => {
      await openNursery(async (nursery) => {
        const got = nursery.startSoon(() => receive.receive());
        await sim.settled();
        assertEquals([got.state, sim.now], ["running", 0]);
        const operation = beginHostOperation("a message from outside");
        ask();
        assertEquals(await got.join(), "hello");
        operation.end();
      });
    });
    await asked;
    await send.send("hello");
    await inside;
  },
);

Deno.test("Go: a test ends when its tasks have; one that is stuck is a deadlock that says the body is over", async () => {
  const log: string[] = [];
  await simulate((sim) => {
    void sim.background.startSoon(() => sleepForever());
    return openNursery((nursery) => void nursery.startSoon(() => sleep(50).then(() => log.push("child"))));
  });
  const error = await assertRejects(
    () => simulate((sim) => void sim.background.startSoon(() => shielded(() => sleepForever()), { name: "stuck" })),
    DeadlockError,
  );
  assertEquals(log, ["child"]);
  assertStringIncludes(
    error.message,
    "nothing can ever wake up (t=0ms): the body has ended, and its background has not",
  );
  assertStringIncludes(error.message, "└─ stuck");
});

Deno.test("Go complaint: after a deadlock cleanup has run, and the failure is still the deadlock", async () => {
  const log: string[] = [];
  const error = await assertRejects(() =>
    simulate((sim) =>
      openNursery(async (nursery) => {
        for (const name of ["a", "b"]) {
          nursery.startSoon(async () => {
            try {
              await new Event({ name: "never" }).wait();
            } catch (error) {
              assert(isCancelled(error));
              await shielded(() => sleep(100));
              log.push(`${name} cleaned up at ${sim.now}`);
              throw error;
            }
          });
        }
        await sleep(5);
      })
    ), DeadlockError);
  assertEquals(log.sort(), ["a cleaned up at 105", "b cleaned up at 105"]);
  assertStringIncludes(error.message, "t=5ms");
});

Deno.test("Go complaint: what a test leaves behind is blamed on it, not on the next one", async () => {
  const first = await assertRejects(() =>
    simulate(() => {
      setTimeout(() => {
        throw new Error("of the first test");
      }, 1_000);
    })
  );
  assertStringIncludes((first as Error).message, "timer: setTimeout(1000)");
  const second = simulate(async (sim) => {
    await sim.advance(10_000);
    return "fine";
  });
  assertEquals(await second, "fine");
  // Side by side, and thrown while the other one runs.
  const [left, right] = await Promise.allSettled([
    simulate(async () => {
      setTimeout(() => {
        throw new Error("of the left one");
      }, 1);
      await sleep(10);
    }),
    simulate(async () => {
      for (let i = 0; i < 100; i++) await sleep(1);
      return "right";
    }),
  ]);
  assertEquals(right, { status: "fulfilled", value: "right" });
  assertEquals(left.status === "rejected" && left.reason.message, "of the left one");
});

// tokio: pause and advance.

Deno.test(
  "tokio complaint: a task that was started, and has not begun its sleep, sleeps within the advance",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleep(100).then(() => sim.now));
      // No settled() before: the sleep begins after the advance has.
      await sim.advance(100);
      assertEquals([task.state, await task.join()], ["done", 100]);
    });
  }),
);

Deno.test(
  "tokio: a sleep that was made before and is awaited after an advance has passed, at its own time",
  simulated(async (sim) => {
    let rung = -1;
    const early = sleep(100).then(() => rung = sim.now);
    await sim.advance(1_000);
    await early;
    assertEquals([rung, sim.now], [100, 1_000]);
  }),
);

Deno.test(
  "tokio: several advances add up, and what is due between them is not early by a fraction",
  simulated(async (sim) => {
    let done = false;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(10).then(() => done = true));
      for (let i = 0; i < 99; i++) {
        await sim.advance(0.1);
        assert(!done, `at ${sim.now}`);
      }
      await sim.advance(0.2);
      assert(done);
    });
  }),
);

Deno.test(
  "tokio complaint: an interval ticks at each of its times within one advance, and the advance ends on its own",
  simulated(async (sim) => {
    const ticks: number[] = [];
    const timer = setInterval(() => ticks.push(performance.now()), 1_000);
    sim.background.startSoon(async () => {
      while (true) {
        await sleep(2_000);
        ticks.push(sim.now);
      }
    });
    await sim.advance(5_000);
    clearInterval(timer);
    assertEquals(ticks, [1_000, 2_000, 2_000, 3_000, 4_000, 4_000, 5_000]);
    assertEquals(sim.now, 5_000);
  }),
);

Deno.test(
  "tokio: advance(0) and settled() run what is ready, with an interval that would go on for ever",
  simulated(async (sim) => {
    let ran = 0;
    sim.background.startSoon(async () => {
      for (;; await sleep(1)) ran++;
    });
    await sim.advance(0);
    assertEquals([ran, sim.now], [1, 0]);
    await sim.settled();
    assertEquals([ran, sim.now], [1, 0]);
  }),
);

Deno.test(
  "tokio: a deadline in the past is due now, and time does not go back for it",
  simulated(async (sim) => {
    await sim.advance(1_000);
    await sleepUntil(1);
    assertEquals(sim.now, 1_000);
    await assertRejects(() => failAfter(0, () => sleep(1)), TooSlowError);
    assertEquals(sim.now, 1_000);
  }),
);

Deno.test(
  "tokio: a timeout around a sleep of the same length is the timeout's, of a shorter one the sleep's",
  simulated(async (sim) => {
    await assertRejects(() => failAfter(100, () => sleep(100)), TooSlowError);
    await failAfter(100, () => sleep(99));
    assertEquals(sim.now, 199);
  }),
);

Deno.test(
  "tokio: 1,000 tasks that sleep in steps of their own all end at their exact times",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      for (let i = 1; i <= 1_000; i++) {
        nursery.startSoon(async () => {
          for (let step = 1; step <= 10; step++) {
            await sleep(i);
            assertEquals(sim.now, i * step);
          }
        });
      }
    });
    assertEquals(sim.now, 10_000);
  }),
);

Deno.test(
  "tokio: blocking work elsewhere keeps time from moving by itself",
  simulated(async (sim) => {
    const bytes = new Uint8Array(4_000_000);
    const [hash] = await Promise.all([hostOperation("digest", crypto.subtle.digest("SHA-256", bytes)), sleep(1)]);
    assertEquals([hash.byteLength, sim.now], [32, 1]);
  }),
);

// A system that stands still.

Deno.test(
  "freeze() leaps without anything running; then what is overdue happens late, deadlines first, then in the order it was due, each once",
  simulated(async (sim) => {
    const log: string[] = [];
    const note = (what: string) => log.push(`${what} at ${sim.now}`);
    const interval = setInterval(() => note("tick"), 1_000);
    setTimeout(() => note("timeout"), 2_500);
    const unreferenced = setTimeout(() => note("unref"), 2_600);
    Deno.unrefTimer(unreferenced);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(2_000).then(() => note("sleep")));
      nursery.startSoon(() => sleep(9_000).then(() => note("later")));
      nursery.startSoon(async () => {
        const outcome = await moveOnAfter(3_000, () => sleepForever());
        note(`deadline ${outcome.cancelledCaught}`);
      });
      await sim.settled();
      sim.freeze(5_500);
      note("thawed");
      await sim.settled();
      assertEquals(log, [
        "thawed at 5500",
        "deadline true at 5500",
        "tick at 5500",
        "sleep at 5500",
        "timeout at 5500",
        "unref at 5500",
      ]);
      log.length = 0;
    });
    clearInterval(interval);
    // The interval keeps its beat.
    assertEquals(log, ["tick at 6000", "tick at 7000", "tick at 8000", "later at 9000"]);
  }),
);

Deno.test(
  "freeze() of no length of time is refused; freeze(0) changes nothing",
  simulated((sim) => {
    for (const ms of [-1, NaN, Infinity]) {
      let message = "";
      try {
        sim.freeze(ms);
      } catch (error) {
        assertInstanceOf(error, RangeError);
        message = error.message;
      }
      assertEquals(message, `Cannot freeze as "ms" must be a finite number >= 0: received ${ms}`);
    }
    sim.freeze(0);
    assertEquals(sim.now, 0);
  }),
);

Deno.test("freeze() beyond maxVirtual is found by whoever goes on", async () => {
  const error = await assertRejects(
    () =>
      simulate(async (sim) => {
        sim.freeze(2_000);
        await sleep(1);
      }, { maxVirtual: 1_000 }),
    Error,
  );
  assertStringIncludes(error.message, "more virtual time would pass than allowed: 2.001s (option maxVirtual)");
});

// Trio: MockClock and wait_all_tasks_blocked().

Deno.test("Trio: a jump wakes nobody by itself; who is due runs in a later turn, in order", () => {
  const clock = new MockClock();
  return run(() =>
    openNursery(async (nursery) => {
      const log: string[] = [];
      for (const ms of [20, 10]) nursery.startSoon(() => sleep(ms).then(() => log.push(`${ms} at ${currentTime()}`)));
      await settled();
      clock.jump(30);
      await null;
      assertEquals([currentTime(), ...log], [30]);
      await settled();
      assertEquals(log, ["10 at 30", "20 at 30"]);
    }), { clock, handleSignals: false });
});

Deno.test("Trio: the smallest cushion goes first, all of that size together, and the others begin anew", () =>
  run(() =>
    openNursery((nursery) => {
      const log: string[] = [];
      nursery.startSoon(() => sleep(1_000).then(() => log.push("sleeper")));
      for (const cushion of [2, 0, 2, 0]) {
        nursery.startSoon(() => settled({ cushion }).then(() => log.push(`${cushion} at ${currentTime()}`)));
      }
      nursery.startSoon(async () => {
        await sleep(1_001);
        assertEquals(log, ["0 at 0", "0 at 0", "2 at 0", "2 at 0", "sleeper"]);
      });
    }), { clock: new MockClock({ autojumpThreshold: 0 }), handleSignals: false }));

Deno.test("Trio: setting autojumpThreshold takes effect at once, also while all tasks wait", () => {
  const clock = new MockClock();
  return run(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => sleep(1_000));
      // Outside of every task, when all of them wait.
      realImmediate(() => clock.autojumpThreshold = 0);
    }), { clock, handleSignals: false });
});

Deno.test("Trio trap: with nothing to jump to, autojump does not spin while the outside world is awaited", async () => {
  let looks = 0;
  class Counted extends MockClock {
    override idle(): void {
      looks++;
      super.idle();
    }
  }
  await run(async () => {
    for (let i = 0; i < 10; i++) {
      await hostOperation(
        "turn",
        new Promise<void>((resolve) => realImmediate(() => resolve())),
      );
    }
  }, { clock: new Counted({ autojumpThreshold: 0 }), handleSignals: false });
  assert(looks <= 40, `looked ${looks} times`);
});

Deno.test("Trio: a wait of the library for the host counts as blocked for settled() in real time", () =>
  run(() =>
    openNursery(async (nursery) => {
      let answer = () => {};
      nursery.startSoon(async () => {
        const accept = beginHostOperation("accept");
        await suspend<void>({ kind: "accept" }, (waker) => answer = () => waker.wake(), () => true);
        accept.end();
      });
      await settled();
      answer();
    }), { handleSignals: false }));

// The same course each time.

/** What several tasks of unequal speed did, in order. */
async function race(burn: (n: number) => void): Promise<string> {
  const log: number[] = [];
  await simulate(async () => {
    const [send, receive] = openMemoryChannel<number>(3);
    await openNursery((nursery) => {
      for (let id = 0; id < 4; id++) {
        nursery.startSoon(async () => {
          for (let n = 0; n < 300; n++) {
            burn(n + id);
            await checkpoint();
            if (n % 50 === id) await send.send(id);
            log.push(id);
          }
        });
      }
      nursery.startSoon(async () => {
        for (let n = 0; n < 24; n++) log.push(10 + await receive.receive());
      });
    });
  });
  return log.join();
}

Deno.test("a simulation takes the same course each time, however fast the machine is, and whatever ran before", async () => {
  const quick = await race(() => {});
  const slow = await race((n) => {
    if (n % 17 !== 0) return;
    const until = performanceNow() + 1.5;
    while (performanceNow() < until);
  });
  assertEquals(slow, quick);
  // In real time, some of the fairness budget is spent.
  for (let i = 0; i < 100; i++) await checkpoint();
  assertEquals(await race(() => {}), quick);
});

const performanceNow = performance.now.bind(performance);
