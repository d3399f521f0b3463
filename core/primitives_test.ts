/** Laws over all primitives of `sync/` and `channels/`: a new one is added to the lists. */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { simulated } from "../testing/mod.ts";
import {
  Barrier,
  BrokenResourceError,
  CancelScope,
  CapacityLimiter,
  checkpoint,
  Condition,
  currentTask,
  Event,
  isCancelled,
  Lock,
  type MemoryReceiveChannel,
  moveOnAfter,
  type NamedOptions,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  RateLimiter,
  run,
  select,
  Semaphore,
  sleep,
  type WatchReceiver,
} from "./mod.ts";
import { ParkingLot } from "./lowlevel.ts";

/** A turn of the event loop, in which rejections that nobody handles are noticed. */
const turn = () => new Promise<void>((done) => setTimeout(done, 0));

/** Everything that has a name. */
const NAMED: Record<string, (options: NamedOptions) => unknown> = {
  Event: (options) => new Event(options),
  Lock: (options) => new Lock(options),
  Barrier: (options) => new Barrier(1, options),
  CapacityLimiter: (options) => new CapacityLimiter(1, options),
  ParkingLot: (options) => new ParkingLot(options),
  RateLimiter: (options) => new RateLimiter(1, options),
  Semaphore: (options) => new Semaphore(1, options),
  MemorySendChannel: (options) => openMemoryChannel(1, options)[0],
  MemoryReceiveChannel: (options) => openMemoryChannel(1, options)[1],
  BroadcastSendChannel: (options) => openBroadcastChannel(1, options),
  BroadcastReceiveChannel: (options) => openBroadcastChannel(1, options).subscribe(),
  WatchSender: (options) => openWatch(1, options)[0],
  WatchReceiver: (options) => openWatch(1, options)[1],
};

for (const [name, make] of Object.entries(NAMED)) {
  Deno.test(`${name} refuses options that are none, and a name that is no text`, () => {
    for (const options of [null, 5, "name"]) {
      assertThrows(() => make(options as NamedOptions), TypeError, 'as "options" must be an object: received');
    }
    for (const bad of [5, null, {}, Symbol("name")]) {
      assertThrows(() => make({ name: bad } as never), TypeError, 'as "name" must be a string: received');
    }
    make({});
  });

  Deno.test(`the console shows the name and the state of a ${name}`, () => {
    const text = Deno.inspect(make({ name: "mine" }));
    assert(text.startsWith(`${name} {`), text);
    assertStringIncludes(text, 'name: "mine"');
    assert(!text.includes("undefined"), text);
    assert(Deno.inspect(make({})).startsWith(`${name} {`));
  });
}

Deno.test(
  "the console shows who holds, borrows and breaks",
  simulated(async () => {
    const [lock, limiter, lot] = [new Lock(), new CapacityLimiter(2), new ParkingLot()];
    using _guard = await lock.acquire();
    using _token = await limiter.acquire();
    using _other = await limiter.acquire({ onBehalfOf: "somebody" });
    lot.addBreaker();
    assertEquals(
      [lock, new Condition(lock), limiter, lot].map((each) => Deno.inspect(each, { breakLength: 1_000 })),
      [
        `Lock { locked: true, owner: 'task "main" #1', tasksWaiting: 0 }`,
        `Condition { lock: Lock { locked: true, owner: 'task "main" #1', tasksWaiting: 0 }, tasksWaiting: 0 }`,
        `CapacityLimiter { borrowedTokens: 2, totalTokens: 2, borrowers: 'task "main" #1, "somebody"', tasksWaiting: 0 }`,
        `ParkingLot { tasksWaiting: 0, breakers: 'task "main" #1' }`,
      ],
    );
    lot.removeBreaker();
  }),
);

/** Lets a task of its own take something and end. */
async function endedWith<T>(held: T, take: (held: T) => unknown): Promise<T> {
  await openNursery((nursery) => void nursery.startSoon(async () => void await take(held), { name: "careless" }));
  return held;
}

