/**
 * Every primitive under cancellation at each of its waits, before and after the wait is granted, and under schedules
 * that let granted waits resume in a random order.
 *
 * A case is a few tasks that share some state, and what must be true when they have ended, however they did. Each
 * gives up after a while, as the task it waits for may have been cancelled.
 */

import { assert, assertEquals } from "@std/assert";
import { explore, sweepCancel } from "../testing/mod.ts";
import {
  all,
  allSettled,
  any,
  asCompleted,
  Barrier,
  type BroadcastReceiveChannel,
  cancellable,
  CancelScope,
  CapacityLimiter,
  checkpoint,
  Condition,
  currentTask,
  currentTime,
  Event,
  forEach,
  isCancelled,
  Lazy,
  Lock,
  map,
  type MemoryReceiveChannel,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  race,
  RateLimiter,
  receiverFromReadable,
  retry,
  select,
  Semaphore,
  sleep,
  sleepForever,
  type Task,
  toChannel,
  withSignal,
} from "./mod.ts";
import { ParkingLot } from "./lowlevel.ts";

/** What is swept. */
interface Case {
  /** The tasks. */
  readonly users: (() => Promise<unknown>)[];
  /** What must be true afterwards. */
  readonly after: () => unknown;
}

/** Longer than any user needs that is served. */
const PATIENCE = 1_000;

async function play({ users }: Case): Promise<void> {
  await openNursery((nursery) => {
    for (const user of users) {
      nursery.startSoon(async () => void await moveOnAfter(PATIENCE, user), { name: "user" });
    }
  });
}

/**
 * How many schedules are tried, in each but the first of which some task is cancelled, or all are. For more of them:
 * `deno task test core/sweep_test.ts -- --sim=runs:50000`.
 */
const SCHEDULES = 1_000;

function sweep(name: string, make: () => Case): void {
  Deno.test(`${name} survives a cancellation at each wait`, async () => {
    const options = { setup: make, after: ({ after }: Case) => after() as void };
    const { points } = await sweepCancel((it: Case) => play(it), options);
    assert(points > 0);
    await sweepCancel((it: Case) => play(it), { ...options, task: "user" });
  });
  Deno.test(`${name} survives a cancellation under random schedules`, async () => {
    await explore(async () => {
      const it = make();
      // A task of its own, as the main task is never cancelled.
      await openNursery((nursery) => void nursery.startSoon(() => play(it), { name: "all" }));
      await it.after();
    }, { runs: SCHEDULES, cancel: ["user", "all"], foreignGrace: 1 });
  });
}

/** So many times the same. */
function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

sweep("Lock", () => {
  const lock = new Lock();
  let inside = 0;
  const user = async () => {
    for (let round = 0; round < 2; round++) {
      using _guard = await lock.acquire();
      assertEquals(++inside, 1);
      try {
        await sleep(1);
      } finally {
        inside--;
      }
    }
  };
  return {
    users: times(3, () => user),
    after: () => assertEquals(lock.statistics(), { locked: false, owner: null, tasksWaiting: 0 }),
  };
});

sweep("Condition", () => {
  const condition = new Condition();
  const items: number[] = [];
  const put: number[] = [];
  const taken: number[] = [];
  const producer = async () => {
    for (let n = 0; n < 3; n++) {
      using _guard = await condition.acquire();
      put.push(n);
      items.push(n);
      condition.notify();
      // Now somebody is notified, and waits for the lock.
      await sleep(1);
    }
  };
  const consumer = async () => {
    try {
      using _guard = await condition.acquire();
      while (items.length === 0) await condition.wait();
      taken.push(items.shift() as number);
    } catch (error) {
      // A notification that was lost: nobody waits this long while there is something.
      if (currentTime() >= PATIENCE) assertEquals(items, []);
      throw error;
    }
  };
  return {
    // More than there are items: a notification that is lost is missed then.
    users: [...times(4, () => consumer), producer],
    after: () => {
      assertEquals([...taken, ...items], put);
      assertEquals(condition.statistics(), {
        tasksWaiting: 0,
        lockStatistics: { locked: false, owner: null, tasksWaiting: 0 },
      });
    },
  };
});

