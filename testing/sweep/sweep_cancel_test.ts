import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { checkpoint, Event, openMemoryChannel, openNursery, shielded, sleep, sleepForever } from "../../core/mod.ts";
import { cancelShieldedCheckpoint, checkpointIfCancelled, suspend, type Waker } from "../../core/lowlevel.ts";
import { lockstepStreamPair, memoryStreamPair, sweepCancel, SweepError } from "../mod.ts";

/** A lock with direct handoff. */
class Lock {
  held = false;
  protected readonly waiting: Waker<void>[] = [];

  async acquire(): Promise<void> {
    if (!this.held) {
      // Last, as a cancellation in the checkpoint must find it free.
      await checkpoint();
      if (!this.held) {
        this.held = true;
        return;
      }
    }
    let mine: Waker<void>;
    await suspend<void>({ kind: "acquire lock" }, (waker) => this.waiting.push(mine = waker), () => {
      this.waiting.splice(this.waiting.indexOf(mine), 1);
      return true;
    });
  }

  release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.held = false;
    else next.wake();
  }
}

/** Three tasks that share a lock. */
function shareLock(lock: Lock): Promise<void> {
  return openNursery((nursery) => {
    for (let i = 0; i < 3; i++) {
      nursery.startSoon(async () => {
        await lock.acquire();
        try {
          await sleep(10);
        } finally {
          lock.release();
        }
      }, { name: "user" });
    }
  });
}

const LOCK = { setup: () => new Lock(), after: (lock: Lock) => assert(!lock.held, "the lock is held") };

async function sweepError(promise: Promise<unknown>): Promise<SweepError> {
  const error = await promise.catch((error) => error);
  assertInstanceOf(error, SweepError, String(error));
  return error;
}

Deno.test("sweepCancel() passes correct code, with two runs for each wait", async () => {
  const report = await sweepCancel(shareLock, LOCK);
  // Three checkpoints, two waits for the lock, three sleeps, and the nursery that waits for its children.
  assertEquals(report, { points: 9, runs: 18 });
});

Deno.test("sweepCancel() passes correct code when one task alone is cancelled", async () => {
  const report = await sweepCancel(shareLock, { ...LOCK, task: "user" });
  assertEquals(report.runs, 2 * report.points);
});

Deno.test("a lock that is not released in a finally block is found, with the line of the await", async () => {
  const error = await sweepError(sweepCancel(async (lock: Lock) => {
    await lock.acquire();
    await sleep(10);
    lock.release();
  }, LOCK));
  assertEquals(error.point, "before:2");
  const [first, second, third] = error.message.split("\n");
  assertEquals(
    first,
    "Cannot accept the scenario as it must survive a cancellation at each of its waits: afterwards, AssertionError: the lock is held",
  );
  assert(
    /^ {2}cancelled as wait 2 began: sleep.* in task "main" #1, .*sweep_cancel_test\.ts:\d+:\d+$/.test(second!),
    second,
  );
  assertEquals(third, '  to run this point alone: { only: "before:2" }');
  assertEquals((error.cause as Error).message, "the lock is held");
});

/** A queue that hands items over in a slot, before the receiver has resumed. */
class Handover {
  readonly items: number[] = [];
  readonly received: number[] = [];
  readonly #waiting: { item: number | null; ready: Event }[] = [];

  put(item: number): void {
    const slot = this.#waiting.shift();
    if (slot === undefined) this.items.push(item);
    else {
      slot.item = item;
      slot.ready.set();
    }
  }

  async take(): Promise<number> {
    const item = this.items.shift();
    if (item !== undefined) return item;
    const slot = { item: null as number | null, ready: new Event() };
    this.#waiting.push(slot);
    try {
      await slot.ready.wait();
      await this.whatHappensNext();
    } catch (error) {
      const at = this.#waiting.indexOf(slot);
      if (at >= 0) this.#waiting.splice(at, 1);
      throw error;
    }
    return slot.item as number;
  }

  /** Called with an item in hand. */
  whatHappensNext(): Promise<void> {
    return cancelShieldedCheckpoint();
  }
}

function handOver(queue: Handover): Promise<void> {
  return openNursery((nursery) => {
    nursery.startSoon(async () => {
      for (let i = 0; i < 3; i++) queue.received.push(await queue.take());
    }, { name: "taker" });
    nursery.startSoon(async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(1);
        queue.put(i);
      }
    }, { name: "giver" });
  });
}

const HANDOVER = {
  task: "taker",
  after: ({ items, received }: Handover) => assertEquals([...received, ...items], [0, 1, 2], "an item was lost"),
};

