/** Between the streams of this library and those of the web platform: both ways, each at the pace of its reader. */

import { CHUNK, show } from "../../core/internal.ts";
import { throwFirst } from "../host/close.ts";
import { closeAll } from "../host/host_call.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, TextSender } from "./stream.ts";
import { WebReceiveStream } from "./_web_receive_stream.ts";
import { WebSendStream } from "./_web_send_stream.ts";

/**
 * Makes a `ReadableStream` of what a stream receives: for `new Response()`, `pipeThrough()` and the like.
 *
 * It receives only when it is read, never ahead. Readers with their own buffer (`mode: "byob"`) get the bytes without a
 * copy. Cancelling it closes the stream, in both directions. When it ends, the stream is not closed: that is up to you.
 *
 * **Cancellation:** a read waits in the scope of the code that reads. Two exceptions: the first read right after
 * creation uses the creator's scope, and a read issued while another is pending uses that one's. When the scope is
 * cancelled, the read and all later ones reject with its `Cancelled`. The stream itself has lost no byte.
 *
 * @example Unpacking what comes in
 * ```ts
 * import { streamFromReadable, readableFromStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const packed = new Blob(["hello"]).stream().pipeThrough(new CompressionStream("gzip"));
 * using stream = streamFromReadable(packed);
 * const text = await new Response(readableFromStream(stream).pipeThrough(new DecompressionStream("gzip"))).text();
 * assertEquals(text, "hello");
 * ```
 *
 * @param stream Where the bytes come from.
 * @returns A `ReadableStream` of bytes.
 * @throws {TypeError} If `stream` cannot receive.
 * @category Streams
 */
export function readableFromStream(stream: ReceiveStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (typeof stream?.receiveInto !== "function") {
    throw new TypeError(
      `Cannot make a ReadableStream as "stream" must be a ReceiveStream: received ${show(stream)}`,
    );
  }
  let receiving = false;
  return new ReadableStream({
    type: "bytes",
    // So that every read comes with a buffer: a chunk handed over instead would be detached from what shares its
    // memory.
    autoAllocateChunkSize: CHUNK,
    // Returns at once: until a pull is over, the next one is made in its context, and so in its scope.
    pull(controller) {
      if (receiving) return;
      receiving = true;
      const request = controller.byobRequest as ReadableStreamBYOBRequest;
      const { buffer, byteOffset, byteLength } = request.view as ArrayBufferView<ArrayBuffer>;
      stream.receiveInto(new Uint8Array(buffer, byteOffset, byteLength)).then((size) => {
        receiving = false;
        if (size === null) controller.close();
        request.respond(size ?? 0);
      }).catch((error) => controller.error(error));
    },
    cancel: () => stream.close(),
  }, { highWaterMark: 0 });
}

/**
 * Makes a `WritableStream` that sends what is written to it, for `pipeTo()` and the like.
 *
 * A write is over once the stream has sent it, so a slow peer slows the writer down. Closing the `WritableStream` ends
 * the sending direction (`sendEof()`), or closes a stream that cannot do that. Aborting it closes the stream at once.
 *
 * **Cancellation:** a write waits in the scope of the code that writes. A write that is queued behind another uses the
 * scope of that one. When the scope is cancelled, the write and all later ones reject with its `Cancelled`, and an
 * unknown part has been sent.
 *
 * @example Sending a file, or anything else that is a `ReadableStream`
 * ```ts
 * import { openNursery, openTcpListeners, openTcpStream, readableFromStream, writableFromStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using server = await listener.accept();
 *     await new Blob(["hello"]).stream().pipeTo(writableFromStream(server));
 *   });
 *   using client = await openTcpStream("127.0.0.1", listener.address.port);
 *   assertEquals(await new Response(readableFromStream(client)).text(), "hello");
 * });
 * listener.close();
 * ```
 *
 * @param stream Where the bytes go.
 * @returns A `WritableStream` of bytes.
 * @throws {TypeError} If `stream` cannot send.
 * @category Streams
 */
