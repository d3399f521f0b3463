/**
 * Laws over the calls of this folder that need something of the host: at the end of a stream, beside another call,
 * without a network, cancelled 10,000 times. Those that hold for everything exported are in `tools/laws`.
 */

import { assert, assertEquals } from "@std/assert";
import { isCancelled, moveOnAfter, run } from "../core/mod.ts";
import {
  currentRun,
  type Network,
  type NetworkConn,
  type NetworkListener,
  type NetworkTlsConn,
} from "../core/lowlevel.ts";
import * as net from "./mod.ts";

const { BufferedReceiver, BufferedStream, SocketListener, SocketStream, StapledStream, TlsStream } = net;
type Closeable = { close(): void };

/** What methods are called with. */
const METHODS: Readonly<Record<string, readonly unknown[]>> = {
  accept: [],
  handshake: [],
  peek: [4],
  receiveUint16: [],
  receiveUint32: [],
  receiveUint64: [],
  receiveUint8: [],
  receiveExactly: [4],
  receiveInto: [new Uint8Array(8)],
  receiveLine: [],
  receiveMessage: [(bytes: Uint8Array) => bytes.length < 4 ? null : { value: "", size: 4 }],
  receiveSome: [],
  receiveUntil: ["\n"],
  sendAll: [new Uint8Array(8)],
  sendEof: [],
  sendText: ["text\n"],
};
/** Methods that return an iterator, of which every `next()` waits. */
const ITERATORS = ["lines", Symbol.asyncIterator];
/** Methods that wait for nothing; async disposers release what they hold, whatever the scope. */
const NO_WAITS = ["constructor", "close", Symbol.dispose, Symbol.asyncDispose];

/** A call that returns a promise, on something of its own. */
interface Call {
  readonly name: string;
  readonly subject: Closeable | null;
  call(): Promise<unknown>;
}

/** Every call that can be made on an object, each with an object of its own. */
function callsOn(name: string, make: () => Closeable): Call[] {
  const keys = new Set<string | symbol>();
  for (let at = make(); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, key)!;
      if (typeof value === "function" && !NO_WAITS.includes(key as string)) keys.add(key);
    }
  }
  return [...keys].map((key) => {
    const subject = make() as Closeable & Record<string | symbol, (...args: unknown[]) => unknown>;
    const full = `${name}.${String(key)}()`;
    if (ITERATORS.includes(key)) {
      const iterator = subject[key]!() as AsyncIterator<unknown>;
      return { name: `${full}.next()`, subject, call: () => iterator.next() };
    }
    const args = METHODS[key as string];
    assert(args !== undefined, `say in METHODS how ${full} is called`);
    return { name: full, subject, call: () => subject[key]!(...args) as Promise<unknown> };
  });
}

const never = () => new Promise<never>(() => {});
const address = { transport: "tcp", hostname: "192.0.2.1", port: 9 } as const;
const LINE = new TextEncoder().encode("line\n");

/** A connection that does nothing, or everything at once. */
function connOf(ready: boolean): NetworkTlsConn {
  const now = <T>(value: T) => ready ? Promise.resolve(value) : never();
  return {
    localAddr: address,
    remoteAddr: address,
    read: (buffer) =>
      now(Math.min(buffer.length, LINE.length)).then((size) => (buffer.set(LINE.subarray(0, size)), size)),
    write: (data) => now(data.length),
    closeWrite: () => now(undefined),
    handshake: () => now({ alpnProtocol: null }),
    close: () => {},
  };
}

function listenerOf(ready: boolean): NetworkListener {
  return { addr: address, accept: () => ready ? Promise.resolve(connOf(true)) : never(), close: () => {} };
}

/** A network that does nothing, or everything at once. */
function networkOf(ready: boolean): Network {
  const now = <T>(value: () => T) => ready ? Promise.resolve(value()) : never();
  return {
    connect: () => now(() => connOf(ready)),
    listen: () => listenerOf(ready),
    listenTls: () => listenerOf(ready) as NetworkListener<NetworkTlsConn>,
    resolve: () => now(() => [{ address: "192.0.2.1", family: 4 as const }]),
    startTls: () => now(() => connOf(ready)),
    connectUnix: () => now(() => connOf(ready) as never),
    listenUnix: () => listenerOf(ready) as never,
    removeSocketFile: () => now(() => true),
  };
}

/** The objects, of which every operation waits for ever, or never. */
function objects(ready: boolean): Call[] {
  const socket = () => new SocketStream(connOf(ready));
  const source = () =>
    new ReadableStream<Uint8Array>({ pull: (to) => ready ? to.enqueue(LINE.slice()) : never() }, { highWaterMark: 0 });
  return [
    ...callsOn("SocketStream", socket),
    ...callsOn("TlsStream", () => new TlsStream(connOf(ready))),
    ...callsOn("SocketListener", () => new SocketListener(listenerOf(ready))),
    ...callsOn("BufferedStream", () => new BufferedStream(socket())),
    ...callsOn("BufferedReceiver", () => new BufferedReceiver(socket())),
    ...callsOn("StapledStream", () => new StapledStream(socket(), socket())),
    ...callsOn("streamFromReadable()", () => net.streamFromReadable(source())),
    ...callsOn(
      "streamFromWritable()",
      () =>
        net.streamFromWritable(new WritableStream({ write: () => ready ? undefined : never(), close: () => never() })),
    ),
  ];
}

