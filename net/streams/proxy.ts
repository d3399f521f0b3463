/** Connecting two streams, both ways. */

import { openNursery } from "../../core/mod.ts";
import { composedWait, failureOf, NOTHING } from "../../core/internal.ts";
import { requireMethod } from "../base/check.ts";
import { withOthers } from "../base/with_others.ts";
import { thenClose } from "../host/close.ts";
import { pipe } from "./pipe.ts";
import type { HalfCloseableStream } from "./stream.ts";

/**
 * The bytes that `proxy()` moved.
 *
 * @category Streams
 */
export interface ProxyTraffic {
  /** How many bytes went from the first stream to the second. */
  readonly aToB: number;
  /** How many bytes went from the second stream to the first. */
  readonly bToA: number;
}

/**
 * Connects two streams, both ways, until both have ended.
 *
 * The end of one direction is passed on (`sendEof()`) while the other one goes on. Both streams are closed when it
 * returns or throws. A failure in one direction ends the other one, and is thrown. Further failures, such as that of a
 * `close()`, are noted beside it (`suppressedErrors()`).
 *
 * **Cancellation:** throws `Cancelled`; both streams are closed, and what was under way is lost.
 *
 * **Not guaranteed:** that the other peer can tell a broken connection from one that has ended. Deno cannot reset a
 * connection, so a reset by one peer reaches the other as a clean end, and so does a cancellation. Where that matters,
 * the protocol itself must say when a message is complete, as HTTP and TLS do.
 *
 * @example A TCP proxy
 * ```ts
 * import { openNursery, openTcpStream, proxy, type SocketStream, tcpServer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const serve = (handler: (stream: SocketStream) => Promise<void>) =>
 *     nursery.start(tcpServer(handler, { hostname: "127.0.0.1", port: 0 }));
 *   const [echo] = await serve(async (stream) => {
 *     for await (const chunk of stream) await stream.sendAll(chunk);
 *   });
 *   const [front] = await serve(async (stream) => {
 *     await proxy(stream, await openTcpStream("127.0.0.1", echo.port));
 *   });
 *
 *   using client = await openTcpStream("127.0.0.1", front.port);
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
 * @category Streams
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
          const moved = await pipe(from, to);
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
