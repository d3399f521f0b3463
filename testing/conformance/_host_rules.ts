/**
 * The rules of streams and listeners over a host that misbehaves, or that somebody else uses as well. Over 400 lines,
 * as a list of rules is best read in one piece.
 *
 * Each is tried with every way to misbehave: what a finding says names it. Nothing here takes for ever: a host that
 * makes numbers up, or fails, does so once, and then ends.
 */

import { BrokenResourceError, ClosedResourceError, moveOnAfter, sleep } from "../../core/mod.ts";
import { currentRun, type NetworkConn, type NetworkListener } from "../../core/lowlevel.ts";
import type { HalfCloseableStream, Listener, Stream } from "../../net/mod.ts";
import { pattern } from "./_byte_pattern.ts";
import { type Rule, textOf, type Trial } from "./_rules.ts";
import {
  closedElsewhere,
  CLOSINGS,
  FAILURES,
  FaultyConn,
  FaultyListener,
  filled,
  later,
  never,
  ofSystem,
  twice,
} from "./_faulty_host.ts";
import { requireEnd, requireNext } from "./_one_way_rules.ts";

/** Makes a stream over a connection of the host. */
export type StreamOver<S extends Stream = Stream> = (conn: NetworkConn) => S | Promise<S>;
/** Makes a listener over one of the host. */
export type ListenerOver = (listener: NetworkListener) => Listener<Stream> | Promise<Listener<Stream>>;

/** The ways to close anything. */
const CLOSE: Readonly<Record<string, (it: Disposable & AsyncDisposable & { close(): void }) => unknown>> = {
  "close()": (it) => it.close(),
  "dispose": (it) => it[Symbol.dispose](),
  "async dispose": (it) => it[Symbol.asyncDispose](),
};

/** Numbers of bytes that a read or a write cannot have moved. */
const NO_SIZES: readonly ((most: number) => unknown)[] = [
  (most) => most + 1,
  () => -1,
  () => 0.5,
  () => NaN,
  () => "1",
  () => undefined,
];

/** How often an accept may fail before the next connection must come. */
const MOST_FAILURES = 3;

