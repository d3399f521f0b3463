import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { abortable, deadline, delay, MuxAsyncIterator, pooledMap, retry as stdRetry } from "@std/async";
import { AsyncLocalStorage } from "node:async_hooks";
import { simulated, sweepCancel } from "../testing/mod.ts";
import {
  all,
  allSettled,
  any,
  asCompleted,
  cancellable,
  CancelScope,
  currentSignal,
  EndOfChannel,
  failAfter,
  forEach,
  isCancelled,
  map,
  moveOnAfter,
  type Nursery,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  race,
  retry,
  select,
  shielded,
  sleep,
  sleepForever,
  toChannel,
  TooSlowError,
  withSignal,
} from "./mod.ts";

// Other people's code in scopes, nurseries and simulated time: first @std/async, then AsyncLocalStorage.

const never = () => new Promise<never>(() => {});

/** Counts upwards, a number each `ms`. */
async function* ticks(ms: number, end = Infinity): AsyncGenerator<number> {
  for (let n = 1; n <= end; n++) {
    await sleep(ms);
    yield n;
  }
}

Deno.test(
  "delay() with currentSignal() ends with its scope, and rejects with the Cancelled",
  simulated(async (sim) => {
    let reason: unknown;
    const outcome = await moveOnAfter(50, () =>
      delay(60_000, { signal: currentSignal() }).catch((error) => {
        reason = error;
        throw error;
      }));
    assert(outcome.cancelledCaught);
    assertStrictEquals(reason, outcome.cancelled);
    assertEquals(sim.now, 50);
  }),
);

Deno.test(
  "delay() without a signal ends at its own time; cancellable() leaves it behind at once",
  simulated(async (sim) => {
    const deaf = await moveOnAfter(50, () => delay(80));
    assert(!deaf.cancelledCaught);
    assertEquals(sim.now, 80);
    const outcome = await moveOnAfter(50, () => cancellable(delay(80)));
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 130);
    await sleep(30);
  }),
);

Deno.test(
  "a child that fails ends its sibling's delay() through the sibling's currentSignal()",
  simulated(async (sim) => {
    const error = await assertRejects(() =>
      openNursery((nursery) => {
        nursery.startSoon(() => delay(60_000, { signal: currentSignal() }));
        nursery.startSoon(async () => {
          await delay(7);
          throw new RangeError("sibling");
        });
      }), AggregateError);
    assertEquals(error.errors.map(String), ["RangeError: sibling"]);
    assertEquals(sim.now, 7);
  }),
);

Deno.test(
  "currentSignal() under a shield is the shield's own: delay() goes on until that is cancelled",
  simulated(async (sim) => {
    await moveOnAfter(
      10,
      () => shielded(() => delay(60_000, { signal: currentSignal() }), { timeout: 100 }),
    );
    assertEquals(sim.now, 100);
  }),
);

Deno.test(
  "retry() of @std/async tries again in virtual time; each attempt may have a timeout of ours",
  simulated(async (sim) => {
    const times: number[] = [];
    const value = await stdRetry(() => {
      times.push(sim.now);
      return failAfter(500, () => sleep(times.length < 4 ? 60_000 : 1).then(() => "value"));
    }, { jitter: 0 });
    assertEquals(value, "value");
    assertEquals(times, [0, 1_500, 4_000, 8_500]);
  }),
);

Deno.test(
  "retry() of @std/async gives up with the TooSlowError of ours as the cause",
  simulated(async (sim) => {
    const error = await assertRejects(
      () => stdRetry(() => failAfter(10, sleepForever), { jitter: 0, maxAttempts: 2, minTimeout: 100 }),
      Error,
    );
    assertEquals([error.name, sim.now], ["RetryError", 120]);
    assertInstanceOf(error.cause, TooSlowError);
  }),
);

Deno.test(
  "retry() of @std/async takes a cancellation for a failure; its further attempts get no further than their first wait",
  simulated(async (sim) => {
    const attempts: string[] = [];
    const error = await assertRejects(() =>
      moveOnAfter(50, () =>
        stdRetry(async () => {
          attempts.push(`begun at ${sim.now}`);
          await sleep(100);
          attempts.push("not reached");
        }, { jitter: 0, minTimeout: 10, maxAttempts: 3 })), Error);
    assertEquals(attempts, ["begun at 0", "begun at 60", "begun at 80"]);
    // What leaves the scope is an error of its own. To be cancelled at once, retry() of ours is to be used.
    assert(error.name === "RetryError" && isCancelled(error.cause));
  }),
);

