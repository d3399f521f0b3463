/**
 * A listening socket.
 *
 * A host accept cannot be taken back, so a cancelled one is left in flight, and the connection it brings is kept
 * for the next accept, or closed with the listener.
 */

import {
  BusyResourceError,
  ClosedResourceError,
  type HostOperation,
  type NetworkConn,
  type NetworkListener,
  suspend,
  type WaitReason,
  type Waker,
} from "../core/mod.ts";
import { formatSocketAddress } from "./_address.ts";
import { beginNetworkOperation } from "./_network_operation.ts";
import type { SocketAddress } from "../core/mod.ts";
import { SocketStream } from "./socket_stream.ts";
import type { Listener } from "./stream.ts";

/** Errors of one connection that died while it waited; the listener is fine (the list is Trio's, after accept(2)). */
const OF_ONE_CONNECTION = new Set([
  "EPERM",
  "ECONNABORTED",
  "EPROTO",
  "ENETDOWN",
  "ENOPROTOOPT",
  "EHOSTDOWN",
  "ENONET",
  "EHOSTUNREACH",
  "EOPNOTSUPP",
  "ENETUNREACH",
  "ENOSR",
  "ESOCKTNOSUPPORT",
  "EPROTONOSUPPORT",
  "ETIMEDOUT",
  "ECONNRESET",
]);

/** The connections from which a listener makes its streams. */
type ConnOf<S extends SocketStream<SocketAddress>> = NetworkConn<S["localAddress"]>;

/**
 * A listening socket: gives out a stream for each connection.
 *
 * Made by `openTcpListeners()`, `openTlsListeners()` and `openUnixListener()`. Closing it is the caller's duty, unless a server has taken it over.
 *
 * @example Accepting one connection
 * ```ts
 * import { openNursery, openTcpListeners, openTcpStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * using _ = listener!;
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using client = await openTcpStream("127.0.0.1", listener!.address.port);
 *   });
 *   using stream = await listener!.accept();
 *   assertEquals(await stream.receiveSome(), null);
 * });
 * ```
 */
export class SocketListener<S extends SocketStream<SocketAddress> = SocketStream> implements Listener<S> {
  /** Where it listens. */
  readonly address: S["localAddress"];
  readonly #listener: NetworkListener<ConnOf<S>>;
  readonly #open: (conn: ConnOf<S>) => S;
  readonly #reason: WaitReason;
  readonly #label: string;
  #closed = false;
  #waker: Waker<S> | null = null;
  /** The accept in flight. Written by `#begin()` and when it has ended. */
  #operation: HostOperation | null = null;
  /** A connection, or an error, that came while nobody was accepting. */
  #stash: { readonly conn: ConnOf<S> } | { readonly error: unknown } | null = null;

  /**
   * Wraps a listener of the host and takes it over.
   *
   * @param listener The listener.
   * @param open Makes the stream of a connection; a `SocketStream` if left out.
   */
  constructor(
    listener: NetworkListener<NetworkConn<S["localAddress"]>>,
    open: (conn: NetworkConn<S["localAddress"]>) => S = (conn) => new SocketStream(conn) as unknown as S,
  ) {
    this.#listener = listener;
    this.#open = open;
    this.address = listener.addr;
    const label = formatSocketAddress(listener.addr);
    this.#reason = { kind: "accept on", label };
    this.#label = `accept on ${label}`;
  }

  /**
   * Waits for the next connection.
   *
   * **Cancellation:** throws `Cancelled`; no connection is lost, the next accept gets it.
   *
   * @returns The stream, which belongs to the caller.
   * @throws {BusyResourceError} If another task is accepting.
   * @throws {ClosedResourceError} If the listener is closed, before or meanwhile.
   * @throws {Error} If the host has no more resources (`code` `EMFILE` and the like); accepting can be tried again.
   */
  accept(): Promise<S> {
    return suspend<S>(this.#reason, this.#start, this.#abandon);
  }

  /** Stops listening; a blocked accept fails, connections nobody has accepted are closed. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    if (this.#stash !== null && "conn" in this.#stash) this.#stash.conn.close();
    this.#stash = null;
    const waker = this.#waker;
    this.#waker = null;
    waker?.fail(new ClosedResourceError("Cannot accept as the listener was closed meanwhile"));
  }

  /** Closes the listener. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the listener. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  // As in `SocketStream`, one function for all accepts: a closure for each would cost time and memory.

  readonly #start = (waker: Waker<S>): void => {
    if (this.#waker !== null) {
      const message = "Cannot accept as another task is accepting on this listener: let one task do it";
      return void waker.fail(new BusyResourceError(message));
    }
    if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot accept as the listener is closed"));
    const stash = this.#stash;
    this.#stash = null;
    if (stash === null) {
      this.#waker = waker;
      if (this.#operation === null) this.#begin();
    } else if ("conn" in stash) waker.wake(this.#open(stash.conn));
    else waker.fail(stash.error);
  };

  /** The accept in flight stays, and what it brings is kept. */
  readonly #abandon = (): boolean => {
    this.#waker = null;
    return true;
  };

  #begin(): void {
    this.#operation = beginNetworkOperation(this.#listener, this.#label);
    this.#listener.accept().then(this.#accepted, this.#failed);
  }

  readonly #accepted = (conn: ConnOf<S>): void => {
    this.#operation?.end();
    this.#operation = null;
    if (this.#closed) return conn.close();
    const waker = this.#waker;
    this.#waker = null;
    if (waker === null) this.#stash = { conn };
    else waker.wake(this.#open(conn));
  };

  readonly #failed = (error: { readonly code?: string } | undefined): void => {
    this.#operation?.end();
    this.#operation = null;
    if (this.#closed) return;
    if (OF_ONE_CONNECTION.has(error?.code ?? "")) {
      // With nobody waiting the next accept begins anew.
      if (this.#waker !== null) this.#begin();
      return;
    }
    const waker = this.#waker;
    this.#waker = null;
    if (waker === null) this.#stash = { error };
    else waker.fail(error);
  };
}
