import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  all,
  CancelScope,
  checkpoint,
  ClosedResourceError,
  EndOfChannel,
  failAfter,
  type MemoryReceiveChannel,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  type ReceiveChannel,
  receiverFromReadable,
  run,
  select,
  type Selectable,
  sleep,
} from "../mod.ts";

Deno.test(
  "select() takes one value from whichever channel has one first, and says which",
  simulated(async (sim) => {
    const [sendA, a] = openMemoryChannel<number>(0);
    const [sendB, b] = openMemoryChannel<string>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(10);
        await sendB.send("b");
        await sleep(10);
        await sendA.send(1);
      });
      const first = await select({ a, b });
      assertEquals([first, sim.now], [{ from: "b", value: "b" }, 10]);
      assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
      const second = await select({ a, b });
      if (second.from === "a") assertEquals(second.value.toFixed(1), "1.0");
      else throw new Error("the type says that this is a string" satisfies typeof second.value);
    });
  }),
);

Deno.test(
  "select() looks in order if asked to, and otherwise begins anywhere, so that none starves",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(Infinity);
    const [sendB, b] = openMemoryChannel<number>(Infinity);
    for (let n = 0; n < 100; n++) [sendA, sendB].forEach((end) => end.trySend(n));
    for (let n = 0; n < 20; n++) assertEquals(await select({ a, b }, { inOrder: true }), { from: "a", value: n });
    const counts = { a: 0, b: 0 };
    for (let n = 0; n < 60; n++) counts[(await select({ a, b })).from]++;
    assert(counts.a > 10 && counts.b > 10, JSON.stringify(counts));
  }),
);

Deno.test(
  "select() passes over channels that have ended, until all have; then, or with one closed, it fails",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [sendB, b] = openMemoryChannel<number>(1);
    sendA.close();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        await sendB.send(2);
        await sleep(1);
        sendB.close();
      });
      assertEquals(await select({ a, b }), { from: "b", value: 2 });
      await assertRejects(() => select({ a, b }), EndOfChannel);
    });
    await assertRejects(() => select({ a, b }), EndOfChannel);
    const [, c] = openMemoryChannel<number>(1);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertRejects(() => select({ b, c }), ClosedResourceError, "closed meanwhile"));
      await sleep(1);
      c.close();
    });
    await assertRejects(() => select({ c }), ClosedResourceError, "Cannot receive as this receiving end is closed");
  }),
);

Deno.test(
  "a channel that ends while several are waited for does not disturb the others",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(0);
    const [sendB, b] = openMemoryChannel<number>(0);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => select({ a, b }));
      await sleep(1);
      sendA.close();
      await sleep(1);
      await sendB.send(1);
      assertEquals(await waiting.join(), { from: "b", value: 1 });
      const last = nursery.startSoon(() => assertRejects(() => select({ a, b }), EndOfChannel));
      await sleep(1);
      sendB.close();
      await last.join();
    });
  }),
);

Deno.test(
  "a cancelled select() takes nothing and waits nowhere; one that was given a value keeps it",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [, b] = openMemoryChannel<number>(1);
    assert((await moveOnAfter(5, () => select({ a, b }))).cancelledCaught);
    assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
    sendA.trySend(1);
    assert((await moveOnAfter(0, () => select({ a, b }))).cancelledCaught);
    assertEquals(a.tryReceive(), 1);
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => scope.run(() => select({ a, b })));
      await sleep(1);
      sendA.trySend(2);
      scope.cancel();
      assertEquals(await waiting.join(), { cancelledCaught: false, value: { from: "a", value: 2 } });
    });
  }),
);

Deno.test(
  "select() works on subscriptions, and the same channel may be there twice",
  simulated(async () => {
    const hub = openBroadcastChannel<number>(1);
    using news = hub.subscribe();
    const [, other] = openMemoryChannel<number>(1);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => select({ news, again: news, other }));
      await sleep(1);
      hub.trySend(7);
      const { from, value } = await waiting.join();
      assert(value === 7 && from !== "other");
    });
    assertEquals(news.statistics().tasksWaitingReceive, 0);
  }),
);

Deno.test("select() refuses what is no channel, and none at all", async () => {
  await assertRejects(
    () => select({} as Record<string, ReceiveChannel<number>>),
    TypeError,
    'Cannot select as "channels" must have at least one channel: received none',
  );
  await assertRejects(
    () => select({ x: {} as MemoryReceiveChannel<number> }),
    TypeError,
    'Cannot select as "x" must have a receive(), as the receiving end of a channel: received an object of type Object',
  );
  const [, receive] = openMemoryChannel<number>(1);
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  for (const channels of [null, 5, [], { a: null }, { a: undefined }, { a: receive, b: revoked.proxy }]) {
    await assertRejects(() => select(channels as never), TypeError, "Cannot select as");
  }
  for (const [options, message] of [[5, '"options" must be an object'], [{ inOrder: 1 }, '"inOrder" must be true']]) {
    await assertRejects(() => select({ receive }, options as never), TypeError, `Cannot select as ${message}`);
  }
});