Deno.test(
  "retry() of ours around code of @std/async: the deadline of the scope counts, a cancellation is not tried again",
  simulated(async (sim) => {
    const times: number[] = [];
    const attempt = () => {
      times.push(sim.now);
      return deadline(never(), 10);
    };
    const error = await assertRejects(
      () => retry(attempt, { attempts: 3, jitter: 0, backoff: { initial: 100 } }),
      Error,
    );
    assertEquals([error.name, ...times], ["TimeoutError", 0, 110, 320]);
    const outcome = await moveOnAfter(5, () => retry(() => delay(60_000, { signal: currentSignal() })));
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 335);
  }),
);

Deno.test(
  "deadline() times out in virtual time, passes a value on, and yields to the scope around it",
  simulated(async (sim) => {
    const error = await assertRejects(() => deadline(never(), 5_000), Error);
    assertEquals([error.name, sim.now], ["TimeoutError", 5_000]);
    assertEquals(await deadline(sleep(10).then(() => "value"), 60_000), "value");
    assertEquals(sim.now, 5_010);
    const outcome = await moveOnAfter(90, () => deadline(never(), 60_000, { signal: currentSignal() }));
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 5_100);
    // A wait of ours inside needs no signal.
    const inner = await moveOnAfter(100, () => deadline(sleepForever(), 60_000));
    assert(inner.cancelledCaught);
    assertEquals(sim.now, 5_200);
  }),
);

Deno.test(
  "deadline() around a wait of ours leaves that running until its scope ends, and then it is cancelled",
  simulated(async (sim) => {
    let end = "";
    await openNursery(async (nursery) => {
      await assertRejects(() =>
        deadline(
          sleep(60_000).catch((error) => {
            end = `${isCancelled(error) ? "cancelled" : "failed"} at ${sim.now}`;
          }),
          10,
        )
      );
      await sleep(5);
      assertEquals(end, "");
      nursery.cancel();
    });
    await sleep(1);
    assertEquals(end, "cancelled at 15");
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "abortable() of a promise rejects with the Cancelled of the scope whose signal it has",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(30, () => abortable(never(), currentSignal()));
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 30);
    const scope = new CancelScope();
    scope.cancel("before");
    const refused = await scope.run(() => abortable(never(), currentSignal()));
    assert(refused.cancelledCaught);
    assertEquals(refused.cancelled.reason, "before");
    const { signal } = new AbortController();
    assertEquals(await abortable(delay(5).then(() => "value"), signal), "value");
  }),
);

Deno.test(
  "abortable() of an async iterable ends with the scope, in the middle of a loop",
  simulated(async (sim) => {
    const seen: number[] = [];
    const outcome = await moveOnAfter(35, async () => {
      for await (const n of abortable(ticks(10), currentSignal())) seen.push(n);
    });
    assert(outcome.cancelledCaught);
    assertEquals([sim.now, ...seen], [35, 1, 2, 3]);
  }),
);

Deno.test(
  "withSignal() makes a function of ours one that abortable(), and any other caller with a signal, can end",
  simulated(async (sim) => {
    const controller = new AbortController();
    const work = () => withSignal(controller.signal, () => sleep(60_000));
    const both = Promise.allSettled([abortable(work(), controller.signal), work()]);
    await delay(20);
    controller.abort(new RangeError("enough"));
    for (const end of await both) {
      assert(end.status === "rejected");
      assertInstanceOf(end.reason, RangeError);
    }
    assertEquals(sim.now, 20);
  }),
);

Deno.test(
  "pooledMap() with waits of ours: so many at a time, in order, in virtual time",
  simulated(async (sim) => {
    let [running, most] = [0, 0];
    const results = pooledMap(2, [30, 10, 20, 40], async (ms) => {
      most = Math.max(most, ++running);
      await sleep(ms);
      running--;
      return ms;
    });
    assertEquals(await Array.fromAsync(results), [30, 10, 20, 40]);
    assertEquals([most, sim.now], [2, 70]);
  }),
);

Deno.test(
  "pooledMap() in a scope: what runs is cancelled, and no further item gets past its first wait",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await moveOnAfter(15, () =>
      Array.fromAsync(pooledMap(2, [10, 20, 30, 40], async (ms) => {
        await sleep(ms);
        log.push(`${ms} at ${sim.now}`);
        return ms;
      })));
    // It reports failures of all kinds in one AggregateError, of which only cancellations are left: the scope takes it.
    assert(outcome.cancelledCaught);
    assertEquals([sim.now, ...log], [15, "10 at 10"]);
  }),
);