/** The rules of a stream over a connection of the host. */
export const HOST_STREAM_RULES: readonly Rule<StreamOver>[] = [
  {
    name: "close() never throws and closes for good, whatever the close() of the host does",
    async check(bench: Trial, over) {
      for (const [manner, misbehave] of Object.entries(CLOSINGS)) {
        for (const [how, close] of Object.entries(CLOSE)) {
          const conn = new FaultyConn({ close: () => misbehave(() => stream.close()) });
          const stream = await open(bench, over, conn);
          await closes(bench, `${how} over a close() that ${manner}`, () => close(stream));
          bench.require(conn.closed === 1, `${how} over one that ${manner} closed the connection ${conn.closed} times`);
          await bench.rejects("sendAll() after it", () => stream.sendAll(pattern(1)), ClosedResourceError);
          await bench.rejects("receiveSome() after it", () => stream.receiveSome(), ClosedResourceError);
        }
      }
    },
  },
  {
    name: "close() wakes blocked operations, whatever the close() of the host does",
    async check(bench: Trial, over) {
      for (const [manner, misbehave] of Object.entries(CLOSINGS)) {
        const conn = new FaultyConn({ read: never, write: never, close: () => misbehave(() => stream.close()) });
        const stream = await open(bench, over, conn);
        await bench.tasks(async (start) => {
          const receiving = start(() => stream.receiveSome());
          const sending = start(() => stream.sendAll(pattern(1)));
          await bench.settle();
          await closes(bench, `close() over one that ${manner}`, () => stream.close());
          await bench.failsWith(`receiveSome() over a close() that ${manner}`, receiving, ClosedResourceError);
          await bench.failsWith(`sendAll() over a close() that ${manner}`, sending, ClosedResourceError);
        });
      }
    },
  },
  {
    name: "a read of the host that fails, at once or later, is BrokenResourceError, and stays so",
    async check(bench: Trial, over) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        const stream = await open(bench, over, new FaultyConn({ read: once(() => fail(new Error("No cable")), null) }));
        const what = `over a read that ${manner}`;
        await bench.rejects(`receiveSome() ${what}`, () => stream.receiveSome(), BrokenResourceError);
        await bench.rejects(`receiveInto() ${what}`, () => stream.receiveInto(new Uint8Array(1)), BrokenResourceError);
      }
    },
  },
  {
    name: "a write of the host that fails, at once or later, is BrokenResourceError, and stays so",
    async check(bench: Trial, over) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        const stream = await open(bench, over, new FaultyConn({ write: once(() => fail(new Error("No cable")), 1) }));
        await bench.rejects(
          `over a write that ${manner}, sendAll()`,
          () => stream.sendAll(pattern(1)),
          BrokenResourceError,
        );
        await bench.rejects("the next sendAll()", () => stream.sendAll(pattern(1)), BrokenResourceError);
      }
    },
  },
  {
    name: "a read or write of the host that settles twice counts once",
    async check(bench: Trial, over) {
      let reads = 0;
      const conn = new FaultyConn({
        read: (buffer: Uint8Array) => ++reads === 1 ? twice(filled(buffer, 3), 2) : twice(null, 1),
        write: (data: Uint8Array) => twice(data.length, 1),
      });
      const stream = await open(bench, over, conn);
      await requireNext(bench, stream, { size: 3 });
      await requireEnd(bench, stream);
      await stream.sendAll(pattern(3));
      bench.require(conn.written === 3, `of 3 bytes it wrote ${conn.written}`);
    },
  },
  {
    name: "a host that says it has moved an impossible number of bytes breaks the stream",
    async check(bench: Trial, over) {
      for (const size of NO_SIZES) {
        const conn = new FaultyConn({
          read: once((buffer: Uint8Array) => Promise.resolve(size(buffer.length)), null),
          write: once((data: Uint8Array) => Promise.resolve(size(data.length)), 3),
        });
        const stream = await open(bench, over, conn);
        const what = `of ${size(3)} bytes`;
        await bench.rejects(
          `receiveInto() over a read ${what}`,
          () => stream.receiveInto(new Uint8Array(3)),
          BrokenResourceError,
        );
        await bench.rejects(`sendAll() over a write ${what}`, () => stream.sendAll(pattern(3)), BrokenResourceError);
      }
    },
  },
  {
    name: "operations that the host never ends can be cancelled",
    async check(bench: Trial, over) {
      for (const name of ["receiveSome", "sendAll"] as const) {
        const stream = await open(bench, over, new FaultyConn({ read: never, write: never, close: () => {} }));
        await requireCancelled(
          bench,
          name,
          () => name === "sendAll" ? stream.sendAll(pattern(1)) : stream.receiveSome(),
        );
      }
    },
  },
  {
    name: "a socket that somebody else has closed is ClosedResourceError, for who waits and ever after",
    async check(bench: Trial, over) {
      const closed = () => Promise.reject(closedElsewhere("BadResource"));
      const meanwhile = () => new Promise((_, reject) => later(() => reject(closedElsewhere("Interrupted"))));
      const close = () => {
        throw closedElsewhere("BadResource");
      };
      for (const first of [meanwhile, closed]) {
        const stream = await open(
          bench,
          over,
          new FaultyConn({ read: once(first, closed), write: once(first, closed), close }),
        );
        for (let round = 0; round < 2; round++) {
          await bench.rejects("receiveSome()", () => stream.receiveSome(), ClosedResourceError);
          await bench.rejects("sendAll()", () => stream.sendAll(pattern(1)), ClosedResourceError);
        }
        await closes(bench, "close()", () => stream.close());
      }
    },
  },
  {
    name: "no operation of the host stays in flight when it has failed, or the stream is closed",
    async check(bench: Trial, over) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        // A time that stands still, as it does for the host, would not let it come.
        if (manner === "rejects later") continue;
        await requireNoneInFlight(bench, `a read and a write that ${manner}`, async () => {
          const failing = () => fail(new Error("No cable"));
          const conn = new FaultyConn({ read: failing, write: failing }, { inMemory: false });
          const stream = await open(bench, over, conn);
          await bench.rejects("receiveSome()", () => stream.receiveSome(), Error);
          await bench.rejects("sendAll()", () => stream.sendAll(pattern(1)), Error);
        });
      }
      await requireNoneInFlight(bench, "close() over a read and a write that never end", async () => {
        const conn = new FaultyConn({ read: never, write: never, close: () => {} }, { inMemory: false });
        const stream = await open(bench, over, conn);
        const pending = [stream.receiveSome(), stream.sendAll(pattern(1))];
        stream.close();
        for (const each of pending) await bench.rejects("a blocked operation", () => each, ClosedResourceError);
      });
    },
  },
];