sweep("Semaphore", () => {
  const semaphore = new Semaphore(2, { max: 2 });
  const user = async () => {
    using _permit = await semaphore.acquire();
    await sleep(1);
  };
  return {
    users: times(5, () => user),
    after: () => assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [2, 0]),
  };
});

sweep("CapacityLimiter", () => {
  const limiter = new CapacityLimiter(1);
  const user = (onBehalfOf: number) => async () => {
    using _token = await limiter.acquire({ onBehalfOf });
    assert(limiter.borrowedTokens <= 2);
    await sleep(1);
  };
  const resize = async () => {
    await sleep(1);
    limiter.totalTokens = 2;
    await sleep(1);
    limiter.totalTokens = 1;
  };
  return {
    users: [...times(4, user), resize],
    after: () => {
      const { borrowedTokens, borrowers, tasksWaiting } = limiter.statistics();
      assertEquals({ borrowedTokens, borrowers, tasksWaiting }, { borrowedTokens: 0, borrowers: [], tasksWaiting: 0 });
      for (const onBehalfOf of times(4, (index) => index)) limiter.tryAcquire({ onBehalfOf })!.release();
    },
  };
});

sweep("ParkingLot", () => {
  const [lot, other] = [new ParkingLot(), new ParkingLot()];
  const woken: Task[] = [];
  const passed: Task[] = [];
  const user = async () => {
    await lot.park();
    passed.push(currentTask());
  };
  const waker = async () => {
    await sleep(1);
    woken.push(...lot.unpark(2));
    lot.reparkAll(other);
    await sleep(1);
    woken.push(...other.unparkAll());
  };
  return {
    users: [...times(4, () => user), waker],
    after: () => {
      const ids = (tasks: Task[]) => tasks.map(({ id }) => id).sort();
      assertEquals(ids(passed), ids(woken));
      assertEquals([lot.size, other.size], [0, 0]);
    },
  };
});

sweep("Barrier", () => {
  const barrier = new Barrier(3);
  const places: number[] = [];
  const user = async () => void places.push(await barrier.wait());
  return {
    users: times(6, () => user),
    after: () => {
      assertEquals(barrier.statistics().tasksWaiting, 0);
      assertEquals(places.filter((place) => place === 2).length * 3, places.length);
    },
  };
});

sweep("RateLimiter", () => {
  const limiter = new RateLimiter(1, { per: 10, burst: 2 });
  const got: [time: number, count: number][] = [];
  const user = (count: number) => async () => {
    const before = currentTime();
    await limiter.acquire(count);
    assert(currentTime() - before <= 60, "somebody's turn was lost");
    got.push([currentTime(), count]);
  };
  return {
    users: [1, 2, 1, 2, 1].map(user),
    after: async () => {
      for (const [from] of got) {
        let sum = 0;
        for (const [time, count] of got) if (time >= from && time < from + 10) sum += count;
        assert(sum <= 3, "more than the rate and the burst");
      }
      assertEquals(limiter.statistics().tasksWaiting, 0);
      await sleep(20);
      assert(limiter.tryAcquire(2));
    },
  };
});

sweep("Lazy", () => {
  let computed = 0;
  const once = new Lazy(async () => {
    await sleep(1);
    return ++computed;
  });
  const values: number[] = [];
  const user = async () => void values.push(await once.get());
  return {
    users: times(3, () => user),
    after: async () => {
      assert(values.every((value) => value === 1));
      assertEquals([await once.get(), computed], [1, 1]);
    },
  };
});

/** What was sent, and got, through a channel: nothing is lost, nothing comes twice. */
class Ledger {
  readonly sent: number[] = [];
  readonly got: number[] = [];

  async send(end: { send(value: number): Promise<void> }, values: number[]): Promise<void> {
    for (const value of values) {
      await end.send(value);
      this.sent.push(value);
    }
  }