Deno.test(
  "pooledMap() as a source of map() and of toChannel(): results flow on",
  simulated(async (sim) => {
    const slow = (n: number) => sleep(10).then(() => n);
    assertEquals(await map(pooledMap(2, [1, 2, 3, 4], slow), (n) => delay(n).then(() => -n)), [-1, -2, -3, -4]);
    assertEquals(sim.now, 24);
    // To its end: pooledMap() that is left early leaves rejections that nobody handles.
    const all = await toChannel(pooledMap(2, [1, 2, 3, 4], slow), (results) => Array.fromAsync(results));
    assertEquals(all, [1, 2, 3, 4]);
  }),
);

Deno.test(
  "MuxAsyncIterator merges iterables of ours as they come, and a channel with them",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(0);
    const seen: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        using end = send;
        for (const n of [100, 200]) {
          await delay(25);
          await end.send(n);
        }
      });
      nursery.startSoon(async () => {
        const mux = new MuxAsyncIterator<number>();
        mux.add(ticks(20, 3));
        mux.add(receive);
        for await (const n of mux) seen.push(`${n} at ${sim.now}`);
      });
    });
    assertEquals(seen, ["1 at 20", "100 at 25", "2 at 40", "200 at 50", "3 at 60"]);
  }),
);

Deno.test(
  "MuxAsyncIterator in a scope fails with its Cancelled; a value not yet taken stays in the channel",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(10);
    send.trySend(1);
    const seen: number[] = [];
    const outcome = await moveOnAfter(10, async () => {
      const mux = new MuxAsyncIterator<number>();
      mux.add(receive);
      mux.add(ticks(60_000));
      for await (const n of mux) seen.push(n);
    });
    assert(outcome.cancelledCaught);
    send.trySend(2);
    assertEquals([sim.now, ...seen, await receive.receive()], [10, 1, 2]);
    send.close();
    await assertRejects(() => receive.receive(), EndOfChannel);
  }),
);

Deno.test("a task made of @std/async and of ours leaves nothing behind wherever it is cancelled", async () => {
  const report = await sweepCancel(async () => {
    const [send, receive] = openMemoryChannel<number>(1);
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        using end = send;
        for (const n of [1, 2]) {
          await delay(10, { signal: currentSignal() });
          await end.send(n);
        }
      });
      nursery.startSoon(async () => {
        for await (const n of abortable(receive, currentSignal())) await abortable(sleep(n), currentSignal());
      });
    });
    assertEquals(receive.statistics().openSendChannels, 0);
  });
  assert(report.points > 0);
});

// AsyncLocalStorage: whoever starts something gives it the values it has at that moment.

const user = new AsyncLocalStorage<string>({ defaultValue: "nobody" });

Deno.test(
  "AsyncLocalStorage: startSoon() and start() take the values of the moment they are called in",
  simulated(async () => {
    const seen: string[] = [];
    await user.run("opener", () =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => seen.push(`opener's: ${user.getStore()}`));
        user.run("spawner", () => nursery.startSoon(() => seen.push(`spawner's: ${user.getStore()}`)));
        await user.run("starter", () =>
          nursery.start(async (status) => {
            await sleep(1);
            status.started();
            // The task lives in the nursery from now on, with the values it was started with.
            await sleep(1);
            seen.push(`starter's: ${user.getStore()}`);
          }));
      }));
    assertEquals(seen, ["opener's: opener", "spawner's: spawner", "starter's: starter"]);
  }),
);

Deno.test(
  "AsyncLocalStorage: a value changed in one task is not seen in another, and is gone with its block",
  simulated(async () => {
    const seen: string[] = [];
    const child = (name: string, ms: number) =>
      user.run(name, async () => {
        await sleep(ms);
        seen.push(user.getStore()!);
        await user.run(`${name}'s inner`, () => sleep(ms));
        seen.push(user.getStore()!);
      });
    await all([() => child("a", 1), () => child("b", 2)]);
    assertEquals(seen, ["a", "b", "a", "b"]);
    assertEquals(user.getStore(), "nobody");
  }),
);

