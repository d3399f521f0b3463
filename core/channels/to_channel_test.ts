import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  BrokenResourceError,
  CancelledElsewhereError,
  CancelScope,
  ClosedResourceError,
  isCancelled,
  type MemoryReceiveChannel,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  toChannel,
} from "../mod.ts";

/** A source that says what happens to it. */
async function* source(log: string[], last = Infinity): AsyncGenerator<number> {
  try {
    for (let n = 1; n <= last; n++) {
      log.push(`make ${n}`);
      await sleep(1);
      yield n;
    }
    log.push("end");
  } finally {
    log.push("closed");
  }
}

Deno.test(
  "toChannel() gives all values and the end, and returns what the body returns",
  simulated(async () => {
    const log: string[] = [];
    const values = await toChannel(source(log, 3), async (channel) => await Array.fromAsync(channel));
    assertEquals(values, [1, 2, 3]);
    assertEquals(log, ["make 1", "make 2", "make 3", "end", "closed"]);
    assertEquals(await toChannel([1, 2], (channel) => channel.receive()), 1);
    assertEquals(await toChannel(ReadableStream.from(["a"]), (channel) => channel.receive()), "a");
  }),
);

Deno.test(
  "the source is never ahead: it starts with the first receive, and makes a value for each",
  simulated(async () => {
    const log: string[] = [];
    await toChannel(source(log), async (channel) => {
      await sleep(10);
      assertEquals(log, []);
      assertEquals(await channel.receive(), 1);
      await sleep(10);
      assertEquals(log, ["make 1"]);
      assertEquals(await channel.receive(), 2);
    });
    assertEquals(log, ["make 1", "make 2", "closed"]);
  }),
);

Deno.test(
  "a cancelled receive loses no value, and does not let the source run ahead",
  simulated(async () => {
    const log: string[] = [];
    await toChannel(source(log), async (channel) => {
      for (let i = 0; i < 5; i++) assert((await moveOnAfter(0.1, () => channel.receive())).cancelledCaught);
      await sleep(20);
      assertEquals(log, ["make 1"]);
      assertEquals(await channel.receive(), 1);
      await sleep(20);
      assertEquals(log, ["make 1"]);
      assertEquals(await channel.receive(), 2);
    });
  }),
);

Deno.test(
  "leaving early, by break, error or cancellation, closes the source once and waits for it",
  simulated(async (sim) => {
    for (const leave of ["break", "error", "cancel"]) {
      const log: string[] = [];
      const scope = new CancelScope();
      const outcome = await scope.run(() =>
        toChannel(source(log), async (channel) => {
          for await (const n of channel) {
            if (n < 2) continue;
            if (leave === "break") break;
            if (leave === "error") throw new TypeError("enough");
            scope.cancel();
          }
        })
      ).catch((error) => error);
      assertEquals(log.at(-1), "closed", leave);
      assertEquals(log.filter((line) => line === "closed").length, 1);
      if (leave === "error") assert(outcome instanceof TypeError);
      if (leave === "cancel") assert(outcome.cancelledCaught);
    }
    assert(sim.now < 10);
  }),
);

Deno.test(
  "an error of the source cancels the body and is thrown itself",
  simulated(async () => {
    const log: string[] = [];
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      await sleep(5);
      throw new TypeError("source");
    }
    await assertRejects(
      () =>
        toChannel(failing(), async (channel) => {
          assertEquals(await channel.receive(), 1);
          await channel.receive().catch((error) => {
            log.push(`body cancelled: ${isCancelled(error)}`);
            throw error;
          });
        }),
      TypeError,
      "source",
    );
    assertEquals(log, ["body cancelled: true"]);
  }),
);

Deno.test(
  "an error of the body and one of the source's cleanup are both kept",
  simulated(async () => {
    async function* careless(): AsyncGenerator<number> {
      try {
        while (true) yield 1;
      } finally {
        // deno-lint-ignore no-unsafe-finally -- this is the case that is tested
        throw new RangeError("cleanup");
      }
    }
    const error = await assertRejects(
      () =>
        toChannel(careless(), async (channel) => {
          await channel.receive();
          throw new TypeError("body");
        }),
      TypeError,
      "body",
    );
    assertEquals(suppressedErrors(error).map(String), ["RangeError: cleanup"]);
    await assertRejects(() => toChannel(careless(), (channel) => channel.receive()), RangeError, "cleanup");
  }),
);