export function writableFromStream(stream: SendStream): WritableStream<Uint8Array> {
  if (typeof stream?.sendAll !== "function") {
    throw new TypeError(`Cannot make a WritableStream as "stream" must be a SendStream: received ${show(stream)}`);
  }
  let failures: readonly unknown[] = [];
  return new WritableStream({
    start(controller) {
      // At once: the `abort` of a sink is called only after the write in flight, which may never end.
      controller.signal.addEventListener("abort", () => failures = closeAll(stream), { once: true });
    },
    write: (chunk) => stream.sendAll(chunk),
    close: () => canEnd(stream) ? stream.sendEof() : stream.close(),
    abort: () => throwFirst(failures),
  });
}

/**
 * Makes a stream that receives the chunks of a `ReadableStream`: the body of a response, the output of a process.
 *
 * It takes the reader. `close()` cancels the `ReadableStream` and releases the lock. A failure of the source is a
 * `BrokenResourceError` with that failure as its `cause`. Chunks that are not bytes are a `TypeError`.
 *
 * **Cancellation:** a receive throws `Cancelled`; no chunk is lost, the next receive gets it.
 *
 * @example Lines of a response
 * ```ts
 * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response("one\ntwo\n");
 * using stream = new BufferedReceiver(streamFromReadable(response.body!));
 * assertEquals(await Array.fromAsync(stream.lines()), ["one", "two"]);
 * ```
 *
 * @param source Where the chunks come from; it must not have a reader yet.
 * @returns The stream, which belongs to the caller. Without a `max`, `receiveSome()` gives chunks as they are.
 * @throws {TypeError} If `source` is not a `ReadableStream`, or is locked.
 * @category Streams
 */
export function streamFromReadable(source: ReadableStream<Uint8Array>): ReceiveStream {
  if (typeof source?.getReader !== "function") {
    throw new TypeError(`Cannot receive from "source" as it must be a ReadableStream: received ${show(source)}`);
  }
  if (source.locked) {
    throw new TypeError('Cannot receive from "source" as nobody else may read it: it is locked to a reader');
  }
  return new WebReceiveStream(source);
}

/**
 * Makes a stream that sends to a `WritableStream`: the input of a process, a file, a compressor.
 *
 * It takes the writer. `sendAll()` returns once the sink has taken the bytes, of which it gets a copy. `sendEof()`
 * closes the `WritableStream` and waits for that. `close()` closes it without waiting, as a socket is closed, but
 * aborts it if a send is in flight. A failure of the sink is a `BrokenResourceError` with that failure as its `cause`.
 *
 * **Cancellation:** a send throws `Cancelled`; its bytes may still be taken, and the next send waits for that.
 *
 * @example Through a compressor and back
 * ```ts
 * import { streamFromWritable, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const gzip = new CompressionStream("gzip");
 * const text = new Response(gzip.readable.pipeThrough(new DecompressionStream("gzip"))).text();
 * await openNursery(async () => {
 *   using stream = streamFromWritable(gzip.writable);
 *   await stream.sendAll(new TextEncoder().encode("hello"));
 *   await stream.sendEof();
 * });
 * assertEquals(await text, "hello");
 * ```
 *
 * @param sink Where the bytes go; it must not have a writer yet.
 * @returns The stream, which belongs to the caller.
 * @throws {TypeError} If `sink` is not a `WritableStream`, or is locked.
 * @category Streams
 */
export function streamFromWritable(
  sink: WritableStream<Uint8Array<ArrayBuffer>>,
): SendStream & Pick<HalfCloseableStream, "sendEof"> & TextSender {
  if (typeof sink?.getWriter !== "function") {
    throw new TypeError(`Cannot send to "sink" as it must be a WritableStream: received ${show(sink)}`);
  }
  if (sink.locked) {
    throw new TypeError('Cannot send to "sink" as nobody else may write to it: it is locked to a writer');
  }
  return new WebSendStream(sink);
}

function canEnd(stream: SendStream): stream is SendStream & Pick<HalfCloseableStream, "sendEof"> {
  return typeof (stream as Partial<HalfCloseableStream>).sendEof === "function";
}