  /** Compares, with what is left in the channel. */
  check(...ends: MemoryReceiveChannel<number>[]): void {
    for (const end of ends) {
      const { tasksWaitingSend, tasksWaitingReceive } = end.statistics();
      assertEquals([tasksWaitingSend, tasksWaitingReceive], [0, 0]);
      for (let left = end.tryReceive(); left !== undefined; left = end.tryReceive()) this.got.push(left);
    }
    assertEquals(this.got.sort(), this.sent.sort());
  }
}

for (const capacity of [0, 2]) {
  sweep(`a memory channel of ${capacity}`, () => {
    const [send, receive] = openMemoryChannel<number>(capacity);
    const ledger = new Ledger();
    return {
      users: [
        () => ledger.send(send, [1, 2, 3]),
        () => ledger.send(send, [4, 5, 6]),
        async () => {
          for (let n = 0; n < 3; n++) ledger.got.push(await receive.receive());
        },
        async () => {
          for await (const value of receive) ledger.got.push(value);
        },
      ],
      after: () => ledger.check(receive),
    };
  });
}

sweep("select()", () => {
  const [sendA, a] = openMemoryChannel<number>(0);
  const [sendB, b] = openMemoryChannel<number>(1);
  const ledger = new Ledger();
  const user = async () => {
    for (let n = 0; n < 3; n++) ledger.got.push((await select({ a, b })).value);
  };
  return {
    users: [() => ledger.send(sendA, [1, 2, 3]), () => ledger.send(sendB, [4, 5, 6]), user, user],
    after: () => ledger.check(a, b),
  };
});

sweep("a broadcast channel", () => {
  const hub = openBroadcastChannel<number>(1);
  const heard: { readonly got: number[]; stayed: boolean }[] = times(2, () => ({ got: [], stayed: false }));
  const subscriptions = heard.map(() => hub.subscribe());
  const ledger = new Ledger();
  return {
    users: [
      () => ledger.send(hub, [1, 2]),
      () => ledger.send(hub, [3, 4]),
      ...heard.map((it, i) => async () => {
        try {
          for await (const value of subscriptions[i] as BroadcastReceiveChannel<number>) it.got.push(value);
        } finally {
          it.stayed = currentTime() >= PATIENCE;
        }
      }),
    ],
    after: () => {
      // A task that was cancelled before it began has not come to its loop.
      for (const subscription of subscriptions) subscription.close();
      assertEquals(hub.statistics(), { subscribers: 0, maxBufferSize: 1, currentBufferUsed: 0, tasksWaitingSend: 0 });
      const [some, all] = heard.map(({ got }) => got).toSorted((a, b) => a.length - b.length) as [number[], number[]];
      // Whoever was cancelled in its loop subscribes no more, and holds nobody up: it has heard what came before.
      assertEquals(some, all.slice(0, some.length));
      for (const { got, stayed } of heard) if (stayed) assertEquals(got.toSorted(), ledger.sent.toSorted());
    },
  };
});

sweep("a watch", () => {
  const [send, receive] = openWatch(0);
  const seen: number[] = [];
  return {
    users: [
      async () => {
        for (let n = 1; n <= 3; n++) {
          await sleep(1);
          send.set(n);
        }
        send.close();
      },
      async () => {
        for await (const value of receive.clone()) seen.push(value);
      },
      async () => void await receive.waitFor((value) => value >= 2),
    ],
    after: () => {
      assertEquals(seen, seen.toSorted());
      assertEquals(new Set(seen).size, seen.length);
    },
  };
});

sweep("toChannel()", () => {
  let open = 0;
  const got: number[] = [];
  async function* numbers(): AsyncGenerator<number> {
    open++;
    try {
      for (let n = 0; n < 4; n++) {
        await checkpoint();
        yield n;
      }
    } finally {
      open--;
    }
  }
  const user = () =>
    toChannel(numbers(), async (channel) => {
      // A value that was asked for is not lost with the one who asked.
      await moveOnAfter(0, () => channel.receive());
      for await (const value of channel) got.push(value);
    });
  return {
    users: [user],
    after: () => {
      assertEquals(open, 0);
      assertEquals(got, times(got.length, (n) => n));
    },
  };
});