Deno.test(
  "several tasks may share the channel; scopes of the source do not reach the consumer",
  simulated(async (sim) => {
    async function* slow(): AsyncGenerator<number> {
      for (let n = 0; n < 6; n++) {
        // With a plain loop over the generator, this timeout would go on around the consumer's code.
        await moveOnAfter(1, () => sleep(5));
        yield n;
      }
    }
    const got: string[] = [];
    await toChannel(slow(), async (channel) => {
      await openNursery((nursery) => {
        for (const name of ["a", "b"]) {
          const mine = channel.clone();
          nursery.startSoon(async () => {
            for await (const n of mine) {
              got.push(`${name}${n} ${sim.now}`);
              await sleep(10);
            }
          });
        }
        channel.close();
      });
    });
    assertEquals(got, ["a0 1", "b1 2", "a2 12", "b3 13", "a4 23", "b5 24"]);
  }),
);

Deno.test(
  "toChannel(): what comes after the body is closed, and misuse is refused",
  simulated(async () => {
    let kept: { receive(): Promise<number> } | undefined;
    await toChannel([1], (channel) => void (kept = channel));
    await assertRejects(() => kept!.receive(), ClosedResourceError);
    await assertRejects(
      () => toChannel(5 as never, () => {}),
      TypeError,
      'Cannot make a channel as "source" must be an async iterable: received 5',
    );
    await assertRejects(
      () => toChannel([], 5 as never),
      TypeError,
      'Cannot make a channel as "body" must be a function',
    );
    assert((await moveOnAfter(0, () => toChannel([1], (channel) => channel.receive()))).cancelledCaught);
  }),
);

Deno.test(
  "toChannel() can leave a stream that gives nothing more; the stream is told",
  simulated(async () => {
    let cancelled = false;
    const stream = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: () => void (cancelled = true),
    });
    const first = await toChannel(stream, async (channel) => {
      const first = await channel.receive();
      await moveOnAfter(5, () => channel.receive());
      return first;
    });
    assertEquals([first, cancelled, stream.locked], [1, true, false]);
  }),
);

Deno.test(
  "toChannel(): who waits under a shield, or with a clone outside, does not wait for ever when the source has gone",
  simulated(async (sim) => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      await sleep(1);
      throw new RangeError("source");
    }
    let error: unknown;
    await assertRejects(
      () =>
        toChannel(failing(), (channel) =>
          shielded(async () => {
            await channel.receive();
            error = await channel.receive().catch((error) => error);
          })),
      RangeError,
      "source",
    );
    assertEquals(sim.now, 1);
    assert(error instanceof BrokenResourceError && error.cause instanceof RangeError);
    let leaked: MemoryReceiveChannel<number> | undefined;
    await toChannel([1, 2], (channel) => void (leaked = channel.clone()));
    await assertRejects(
      () => (leaked as MemoryReceiveChannel<number>).receive(),
      BrokenResourceError,
      "Cannot receive as the source of the channel has failed, or was cancelled",
    );
  }),
);

Deno.test(
  "toChannel(): a cancellation that the function or the source brings along is a failure, not taken for its end",
  simulated(async () => {
    const gone = await openNursery((nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      task.cancel("elsewhere");
      return task;
    });
    async function* source(): AsyncGenerator<number> {
      yield await gone.join();
    }
    await assertRejects(() => toChannel([1], () => gone.join()), CancelledElsewhereError);
    await assertRejects(() => toChannel(source(), (channel) => channel.receive()), CancelledElsewhereError);
    let shared!: Promise<number>;
    await moveOnAfter(1, () => shared = sleep(100).then(() => 1));
    const sharing = { [Symbol.asyncIterator]: () => ({ next: () => shared as never }) };
    await assertRejects(() => toChannel(sharing, (channel) => channel.receive()), CancelledElsewhereError);
  }),
);
