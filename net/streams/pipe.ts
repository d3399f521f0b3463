/** Moving bytes from stream to stream. */

import { BrokenResourceError, CancelScope, openNursery } from "../../core/mod.ts";
import { cancelShieldedCheckpoint } from "../../core/lowlevel.ts";
import { composedWait, failureOf, NOTHING, turnDue } from "../../core/internal.ts";
import { faultOfSize } from "../base/byte_stream.ts";
import { requireMethod } from "../base/check.ts";
import { withOthers } from "../base/with_others.ts";
import { thenClose } from "../host/close.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream } from "./stream.ts";

/** How much is received at a time, in bytes. What the streams use themselves. */
const CHUNK = 64 * 1024;

/** How many bytes a proxy moved. */
export interface ProxyTraffic {
  /** From the first stream to the second. */
  readonly aToB: number;
  /** From the second stream to the first. */
  readonly bToA: number;
}

/**
 * Moves everything from one stream to another, until the first one ends.
 *
 * Closes nothing, and does not end the sending direction of `to`, so more can be sent on it. The bytes go through one
 * buffer, without a copy; a slow receiver slows the sender down.
 *
 * **Cancellation:** throws `Cancelled`; what was received and not yet sent, up to 64 KiB, is lost.
 *
 * @example One stream after another
 * ```ts
 * import { streamFromReadable, streamFromWritable, pipe } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const gzip = new CompressionStream("gzip");
 * const text = new Response(gzip.readable.pipeThrough(new DecompressionStream("gzip"))).text();
 * using to = streamFromWritable(gzip.writable);
 * assertEquals(await pipe(streamFromReadable(new Blob(["Hello, "]).stream()), to), 7);
 * assertEquals(await pipe(streamFromReadable(new Blob(["world"]).stream()), to), 5);
 * await to.sendEof();
 * assertEquals(await text, "Hello, world");
 * ```
 *
 * @param from Where the bytes come from.
 * @param to Where they go.
 * @returns How many bytes were moved.
 * @throws {BrokenResourceError} If one of the streams breaks.
 */
export function pipe(from: ReceiveStream, to: SendStream): Promise<number> {
  return composedWait(() => move(from, to));
}

async function move(from: ReceiveStream, to: SendStream): Promise<number> {
  requireMethod("pipe", "from", from, "receiveInto");
  requireMethod("pipe", "to", to, "sendAll");
  const buffer = new Uint8Array(CHUNK);
  let moved = 0;
  while (true) {
    const turn = turnDue();
    if (turn !== null) await turn;
    const size = await from.receiveInto(buffer);
    if (size === null) return moved;
    const fault = faultOfSize(size, CHUNK);
    if (fault !== null) {
      throw new BrokenResourceError(`Cannot pipe as "from" broke: ${fault.message}`, { cause: fault });
    }
    await to.sendAll(buffer.subarray(0, size));
    moved += size;
  }
}

/**
 * Connects two streams, both ways, until both have ended.
 *
 * The end of one direction is passed on (`sendEof()`) while the other one goes on. Both streams are closed when it
 * returns or throws. A failure in one direction ends the other, and is thrown itself; what else fails, such as a `close()`,
 * is noted beside it (`suppressedErrors()`).
 *
 * **Cancellation:** throws `Cancelled`; both streams are closed, what was under way is lost.
 *
 * **Not guaranteed:** that the other peer can tell a connection that broke from one that has ended. Deno cannot reset a
 * connection, so a reset of one peer reaches the other as a clean end, and so does a cancellation. Where that matters, the
 * protocol must say itself when a message is complete, as HTTP and TLS do.
 *
 * @example A TCP proxy
 * ```ts
 * import { type TcpAddress, openNursery, openTcpStream, proxy, serveTcp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const serve = (handler: Parameters<typeof serveTcp>[0]) =>
 *     nursery.start<readonly TcpAddress[]>((status) =>
 *       serveTcp(handler, { hostname: "127.0.0.1", port: 0, status })
 *     );
 *   const [echo] = await serve(async (stream) => {
 *     for await (const chunk of stream) await stream.sendAll(chunk);
 *   });
 *   const [front] = await serve(async (stream) => {
 *     await proxy(stream, await openTcpStream("127.0.0.1", echo!.port));
 *   });
 *
 *   using client = await openTcpStream("127.0.0.1", front!.port);
 *   await client.sendAll(new TextEncoder().encode("hello"));
 *   await client.sendEof();
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 *   assertEquals(await client.receiveSome(), null);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param a One stream.
 * @param b The other one.
 * @returns How many bytes went each way.
 * @throws {BrokenResourceError} If one of the streams breaks.
 */
export function proxy(a: HalfCloseableStream, b: HalfCloseableStream): Promise<ProxyTraffic> {
  return composedWait(() => proxyBoth(a, b));
}

async function proxyBoth(a: HalfCloseableStream, b: HalfCloseableStream): Promise<ProxyTraffic> {
  for (const method of ["receiveInto", "sendAll", "sendEof", "close"]) {
    requireMethod("proxy", "a", a, method);
    requireMethod("proxy", "b", b, method);
  }
  return await thenClose([a, b], async () => {
    const failures: unknown[] = [];
    const traffic = await openNursery(async (nursery) => {
      async function oneWay(from: HalfCloseableStream, to: HalfCloseableStream): Promise<number> {
        try {
          const moved = await move(from, to);
          await to.sendEof();
          return moved;
        } catch (error) {
          const failure = failureOf(error);
          if (failure === NOTHING) throw error;
          failures.push(failure);
          nursery.cancel(failure);
          return 0;
        }
      }
      const there = nursery.startSoon(() => oneWay(a, b), { name: "proxy a to b" });
      const back = nursery.startSoon(() => oneWay(b, a), { name: "proxy b to a" });
      return { aToB: await there.join(), bToA: await back.join() };
    }, { name: "proxy" });
    if (failures.length > 0) throw withOthers(failures[0], failures.slice(1));
    return traffic;
  });
}

/**
 * Closes something that says goodbye when closed, without waiting for the goodbye.
 *
 * Calls its `Symbol.asyncDispose` in a scope that is cancelled already: whatever that would wait for is skipped. So it
 * takes no time, also when the peer has gone silent, and works in a cancelled scope. (The `close()` of a stream is
 * immediate anyway.)
 *
 * **Cancellation:** never throws `Cancelled`; closes in any case.
 *
 * @example A peer that does not take the goodbye
 * ```ts
 * import { closeForcefully, sleepForever } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let closed = false;
 * const client = {
 *   async [Symbol.asyncDispose]() {
 *     try {
 *       await sleepForever(); // sends QUIT and waits for the answer
 *     } finally {
 *       closed = true;
 *     }
 *   },
 * };
 * await closeForcefully(client);
 * assert(closed);
 * ```
 *
 * @param resource What to close.
 * @returns A promise that resolves once it is closed.
 */
export function closeForcefully(resource: AsyncDisposable): Promise<void> {
  return composedWait(async () => {
    if (typeof resource?.[Symbol.asyncDispose] !== "function") {
      throw new TypeError(
        'Cannot close forcefully as "resource" must be an AsyncDisposable: it has no [Symbol.asyncDispose]()',
      );
    }
    // Shielded, so that a cancellation from outside is caught by no other scope than this.
    const scope = new CancelScope({ shield: true });
    scope.cancel("closed forcefully");
    await scope.run(async () => await resource[Symbol.asyncDispose]());
    // What closes at once would starve everybody in a loop.
    await cancelShieldedCheckpoint();
  });
}