Deno.test("a hand-over that drops an item when it is cancelled between grant and resume is found", async () => {
  // It waits no further; only a cancellation that came between the grant and here can hurt it.
  class BadHandover extends Handover {
    override whatHappensNext(): Promise<void> {
      return checkpointIfCancelled();
    }
  }
  const error = await sweepError(sweepCancel(handOver, { ...HANDOVER, setup: () => new BadHandover() }));
  assertEquals(error.point, "granted:1");
  assert(error.message.includes("afterwards, AssertionError: Values are not equal: an item was lost"), error.message);
  assert(
    error.message.includes('cancelled after wait 1 was granted, before its task resumed: event in task "taker" #2, '),
    error.message,
  );
  // That point alone.
  const again = sweepCancel(handOver, { ...HANDOVER, setup: () => new BadHandover(), only: error.point });
  assertEquals((await sweepError(again)).message, error.message);
});

Deno.test("a hand-over that keeps its item passes", async () => {
  const report = await sweepCancel(handOver, { ...HANDOVER, setup: () => new Handover() });
  assertEquals(report.runs, 2 * report.points);
});

Deno.test("a scenario that fails when it is cancelled is found", async () => {
  const error = await sweepError(sweepCancel(async () => {
    try {
      await sleep(1);
    } catch {
      throw new TypeError("cleanup went wrong");
    }
  }));
  assert(error.message.includes("it failed with TypeError: cleanup went wrong"), error.message);
});

Deno.test("a scenario that hangs when it is cancelled is found", async () => {
  const error = await sweepError(sweepCancel(async () => {
    try {
      await sleep(1);
    } catch (error) {
      await suspend({ kind: "wait for Godot" }, () => {}, () => false).catch(() => {});
      await new Promise(() => {});
      throw error;
    }
  }, { simulation: { foreignGrace: 1 } }));
  assert(error.message.includes("nothing can ever wake up"), error.message);
});

Deno.test("what the undisturbed scenario throws is thrown as it is", async () => {
  const fault = new Error("fault");
  assertStrictEquals(await sweepCancel(() => Promise.reject(fault)).catch((error) => error), fault);
  const after = () => {
    throw fault;
  };
  assertStrictEquals(await sweepCancel(() => {}, { after }).catch((error) => error), fault);
});

Deno.test("a scenario that does something else each time is told so", async () => {
  let runs = 0;
  const error = await sweepError(sweepCancel(async () => {
    // Undisturbed it does one thing, and later another.
    if (++runs === 1) await checkpoint();
  }));
  assertEquals(
    error.message,
    'Cannot sweep as the scenario must do the same in each run: point "before:1" did not come again',
  );
});

Deno.test("a scenario that ends before its last wait has resumed does not stop the sweep", async () => {
  assertEquals(await sweepCancel(() => void checkpoint()), { points: 1, runs: 1 });
});

Deno.test("maxRuns leaves out points evenly, and only tries one", async () => {
  const scenario = async () => {
    for (let i = 0; i < 100; i++) await checkpoint();
  };
  assertEquals(await sweepCancel(scenario, { maxRuns: 10 }), { points: 100, runs: 10 });
  assertEquals(await sweepCancel(scenario, { only: "granted:100" }), { points: 100, runs: 1 });
});

Deno.test("sweepCancel() checks its arguments", async () => {
  await assertRejects(
    () => sweepCancel(5 as never),
    TypeError,
    'Cannot sweep as "scenario" must be a function: received 5',
  );
  await assertRejects(
    () => sweepCancel(() => {}, { maxRuns: 0 }),
    RangeError,
    'Cannot sweep as "maxRuns" must be a whole number >= 1: received 0',
  );
  await assertRejects(
    () => sweepCancel(() => {}, { only: "7" }),
    RangeError,
    'Cannot sweep as "only" must be a point like "granted:7": received "7"',
  );
  await assertRejects(
    () => sweepCancel(() => {}, { task: "nobody" }),
    RangeError,
    'Cannot sweep as "task" must be the name of a task that the scenario starts and that waits: received "nobody"',
  );
});

// The library's own.