Deno.test("select() takes what its type takes: what cannot be received from does not compile, and is refused", async () => {
  const [send, receive] = openMemoryChannel<number>(1);
  const [, seen] = openWatch(0);
  const hub = openBroadcastChannel<number>(1);
  const wrong: (() => Promise<unknown>)[] = [
    // @ts-expect-error no channel
    () => select({}),
    // @ts-expect-error a sending end
    () => select({ receive, send }),
    // @ts-expect-error a broadcast channel, and no subscription to it
    () => select({ receive, hub }),
    // @ts-expect-error the receiver of a watch, which is no channel: `{ receive: () => seen.changed() }` is
    () => select({ receive, seen }),
    // @ts-expect-error nothing
    () => select({ receive, missing: undefined }),
  ];
  for (const call of wrong) await assertRejects(call, TypeError, "Cannot select as");
  // @ts-expect-error a list, whose channels have no names
  const list = (): Promise<unknown> => select([receive]);
  // @ts-expect-error a receive() that waits for nothing
  const ready = (): Promise<unknown> => select({ ready: { receive: () => 5 } });
  // @ts-expect-error a receive() that wants to be told something
  const told = (): Promise<unknown> => select({ told: { receive: (count: number) => Promise.resolve(count) } });
  assertEquals([list, ready, told].length, 3);
});

Deno.test("select() takes a record of any size, an interface, and a type parameter", async () => {
  interface Inputs {
    readonly commands: ReceiveChannel<string>;
    readonly work: MemoryReceiveChannel<number>;
  }
  const [commands, work] = [openMemoryChannel<string>(1), openMemoryChannel<number>(1)];
  const inputs: Inputs = { commands: commands[1], work: work[1] };
  commands[0].trySend("stop");
  const chosen = await select(inputs);
  assertEquals(chosen.from === "commands" ? chosen.value.length : chosen.value.toFixed(), 4);
  async function next<T>(inputs: Record<string, ReceiveChannel<T>>): Promise<T> {
    return (await select(inputs)).value;
  }
  work[0].trySend(7);
  assertEquals(await next<string | number>({ ...inputs }), 7);
  work[0].trySend(8);
  // Names are texts at run time, and so they are in the type.
  const { from }: { from: "1" | "2" } = await select({ 1: commands[1], 2: work[1] });
  assertEquals(from, "2");
});

/** A receiving end that counts, as a user may write it. */
function traced<T>(inner: ReceiveChannel<T>): ReceiveChannel<T> & { readonly count: number } {
  return {
    count: 0,
    async receive() {
      const value = await inner.receive();
      (this as { count: number }).count++;
      return value;
    },
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    [Symbol.asyncIterator]: () => inner[Symbol.asyncIterator](),
  };
}

