/** A network that misbehaves: whatever it does, an error comes out, and nothing is left open or in flight. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  CancelledElsewhereError,
  ClosedResourceError,
  ErrorGroup,
  Event,
  moveOnAfter,
  run,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../../core/mod.ts";
import { currentRun, type Network, type NetworkTlsConn } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import { followRule } from "../base/handler_errors.ts";
import {
  BufferedReceiver,
  BufferedStream,
  closeForcefully,
  type HalfCloseableStream,
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  openUnixListener,
  openUnixStream,
  pipe,
  proxy,
  SocketListener,
  SocketStream,
  StapledStream,
  startTls,
  streamFromWritable,
  TlsStream,
  writableFromStream,
} from "../mod.ts";

const never = () => new Promise<never>(() => {});
const PEM = { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" };
const at = (hostname: string) => ({ transport: "tcp", hostname, port: 9 }) as const;

/** How often each thing that was opened was closed. */
class Opened {
  readonly closed: number[] = [];

  /** Does what the host does when something is opened, and gives something whose `close()` is counted. */
  add<T extends object>(thing: T, close: () => unknown = () => {}): T & { close(): void } {
    const id = this.closed.push(0) - 1;
    return Object.assign(thing, { close: () => (this.closed[id]!++, close() as undefined) });
  }
}

function conn(opened: Opened, extra: object = {}, close?: () => unknown): NetworkTlsConn {
  return opened.add({
    localAddr: at("192.0.2.1"),
    remoteAddr: at("192.0.2.2"),
    read: never,
    write: never,
    closeWrite: never,
    handshake: () => Promise.resolve({ alpnProtocol: null }),
    ...extra,
  }, close);
}

/** What has no address that one could look at. */
const NO_ADDRESS = {
  get addr(): never {
    throw new Error("It has no address");
  },
  get remoteAddr(): never {
    throw new Error("It has no address");
  },
};

/** A network on which everything works. */
function networkOf(opened: Opened): Required<Omit<Network, "inMemory" | "http" | "openDatagrams">> {
  const listener = () => opened.add({ addr: at("192.0.2.1"), accept: never });
  return {
    connect: () => Promise.resolve(conn(opened)),
    resolve: () => Promise.resolve([{ address: "192.0.2.2", family: 4 }]),
    startTls: (plain) => Promise.resolve(conn(opened, {}, () => plain.close())),
    connectUnix: () => Promise.resolve(conn(opened) as never),
    removeSocketFile: () => Promise.resolve(true),
    listen: listener as never,
    listenTls: listener as never,
    listenUnix: listener as never,
  };
}

/** How an operation fails, given an error. */
const FAILURES: Readonly<Record<string, (error: unknown) => unknown>> = {
  "throws at once": (error) => {
    throw error;
  },
  "rejects": (error) => Promise.reject(error),
  "rejects, and then succeeds": (error) => ({
    then(done: (value: unknown) => void, fail: (error: unknown) => void) {
      fail(error);
      done({});
    },
  }),
  "gives nothing": () => undefined,
  "gives a promise for nothing": () => Promise.resolve(null),
  "has a then() that throws": () => Object.assign(Promise.resolve(null), { then: () => assert(false) }),
};

/** Errors that are hard to look at. */
const ERRORS: readonly unknown[] = [
  new Error("No cable"),
  undefined,
  "a word",
  Object.defineProperty(new Error(), "message", { get: () => assert(false) }),
  Object.defineProperty(new Error(), "name", { get: () => assert(false) }),
  Object.defineProperty(new Error(), "code", { get: () => assert(false) }),
];

/** Ways to open something, and which operations of the network they use. */
const OPENINGS: readonly [uses: readonly (keyof Network)[], open: () => Promise<unknown>][] = [
  [["resolve", "connect"], () => openTcpStream("host.test", 9)],
  [["resolve", "connect", "startTls"], () => openTlsStream("host.test", 9)],
  [["connectUnix"], () => openUnixStream("/run/test.sock")],
  [["resolve", "listen"], () => openTcpListeners(9, { hostname: "host.test" })],
  [["resolve", "listenTls"], () => openTlsListeners(9, { hostname: "host.test", ...PEM })],
  [["listenUnix"], () => openUnixListener("/run/test.sock")],
];