/** The rules about `sendEof()` over a connection of the host. */
export const HOST_EOF_RULES: readonly Rule<StreamOver<HalfCloseableStream>>[] = [
  {
    name: "a closeWrite() of the host that fails, at once or later, is BrokenResourceError",
    async check(bench: Trial, over) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        const stream = await open(bench, over, new FaultyConn({ closeWrite: () => fail(new Error("No cable")) }));
        await bench.rejects(`sendEof() over one that ${manner}`, () => stream.sendEof(), BrokenResourceError);
      }
    },
  },
  {
    name: "a closeWrite() that the host never ends can be cancelled, and close() ends it",
    async check(bench: Trial, over) {
      const stuck = { closeWrite: never, close: () => {} };
      const cancelled = await open(bench, over, new FaultyConn(stuck));
      await requireCancelled(bench, "sendEof", () => cancelled.sendEof());
      await requireNoneInFlight(bench, "close() over one that never ends", async () => {
        const stream = await open(bench, over, new FaultyConn(stuck, { inMemory: false }));
        const pending = stream.sendEof();
        stream.close();
        await bench.rejects("sendEof()", () => pending, ClosedResourceError);
      });
    },
  },
  {
    name: "sendEof() on a socket that somebody else has closed is ClosedResourceError",
    async check(bench: Trial, over) {
      const closed = () => Promise.reject(closedElsewhere("BadResource"));
      const stream = await open(bench, over, new FaultyConn({ closeWrite: closed }));
      await bench.rejects("sendEof()", () => stream.sendEof(), ClosedResourceError);
    },
  },
];