/** Ways in which something may be built on a receiving end. */
const WRAPPERS: Record<string, <T>(inner: MemoryReceiveChannel<T>) => Selectable<T>> = {
  "that calls it": (inner) => ({ receive: () => inner.receive() }),
  "that counts": traced,
  "that does something first": (inner) => ({
    async receive() {
      await checkpoint();
      return await inner.receive();
    },
  }),
  "with scopes and tasks of its own": <T>(inner: MemoryReceiveChannel<T>) => ({
    receive: async (): Promise<T> => (await all([() => failAfter(60_000, () => inner.receive())]))[0],
  }),
  "over its iterator": <T>(inner: MemoryReceiveChannel<T>) => {
    const iterator = inner[Symbol.asyncIterator]();
    return {
      async receive(): Promise<T> {
        const result = await iterator.next();
        if (result.done) throw new EndOfChannel("over");
        return result.value;
      },
    };
  },
  "that asks without waiting first": <T>(inner: MemoryReceiveChannel<T>) => ({
    async receive(): Promise<T> {
      return inner.tryReceive() ?? await inner.receive();
    },
  }),
  "of a wrapper": (inner) => {
    const wrapper = traced(inner);
    return { receive: () => wrapper.receive() };
  },
};

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  Deno.test(
    `select() over something ${name}: takes one value, of whichever has one first, and leaves the others`,
    simulated(async (sim) => {
      const [sendA, a] = openMemoryChannel<number>(1);
      const [sendB, b] = openMemoryChannel<number>(1);
      const wrapped = { a: wrap(a), b: wrap(b) };
      sendA.trySend(1);
      sendB.trySend(2);
      assertEquals(await select(wrapped, { inOrder: true }), { from: "a", value: 1 });
      assertEquals(await select(wrapped, { inOrder: true }), { from: "b", value: 2 });
      await openNursery(async (nursery) => {
        const waiting = nursery.startSoon(() => select({ ...wrapped, c: openMemoryChannel<number>(0)[1] }));
        await sleep(5);
        // Both in one step: one of them is taken.
        sendB.trySend(3);
        sendA.trySend(4);
        assertEquals([await waiting.join(), sim.now], [{ from: "b", value: 3 }, 5]);
        assertEquals([a.tryReceive(), a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [
          4,
          0,
          0,
        ]);
      });
    }),
  );

  Deno.test(
    `select() over something ${name}: an end of ours beside it may be first, and the end of all is EndOfChannel`,
    simulated(async () => {
      const [sendA, a] = openMemoryChannel<number>(0);
      const [sendB, b] = openMemoryChannel<number>(0);
      await openNursery(async (nursery) => {
        const first = nursery.startSoon(() => select({ a: wrap(a), b }));
        await sleep(1);
        sendB.trySend(1);
        assertEquals(await first.join(), { from: "b", value: 1 });
        assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
        const second = nursery.startSoon(() => select({ a: wrap(a), b }));
        await sleep(1);
        sendB.close();
        await sleep(1);
        sendA.trySend(2);
        assertEquals(await second.join(), { from: "a", value: 2 });
        const third = nursery.startSoon(() => assertRejects(() => select({ a: wrap(a), b }), EndOfChannel));
        await sleep(1);
        sendA.close();
        await third.join();
        await assertRejects(() => select({ a: wrap(a), b }), EndOfChannel);
      });
    }),
  );

  Deno.test(
    `select() over something ${name}: cancelled, it takes nothing; given a value, it keeps it; closed, it fails`,
    simulated(async () => {
      const [send, a] = openMemoryChannel<number>(1);
      const [, b] = openMemoryChannel<number>(1);
      assert((await moveOnAfter(5, () => select({ a: wrap(a), b }))).cancelledCaught);
      assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        const waiting = nursery.startSoon(() => scope.run(() => select({ a: wrap(a), b })));
        await sleep(1);
        send.trySend(2);
        // Cancelled while the value is on its way through the wrapper.
        scope.cancel();
        const outcome = await waiting.join();
        if (outcome.cancelledCaught) assertEquals(name, "with scopes and tasks of its own");
        else assertEquals(outcome.value, { from: "a", value: 2 });
        nursery.startSoon(() => assertRejects(() => select({ a: wrap(a), b }), ClosedResourceError));
        await sleep(1);
        a.close();
      });
    }),
  );
}

Deno.test(
  "select() over something that throws values away goes on with all of them",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [sendB, b] = openMemoryChannel<number>(1);
    const even = {
      async receive() {
        for (let value = await a.receive();; value = await a.receive()) if (value % 2 === 0) return value;
      },
    };
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => select({ even, b }));
      await sleep(1);
      sendA.trySend(1);
      await sleep(1);
      sendB.trySend(7);
      assertEquals(await first.join(), { from: "b", value: 7 });
      const second = nursery.startSoon(() => select({ even, b }));
      await sleep(1);
      // What comes while the wrapper is about to throw a value away.
      sendA.trySend(3);
      sendB.trySend(8);
      assertEquals(await second.join(), { from: "b", value: 8 });
      const third = nursery.startSoon(() => select({ even, b }));
      await sleep(1);
      sendA.trySend(5);
      await sleep(1);
      sendA.trySend(6);
      assertEquals(await third.join(), { from: "even", value: 6 });
    });
  }),
);

Deno.test(
  "select() asks what it has not asked yet when something that was ready throws its value away",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [sendB, b] = openMemoryChannel<number>(1);
    const never = {
      async receive(): Promise<number> {
        while (true) await a.receive();
      },
    };
    sendA.trySend(1);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() =>
        select({ never, wrapped: { receive: () => b.receive() } }, { inOrder: true })
      );
      await sleep(1);
      sendB.trySend(2);
      assertEquals(await waiting.join(), { from: "wrapped", value: 2 });
      sendA.trySend(3);
      const last = nursery.startSoon(() =>
        select({ never, wrapped: { receive: () => b.receive() } }, { inOrder: true })
      );
      await sleep(1);
      sendA.close();
      sendB.trySend(4);
      assertEquals(await last.join(), { from: "wrapped", value: 4 });
    });
  }),
);

