import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  cancellable,
  CancelScope,
  currentSignal,
  currentTask,
  currentTime,
  EndOfChannel,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  readableFromChannel,
  receiverFromReadable,
  shielded,
  sleep,
  type TaskStatus,
  withSignal,
} from "../mod.ts";
import { hostOperation, suspend } from "../lowlevel.ts";

Deno.test(
  "currentSignal() is aborted with the Cancelled of its region, and is the same one each time",
  simulated(async () => {
    let signal: AbortSignal | undefined;
    const outcome = await moveOnAfter(5, async () => {
      signal = currentSignal();
      assertStrictEquals(currentSignal(), signal);
      await sleep(3);
      assert(!signal.aborted);
      await sleep(3);
    });
    assert(outcome.cancelledCaught && signal?.aborted);
    assertStrictEquals(signal?.reason, outcome.cancelled);
    await moveOnAfter(0, () => assert(isCancelled(currentSignal().reason)));
  }),
);

Deno.test(
  "currentSignal() of a region that ended normally is never aborted, whatever happens to the scope later",
  simulated(async () => {
    const scope = new CancelScope();
    let inside: AbortSignal | undefined;
    let task: AbortSignal | undefined;
    await scope.run(() => void (inside = currentSignal()));
    await openNursery((nursery) => {
      nursery.startSoon(() => void (task = currentSignal()));
    });
    scope.cancel();
    await sleep(1);
    assertEquals([inside?.aborted, task?.aborted], [false, false]);
  }),
);

Deno.test(
  "currentSignal() reaches down, stops at shields, and follows a task that nursery.start() moves",
  simulated(async () => {
    const outer = new CancelScope();
    const signals: Record<string, AbortSignal> = {};
    await outer.run(async () => {
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          signals.child = currentSignal();
          await sleep(10);
        });
        nursery.startSoon(() =>
          shielded(async () => {
            signals.shielded = currentSignal();
            await sleep(10);
          })
        );
        await sleep(1);
        outer.cancel();
        assertEquals([signals.child?.aborted, signals.shielded?.aborted], [true, false]);
      });
    });
    assert(!signals.shielded?.aborted);
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      await scope.run(() =>
        nursery.start(async (status: TaskStatus) => {
          signals.moved = currentSignal();
          status.started();
          await sleep(10);
        })
      );
      scope.cancel();
      assert(!signals.moved?.aborted);
      nursery.cancel();
      assert(signals.moved?.aborted);
    });
  }),
);

Deno.test(
  "an abort listener may cancel, wake and ask for signals",
  simulated(async () => {
    const [a, b] = [new CancelScope(), new CancelScope()];
    await all([
      () =>
        a.run(async () => {
          currentSignal().addEventListener("abort", () => b.cancel());
          await sleep(100);
        }),
      () =>
        b.run(async () => {
          currentSignal().addEventListener("abort", () => a.cancel());
          await sleep(100);
        }),
      async () => {
        await sleep(1);
        a.cancel();
      },
    ]);
    assert(a.cancelledCaught && b.cancelledCaught);
  }),
);

Deno.test(
  "a region that is shielded by what its cancellation sets off keeps its signal",
  simulated(async () => {
    const [outer, inner] = [new CancelScope(), new CancelScope()];
    let signal: AbortSignal | undefined;
    const outcome = await outer.run(() =>
      inner.run(async () => {
        signal = currentSignal();
        const wait = suspend({ kind: "test" }, () => {}, () => inner.shield = true);
        outer.cancel();
        await wait.catch(() => {});
        assert(!signal.aborted);
        await sleep(1);
        return "went on";
      })
    );
    assertEquals([signal?.aborted, outcome.value?.value], [false, "went on"]);
  }),
);

Deno.test(
  "withSignal() returns the value, and throws the reason of the signal when its abort ended the body",
  simulated(async () => {
    assertEquals(await withSignal(new AbortController().signal, () => "value"), "value");
    const controller = new AbortController();
    const reason = new Error("enough");
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        controller.abort(reason);
      });
      let seen: unknown;
      const error = await withSignal(controller.signal, () =>
        sleep(10).catch((error) => {
          seen = error;
          throw error;
        })).catch((error) => error);
      assertStrictEquals(error, reason);
      assert(isCancelled(seen) && seen.source === "signal" && seen.reason === reason);
    });
    // Aborted already: the body runs to its first wait.
    let ran = false;
    await assertRejects(
      () =>
        withSignal(controller.signal, async () => {
          ran = true;
          await sleep(1);
        }),
      Error,
      "enough",
    );
    assert(ran);
    assertEquals(await withSignal(controller.signal, () => "did not wait"), "did not wait");
    await assertRejects(() => withSignal(AbortSignal.abort(), () => sleep(1)), DOMException);
  }),
);