/** The rules of a listener over one of the host. */
export const HOST_LISTENER_RULES: readonly Rule<ListenerOver>[] = [
  {
    name: "close() never throws and closes for good, whatever the close() of the host does",
    async check(bench: Trial, over) {
      for (const [manner, misbehave] of Object.entries(CLOSINGS)) {
        for (const [how, close] of Object.entries(CLOSE)) {
          const host = new FaultyListener({ close: () => misbehave(() => listener.close()) });
          const listener = await listen(bench, over, host);
          await closes(bench, `${how} over a close() that ${manner}`, () => close(listener));
          bench.require(host.closed === 1, `${how} over one that ${manner} closed the listener ${host.closed} times`);
          await bench.rejects("accept() after it", () => listener.accept(), ClosedResourceError);
        }
      }
    },
  },
  {
    name: "close() wakes a blocked accept, whatever the close() of the host does",
    async check(bench: Trial, over) {
      for (const [manner, misbehave] of Object.entries(CLOSINGS)) {
        const host = new FaultyListener({ accept: never, close: () => misbehave(() => listener.close()) });
        const listener = await listen(bench, over, host);
        await bench.tasks(async (start) => {
          const accepting = start(() => listener.accept());
          await bench.settle();
          await closes(bench, `close() over one that ${manner}`, () => listener.close());
          await bench.failsWith(`accept() over a close() that ${manner}`, accepting, ClosedResourceError);
        });
      }
    },
  },
  {
    name: "an accept of the host that fails, at once or later, loses no later connection",
    async check(bench: Trial, over) {
      const errors = [new Error("No cable"), ...["ECONNRESET", "ENOTCONN", "EMFILE", "EWHATEVER"].map(ofSystem)];
      for (const [manner, fail] of Object.entries(FAILURES)) {
        for (const error of errors) {
          const conn = new FaultyConn();
          const accept = once(() => fail(error), once(conn, never));
          const listener = await listen(bench, over, new FaultyListener({ accept }));
          const what = `accept() over one that ${manner} with "${error.message}"`;
          await requireComes(bench, what, listener, conn);
        }
      }
    },
  },
  {
    name: "an accept of the host that settles twice gives one connection, once",
    async check(bench: Trial, over) {
      const conn = new FaultyConn();
      const accept = once(() => twice(conn, new FaultyConn()), never);
      const listener = await listen(bench, over, new FaultyListener({ accept }));
      await requireComes(bench, "accept()", listener, conn);
      await requireCancelled(bench, "the next accept", () => listener.accept());
    },
  },
  {
    name: "a connection that no stream can be made of is closed, and the next one comes",
    async check(bench: Trial, over) {
      const dead = new FaultyConn();
      Object.defineProperty(dead, "remoteAddr", {
        get() {
          throw new Error("The peer is gone");
        },
      });
      const conn = new FaultyConn();
      const listener = await listen(bench, over, new FaultyListener({ accept: once(dead, once(conn, never)) }));
      const [first] = await Promise.allSettled([listener.accept()]);
      // Who does not ask for the address does not mind.
      if (first.status === "fulfilled") first.value.close();
      bench.require(dead.closed === 1, `it was closed ${dead.closed} times`);
      await requireComes(bench, "the next accept", listener, conn);
    },
  },
  {
    name: "a connection that comes after close() is closed, whatever its close() does",
    async check(bench: Trial, over) {
      for (const [manner, misbehave] of Object.entries(CLOSINGS)) {
        const conn = new FaultyConn({ close: () => misbehave(() => {}) });
        let come = (_: NetworkConn): void => {};
        const accept = () => new Promise<NetworkConn>((resolve) => come = resolve);
        const listener = await listen(bench, over, new FaultyListener({ accept, close: () => {} }));
        await bench.tasks(async (start) => {
          const accepting = start(() => listener.accept());
          await bench.settle();
          listener.close();
          come(conn);
          await bench.failsWith("accept()", accepting, ClosedResourceError);
          await bench.settle();
          bench.require(conn.closed === 1, `one whose close() ${manner} was closed ${conn.closed} times`);
        });
      }
    },
  },
  {
    name: "an accept that the host never ends can be cancelled",
    async check(bench: Trial, over) {
      const listener = await listen(bench, over, new FaultyListener({ accept: never, close: () => {} }));
      await requireCancelled(bench, "accept", () => listener.accept());
    },
  },
  {
    name: "a listener that somebody else has closed is ClosedResourceError, for who waits and ever after",
    async check(bench: Trial, over) {
      const closed = () => Promise.reject(closedElsewhere("BadResource"));
      const meanwhile = () => new Promise((_, reject) => later(() => reject(closedElsewhere("BadResource"))));
      const close = () => {
        throw closedElsewhere("BadResource");
      };
      for (const first of [meanwhile, closed]) {
        const listener = await listen(bench, over, new FaultyListener({ accept: once(first, closed), close }));
        for (let round = 0; round < 2; round++) {
          await bench.rejects("accept()", () => listener.accept(), ClosedResourceError);
        }
        await closes(bench, "close()", () => listener.close());
      }
    },
  },
  {
    name: "no operation of the host stays in flight when it has failed, or the listener is closed",
    async check(bench: Trial, over) {
      for (const [manner, fail] of Object.entries(FAILURES)) {
        // A time that stands still, as it does for the host, would not let it come.
        if (manner === "rejects later") continue;
        await requireNoneInFlight(bench, `an accept that ${manner}`, async () => {
          const failing = () => fail(new Error("No cable"));
          const listener = await listen(bench, over, new FaultyListener({ accept: failing }, { inMemory: false }));
          await bench.rejects("accept()", () => listener.accept(), Error);
        });
      }
      await requireNoneInFlight(bench, "close() over an accept that never ends", async () => {
        const host = new FaultyListener({ accept: never, close: () => {} }, { inMemory: false });
        const listener = await listen(bench, over, host);
        const pending = listener.accept();
        listener.close();
        await bench.rejects("accept()", () => pending, ClosedResourceError);
      });
    },
  },
];