Deno.test("select() takes no chunk of a ReadableStream in vain: what is not chosen is received next, in order", () =>
  // In a run of its own, whose turns are not spent yet: the stream answers before the select() goes on.
  run(async () => {
    const [send, receive] = openMemoryChannel<number>(Infinity);
    await using chunks = receiverFromReadable(ReadableStream.from([10, 20, 30, 40]));
    for (let n = 1; n <= 4; n++) send.trySend(n);
    assertEquals(await select({ chunks, receive }, { inOrder: true }), { from: "receive", value: 1 });
    assertEquals(await chunks.receive(), 10);
    await openNursery(async (nursery) => {
      const other = nursery.startSoon(() => chunks.receive());
      const chosen = await select({ chunks, receive }, { inOrder: true });
      assertEquals([chosen.value, await other.join(), await chunks.receive()], [2, 20, 30]);
    });
    const large = {
      async receive(): Promise<number> {
        for (let value = await receive.receive();; value = await receive.receive()) if (value > 9) return value;
      },
    };
    // The wrapper lets go of what it was chosen for; then the chunk that waits is taken.
    assertEquals(await select({ large, chunks }, { inOrder: true }), { from: "chunks", value: 40 });
    assertEquals(receive.statistics().currentBufferUsed, 0);
  }, { handleSignals: false }));