sweep("map() and asCompleted()", () => {
  let [open, busy] = [0, 0];
  async function* numbers(): AsyncGenerator<number> {
    open++;
    try {
      for (let n = 0; n < 4; n++) {
        await checkpoint();
        yield n;
      }
    } finally {
      open--;
    }
  }
  const twice = async (n: number) => {
    busy++;
    try {
      await sleep(n % 2);
      return 2 * n;
    } finally {
      busy--;
    }
  };
  return {
    users: [
      async () => assertEquals(await map(numbers(), twice, { concurrency: 2 }), [0, 2, 4, 6]),
      async () => {
        const got: number[] = [];
        for await (const value of asCompleted(numbers(), twice, { concurrency: 2 })) got.push(value);
        assertEquals(got.sort(), [0, 2, 4, 6]);
      },
      async () => {
        for await (const _ of asCompleted(numbers(), twice)) break;
      },
    ],
    after: () => assertEquals([open, busy], [0, 0]),
  };
});

sweep("all(), race(), any() and allSettled()", () => {
  let busy = 0;
  const job = (ms: number) => async () => {
    busy++;
    try {
      await sleep(ms);
      return ms;
    } finally {
      await checkpoint().catch(() => {});
      busy--;
    }
  };
  const failing = async () => await Promise.reject(new Error("no"));
  return {
    users: [
      async () => assertEquals(await all([job(1), job(2)]), [1, 2]),
      async () => assertEquals(await race([job(2), job(1)]), 1),
      async () => assertEquals(await any([failing, job(2), job(1)]), 1),
      async () =>
        assertEquals((await allSettled([failing, job(1)])).map(({ status }) => status), ["rejected", "fulfilled"]),
    ],
    after: () => assertEquals(busy, 0),
  };
});

sweep("retry(), withSignal() and cancellable()", () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...rest: unknown[]) => (listeners++, (add as (...rest: unknown[]) => void)(...rest));
  signal.removeEventListener = (...rest: unknown[]) => (listeners--, (remove as (...rest: unknown[]) => void)(...rest));
  const chunks = receiverFromReadable(ReadableStream.from([1, 2, 3]));
  const got: number[] = [];
  return {
    users: [
      () =>
        retry((attempt) => attempt < 3 ? Promise.reject(new Error("no")) : checkpoint(), { backoff: { initial: 1 } }),
      () => withSignal(signal, () => sleep(1)),
      () => cancellable(sleep(1)),
      async () => {
        for await (const chunk of chunks) got.push(chunk);
      },
    ],
    after: async () => {
      assertEquals(listeners, 0);
      for await (const chunk of chunks) got.push(chunk);
      assertEquals(got, [1, 2, 3]);
      await chunks.close();
    },
  };
});

