import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import { bytes, text } from "../_fixtures/memory_streams.ts";
import { pipe } from "./pipe.ts";
import { streamFromReadable, streamFromWritable } from "./web_streams.ts";

// The sink is worked by hand, so what is in flight must not hold up time.
const BY_HAND = { io: { quiet: 1 } } as const;

/** A sink whose writes are ended by the test. */
class Sink {
  readonly writes: { readonly chunk: Uint8Array; take(): void; fail(error: unknown): void }[] = [];
  readonly log: string[] = [];
  readonly web: WritableStream<Uint8Array>;
  /** When the sink is closed. */
  closing: Promise<void> = Promise.resolve();

  constructor() {
    this.web = new WritableStream({
      write: (chunk) =>
        new Promise<void>((resolve, fail) =>
          this.writes.push({
            chunk,
            fail,
            take: () => {
              this.writes.shift();
              this.log.push(text(chunk)!);
              resolve();
            },
          })
        ),
      close: () => {
        this.log.push("close");
        return this.closing;
      },
      abort: () => void this.log.push("abort"),
    });
  }
}

/** Lets whatever is under way come to rest. */
const settle = () => sleep(1);

Deno.test(
  "streamFromWritable() sends a chunk at a time, and waits until the sink has it",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    await openNursery(async (nursery) => {
      let done = false;
      nursery.startSoon(async () => {
        await stream.sendAll(bytes("abc"));
        done = true;
      });
      await settle();
      assertEquals([sink.writes.length, done], [1, false]);
      sink.writes[0]!.take();
      await settle();
      assert(done);
    });
    await stream.sendAll(bytes(""));
    assertEquals([sink.writes.length, sink.log], [0, ["abc"]]);
  }, BY_HAND),
);

Deno.test(
  "the sink gets a copy, so that the sender may use its buffer again",
  simulated(async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({}, undefined, { highWaterMark: 9 });
    using to = streamFromWritable(writable);
    using from = streamFromReadable(ReadableStream.from(["abc", "def", "ghi"].map((part) => bytes(part))));
    assertEquals(await pipe(from, to), 9);
    await to.sendEof();
    assertEquals(await new Response(readable).text(), "abcdefghi");
  }),
);

Deno.test(
  "a cancelled send leaves its write in flight, and the next one waits for that; no more than one is ever queued",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    for (const part of ["first", "second", "third"]) {
      assert((await moveOnAfter(1, () => stream.sendAll(bytes(part)))).cancelledCaught);
    }
    assertEquals(sink.writes.length, 1);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => stream.sendAll(bytes("fourth")));
      await settle();
      sink.writes[0]!.take();
      await settle();
      sink.writes[0]!.take();
    });
    assertEquals(sink.log, ["first", "fourth"]);
    assert((await moveOnAfter(1, () => stream.sendAll(bytes("fifth")))).cancelledCaught);
    sink.writes[0]!.take();
    await settle();
    assertEquals(sink.writes.length, 0);
  }, BY_HAND),
);

Deno.test(
  "in a cancelled scope nothing is sent",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(async () => {
      assert(isCancelled(await stream.sendAll(bytes("a")).catch((error) => error)));
      assert(isCancelled(await stream.sendEof().catch((error) => error)));
    });
    await settle();
    assertEquals([sink.writes.length, sink.log], [0, []]);
  }, BY_HAND),
);

Deno.test(
  "a write in flight is an operation of the host",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    await moveOnAfter(1, () => stream.sendAll(bytes("a")));
    await moveOnAfter(1, () => stream.sendEof());
    // The end comes behind it.
    assertEquals(currentRun().statistics().hostOperations, ["write to a WritableStream"]);
    const closing = Promise.withResolvers<void>();
    sink.closing = closing.promise;
    sink.writes[0]!.take();
    await settle();
    assertEquals([sink.log, currentRun().statistics().hostOperations], [["a", "close"], ["close of a WritableStream"]]);
    closing.resolve();
    await settle();
    assertEquals(currentRun().statistics().hostOperations, []);
  }, BY_HAND),
);

