import { checkHalfCloseableStream, memoryStreamPair } from "../../testing/mod.ts";
import { BufferedStream, SocketStream, StapledStream } from "../mod.ts";

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