Deno.test("no wait that nobody awaits ends the process by its cancellation, nor leaves anything", async () => {
  const unhandled: string[] = [];
  let name = "";
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(`${name}: ${event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  const [send, receive] = openMemoryChannel<number>(0);
  const heard = openBroadcastChannel<number>(1).subscribe();
  const [, seen] = openWatch(0);
  const { signal } = new AbortController();
  const never = new Promise<never>(() => {});
  const forever = () => sleepForever();
  const waits: Record<string, () => unknown> = {
    "Lock.acquire()": () => holdTwice(),
    "Condition.wait()": () => waitFor(),
    "Semaphore.acquire()": () => new Semaphore(0).acquire(),
    "CapacityLimiter.acquire()": () => new CapacityLimiter(0).acquire(),
    "ParkingLot.park()": () => new ParkingLot().park(),
    "Barrier.wait()": () => new Barrier(2).wait(),
    "Event.wait()": () => new Event().wait(),
    "RateLimiter.acquire()": () => {
      const limiter = new RateLimiter(1, { per: 3_600_000 });
      limiter.tryAcquire();
      return limiter.acquire();
    },
    "Lazy.get()": () => new Lazy(forever).get(),
    "send()": () => send.send(1),
    "receive()": () => receive.receive(),
    "loop": () => receive[Symbol.asyncIterator]().next(),
    "select()": () => select({ receive, heard }),
    "changed()": () => seen.changed(),
    "waitFor()": () => seen.waitFor(() => false),
    "watch loop": () => seen[Symbol.asyncIterator]().next(),
    "toChannel()": () => toChannel([1], forever),
    "all()": () => all([forever]),
    "race()": () => race([forever]),
    "any()": () => any([forever]),
    "allSettled()": () => allSettled([forever]),
    "map()": () => map([1], forever),
    "forEach()": () => forEach([1], forever),
    "asCompleted()": () => asCompleted([1], forever).next(),
    "retry()": () => retry(() => Promise.reject(new Error("no")), { backoff: () => 3_600_000 }),
    "withSignal()": () => withSignal(signal, forever),
    "cancellable()": () => cancellable(never),
    "receiverFromReadable()": () => receiverFromReadable(new ReadableStream()).receive(),
  };
  try {
    for (const moment of ["before", "meanwhile", "as it is left"]) {
      for (const [each, wait] of Object.entries(waits)) {
        name = `${each}, cancelled ${moment}`;
        const scope = new CancelScope();
        if (moment === "before") scope.cancel();
        await scope.run(async () => {
          wait();
          if (moment === "as it is left") return scope.cancel();
          // So that what consists of several steps has come to its wait.
          await new Promise((resolve) => setImmediate(resolve));
          scope.cancel();
        });
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  assertEquals(unhandled, []);
  assertEquals([send.statistics().tasksWaitingSend, receive.statistics().tasksWaitingReceive], [0, 0]);
  assertEquals(heard.statistics().tasksWaitingReceive, 0);
});

Deno.test("a loop that passes over the errors of what is closed or broken lets the event loop turn", async () => {
  const [send, receive] = openMemoryChannel<number>(1);
  const hub = openBroadcastChannel<number>(1);
  const [set, seen] = openWatch(0);
  const [lock, lot] = [new Lock(), new ParkingLot()];
  for (const end of [send, receive, hub, set]) end.close();
  lot.breakLot();
  await openNursery((nursery) => void nursery.startSoon(() => void lock.tryAcquire()));
  const waits: (() => Promise<unknown>)[] = [
    () => send.send(1),
    () => receive.receive(),
    () => select({ receive }),
    () => hub.send(1),
    () => seen.changed(),
    () => lock.acquire(),
    () => lot.park(),
  ];
  for (const [index, wait] of waits.entries()) {
    let turned = false;
    setImmediate(() => turned = true);
    let left = 10_000;
    while (!turned && left-- > 0) await wait().then(() => assert(false), () => {});
    assert(turned, `wait ${index}`);
  }
});

/** Waits for a lock that another task holds. */
function holdTwice(): void {
  const lock = new Lock();
  void openNursery((nursery) => {
    nursery.startSoon(async () => {
      using _guard = await lock.acquire();
      await sleepForever();
    });
    nursery.startSoon(() => {
      void lock.acquire().catch((error) => assert(isCancelled(error)));
      return sleepForever();
    });
  });
}

function waitFor(): void {
  const condition = new Condition();
  const guard = condition.tryAcquire()!;
  void condition.wait().finally(() => guard.release()).catch((error) => assert(isCancelled(error)));
}

sweep("nursery.start()", () => {
  let begun = 0;
  let ended = 0;
  const served: number[] = [];
  const user = async () => {
    await openNursery(async (nursery) => {
      const value = await nursery.start<number>(async (status) => {
        begun++;
        try {
          await sleep(1);
          status.started(begun);
          await sleep(1);
        } finally {
          ended++;
        }
      }, { name: "service" });
      served.push(value);
      await checkpoint();
      nursery.cancel();
    });
  };
  return {
    users: times(3, () => user),
    after: () => {
      assertEquals(ended, begun);
      assert(served.length <= begun);
    },
  };
});

sweep("Event and Task.join()", () => {
  const go = new Event();
  let woken = 0;
  const user = async () => {
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(async () => {
        await go.wait();
        return ++woken;
      }, { name: "waiting" });
      assert(await waiting.join() > 0);
    });
  };
  return {
    users: [user, user, () => sleep(1).then(() => go.set())],
    after: () => assertEquals(go.statistics(), { tasksWaiting: 0 }),
  };
});