Deno.test(
  "AsyncLocalStorage: combinators and retry() run everything with the values of their caller",
  simulated(async () => {
    const get = async () => {
      await sleep(1);
      return user.getStore();
    };
    await user.run("caller", async () => {
      assertEquals(await all([get, get]), ["caller", "caller"]);
      assertEquals((await allSettled([get])).map((end) => end.status === "fulfilled" && end.value), ["caller"]);
      assertEquals(await race([get]), "caller");
      assertEquals(await any([get]), "caller");
      assertEquals(await map([1, 2, 3], get, { concurrency: 2 }), ["caller", "caller", "caller"]);
      assertEquals(await Array.fromAsync(asCompleted([1, 2], get)), ["caller", "caller"]);
      await forEach([1], async () => assertEquals(await get(), "caller"));
      let failed = false;
      const value = await retry(async () => {
        if (failed) return await get();
        failed = true;
        throw new Error("once");
      });
      assertEquals(value, "caller");
    });
  }),
);

Deno.test(
  "AsyncLocalStorage: asCompleted() has the values of whoever first asks for a result, not those of later askers",
  simulated(async () => {
    const results = user.run("maker", () => asCompleted([1, 2], () => user.getStore(), { concurrency: 1 }));
    const first = await user.run("first", () => results.next());
    const second = await user.run("second", () => results.next());
    assertEquals([first.value, second.value], ["first", "first"]);
    await results.return?.();
  }),
);

Deno.test(
  "AsyncLocalStorage: a value through a channel brings none along: both ends go on with their own",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const publish = openBroadcastChannel<number>(1);
    const subscription = publish.subscribe();
    const [set, watched] = openWatch(0);
    const seen: string[] = [];
    await openNursery((nursery) => {
      user.run("receiver", () =>
        nursery.startSoon(async () => {
          for await (const _ of receive) seen.push(`channel: ${user.getStore()}`);
          await subscription.receive();
          seen.push(`broadcast: ${user.getStore()}`);
          await watched.changed();
          seen.push(`watch: ${user.getStore()}`);
        }));
      user.run("sender", () =>
        nursery.startSoon(async () => {
          for (const n of [1, 2]) {
            await send.send(n);
            seen.push(`sent: ${user.getStore()}`);
          }
          send.close();
          await sleep(1);
          await publish.send(1);
          await sleep(1);
          set.set(1);
          assertEquals(user.getStore(), "sender");
        }));
    });
    assertEquals([...new Set(seen)].sort(), [
      "broadcast: receiver",
      "channel: receiver",
      "sent: sender",
      "watch: receiver",
    ]);
  }),
);

Deno.test(
  "AsyncLocalStorage: select() goes on with the values of its caller, whoever sends",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const [, idle] = openMemoryChannel<number>(0);
    await openNursery((nursery) => {
      user.run("selector", () =>
        nursery.startSoon(async () => {
          await select({ receive, idle });
          assertEquals(user.getStore(), "selector");
        }));
      user.run("sender", () => nursery.startSoon(() => send.send(1)));
    });
  }),
);

Deno.test(
  "AsyncLocalStorage: toChannel() runs the iterable with the values of its caller, not with those of the receivers",
  simulated(async () => {
    async function* source() {
      try {
        for (let n = 0; n < 3; n++) {
          await sleep(1);
          yield user.getStore();
        }
      } finally {
        assertEquals(user.getStore(), "caller");
      }
    }
    await user.run("caller", () =>
      toChannel(source(), async (channel) => {
        await user.run("receiver", async () => {
          assertEquals([await channel.receive(), await channel.receive()], ["caller", "caller"]);
          assertEquals(user.getStore(), "receiver");
        });
        assertEquals(user.getStore(), "caller");
      }));
  }),
);

Deno.test(
  "AsyncLocalStorage: values reach cleanup after a cancellation, and tasks started there into a nursery elsewhere",
  simulated(async () => {
    const seen: string[] = [];
    let nursery: Nursery | undefined;
    await openNursery(async (outer) => {
      nursery = outer;
      await user.run("mine", () =>
        moveOnAfter(5, async () => {
          try {
            await sleepForever();
          } finally {
            await shielded(async () => {
              await sleep(1);
              seen.push(`cleanup: ${user.getStore()}`);
            });
            nursery?.startSoon(() => seen.push(`farewell: ${user.getStore()}`));
          }
        }));
      seen.push(`after: ${user.getStore()}`);
    });
    assertEquals(seen, ["cleanup: mine", "farewell: mine", "after: nobody"]);
  }),
);
