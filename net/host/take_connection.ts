/** Taking the connection out of a stream, for the upgrade to another kind: what `SocketStream` lets nobody else do. */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";

/** What is known of a `SocketStream` here. */
interface SocketStream<A extends SocketAddress> {
  readonly localAddress: A;
}

type Take = <A extends SocketAddress>(stream: SocketStream<A>, action: string) => NetworkConn<A>;

let take: Take;

/** Called by the class, which alone can do it. */
export function canBeTaken(by: Take): void {
  take = by;
}

/** Takes the connection out of a stream that is at rest, and closes the stream without it; `action` is what for. */
export function takeConnection<A extends SocketAddress>(stream: SocketStream<A>, action: string): NetworkConn<A> {
  return take(stream, action);
}