async function assertFails(what: string, { opened, network, open }: {
  readonly opened: Opened;
  readonly network: Network;
  readonly open: () => Promise<unknown>;
}): Promise<void> {
  await run(async () => {
    const error = await open().then(() => null, (error) => error);
    // Listeners are made in one step, and what is wrong with them is a fault of the network.
    assert(
      error instanceof BrokenResourceError || error instanceof RangeError || error instanceof TypeError,
      `${what}: ${error}`,
    );
    assertEquals(currentRun().statistics().hostOperations, [], what);
    assert(opened.closed.every((times) => times > 0), `${what} left something open: ${opened.closed}`);
  }, { network, handleSignals: false });
}

Deno.test("an operation of the network that fails, in whatever way, fails what it is for, and nothing stays open", async () => {
  for (const [uses, open] of OPENINGS) {
    for (const name of uses) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        for (const error of ERRORS) {
          const opened = new Opened();
          const network = { ...networkOf(opened), [name]: () => fail(error) };
          await assertFails(`${open}, as ${name}() ${manner}`, { opened, network, open });
        }
      }
    }
  }
});

Deno.test("what nothing can be made of is closed, whatever its close() does", async () => {
  for (const [uses, open] of OPENINGS) {
    const name = uses.at(-1)!;
    for (const close of [() => {}, () => assert(false), () => Promise.reject(new Error("no"))]) {
      const opened = new Opened();
      const useless = () => opened.add(Object.create(NO_ADDRESS, {}), close);
      const network = {
        ...networkOf(opened),
        [name]: name.startsWith("listen") ? useless : () => Promise.resolve(useless()),
      };
      await assertFails(`${open} over nothing useful`, { opened, network, open });
      assert(opened.closed.length > 0);
    }
  }
});

Deno.test("what comes when nobody waits for it any more is closed, whatever its close() does", async () => {
  for (const [uses, open] of OPENINGS) {
    const name = uses.at(-1)!;
    if (name.startsWith("listen")) continue;
    for (const close of [() => {}, () => assert(false), () => Promise.reject(new Error("no"))]) {
      const opened = new Opened();
      const { promise, resolve } = Promise.withResolvers<unknown>();
      const begun = new Event();
      const begin = () => (begun.set(), promise);
      await run(async () => {
        const outcome = await moveOnAfter(Infinity, async (scope) => {
          const opening = open();
          await begun.wait();
          scope.cancel();
          await opening;
        });
        assert(outcome.cancelledCaught);
        resolve(conn(opened, {}, close));
        await sleep(1);
        // A plain connection that TLS was begun on is that of the one that came.
        assertEquals(opened.closed.at(-1), 1, `${open}`);
        assertEquals(currentRun().statistics().hostOperations, []);
      }, { network: { ...networkOf(opened), [name]: begin }, handleSignals: false });
    }
  }
});

Deno.test("startTls() that the host never ends closes the connection when it is cancelled", async () => {
  const opened = new Opened();
  await run(async () => {
    const plain = new SocketStream(conn(opened));
    assert((await moveOnAfter(1, () => startTls(plain, { serverName: "host.test" }))).cancelledCaught);
    await sleep(1);
    assertEquals(opened.closed, [1]);
  }, { network: { ...networkOf(opened), startTls: never }, handleSignals: false });
});

Deno.test("a Cancelled of somebody else's in a connect() is a failed attempt, not a cancellation of who connects", async () => {
  const opened = new Opened();
  let shared: Promise<never>;
  const network = { ...networkOf(opened), connect: () => shared };
  await run(async () => {
    await moveOnAfter(0, () => shared = sleepForever());
    const error = await assertRejects(() => openTcpStream("192.0.2.2", 9), BrokenResourceError);
    const [attempt] = (error.cause as AggregateError).errors;
    assertInstanceOf(attempt.cause, CancelledElsewhereError);
  }, { network, handleSignals: false });
});

