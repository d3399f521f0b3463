/** Moving bytes from stream to stream. */

import { CancelScope, isCancelled, openNursery } from "../../core/mod.ts";
import { quietly } from "../_quietly.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream } from "../stream.ts";

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
  return quietly(move(from, to));
}

async function move(from: ReceiveStream, to: SendStream): Promise<number> {
  checkEnd("pipe", "from", from, "receiveInto");
  checkEnd("pipe", "to", to, "sendAll");
  const buffer = new Uint8Array(CHUNK);
  let moved = 0;
  for (let size = await from.receiveInto(buffer); size !== null; size = await from.receiveInto(buffer)) {
    await to.sendAll(buffer.subarray(0, size));
    moved += size;
  }
  return moved;
}

/**
 * Connects two streams, both ways, until both have ended.
 *
 * The end of one direction is passed on (`sendEof()`) while the other one goes on. Both streams are closed when it
 * returns or throws; a failure in one direction ends the other, and is thrown itself.
 *
 * **Cancellation:** throws `Cancelled`; both streams are closed, what was under way is lost.
 *
 * @example A TCP proxy
 * ```ts
 * import { type NetworkAddress, openNursery, openTcpStream, proxy, serveTcp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const serve = (handler: Parameters<typeof serveTcp>[0]) =>
 *     nursery.start<readonly NetworkAddress[]>((status) =>
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
  return quietly(proxyBoth(a, b));
}

async function proxyBoth(a: HalfCloseableStream, b: HalfCloseableStream): Promise<ProxyTraffic> {
  for (const method of ["receiveInto", "sendAll", "sendEof"] as const) {
    checkEnd("proxy", "a", a, method);
    checkEnd("proxy", "b", b, method);
  }
  let failure: { readonly error: unknown } | undefined;
  try {
    const traffic = await openNursery(async (nursery) => {
      async function oneWay(from: HalfCloseableStream, to: HalfCloseableStream): Promise<number> {
        try {
          const moved = await move(from, to);
          await to.sendEof();
          return moved;
        } catch (error) {
          if (isCancelled(error)) throw error;
          failure ??= { error };
          nursery.cancel(error);
          return 0;
        }
      }
      const there = nursery.startSoon(() => oneWay(a, b), { name: "proxy a to b" });
      const back = nursery.startSoon(() => oneWay(b, a), { name: "proxy b to a" });
      return { aToB: await there.join(), bToA: await back.join() };
    }, { name: "proxy" });
    if (failure === undefined) return traffic;
  } finally {
    try {
      a.close();
    } finally {
      b.close();
    }
  }
  throw failure.error;
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
export async function closeForcefully(resource: AsyncDisposable): Promise<void> {
  if (typeof resource?.[Symbol.asyncDispose] !== "function") {
    throw new TypeError(
      'Cannot close forcefully as "resource" must be an AsyncDisposable: it has no [Symbol.asyncDispose]()',
    );
  }
  // Shielded, so that a cancellation from outside is caught by no other scope than this.
  const scope = new CancelScope({ shield: true });
  scope.cancel("closed forcefully");
  await scope.run(async () => await resource[Symbol.asyncDispose]());
}

function checkEnd(action: string, name: string, stream: unknown, method: string): void {
  if (typeof (stream as Record<string, unknown> | null | undefined)?.[method] === "function") return;
  throw new TypeError(`Cannot ${action} as "${name}" must be a stream with ${method}(): it has none`);
}