Deno.test(
  "withSignal(): other errors pass, cancellations from outside pass as such, misuse is refused",
  simulated(async () => {
    const { signal } = new AbortController();
    await assertRejects(() => withSignal(signal, () => Promise.reject(new TypeError("mine"))), TypeError, "mine");
    assert((await moveOnAfter(1, () => withSignal(signal, () => sleep(10)))).cancelledCaught);
    await assertRejects(
      () => withSignal({} as AbortSignal, () => {}),
      TypeError,
      'Cannot run with a signal as "signal" must be an AbortSignal: received an object of type Object',
    );
    await assertRejects(() => withSignal(signal, 5 as never), TypeError, '"body" must be a function');
  }),
);

Deno.test(
  "10,000 withSignal() leave no listener on the signal",
  simulated(async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: [string, EventListener]) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: [string, EventListener]) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    for (let i = 0; i < 10_000; i++) {
      await withSignal(signal, () => i % 2 === 0 ? i : Promise.reject(new Error("odd"))).catch(() => {});
    }
    assertEquals(listeners, 0);
  }),
);

Deno.test(
  "cancellable() gives what the promise gives, and can be cancelled",
  simulated(async () => {
    assertEquals(await cancellable(Promise.resolve(5)), 5);
    assertEquals(
      await cancellable({ then: (resolve: (value: number) => void) => resolve(6) } as PromiseLike<number>),
      6,
    );
    await assertRejects(() => cancellable(Promise.reject(new TypeError("x"))), TypeError, "x");
    const { promise, reject } = Promise.withResolvers<never>();
    assert((await moveOnAfter(5, () => cancellable(promise))).cancelledCaught);
    // Nobody looks at it any more: it must not end the process.
    reject(new Error("late"));
    assert((await moveOnAfter(0, () => cancellable(Promise.reject(new Error("late"))))).cancelledCaught);
    await assertRejects(
      () => cancellable(5 as never),
      TypeError,
      'Cannot wait as "promise" must be a promise: received 5',
    );
  }),
);

Deno.test(
  "cancellable() is no wait of the library's own: a promise settled by another task, after some time, arrives",
  simulated(async (sim) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1_000);
        resolve("there");
      });
      assertEquals(await cancellable(promise), "there");
      assertEquals(sim.now, 1_000);
    });
    // What the outside world settles holds time still.
    const digest = hostOperation("digest", crypto.subtle.digest("SHA-1", new Uint8Array(1)));
    assertEquals((await moveOnAfter(0.001, () => cancellable(digest))).cancelledCaught, false);
    assertEquals(currentTask().name, "main");
  }),
);

Deno.test(
  "receiverFromReadable() loses no chunk to a cancelled receive, says the end, and frees the source when closed",
  simulated(async () => {
    let cancelled = false;
    const { readable, writable } = new TransformStream<string>();
    const writer = writable.getWriter();
    const chunks = receiverFromReadable(readable);
    assert((await moveOnAfter(5, () => chunks.receive())).cancelledCaught);
    writer.write("a");
    writer.write("b");
    writer.close();
    assertEquals(await chunks.receive(), "a");
    assertEquals(await Array.fromAsync(chunks), ["b"]);
    await assertRejects(() => chunks.receive(), EndOfChannel, "Cannot receive as the stream has ended");
    await chunks.close();
    await chunks.close();
    await assertRejects(() => chunks.receive(), Error, "Cannot receive as this receiving end is closed");
    {
      await using endless = receiverFromReadable(
        new ReadableStream<number>({
          pull: (controller) => controller.enqueue(1),
          cancel: () => void (cancelled = true),
        }),
      );
      assertEquals(await endless.receive(), 1);
    }
    assert(cancelled);
    const failing = receiverFromReadable(
      new ReadableStream({ start: (controller) => controller.error(new TypeError("broken")) }),
    );
    await assertRejects(() => failing.receive(), TypeError, "broken");
    await failing.close();
  }),
);