Deno.test("the errors of close() are noted beside the one that kept listeners from being opened", async () => {
  const opened = new Opened();
  const second = Object.assign(new Error("In use"), { code: "EADDRINUSE" });
  const closing = new Error("close() failed");
  const network: Network = {
    ...networkOf(opened),
    resolve: () => Promise.resolve(["192.0.2.1", "192.0.2.2"].map((address) => ({ address, family: 4 as const }))),
    listen({ hostname }) {
      if (hostname === "192.0.2.2") throw second;
      return opened.add({ addr: at(hostname), accept: never }, () => {
        throw closing;
      });
    },
  };
  await run(async () => {
    const error = await assertRejects(
      () => openTcpListeners(9, { hostname: "host.test" }),
      BrokenResourceError,
      "In use",
    );
    assertEquals([error.cause, suppressedErrors(error)], [second, [closing]]);
  }, { network, handleSignals: false });
});

Deno.test("SocketListener closes a connection of which its hook makes no stream, and the next accept goes on", async () => {
  const opened = new Opened();
  const hook = new RangeError("no stream today");
  let calls = 0;
  const host = { addr: at("192.0.2.1"), accept: () => Promise.resolve(conn(opened)), close() {} };
  const listener = new SocketListener(host, (conn) => {
    if (++calls < 3) throw hook;
    return new SocketStream(conn);
  });
  assertEquals(await listener.accept().catch((error) => error), hook);
  assertEquals(opened.closed, [1]);
  // Also one that came while nobody was accepting.
  await moveOnAfter(Infinity, async (scope) => {
    const accepting = listener.accept();
    scope.cancel();
    await accepting;
  });
  await sleep(1);
  assertEquals(await listener.accept().catch((error) => error), hook);
  (await listener.accept()).close();
  assertEquals(opened.closed, [1, 1, 1]);
});

Deno.test("SocketListener refuses what is no stream of its hook, and closes the connection", async () => {
  const fail = () => Promise.reject(new Error("of an async function"));
  for (const make of [() => undefined, () => "a stream", () => ({}), fail]) {
    const opened = new Opened();
    const host = { addr: at("192.0.2.1"), accept: () => Promise.resolve(conn(opened)), close() {} };
    const listener = new SocketListener(host, make as () => unknown as () => SocketStream);
    await assertRejects(
      () => listener.accept(),
      TypeError,
      'Cannot accept as "open" must make a stream of a connection',
    );
    assertEquals(opened.closed, [1]);
  }
});

Deno.test("a TLS handshake of the host that fails, in whatever way, is BrokenResourceError, or Closed if the socket is", async () => {
  for (const [manner, fail] of Object.entries(FAILURES)) {
    for (const error of ERRORS) {
      using stream = new TlsStream(conn(new Opened(), { handshake: () => fail(error) }));
      await assertRejects(() => stream.handshake(), BrokenResourceError, "", manner);
      await assertRejects(() => stream.handshake(), BrokenResourceError, "", manner);
      assertEquals(currentRun().statistics().hostOperations, []);
    }
    const closed = Object.assign(new Error("Bad resource ID"), { name: "BadResource" });
    if (!/gives|then/.test(manner)) {
      using stream = new TlsStream(conn(new Opened(), { handshake: () => fail(closed) }));
      await assertRejects(() => stream.handshake(), ClosedResourceError, "somebody else has closed the socket");
    }
  }
  const stuck = new TlsStream(conn(new Opened(), { handshake: never }, () => assert(false)));
  assert((await moveOnAfter(1, () => stuck.handshake())).cancelledCaught);
  const waiting = stuck.handshake();
  stuck.close();
  await assertRejects(
    () => waiting,
    ClosedResourceError,
    "Cannot complete the TLS handshake as the stream was closed meanwhile",
  );
  await assertRejects(
    () => stuck.handshake(),
    ClosedResourceError,
    "Cannot complete the TLS handshake as the stream is closed",
  );
  assertEquals(currentRun().statistics().hostOperations, []);
});