/** Calls that are refused, not because of their arguments: made anew for each law. */
const REFUSED: Record<string, () => Promise<() => Promise<unknown>>> = {
  async "Lock.acquire() by the owner"() {
    const lock = new Lock();
    await lock.acquire();
    return () => lock.acquire();
  },
  async "Lock.acquire() of a broken lock"() {
    const lock = await endedWith(new Lock(), (lock) => lock.acquire());
    return () => lock.acquire();
  },
  async "CapacityLimiter.acquire() by a borrower"() {
    const limiter = new CapacityLimiter(2);
    await limiter.acquire();
    return () => limiter.acquire();
  },
  async "CapacityLimiter.acquire() of a broken limiter"() {
    const limiter = await endedWith(new CapacityLimiter(2), (limiter) => limiter.acquire());
    return () => limiter.acquire({ onBehalfOf: {} });
  },
  async "Condition.acquire() by the owner"() {
    const condition = new Condition();
    await condition.acquire();
    return () => condition.acquire();
  },
  "Condition.wait() without the lock": () => Promise.resolve(() => new Condition().wait()),
  "ParkingLot.park() in a broken lot"() {
    const lot = new ParkingLot();
    lot.breakLot();
    return Promise.resolve(() => lot.park());
  },
  "send() on a closed end"() {
    const [send] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => send.send(1));
  },
  "send() without receivers"() {
    const [send, receive] = openMemoryChannel<number>(1);
    receive.close();
    return Promise.resolve(() => send.send(1));
  },
  "receive() on a closed end"() {
    const [, receive] = openMemoryChannel<number>(1);
    receive.close();
    return Promise.resolve(() => receive.receive());
  },
  "receive() of a channel that has ended"() {
    const [send, receive] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => receive.receive());
  },
  "receiveOrNull() on a closed end"() {
    const [, receive] = openMemoryChannel<number>(1);
    receive.close();
    return Promise.resolve(() => receive.receiveOrNull());
  },
  "next() of a closed end"() {
    const [, receive] = openMemoryChannel<number>(1);
    receive.close();
    return Promise.resolve(() => receive[Symbol.asyncIterator]().next());
  },
  "next() of a closed subscription"() {
    const subscription = openBroadcastChannel<number>(1).subscribe();
    subscription.close();
    return Promise.resolve(() => subscription[Symbol.asyncIterator]().next());
  },
  "receive() of a subscriber that was cut off"() {
    const news = openBroadcastChannel<number>(1, { lag: "error" });
    const subscription = news.subscribe();
    for (let i = 0; i < 2; i++) news.trySend(i);
    return Promise.resolve(() => subscription.receive());
  },
  "send() on a closed broadcast channel"() {
    const news = openBroadcastChannel<number>(1);
    news.close();
    return Promise.resolve(() => news.send(1));
  },
  "changed() of a closed watch"() {
    const [sender, seen] = openWatch(1);
    sender.close();
    return Promise.resolve(() => seen.changed());
  },
  "waitFor() of a closed watch"() {
    const [sender, seen] = openWatch(1);
    sender.close();
    return Promise.resolve(() => seen.waitFor(() => false));
  },
  "select() over channels that have ended"() {
    const [send, receive] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => select({ receive }));
  },
  "select() over a closed end"() {
    const [, receive] = openMemoryChannel<number>(1);
    receive.close();
    return Promise.resolve(() => select({ receive }));
  },
  "select() over a wrapper that has ended"() {
    const [send, receive] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => select({ wrapped: { receive: () => receive.receive() } }));
  },
};