async function open<S extends Stream>(bench: Trial, over: StreamOver<S>, conn: FaultyConn): Promise<S> {
  const stream = await over(conn);
  bench.closeLater(stream);
  return stream;
}

async function listen(bench: Trial, over: ListenerOver, host: FaultyListener): Promise<Listener<Stream>> {
  const listener = await over(host);
  bench.closeLater(listener);
  return listener;
}

/** Does one thing the first time, and another one from then on: functions are called, everything else is what comes. */
function once(first: unknown, then: unknown): (...args: never[]) => unknown {
  let next = first;
  return (...args) => {
    const now = next;
    next = then;
    return typeof now === "function" ? now(...args) : Promise.resolve(now);
  };
}

/** Requires that something closes without an error. */
async function closes(bench: Trial, what: string, close: () => unknown): Promise<void> {
  try {
    await close();
  } catch (error) {
    bench.fail(`${what} threw ${textOf(error)}`, { cause: error });
  }
}

/**
 * Requires that a connection is accepted before long, however many accepts fail meanwhile, and that closing its stream
 * closes it.
 */
async function requireComes(bench: Trial, what: string, listener: Listener<Stream>, conn: FaultyConn): Promise<void> {
  for (let left = MOST_FAILURES;; left--) {
    let stream: Stream | null = null;
    await bench.tasks(async (start) => {
      const accepting = start(() => listener.accept());
      // For what happens later: to settle takes no time.
      await sleep(2);
      await bench.ends(`${what} is still blocked, though the next connection is there`, accepting).then(
        (accepted) => stream = accepted,
        (error) => {
          if (accepting.outcome === null || left === 0) throw error;
        },
      );
    });
    if (stream === null) continue;
    (stream as Stream).close();
    bench.require(conn.closed === 1, `${what} gave a stream that is not that of the connection`);
    return;
  }
}

/** Requires that an operation, which would block, ends by being cancelled. */
async function requireCancelled(bench: Trial, what: string, fn: () => Promise<unknown>): Promise<void> {
  await bench.tasks(async (start) => {
    const attempt = start(() =>
      moveOnAfter(Infinity, async (scope) => {
        const pending = fn();
        pending.catch(() => {});
        await bench.settle();
        scope.cancel();
        await pending;
      })
    );
    const outcome = await bench.ends(`${what}() is still blocked, though it was cancelled`, attempt);
    bench.require(outcome.cancelledCaught, `${what}() returned, where nothing could be done`);
  });
}

/** Requires that the run has as many operations of the host in flight after something as before. */
async function requireNoneInFlight(bench: Trial, what: string, fn: () => Promise<void>): Promise<void> {
  const before = currentRun().statistics().hostOperations.length;
  await fn();
  const { hostOperations } = currentRun().statistics();
  bench.require(hostOperations.length === before, `after ${what} there are: ${hostOperations.join(", ")}`);
}