Deno.test("what a host closes from within its own call leaves no operation on the list", async () => {
  let close = () => {};
  const closing = () => (close(), never());
  const host = conn(new Opened(), { handshake: closing, read: closing, write: closing, closeWrite: closing });
  const ways: ((stream: TlsStream) => Promise<unknown>)[] = [
    (stream) => stream.handshake(),
    (stream) => stream.receiveSome(),
    (stream) => stream.sendAll(new Uint8Array(1)),
    (stream) => stream.sendEof(),
  ];
  for (const way of ways) {
    const stream = new TlsStream(host);
    close = () => stream.close();
    await assertRejects(() => way(stream), ClosedResourceError, "as the stream was closed meanwhile");
    assertEquals(currentRun().statistics().hostOperations, [], `${way}`);
  }
  const { writable } = new TransformStream<Uint8Array<ArrayBuffer>, unknown>({ flush: closing, transform: closing }, {
    highWaterMark: 1,
  }, { highWaterMark: 1 });
  const sink = streamFromWritable(writable);
  close = () => sink.close();
  await assertRejects(() => sink.sendEof(), ClosedResourceError);
  assertEquals(currentRun().statistics().hostOperations, []);
  const listener: SocketListener = new SocketListener({ addr: at("192.0.2.1"), accept: closing, close() {} });
  close = () => listener.close();
  await assertRejects(() => listener.accept(), ClosedResourceError, "as the listener was closed meanwhile");
  assertEquals(currentRun().statistics().hostOperations, []);
});

Deno.test("SocketListener keeps the stream whose making has cancelled the accept", async () => {
  const opened = new Opened();
  const host = { addr: at("192.0.2.1"), accept: () => Promise.resolve(conn(opened)), close() {} };
  let meanwhile = () => {};
  using listener = new SocketListener(host, (conn) => (meanwhile(), new SocketStream(conn)));
  const outcome = await moveOnAfter(Infinity, (scope) => {
    meanwhile = () => scope.cancel();
    return listener.accept();
  });
  assert(outcome.cancelledCaught);
  (await listener.accept()).close();
  assertEquals(opened.closed, [1]);
  // Streams outlive their listener, however soon it is closed.
  meanwhile = () => listener.close();
  (await listener.accept()).close();
  await assertRejects(() => listener.accept(), ClosedResourceError);
  assertEquals(opened.closed, [1, 1]);
});

Deno.test("SocketListener that is closed keeps nothing that comes for nobody: it is closed", async () => {
  const opened = new Opened();
  const host = { addr: at("192.0.2.1"), accept: () => Promise.resolve(conn(opened)), close() {} };
  let meanwhile = () => {};
  const busy = new SocketListener(host, (conn) => (meanwhile(), new SocketStream(conn)));
  const outcome = await moveOnAfter(Infinity, (scope) => {
    meanwhile = () => (scope.cancel(), busy.close());
    return busy.accept();
  });
  assert(outcome.cancelledCaught);
  assertEquals(opened.closed, [1]);
  // And one that the host accepts after all.
  const late = new SocketListener(host);
  const waiting = late.accept();
  await late[Symbol.asyncDispose]();
  await assertRejects(() => waiting, ClosedResourceError);
  await sleep(1);
  assertEquals(opened.closed, [1, 1]);
});

Deno.test("SocketListener passes over what the system says of one connection, for a while, and tells everything else", async () => {
  const error = (code: string | undefined, name = "Error") => Object.assign(new Error(`${code}`), { code, name });
  async function acceptAfter(errors: readonly unknown[]): Promise<unknown> {
    const opened = new Opened();
    const left = [...errors];
    const accept = () => left.length > 0 ? Promise.reject(left.shift()) : Promise.resolve(conn(opened));
    using listener = new SocketListener({ addr: at("192.0.2.1"), accept, close() {} });
    return await listener.accept().then((stream) => (stream.close(), "accepted"), (error) => error);
  }
  // The list of Trio, what Deno says of a peer that has reset its connection, and what nobody has thought of.
  for (const code of ["ECONNABORTED", "EPERM", "EPROTO", "ENETDOWN", "ETIMEDOUT", "ENOTCONN", "EWHATEVER"]) {
    assertEquals(await acceptAfter([error(code), error(code, "NotConnected")]), "accepted", code);
  }
  assertEquals(await acceptAfter(Array(100).fill(error("ECONNRESET"))), "accepted");
  const stays = error("EINVAL");
  assertEquals(await acceptAfter(Array(101).fill(stays)), stays);
  for (const each of [error("EMFILE"), error("ENFILE"), error("ENOMEM"), error(undefined), error("X", "NotCapable")]) {
    assertEquals(await acceptAfter([each]), each);
  }
  for (
    const each of [error(undefined, "BadResource"), error("EBADF"), error("ENOTSOCK"), error("EINTR", "Interrupted")]
  ) {
    assertInstanceOf(await acceptAfter([each]), ClosedResourceError);
  }
  assertInstanceOf(await acceptAfter([undefined]), BrokenResourceError);
});

