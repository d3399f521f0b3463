import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { isCancelled, moveOnAfter, openNursery, sleep, sleepForever } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { bytes, RecordingSendStream, ScriptedReceiveStream, text } from "../_fixtures/memory_streams.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import type { SendStream } from "./stream.ts";
import { readableFromStream, streamFromReadable, streamFromWritable, writableFromStream } from "./web_streams.ts";

// readableFromStream()

Deno.test(
  "readableFromStream() gives everything and then ends, and leaves the stream open",
  simulated(async () => {
    const stream = new ScriptedReceiveStream("ab", { wait: 5 }, "c", new Uint8Array(100_000));
    const chunks = await Array.fromAsync(readableFromStream(stream));
    assertEquals(chunks.map(({ length }) => length), [2, 1, 65_536, 34_464]);
    assertEquals(stream.closed, 0);
    assertEquals(await new Response(readableFromStream(new ScriptedReceiveStream("a", "b"))).text(), "ab");
  }),
);

Deno.test(
  "readableFromStream() receives once for each read, and never ahead",
  simulated(async () => {
    const stream = new ScriptedReceiveStream("a", "b", "c");
    const reader = readableFromStream(stream).getReader();
    await sleep(10);
    assertEquals(stream.asked.length, 0);
    await reader.read();
    await sleep(10);
    assertEquals(stream.asked.length, 1);
  }),
);

Deno.test(
  "readableFromStream() receives straight into the buffer of a reader that has one",
  simulated(async () => {
    const stream = new ScriptedReceiveStream("abc", "defg");
    const reader = readableFromStream(stream).getReader({ mode: "byob" });
    const first = await reader.read(new Uint8Array(5));
    assertEquals([text(first.value!), stream.asked[0]], ["abc", 5]);
    const second = await reader.read(new Uint8Array(first.value!.buffer, 1, 4));
    assertEquals([text(second.value!), second.value!.byteOffset, stream.asked[1]], ["defg", 1, 4]);
    const last = await reader.read(new Uint8Array(4));
    assertEquals([last.done, last.value!.length], [true, 0]);
  }),
);

Deno.test(
  "cancelling a readableFromStream() closes the stream, also while a read waits",
  simulated(async () => {
    const stream = new ScriptedReceiveStream({ wait: 1_000 });
    const reader = readableFromStream(stream).getReader();
    const read = reader.read();
    await sleep(1);
    await reader.cancel();
    assertEquals([(await read).done, stream.closed], [true, 1]);
  }),
);

Deno.test(
  "a failure of the stream fails the readableFromStream() with the same error",
  simulated(async () => {
    const fail = new Error("reset");
    const reader = readableFromStream(new ScriptedReceiveStream("a", { fail })).getReader();
    await reader.read();
    for (let n = 0; n < 2; n++) assertStrictEquals(await reader.read().catch((error) => error), fail);
  }),
);

Deno.test(
  "a read of a readableFromStream() waits in the scope of the reader, and a cancelled one loses no byte of the stream",
  simulated(async () => {
    const stream = new ScriptedReceiveStream({ wait: 10 }, "abc");
    const web = readableFromStream(stream);
    await sleep(0);
    const outcome = await moveOnAfter(5, () => new Response(web).text());
    assert(outcome.cancelledCaught);
    assertEquals(text(await stream.receiveSome()), "abc");
  }),
);

// writableFromStream()

Deno.test(
  "a read of a readableFromStream() that follows another at once waits in its own scope, not in that of the other",
  simulated(async (sim) => {
    const reader = readableFromStream(new ScriptedReceiveStream("one", { wait: 1_000 }, "late")).getReader();
    await sleep(1);
    assertEquals(text((await reader.read()).value!), "one");
    const late = await moveOnAfter(50, () => reader.read());
    assert(late.cancelledCaught);
    assertEquals(sim.now, 51);
  }),
);

Deno.test(
  "writableFromStream() sends what is written, at the pace of the stream, and ends its sending direction",
  simulated(async (sim) => {
    const stream = new RecordingSendStream({ delay: 10 });
    const writer = writableFromStream(stream).getWriter();
    await writer.ready;
    const writes = [writer.write(bytes("ab")), writer.write(bytes("cd"))];
    assertEquals(writer.desiredSize, -1);
    await writes[1];
    assertEquals([text(new Uint8Array(stream.sent)), sim.now], ["abcd", 20]);
    await writer.close();
    assertEquals([stream.eofs, stream.closed], [1, 0]);
  }),
);

