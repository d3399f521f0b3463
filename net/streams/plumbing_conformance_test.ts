import { checkHalfCloseableStream, checkOneWayStream, memoryStreamPair } from "../../testing/mod.ts";
import { BufferedStream, SocketStream, StapledStream, streamFromReadable, streamFromWritable } from "../mod.ts";

Deno.test("stapled streams keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, () => {
    const [leftOut, rightIn] = memoryStreamPair();
    const [leftIn, rightOut] = memoryStreamPair();
    return [new StapledStream(leftOut, leftIn), new StapledStream(rightOut, rightIn)];
  }, {
    over: (conn) => {
      const stream = new SocketStream(conn);
      return new StapledStream(stream, stream);
    },
  }));

Deno.test("buffered streams keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, () => {
    const [left, right] = memoryStreamPair();
    return [new BufferedStream(left), new BufferedStream(right)];
  }, { over: (conn) => new BufferedStream(new SocketStream(conn)) }));

Deno.test("the two ends of a TransformStream keep the rules of a one-way stream", (t) =>
  checkOneWayStream(t, () => {
    const { writable, readable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array>();
    return [streamFromWritable(writable), streamFromReadable(readable)];
    // Without the rules about blocked senders: closing in the middle of a send aborts, which is no end for the
    // receiver.
  }, { time: "real", clog: 0 }));