Deno.test("channels lose and double no value wherever their users are cancelled", async () => {
  for (const capacity of [0, 1, Infinity]) {
    for (const task of ["sender", "receiver", undefined]) {
      const report = await sweepCancel(async ({ channel: [send, receive], sent, got }) => {
        await openNursery((nursery) => {
          nursery.startSoon(async () => {
            using _ = send;
            for (let i = 0; i < 5; i++) {
              await send.send(i);
              sent.push(i);
            }
          }, { name: "sender" });
          nursery.startSoon(async () => {
            for await (const value of receive) got.push(value);
          }, { name: "receiver" });
          nursery.startSoon(async () => {
            // Whatever became of the first receiver, this one gets the rest.
            await sleep(1_000);
            for await (const value of receive) got.push(value);
          });
        });
      }, {
        setup: () => ({ channel: openMemoryChannel<number>(capacity), sent: [] as number[], got: [] as number[] }),
        after({ channel: [, receive], sent, got }) {
          const rest = Array.from({ length: receive.statistics().currentBufferUsed }, () => receive.tryReceive());
          assertEquals([...got, ...rest], sent);
        },
        ...(task === undefined ? {} : { task }),
      });
      assert(report.points > 0);
    }
  }
});

Deno.test("streams in memory lose no byte wherever the receiver is cancelled", async () => {
  for (const makePair of [lockstepStreamPair, () => memoryStreamPair({ capacity: 4, chunk: 3, seed: 1 })]) {
    await sweepCancel(async ({ pair: [a, b], got }) => {
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          await a.sendAll(new Uint8Array([0, 1, 2, 3, 4, 5]));
          await a.sendAll(new Uint8Array([6, 7, 8, 9]));
          await a.sendEof();
        }, { name: "sender" });
        nursery.startSoon(async () => {
          for await (const chunk of b) got.push(...chunk);
        }, { name: "receiver" });
        nursery.startSoon(async () => {
          // Whatever became of the first receiver, this one gets the rest.
          await sleep(1_000);
          for await (const chunk of b) got.push(...chunk);
        });
      });
    }, {
      setup: () => ({ pair: makePair(), got: [] as number[] }),
      after({ pair, got }) {
        for (const stream of pair) stream.close();
        assertEquals(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      },
      task: "receiver",
    });
  }
});

Deno.test("what after() finds comes first, and what it leaves behind for that reason after it", async () => {
  let runs = 0;
  const error = await sweepError(sweepCancel(() => sleep(10), {
    after: () => {
      if (runs++ === 0) return;
      setInterval(() => {}, 1_000);
      throw new RangeError("the invariant is broken");
    },
  }));
  assertMatch(
    error.message,
    /each of its waits: afterwards, RangeError: the invariant is broken\n {2}and its body left 1 thing behind \(option leaks\):\n {2}timer: setInterval\(1000\) at sweep_cancel_test/,
  );
  assertInstanceOf(error.cause, RangeError);
});

Deno.test("a scenario may pass on the cancellation as it comes: wrapped by cleanup, or from a task that it joined", async () => {
  const work = async () => {
    await using _connection = { [Symbol.asyncDispose]: () => sleep(1) };
    await sleep(10);
  };
  await sweepCancel(work);
  await sweepCancel(() => openNursery((nursery) => nursery.startSoon(work, { name: "worker" }).join()), {
    task: "worker",
  });
  const error = await sweepError(sweepCancel(() =>
    openNursery((nursery) => {
      const other = nursery.startSoon(() => sleepForever());
      return sleep(10).then(() => nursery.cancel(), async () => {
        other.cancel("by somebody else");
        await shielded(() => other.join());
      });
    }), { only: "before:2" }));
  assertMatch(error.message, /it failed with/);
});

Deno.test("watchers of one's own hear of the runs of a sweep", async () => {
  let spawned = 0;
  await sweepCancel(() => sleep(1), { simulation: { instruments: [{ taskSpawned: () => spawned++ }] } });
  assert(spawned > 2);
});

Deno.test("what was found comes first, also if the simulation fails after that, or something is left behind", async () => {
  for (
    const [consequence, text] of [
      [() => setInterval(() => {}, 1_000), "and its body left 1 thing behind"],
      [() => void Promise.reject(new RangeError("a stray")), "RangeError: a stray"],
    ] as const
  ) {
    let first = true;
    const error = await assertRejects(() =>
      sweepCancel(() => sleep(10), {
        after() {
          if (first) return void (first = false);
          consequence();
          throw new Error("the invariant is broken");
        },
      }), SweepError);
    const [found, then] = [
      error.message.indexOf("afterwards, Error: the invariant is broken"),
      error.message.indexOf(text),
    ];
    assert(found > 0 && then > found, error.message);
    assert(error.message.indexOf("\n  cancelled ") > then, error.message);
    assertEquals((error.cause as Error).message, "the invariant is broken");
  }
});