/** Calls that never have to wait. */
const READY: Record<string, () => Promise<() => Promise<unknown>>> = {
  "Lock.acquire()"() {
    const lock = new Lock();
    return Promise.resolve(async () => (await lock.acquire()).release());
  },
  "CapacityLimiter.acquire()"() {
    const limiter = new CapacityLimiter(1);
    return Promise.resolve(async () => (await limiter.acquire()).release());
  },
  "Semaphore.acquire()"() {
    const semaphore = new Semaphore(3);
    return Promise.resolve(async () => (await semaphore.acquire(2)).release());
  },
  "RateLimiter.acquire()"() {
    const limiter = new RateLimiter(1e12, { burst: 1e9 });
    return Promise.resolve(() => limiter.acquire());
  },
  "Barrier.wait() for one": () => Promise.resolve(() => new Barrier(1).wait()),
  "Event.wait()"() {
    const event = new Event();
    event.set();
    return Promise.resolve(() => event.wait());
  },
  "receiveOrNull() at the end"() {
    const [send, receive] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => receive.receiveOrNull());
  },
  "receiveOrNull() of a value"() {
    const [send, receive] = openMemoryChannel<number>(1);
    return Promise.resolve(() => {
      send.trySend(1);
      return receive.receiveOrNull();
    });
  },
  "next() at the end"() {
    const [send, receive] = openMemoryChannel<number>(1);
    send.close();
    return Promise.resolve(() => receive[Symbol.asyncIterator]().next());
  },
  "next() of an iteration over a subscription that was left"() {
    const iterator = openBroadcastChannel<number>(1).subscribe()[Symbol.asyncIterator]();
    void iterator.return?.();
    return Promise.resolve(() => iterator.next());
  },
  "changedOrNull() of a closed watch"() {
    const [sender, seen] = openWatch(1);
    sender.close();
    return Promise.resolve(() => seen.changedOrNull());
  },
  "next() of a closed watch"() {
    const [sender, seen] = openWatch(1);
    sender.close();
    return Promise.resolve(() => seen[Symbol.asyncIterator]().next());
  },
  "waitFor() of what is so"() {
    const [, seen] = openWatch(1);
    return Promise.resolve(() => seen.waitFor(() => true));
  },
  "send() on a broadcast channel without subscribers"() {
    const news = openBroadcastChannel<number>(1);
    return Promise.resolve(() => news.send(1));
  },
  "select() of a value"() {
    const [send, receive] = openMemoryChannel<number>(1);
    return Promise.resolve(() => {
      send.trySend(1);
      return select({ receive });
    });
  },
  "select() of a value of a wrapper"() {
    const [send, receive] = openMemoryChannel<number>(1);
    return Promise.resolve(() => {
      send.trySend(1);
      return select({ wrapped: { receive: () => receive.receive() } });
    });
  },
};

/** So many rounds without a turn of the event loop count as starving it. */
const TOO_MANY = 200_000;

for (const [name, open] of Object.entries({ ...REFUSED, ...READY })) {
  Deno.test(`a loop of ${name} lets timers fire, and notices a timeout`, async () => {
    await run(async () => {
      const call = await open();
      let calls = 0;
      let errors = 0;
      const loop = async (goOn: () => boolean) => {
        for (calls = 0; goOn(); calls++) {
          if (calls === TOO_MANY) throw new RangeError("the event loop was starved");
          await call().catch((error) => {
            if (isCancelled(error)) throw error;
            errors++;
          });
        }
      };
      let fired = false;
      const timer = setTimeout(() => void (fired = true), 0);
      await loop(() => !fired);
      clearTimeout(timer);
      assertEquals(errors > 0, name in REFUSED);
      const outcome = await moveOnAfter(1, () => loop(() => true));
      assert(outcome.cancelledCaught);
    }, { handleSignals: false });
  });
}