Deno.test(
  "sendEof() closes the sink behind what is in flight, waits for it, and is sent also when cancelled",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    await moveOnAfter(1, () => stream.sendAll(bytes("a")));
    await openNursery(async (nursery) => {
      let ended = false;
      const task = nursery.startSoon(() => stream.sendEof().then(() => ended = true));
      await settle();
      assert(!ended);
      sink.writes[0]!.take();
      await task.join();
    });
    assertEquals(sink.log, ["a", "close"]);
    await stream.sendEof();
    await assertRejects(
      () => stream.sendAll(bytes("b")),
      ClosedResourceError,
      "Cannot send as sendEof() was called before",
    );

    const slow = new Sink();
    slow.closing = new Promise(() => {});
    using other = streamFromWritable(slow.web);
    assert((await moveOnAfter(1, () => other.sendEof())).cancelledCaught);
    assertEquals(slow.log, ["close"]);
  }, BY_HAND),
);

Deno.test(
  "two tasks that send at once are an error",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => stream.sendAll(bytes("a")));
      await settle();
      for (const send of [() => stream.sendAll(bytes("b")), () => stream.sendEof()]) {
        await assertRejects(
          send,
          BusyResourceError,
          "Cannot send as another task is sending on this stream: let one task do it",
        );
      }
      sink.writes[0]!.take();
    });
    assertEquals(sink.log, ["a"]);
  }, BY_HAND),
);

Deno.test(
  "close() ends the sink well if nothing is in flight, gives the lock back, and makes later sends fail",
  simulated(async () => {
    const sink = new Sink();
    const stream = streamFromWritable(sink.web);
    stream.close();
    await settle();
    assertEquals([sink.log, sink.web.locked], [["close"], false]);
    for (const send of [() => stream.sendAll(bytes("a")), () => stream.sendEof()]) {
      await assertRejects(send, ClosedResourceError, "Cannot send as the stream is closed");
    }
    {
      await using _ = stream;
    }
    assertEquals(sink.log, ["close"]);
  }, BY_HAND),
);

Deno.test(
  "close() aborts the sink if a send is in flight, which fails, and forgets the host operation",
  simulated(async () => {
    const sink = new Sink();
    const stream = streamFromWritable(sink.web);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.sendAll(bytes("a")).catch((error) => error));
      await settle();
      stream.close();
      const error = await task.join();
      assert(error instanceof ClosedResourceError);
      assertEquals(error.message, "Cannot send as the stream was closed meanwhile");
    });
    assertEquals(currentRun().statistics().hostOperations, []);
    sink.writes[0]!.take();
    await settle();
    assertEquals(sink.log, ["a", "abort"]);

    const failing = new Sink();
    const other = streamFromWritable(failing.web);
    await moveOnAfter(1, () => other.sendAll(bytes("a")));
    other.close();
    failing.writes[0]!.fail(new Error("just after"));
    await settle();
    await assertRejects(() => other.sendAll(bytes("b")), ClosedResourceError);
  }, BY_HAND),
);

Deno.test(
  "close() from within the write of the sink aborts it, as its bytes may be cut off",
  simulated(async () => {
    const log: string[] = [];
    const stream = streamFromWritable(
      new WritableStream<Uint8Array>({
        write: () => (stream.close(), Promise.resolve()),
        close: () => void log.push("close"),
        abort: () => void log.push("abort"),
      }),
    );
    // Once it has started, it calls the sink from within write().
    await settle();
    await assertRejects(() => stream.sendAll(bytes("a")), ClosedResourceError, "the stream was closed meanwhile");
    await settle();
    assertEquals(log, ["abort"]);
  }, BY_HAND),
);

Deno.test(
  "a failure of the sink is a BrokenResourceError with its cause, for this send and all later ones",
  simulated(async () => {
    const sink = new Sink();
    using stream = streamFromWritable(sink.web);
    const cause = new Error("disk full");
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.sendAll(bytes("a")).catch((error) => error));
      await settle();
      sink.writes[0]!.fail(cause);
      const error = await task.join();
      assert(error instanceof BrokenResourceError);
      assertEquals([error.message, error.cause], ["Cannot send to a WritableStream as it failed: disk full", cause]);
    });
    for (const send of [() => stream.sendAll(bytes("b")), () => stream.sendEof()]) {
      await assertRejects(send, BrokenResourceError, "Cannot send to a WritableStream as it failed: disk full");
    }
    const failing = new Sink();
    failing.closing = Promise.reject("no space");
    using other = streamFromWritable(failing.web);
    await assertRejects(() => other.sendEof(), BrokenResourceError, "no space");
  }, BY_HAND),
);

Deno.test(
  "bytes of another kind are refused",
  simulated(async () => {
    using stream = streamFromWritable(new Sink().web);
    await assertRejects(
      () => stream.sendAll("text" as never),
      TypeError,
      'Cannot send as "bytes" must be a Uint8Array: received "text"',
    );
  }, BY_HAND),
);