Deno.test("what is no connection, no listener and no function is refused at once", () => {
  assertThrows(
    () => new SocketStream(undefined as never),
    TypeError,
    'Cannot make a SocketStream as "conn" must have a method read(): received undefined',
  );
  assertThrows(
    () => new SocketListener({ close() {} } as never),
    TypeError,
    'Cannot make a SocketListener as "listener" must have a method accept(): received an object of type Object',
  );
  assertThrows(
    () => new SocketListener({ addr: at("192.0.2.1"), accept: never, close() {} }, function* () {} as never),
    TypeError,
    'Cannot make a SocketListener as "open" must be a plain or async function: received a generator function',
  );
});

// Streams of others, of which some of ours are made.

/** A stream whose methods do what a test says. */
function streamOf(ways: Partial<Record<string | symbol, () => unknown>> = {}): HalfCloseableStream {
  const stream = {
    sendAll: () => Promise.resolve(),
    sendEof: () => Promise.resolve(),
    receiveSome: () => Promise.resolve(null),
    receiveInto: () => Promise.resolve(null),
    close() {},
    [Symbol.dispose]: () => stream.close(),
    [Symbol.asyncDispose]: () => Promise.resolve(stream.close()),
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true as const, value: undefined }) }),
    ...ways,
  };
  return stream as HalfCloseableStream;
}

/** Fails with an error of that name. */
function failing(name: string): () => never {
  const error = new Error(name);
  return () => {
    throw error;
  };
}

Deno.test(
  "what a stream of somebody's throws at once is a rejection of the stream that is made of it",
  simulated(async () => {
    const bad = streamOf({
      ...{ sendAll: failing("bad"), sendEof: failing("bad"), receiveSome: failing("bad"), receiveInto: failing("bad") },
      [Symbol.asyncDispose]: failing("bad"),
    });
    const streams = [new StapledStream(bad, bad), new BufferedStream(bad), new BufferedReceiver(bad)];
    for (const stream of streams as BufferedStream[]) {
      const calls: (() => Promise<unknown>)[] = [
        () => stream.receiveSome(),
        () => stream.receiveInto(new Uint8Array(1)),
        () => stream[Symbol.asyncDispose](),
      ];
      if (stream.sendAll !== undefined) {
        calls.push(() => stream.sendAll(new Uint8Array(1)), () => stream.sendText("x"), () => stream.sendEof());
      }
      for (const call of calls) {
        const pending = call();
        assertEquals(`${await pending.catch((error) => error)}`, "Error: bad");
      }
    }
  }),
);

Deno.test(
  "a stream of somebody's that says an impossible number of bytes is broken, for who pipes and for who buffers",
  simulated(async () => {
    for (const size of [undefined, 0, -1, 1.5, NaN, 1e9]) {
      const stream = streamOf({ receiveInto: () => Promise.resolve(size) });
      await assertRejects(() => pipe(stream, stream), BrokenResourceError);
      await assertRejects(() => proxy(stream, streamOf()), BrokenResourceError);
      await assertRejects(() => new BufferedReceiver(stream).receiveExactly(1), BrokenResourceError);
    }
  }),
);