Deno.test("a loop of RateLimiter.acquire() that is refused, as another run waits, lets timers fire", async () => {
  const limiter = new RateLimiter(0.001);
  const still = { now: () => 0, wall: () => 0, at: () => ({ deadline: 0, cancel: () => {} }) };
  const scope = new CancelScope();
  const other = run(() =>
    scope.run(async () => {
      await limiter.acquire();
      await limiter.acquire();
    }), { handleSignals: false, clock: still });
  await turn();
  await run(async () => {
    let fired = false;
    const timer = setTimeout(() => void (fired = true), 0);
    for (let calls = 0; !fired; calls++) {
      assert(calls < TOO_MANY, "the event loop was starved");
      await assertRejects(() => limiter.acquire(), TypeError, "can be waited for in one run at a time");
    }
    clearTimeout(timer);
  }, { handleSignals: false });
  scope.cancel();
  await other;
});

/** Waits, and how many of them are in line. */
const WAITS: Record<string, () => { wait(): Promise<unknown>; waiting(): number }> = {
  "Event.wait()"() {
    const event = new Event();
    return { wait: () => event.wait(), waiting: () => event.statistics().tasksWaiting };
  },
  "Semaphore.acquire()"() {
    const semaphore = new Semaphore(0);
    return { wait: () => semaphore.acquire(3), waiting: () => semaphore.statistics().tasksWaiting };
  },
  "CapacityLimiter.acquire()"() {
    const limiter = new CapacityLimiter(0);
    return { wait: () => limiter.acquire(), waiting: () => limiter.statistics().tasksWaiting };
  },
  "RateLimiter.acquire()"() {
    const limiter = new RateLimiter(1e-6);
    limiter.tryAcquire();
    return { wait: () => limiter.acquire(), waiting: () => limiter.statistics().tasksWaiting };
  },
  "Barrier.wait()"() {
    const barrier = new Barrier(1_000_000);
    return { wait: () => barrier.wait(), waiting: () => barrier.statistics().tasksWaiting };
  },
  "ParkingLot.park()"() {
    const lot = new ParkingLot();
    return { wait: () => lot.park(), waiting: () => lot.size };
  },
  "send()"() {
    const [send] = openMemoryChannel<number>(0);
    return { wait: () => send.send(1), waiting: () => send.statistics().tasksWaitingSend };
  },
  "receive()": () => receiving((end) => end.receive()),
  "receiveOrNull()": () => receiving((end) => end.receiveOrNull()),
  "next()": () => receiving((end) => end[Symbol.asyncIterator]().next()),
  "receive() of a subscription"() {
    const subscription = openBroadcastChannel<number>(1).subscribe();
    return { wait: () => subscription.receive(), waiting: () => subscription.statistics().tasksWaitingReceive };
  },
  "send() on a broadcast channel"() {
    const news = openBroadcastChannel<number>(1);
    news.subscribe();
    news.trySend(1);
    return { wait: () => news.send(2), waiting: () => news.statistics().tasksWaitingSend };
  },
  "changed()": () => watching((seen) => seen.changed()),
  "changedOrNull()": () => watching((seen) => seen.changedOrNull()),
  "waitFor()": () => watching((seen) => seen.waitFor(() => false)),
  "select()"() {
    const [, one] = openMemoryChannel<number>(1);
    const [, other] = openMemoryChannel<number>(1);
    const waiting = () => one.statistics().tasksWaitingReceive + other.statistics().tasksWaitingReceive;
    return { wait: () => select({ one, other }), waiting };
  },
  "select() over wrappers"() {
    const [, one] = openMemoryChannel<number>(1);
    const [, other] = openMemoryChannel<number>(1);
    const waiting = () => one.statistics().tasksWaitingReceive + other.statistics().tasksWaitingReceive;
    const wrapped = { receive: () => other.receive() };
    return { wait: () => select({ one, wrapped }), waiting };
  },
};

function receiving(wait: (end: MemoryReceiveChannel<number>) => Promise<unknown>) {
  const [, receive] = openMemoryChannel<number>(0);
  return { wait: () => wait(receive), waiting: () => receive.statistics().tasksWaitingReceive };
}

function watching(wait: (seen: WatchReceiver<number>) => Promise<unknown>) {
  const [sender, seen] = openWatch(1);
  // It has no statistics: the console shows how many there are.
  return { wait: () => wait(seen), waiting: () => Number(/tasksWaiting: (\d+)/.exec(Deno.inspect(sender))?.[1]) };
}