Deno.test(
  "receiverFromReadable(): several tasks receive each chunk once; closing fails a blocked receive",
  simulated(async () => {
    const { readable, writable } = new TransformStream<number>();
    const writer = writable.getWriter();
    const chunks = receiverFromReadable(readable);
    const got: number[] = [];
    await openNursery(async (nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(async () => void got.push(await chunks.receive()));
      await sleep(1);
      for (const n of [1, 2, 3]) writer.write(n).catch(() => {});
    });
    assertEquals(got.sort(), [1, 2, 3]);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertRejects(() => chunks.receive(), Error, "this receiving end was closed meanwhile"));
      await sleep(1);
      await chunks.close();
    });
  }),
);

Deno.test(
  "a read of readableFromChannel() that follows another at once waits in its own scope, not in that of the other",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(1);
    const reader = readableFromChannel(receive).getReader();
    await sleep(1);
    send.trySend(1);
    assertEquals((await reader.read()).value, 1);
    const late = await moveOnAfter(50, () => reader.read());
    assert(late.cancelledCaught);
    assertEquals(sim.now, 51);
  }),
);

Deno.test(
  "readableFromChannel() receives when the reader asks, ends with the channel, and closes it when cancelled",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _ = send;
        for (const n of [1, 2]) await send.send(n);
      });
      const stream = readableFromChannel(receive);
      await sleep(5);
      assertEquals(send.statistics().tasksWaitingSend, 1);
      assertEquals(await Array.fromAsync(stream), [1, 2]);
    });
    const [sender, receiver] = openMemoryChannel<number>(1);
    const reader = readableFromChannel(receiver).getReader();
    sender.trySend(1);
    assertEquals((await reader.read()).value, 1);
    await reader.cancel();
    assertEquals(sender.statistics().openReceiveChannels, 0);
  }),
);

Deno.test(
  "cancellable() passes on the error of a thenable that throws, and leaves no wait behind",
  simulated(async () => {
    const hostile: PromiseLike<never> = {
      then() {
        throw new RangeError("hostile");
      },
    };
    await assertRejects(() => cancellable(hostile), RangeError, "hostile");
  }),
);

Deno.test(
  "receiverFromReadable() in a cancelled scope reads nothing",
  simulated(async () => {
    let pulls = 0;
    const stream = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
    await using chunks = receiverFromReadable(stream);
    const scope = new CancelScope();
    scope.cancel();
    const outcome = await scope.run(() => chunks.receive());
    await sleep(1);
    assertEquals([outcome.cancelledCaught, pulls], [true, 0]);
  }),
);

Deno.test(
  "receiverFromReadable() as a resource does not wrap the error of the stream in that of its own cleanup",
  simulated(async () => {
    await assertRejects(
      async () => {
        await using chunks = receiverFromReadable(
          new ReadableStream({ pull: () => Promise.reject(new RangeError("source")) }),
        );
        await chunks.receive();
      },
      RangeError,
      "source",
    );
    const stubborn = receiverFromReadable(
      new ReadableStream({ cancel: () => Promise.reject(new RangeError("stubborn")) }),
    );
    await assertRejects(() => stubborn.close(), RangeError, "stubborn");
  }),
);

Deno.test("withSignal() that nobody awaits never ends the process by a cancellation", async () => {
  const { signal } = new AbortController();
  for (const before of [true, false]) {
    const scope = new CancelScope();
    if (before) scope.cancel();
    await scope.run(() => {
      void withSignal(signal, () => sleep(60_000));
      scope.cancel();
    });
  }
  // A turn in which the host would report the rejection, and fail this test.
  await new Promise((resolve) => setTimeout(resolve));
});

for (const by of ["a deadline", "cancel()", "another task"] as const) {
  Deno.test(
    `listeners of currentSignal() run in the region whose signal it is, when it is aborted by ${by}`,
    simulated(() =>
      openNursery(async (nursery) => {
        const seen: unknown[] = [];
        const scope = new CancelScope(by === "a deadline" ? { timeout: 500 } : {});
        nursery.startSoon(() =>
          scope.run(async () => {
            const signal = currentSignal();
            signal.addEventListener("abort", () => {
              seen.push(currentTask().name, Date.now(), isCancelled(signal.reason));
              // The timers of a simulation, too.
              setTimeout(() => seen.push(currentTime()), 1_000);
            });
            await sleep(60_000);
          }), { name: "listening" });
        if (by === "cancel()") setTimeout(() => scope.cancel(), 500);
        if (by === "another task") {
          nursery.startSoon(async () => {
            await sleep(500);
            scope.cancel();
          }, { name: "cancelling" });
        }
        const start = Date.now();
        await sleep(2_000);
        assertEquals(seen, ["listening", start + 500, true, 1_500]);
      })
    ),
  );
}