Deno.test(
  "StapledStream closes both streams, throws the first error, and notes the second",
  simulated(async () => {
    const log: string[] = [];
    const bad = (name: string) =>
      streamOf({
        close() {
          log.push(name);
          throw new Error(name);
        },
        [Symbol.asyncDispose]: async () => {
          await sleep(1);
          log.push(name);
          throw new Error(name);
        },
      });
    const ways: ((stream: StapledStream) => unknown)[] = [
      (stream) => stream.close(),
      (stream) => stream[Symbol.dispose](),
      (stream) => stream[Symbol.asyncDispose](),
    ];
    for (const close of ways) {
      log.length = 0;
      const error = await Promise.try(close, new StapledStream(bad("send"), bad("receive"))).then(() => null, (e) => e);
      assertEquals(log, ["send", "receive"]);
      assertEquals([`${error}`, suppressedErrors(error).map(String)], ["Error: send", ["Error: receive"]]);
      await assertRejects(() => Promise.try(close, new StapledStream(streamOf(), bad("receive"))), Error, "receive");
    }
    // A cancellation is noticed again; a failure is not.
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const waiting = streamOf({ [Symbol.asyncDispose]: () => sleepForever() });
      scope.cancel();
      await assertRejects(() => new StapledStream(waiting, bad("receive"))[Symbol.asyncDispose](), Error, "Cancelled");
    });
    assertEquals(outcome.cancelledCaught, false);
  }),
);

Deno.test(
  "proxy() closes both streams, throws what broke first, and notes the rest",
  simulated(async () => {
    const log: string[] = [];
    const closing = (name: string) => () => {
      log.push(name);
      throw new Error(name);
    };
    const line = new Error("line");
    const a = streamOf({ receiveInto: () => Promise.reject(line), close: closing("a") });
    const b = streamOf({ receiveInto: () => sleepForever(), close: closing("b") });
    const error = await proxy(a, b).catch((error) => error);
    assertEquals([error, log], [line, ["a", "b"]]);
    assertEquals(suppressedErrors(error).map(String), ["Error: a", "Error: b"]);
    const [good, bad] = [streamOf({ close: closing("a") }), streamOf({ close: closing("b") })];
    const afterwards = await proxy(good, bad).catch((error) => error);
    assertEquals([`${afterwards}`, suppressedErrors(afterwards).map(String)], ["Error: a", ["Error: b"]]);
  }),
);

Deno.test(
  "what is thrown beside a value that is no object is not lost: then it is a group",
  simulated(async () => {
    const throwing = (value: unknown) => () => {
      throw value;
    };
    const [a, b] = [streamOf({ close: throwing("a") }), streamOf({ close: throwing(2) })];
    const stapled = new StapledStream(a, b);
    for (const close of [() => stapled.close(), () => stapled[Symbol.dispose]()]) {
      assertEquals(assertThrows(close, ErrorGroup).errors, ["a", 2]);
    }
    const proxied = await proxy(streamOf({ receiveInto: () => Promise.reject("line"), close: throwing("a") }), b)
      .catch((error) => error);
    assertEquals(proxied.errors, ["line", "a", 2]);
    // One alone stays as it is.
    assertEquals(await proxy(a, streamOf()).catch((error) => error), "a");

    const opened = new Opened();
    const host = { addr: at("192.0.2.1"), accept: () => Promise.resolve(conn(opened, {}, throwing("b"))), close() {} };
    const listener = new SocketListener(host, (): SocketStream => throwing("a")());
    assertEquals((await assertRejects(() => listener.accept(), ErrorGroup)).errors, ["a", "b"]);

    const rule = followRule(throwing("rule"), "handler", () => "nobody");
    assertEquals((await assertRejects(() => rule, ErrorGroup)).errors, ["rule", "handler"]);
  }),
);

Deno.test("aborting a WritableStream over a stream whose close() throws rejects, and ends no process", async () => {
  const stream = streamOf({ close: failing("close() failed") });
  await assertRejects(() => writableFromStream(stream).abort(new Error("enough")), Error, "close() failed");
});

Deno.test("closeForcefully() that nobody awaits does not end the process, whoever closes what it waits for", async () => {
  closeForcefully(streamOf({ [Symbol.asyncDispose]: () => Promise.reject(new ClosedResourceError("It is closed")) }));
  await sleep(1);
});