for (const [name, open] of Object.entries(WAITS)) {
  Deno.test(
    `${name}: 10,000 waits that are given up leave nothing in line`,
    simulated(async () => {
      const { wait, waiting } = open();
      for (let i = 0; i < 10_000; i++) {
        await new CancelScope().run(async (scope) => {
          const promise = wait();
          // What takes steps first has to get to its wait.
          for (let step = 0; step < 20 && waiting() === 0; step++) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          assert(waiting() > 0, "nobody waits");
          scope.cancel();
          await promise.catch(() => {});
        });
      }
      assertEquals(waiting(), 0);
    }),
  );
}

Deno.test(
  "a task that waits for what it holds, or waits for already, is refused at the call",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    const limiter = new CapacityLimiter(1);
    const messages: string[] = [];
    const note = (error: Error) => void messages.push(error.message);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        using _token = await limiter.acquire();
        await sleep(10);
      });
      await sleep(1);
      const held = [lock.acquire(), limiter.acquire()];
      await lock.acquire().catch(note);
      await limiter.acquire().catch(note);
      assertThrows(() => lock.tryAcquire(), TypeError, "waits for it already");
      for (const guard of held) (await guard).release();
    });
    assertEquals(messages, [
      'Cannot acquire lock "db" as task "main" #1 waits for it already, and would wait for itself: acquire it in tasks of their own',
      'Cannot acquire as each borrower can have one token: task "main" #1 is waiting for one already, say acquire({ onBehalfOf }) to borrow for another',
    ]);
  }),
);

Deno.test("what wakes may be called again from a schedule of the user's, and ends", async () => {
  const lot = new ParkingLot();
  const [event, barrier, semaphore] = [new Event(), new Barrier(3), new Semaphore(0)];
  const [sender] = openWatch(0);
  let depth = 0;
  const schedule = (resume: () => void): void => {
    if (depth < 3) {
      depth++;
      // Waits and wakes in the middle of a wake.
      void lot.park().catch(() => {});
      lot.unparkAll();
      event.set();
      semaphore.release();
      sender.set(depth);
      void barrier.wait().catch(() => {});
      depth--;
    }
    resume();
  };
  await run(() =>
    moveOnAfter(5, () =>
      openNursery(async (nursery) => {
        for (let i = 0; i < 5; i++) {
          nursery.startSoon(() => lot.park());
          nursery.startSoon(() => event.wait());
          nursery.startSoon(() => semaphore.acquire(2));
          nursery.startSoon(() => barrier.wait());
        }
        await checkpoint();
        lot.unparkAll();
        nursery.cancel();
      })), { handleSignals: false, schedule, forgotten: "ignore" }).catch((error) => {
      // The waits of the schedule itself are nobody's, and are named.
      assert(`${error}`.includes("await"), `${error}`);
    });
});

Deno.test(
  "a primitive whose holder has ended is broken, and says whose end it was",
  simulated(async () => {
    const [lock, limiter, lot] = [new Lock(), new CapacityLimiter(3), new ParkingLot()];
    const messages: string[] = [];
    await openNursery(async (nursery) => {
      for (const wait of [() => lock.acquire(), () => lot.park()]) {
        nursery.startSoon(async () => {
          await sleep(1);
          await wait().catch((error) => {
            assert(error instanceof BrokenResourceError);
            messages.push(error.message);
          });
        });
      }
      nursery.startSoon(async () => {
        await lock.acquire();
        await limiter.acquire();
        lot.addBreaker();
        await sleep(2);
        await checkpoint();
      }, { name: "careless" });
      await sleep(5);
      await limiter.acquire().catch(({ message }) => messages.push(message));
      assertEquals(currentTask().name, "main");
    });
    assertEquals(messages.length, 3);
    for (const message of messages) assert(/task "careless" #4/.test(message), message);
  }),
);