Deno.test(
  "writableFromStream() of a stream that cannot be ended closes it",
  simulated(async () => {
    const stream = new RecordingSendStream();
    Object.defineProperty(stream, "sendEof", { value: undefined });
    await writableFromStream(stream).close();
    assertEquals(stream.closed, 1);
  }),
);

Deno.test(
  "aborting a writableFromStream() closes the stream at once, also while a send is stuck",
  simulated(async (sim) => {
    const stream = stuck();
    const writer = writableFromStream(stream).getWriter();
    const write = writer.write(bytes("a")).catch((error) => error);
    await sleep(1);
    const reason = new Error("enough");
    const abort = writer.abort(reason);
    assertEquals([stream.closed, sim.now], [1, 1]);
    await abort;
    assertEquals((await write).message, "closed meanwhile");
    assertStrictEquals(await writer.closed.catch((error) => error), reason);
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a failure of the stream fails the writableFromStream() with the same error",
  simulated(async () => {
    const fail = new Error("reset");
    const writer = writableFromStream(new RecordingSendStream({ fail })).getWriter();
    for (let n = 0; n < 2; n++) assertStrictEquals(await writer.write(bytes("a")).catch((error) => error), fail);
    await assertRejects(() => writer.closed);
  }),
);

Deno.test(
  "a write to a writableFromStream() waits in the scope of the writer",
  simulated(async (sim) => {
    const writer = writableFromStream(new RecordingSendStream({ delay: 1_000 })).getWriter();
    await sleep(0);
    assert((await moveOnAfter(5, () => writer.write(bytes("a")))).cancelledCaught);
    assert(isCancelled(await writer.closed.catch((error) => error)));
    assertEquals(sim.now, 5);
  }),
);

// Misuse.

Deno.test("the adapters refuse what is not a stream, or belongs to somebody else", () => {
  const locked = { read: new ReadableStream<Uint8Array>(), write: new WritableStream<Uint8Array>() };
  locked.read.getReader();
  locked.write.getWriter();
  const rows: [() => unknown, string][] = [
    [
      () => readableFromStream(new RecordingSendStream() as never),
      'Cannot make a ReadableStream as "stream" must be a ReceiveStream: received an object',
    ],
    [
      () => writableFromStream(undefined as never),
      'Cannot make a WritableStream as "stream" must be a SendStream: received undefined',
    ],
    [
      () => streamFromReadable("text" as never),
      'Cannot receive from "source" as it must be a ReadableStream: received "text"',
    ],
    [
      () => streamFromReadable(locked.read),
      'Cannot receive from "source" as nobody else may read it: it is locked to a reader',
    ],
    [
      () => streamFromWritable(null as never),
      'Cannot send to "sink" as it must be a WritableStream: received null',
    ],
    [
      () => streamFromWritable(locked.write),
      'Cannot send to "sink" as nobody else may write to it: it is locked to a writer',
    ],
  ];
  for (const [make, message] of rows) assertThrows(make, TypeError, message);
});

Deno.test("both ways through both kinds of streams over a real connection", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const size = 1_000_000;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      using server = await listener.accept();
      await readableFromStream(server).pipeTo(writableFromStream(server));
    });
    using client = await openTcpStream("127.0.0.1", listener.address.port);
    nursery.startSoon(async () => {
      const data = new Blob([new Uint8Array(size).fill(7)]);
      await data.stream().pipeThrough(new CompressionStream("gzip")).pipeTo(writableFromStream(client));
    });
    using unpacked = streamFromReadable(readableFromStream(client).pipeThrough(new DecompressionStream("gzip")));
    let received = 0;
    for await (const chunk of unpacked) {
      assert(chunk.every((byte) => byte === 7));
      received += chunk.length;
    }
    assertEquals(received, size);
  });
  listener.close();
});

/** A stream whose sends never end, unless it is closed. */
function stuck(): SendStream & { closed: number } {
  const stream = new RecordingSendStream();
  let wake = (): void => {};
  const end = new Promise<void>((resolve) => wake = resolve);
  stream.sendAll = async () => {
    const ended = await Promise.race([end.then(() => true), sleepForever()]);
    assert(ended);
    throw new Error("closed meanwhile");
  };
  stream.close = () => {
    stream.closed++;
    wake();
  };
  return stream;
}
