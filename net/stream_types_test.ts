/** What a stream cannot do does not compile, and is refused at run time by an error that says so. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  memoryStreamOneWayPair,
  memoryStreamPair,
} from "../testing/mod.ts";
import {
  BufferedReceiver,
  BufferedStream,
  pipe,
  proxy,
  readableFromStream,
  type SendStream,
  SocketStream,
  StapledStream,
  startTls,
  type Stream,
  streamFromReadable,
  streamFromWritable,
  TlsStream,
  writableFromStream,
} from "./mod.ts";

/** A stream in both directions that cannot end one of them alone. */
function withoutEof(): Stream {
  const [stream] = memoryStreamPair();
  return {
    sendAll: (bytes) => stream.sendAll(bytes),
    receiveSome: (max) => stream.receiveSome(max),
    receiveInto: (buffer) => stream.receiveInto(buffer),
    close: () => stream.close(),
    [Symbol.dispose]: () => stream.close(),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
  };
}

Deno.test("what only sends, only receives or cannot end sending is taken nowhere else", async () => {
  const [send, receive] = memoryStreamOneWayPair();
  const [both] = memoryStreamPair();
  const buffered = new BufferedReceiver(receive);
  const plain = withoutEof();
  const refused: (() => unknown)[] = [
    // @ts-expect-error sends only
    () => new BufferedReceiver(send),
    // @ts-expect-error receives only
    () => new BufferedStream(receive),
    // @ts-expect-error receives only, also with a buffer
    () => new BufferedStream(buffered),
    // @ts-expect-error cannot end sending
    () => new BufferedStream(plain),
    // @ts-expect-error sends only
    () => new BufferedStream(streamFromWritable(new WritableStream())),
    // @ts-expect-error the halves the other way round
    () => new StapledStream(receive, send),
    // @ts-expect-error sends only
    () => readableFromStream(send),
    // @ts-expect-error receives only
    () => writableFromStream(buffered),
    // @ts-expect-error a writable side
    () => streamFromReadable(new WritableStream()),
  ];
  for (const call of refused) assertThrows(call, TypeError);
  const rejected: (() => Promise<unknown>)[] = [
    // @ts-expect-error sends only
    () => pipe(send, both),
    // @ts-expect-error receives only
    () => pipe(both, buffered),
    // @ts-expect-error receives only
    () => proxy(buffered, both),
    // @ts-expect-error cannot end sending
    () => proxy(both, plain),
  ];
  for (const call of rejected) await assertRejects(call, TypeError);
});

Deno.test("startTls() takes a stream over TCP that is not encrypted yet", async () => {
  const conn = {
    read: () => Promise.resolve(null),
    write: (data: Uint8Array) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    close() {},
  };
  const tcp = { transport: "tcp", hostname: "127.0.0.1", port: 993 } as const;
  const unix = { transport: "unix", path: "/mail.sock" } as const;
  const handshake = () => Promise.resolve({ alpnProtocol: null });
  using encrypted = new TlsStream({ ...conn, localAddr: tcp, remoteAddr: tcp, handshake });
  using local = new SocketStream({ ...conn, localAddr: unix, remoteAddr: unix });
  const rejected: (() => Promise<unknown>)[] = [
    // @ts-expect-error encrypted already
    () => startTls(encrypted, { serverName: "mail.test" }),
    // @ts-expect-error not over TCP
    () => startTls(local, { serverName: "mail.test" }),
  ];
  for (const call of rejected) await assertRejects(call, TypeError, '"stream" must be a plain TCP stream');
});

Deno.test("what is made of one direction has the methods of that one", () => {
  const [send, receive] = memoryStreamOneWayPair();
  const buffered = new BufferedReceiver(receive);
  const missing: (() => unknown)[] = [
    // @ts-expect-error a receiving stream does not send
    () => buffered.sendAll(new Uint8Array(1)),
    // @ts-expect-error nor ends
    () => buffered.sendEof(),
    // @ts-expect-error a stream of a ReadableStream receives
    () => streamFromReadable(new ReadableStream<Uint8Array>()).sendAll(new Uint8Array(1)),
    // @ts-expect-error a sending stream does not receive
    () => send.receiveSome(),
  ];
  for (const call of missing) assertThrows(call, TypeError, "is not a function");
});

Deno.test("the suites for streams take what has what they try", () => {
  const [send, receive] = memoryStreamOneWayPair();
  const t = { step: () => Promise.resolve() };
  // @ts-expect-error cannot end sending
  const half = () => checkHalfCloseableStream(t, () => [withoutEof(), withoutEof()]);
  // @ts-expect-error one direction each
  const twoWay = () => checkTwoWayStream(t, () => [send, receive]);
  // @ts-expect-error the other way round
  const oneWay = () => checkOneWayStream(t, () => [receive, send]);
  const fits = () => checkTwoWayStream(t, () => [withoutEof(), withoutEof()]);
  const out: () => SendStream = () => new StapledStream(send, receive);
  assertEquals([half, twoWay, oneWay, fits, out].length, 5);
});