const PEM = { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" };

/** How functions are called. What is opened is closed; `close` closes what they work on. */
const FUNCTIONS: Readonly<Record<string, (ready: boolean) => Omit<Call, "name">>> = {
  openTcpStream: (ready) => opening(ready, () => net.openTcpStream("host.test", 80)),
  openTlsStream: (ready) => opening(ready, () => net.openTlsStream("host.test", 443)),
  openUnixStream: (ready) => opening(ready, () => net.openUnixStream("/run/test.sock")),
  openTcpListeners: (ready) =>
    opening(ready, () => net.openTcpListeners(80, { hostname: ready ? "192.0.2.1" : "host.test" })),
  openTlsListeners: (ready) =>
    opening(ready, () => net.openTlsListeners(443, { hostname: ready ? "192.0.2.1" : "host.test", ...PEM })),
  openUnixListener: (ready) => opening(ready, () => net.openUnixListener("/run/test.sock")),
  startTls: (ready) => opening(ready, () => net.startTls(new SocketStream(connOf(ready)), { serverName: "host.test" })),
  pipe: (ready) => {
    const from = new SocketStream({ ...connOf(ready), ...(ready ? { read: () => Promise.resolve(null) } : {}) });
    return { subject: from, call: () => net.pipe(from, new SocketStream(connOf(ready))) };
  },
  proxy: (ready) => {
    const make = () => new SocketStream({ ...connOf(ready), ...(ready ? { read: () => Promise.resolve(null) } : {}) });
    const first = make();
    return { subject: first, call: () => net.proxy(ready ? make() : first, make()) };
  },
};

function opening(ready: boolean, open: () => Promise<Closeable | Closeable[]>): Omit<Call, "name"> {
  const openAndClose = async () => [await open()].flat().forEach((each) => each.close());
  return { subject: null, call: ready ? openAndClose : open };
}

function functions(ready: boolean): Call[] {
  return Object.entries(FUNCTIONS).map(([name, how]) => ({ name: `${name}()`, ...how(ready) }));
}

/** More calls than may pass before others get their turn. */
const MOST_CALLS = 1_000_000;

/** Calls in a loop, passing over errors, in a scope that somebody cancels a turn of the event loop later. */
async function loop(name: string, call: () => Promise<unknown>): Promise<void> {
  const outcome = await moveOnAfter(Infinity, async (scope) => {
    setImmediate(() => scope.cancel());
    for (let calls = 0;; calls++) {
      assert(calls < MOST_CALLS, `${name} lets nobody else have a turn, or is not cancelled`);
      try {
        await call();
      } catch (error) {
        if (isCancelled(error)) throw error;
      }
    }
  });
  assert(outcome.cancelledCaught, name);
}

Deno.test("a loop of calls at the end of a stream lets others have their turn, and is cancelled", () =>
  run(async () => {
    const ended = () => new SocketStream({ ...connOf(true), read: () => Promise.resolve(null) });
    const ending = [
      ...callsOn("SocketStream", ended),
      ...callsOn("BufferedReceiver", () => new BufferedReceiver(ended())),
      ...callsOn("streamFromReadable()", () => net.streamFromReadable(new Blob([]).stream())),
    ];
    for (const { name, call } of ending) await loop(`${name} at the end`, call);
  }, { handleSignals: false }));

Deno.test("a loop of calls that are refused lets others have their turn, and is cancelled", async () => {
  await run(async () => {
    for (const { name, subject, call } of objects(false)) {
      const first = call();
      first.catch(() => {});
      await loop(`${name} while another one waits`, call);
      subject?.close();
    }
  }, { network: networkOf(false), handleSignals: false });
  const fail = () => {
    throw new Error("No network");
  };
  const broken: Network = {
    ...{ connect: fail, listen: fail, listenTls: fail, resolve: fail, startTls: fail },
    ...{ connectUnix: fail, listenUnix: fail, removeSocketFile: fail },
  };
  await run(async () => {
    for (const { name, call } of functions(true)) await loop(`${name} without a network`, call);
  }, { network: broken, handleSignals: false });
});

Deno.test("10,000 calls that are cancelled keep one operation of the host, and call it once", () =>
  run(async () => {
    let calls = 0;
    const count = <A extends unknown[]>(fn: (...args: A) => Promise<never>) => (...args: A) => (calls++, fn(...args));
    const idle = { ...connOf(false), read: count(never), write: count(never), handshake: count(never) };
    const listener = { ...listenerOf(false), accept: count(never) };
    const subjects: readonly [Closeable, string][] = [
      ...["receiveSome", "receiveInto", "sendAll", "sendText"].map((name) =>
        [new SocketStream(idle as NetworkConn), name] as [Closeable, string]
      ),
      [new TlsStream(idle), "handshake"],
      [new SocketListener(listener), "accept"],
      [new BufferedReceiver(new SocketStream(idle as NetworkConn)), "receiveLine"],
      [new BufferedReceiver(new SocketStream(idle as NetworkConn)), "receiveExactly"],
      [net.streamFromReadable(new ReadableStream({ pull: count(never) }, { highWaterMark: 0 })), "receiveSome"],
      [net.streamFromWritable(new WritableStream({ write: count(never) })), "sendAll"],
      [net.streamFromWritable(new WritableStream({ write: count(never) })), "sendText"],
    ];
    for (const [subject, name] of subjects) {
      calls = 0;
      for (let i = 0; i < 10_000; i++) {
        await moveOnAfter(Infinity, async (scope) => {
          const call =
            (subject as Closeable & Record<string, (...args: readonly unknown[]) => Promise<unknown>>)[name]!(
              ...METHODS[name]!,
            );
          scope.cancel();
          await call;
        });
      }
      assertEquals([calls, currentRun().statistics().hostOperations.length], [1, 1], name);
      subject.close();
      assertEquals(currentRun().statistics().hostOperations, [], name);
    }
  }, { handleSignals: false }));