Deno.test(
  "select(): what a foreign source gives or throws beside the chosen one is kept for the next time",
  simulated(async () => {
    let receives = 0;
    const answers = [Promise.withResolvers<number>(), Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const foreign = { receive: () => answers[receives++]!.promise };
    const [send, receive] = openMemoryChannel<number>(1);
    for (const [value, how] of [[1, "gives"], [2, "throws"]] as const) {
      await openNursery(async (nursery) => {
        const waiting = nursery.startSoon(() => select({ receive, foreign }));
        await sleep(1);
        send.trySend(value);
        if (how === "gives") answers[0]!.resolve(42);
        else answers[1]!.reject(new RangeError("mine"));
        assertEquals(await waiting.join(), { from: "receive", value });
      });
      if (how === "gives") assertEquals(await select({ receive, foreign }), { from: "foreign", value: 42 });
      else await assertRejects(() => select({ receive, foreign }), RangeError, "mine");
    }
    answers[2]!.resolve(43);
    assertEquals([await select({ receive, foreign }), receives], [{ from: "foreign", value: 43 }, 3]);
  }),
);

Deno.test(
  "select() works over a ReadableStream, and over subscriptions, which it does not end",
  simulated(async () => {
    await using chunks = receiverFromReadable(ReadableStream.from(["a"]));
    const [, other] = openMemoryChannel<number>(1);
    assertEquals(await select({ chunks, other }), { from: "chunks", value: "a" });
    const news = openBroadcastChannel<number>(1);
    const iterator = news.subscribe()[Symbol.asyncIterator]();
    const wrapped = { receive: async () => (await iterator.next()).value as number };
    assert((await moveOnAfter(1, () => select({ wrapped, other }))).cancelledCaught);
    await openNursery(async (nursery) => {
      const [send, own] = openMemoryChannel<number>(1);
      const waiting = nursery.startSoon(() => select({ wrapped, own }));
      await sleep(1);
      send.trySend(1);
      await waiting.join();
    });
    assertEquals(news.statistics().subscribers, 1);
    news.trySend(5);
    assertEquals(await select({ wrapped, other }), { from: "wrapped", value: 5 });
  }),
);

const AS_THEY_ARE = <T>(inner: MemoryReceiveChannel<T>): Selectable<T> => inner;
for (const [name, wrap] of Object.entries({ "the ends": AS_THEY_ARE, ...WRAPPERS })) {
  // A task between loses what it was about to give when it is cancelled.
  if (name === "with scopes and tasks of its own") continue;
  Deno.test(`select() over ${name}: random steps with cancellations lose and repeat nothing`, () => storm(wrap));
}

async function storm(wrap: <T>(inner: MemoryReceiveChannel<T>) => Selectable<T>): Promise<void> {
  for (let seed = 1; seed <= (wrap === AS_THEY_ARE ? 5 : 1); seed++) {
    await simulate(async (sim) => {
      const channels = Array.from({ length: 3 }, (_, i) => openMemoryChannel<number>(i));
      const sent: number[] = [];
      const received: number[] = [];
      let next = 0;
      await openNursery(async (nursery) => {
        for (let reader = 0; reader < 4; reader++) {
          nursery.startSoon(async () => {
            const mine = Object.fromEntries(channels.map(([, receive], i) => [`c${i}`, wrap(receive)]));
            while (true) {
              try {
                await moveOnAfter(Math.floor(sim.random() * 5), async () => {
                  received.push((await select(mine)).value);
                });
              } catch (error) {
                if (error instanceof EndOfChannel) return;
                throw error;
              }
              if (sim.random() < 0.5) await sleep(Math.floor(sim.random() * 3));
            }
          });
        }
        await openNursery((nursery) => {
          for (const [send] of channels) {
            for (let writer = 0; writer < 2; writer++) {
              nursery.startSoon(async () => {
                for (let step = 0; step < 100; step++) {
                  await moveOnAfter(Math.floor(sim.random() * 5), async () => {
                    const value = next++;
                    await send.send(value);
                    sent.push(value);
                  });
                }
              });
            }
          }
        });
        for (const [send] of channels) send.close();
      });
      assert(sent.length > 100, `${sent.length}`);
      assertEquals(received.toSorted((a, b) => a - b), sent.toSorted((a, b) => a - b));
    }, { seed });
  }
}

for (let seed = 1; seed <= 5; seed++) {
  Deno.test(`select() over a ReadableStream: random steps with cancellations lose and repeat nothing (seed ${seed})`, () =>
    simulate(async (sim) => {
      const { readable, writable } = new TransformStream<number>();
      const [send, other] = openMemoryChannel<number>(1);
      const got = { chunks: [] as number[], other: [] as number[] };
      await using chunks = receiverFromReadable(readable);
      await openNursery(async (nursery) => {
        for (let reader = 0; reader < 3; reader++) {
          nursery.startSoon(async () => {
            const ends = { chunks: reader === 0 ? chunks : { receive: () => chunks.receive() }, other };
            while (got.chunks.length + got.other.length < 200) {
              await moveOnAfter(Math.floor(sim.random() * 4), async () => {
                const { from, value } = await select(ends);
                got[from].push(value);
              });
              if (reader === 1) {
                await moveOnAfter(Math.floor(sim.random() * 3), async () => {
                  got.chunks.push(await chunks.receive());
                });
              }
            }
          }, { daemon: true });
        }
        const writer = writable.getWriter();
        for (let n = 0; n < 100; n++) {
          if (sim.random() < 0.5) await sleep(Math.floor(sim.random() * 3));
          await Promise.all([writer.write(n), send.send(n)]);
        }
        while (got.chunks.length + got.other.length < 200) await sleep(1);
      });
      const all = Array.from({ length: 100 }, (_, n) => n);
      assertEquals([got.chunks.toSorted((a, b) => a - b), got.other.toSorted((a, b) => a - b)], [all, all]);
    }, { seed }));
}

Deno.test(
  "closing an end ends all waits on it, also behind a select() that has it twice",
  simulated(async () => {
    const [, receive] = openMemoryChannel<number>(0);
    const log: string[] = [];
    const note = (name: string) => (error: Error) => void log.push(`${name}: ${error.name}`);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => select({ a: receive, b: receive }).catch(note("select")));
      nursery.startSoon(() => receive.receive().catch(note("receive")));
      await sleep(1);
      receive.close();
    });
    assertEquals(log, ["select: ClosedResourceError", "receive: ClosedResourceError"]);
  }),
);

Deno.test("select() notices an end that is closed wherever it begins, and takes nothing then", async () => {
  for (let seed = 0; seed < 10; seed++) {
    await simulate(async () => {
      const [send, ready] = openMemoryChannel<number>(1);
      const [, closed] = openMemoryChannel<number>(1);
      send.trySend(1);
      closed.close();
      await assertRejects(
        () => select({ ready, closed }),
        ClosedResourceError,
        "Cannot receive as this receiving end is closed",
      );
      assertEquals(ready.tryReceive(), 1);
    }, { seed });
  }
});

Deno.test("select() works with random numbers that are none, and rejects when there are none to be had", async () => {
  for (const random of [() => NaN, () => -1, () => Infinity, () => 7.5]) {
    await run(async () => {
      const [send, a] = openMemoryChannel<number>(1);
      const [, b] = openMemoryChannel<number>(1);
      send.trySend(1);
      assertEquals(await select({ a, b }), { from: "a", value: 1 });
    }, { random, handleSignals: false });
  }
  const random = () => {
    throw new RangeError("no more");
  };
  await run(async () => {
    const [, a] = openMemoryChannel<number>(1);
    await assertRejects(() => select({ a }), RangeError, "no more");
  }, { random, handleSignals: false });
});
