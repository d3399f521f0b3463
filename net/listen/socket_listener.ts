/**
 * A listening socket.
 *
 * A host accept cannot be taken back, so a cancelled one is left in flight, and the connection it brings is kept
 * for the next accept, or closed with the listener.
 *
 * An accept of the host that fails says little about the listener: mostly one connection has died while it waited, and
 * which errors that can be nobody has listed completely (Deno adds `ENOTCONN`, as it asks a dead socket for its peer). So
 * whatever the system reports is passed over, but for a socket that is closed and for a want of resources.
 */

import { BrokenResourceError, BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import {
  type HostOperation,
  type NetworkConn,
  type NetworkListener,
  suspend,
  type WaitReason,
  type Waker,
} from "../../core/lowlevel.ts";
import { isError, read, requireFunction, show } from "../../core/internal.ts";
import { formatSocketAddress } from "../base/address.ts";
import { requireMethod } from "../base/check.ts";
import { callHost, closeAll, takeOver, tellHost } from "../host/host_call.ts";
import { isClosed, isNotCapable, isOfSystem, isOutOfResources, textOf } from "../host/host_errors.ts";
import type { SocketAddress } from "../../core/mod.ts";
import { SocketStream } from "../streams/socket_stream.ts";
import type { Listener } from "../streams/stream.ts";

/**
 * How many connections in a row may be dead by the time they are accepted before an accept says so: more than a scanner of
 * ports leaves behind in one sweep, and an end to an error that will not go away.
 */
const MOST_DEAD = 100;

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
 * using _ = listener;
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using client = await openTcpStream("127.0.0.1", listener.address.port);
 *   });
 *   using stream = await listener.accept();
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
  /** A connection, or what became of one, that came while nobody was accepting. */
  #stash: { readonly conn: ConnOf<S> } | { readonly stream: S } | { readonly error: unknown } | null = null;
  /** How many accepts have failed in a row that brought a dead connection. */
  #dead = 0;

  /**
   * Wraps a listener of the host and takes it over.
   *
   * @param listener The listener.
   * @param open Makes the stream of a connection; a `SocketStream` if left out. If it throws, the connection is closed, and
   *   the accept fails with that error.
   * @throws {TypeError} If `listener` is none, or `open` no function.
   */
  constructor(
    listener: NetworkListener<NetworkConn<S["localAddress"]>>,
    open: (conn: NetworkConn<S["localAddress"]>) => S = (conn) => new SocketStream(conn) as unknown as S,
  ) {
    requireMethod("make a SocketListener", "listener", listener, "accept");
    requireFunction("make a SocketListener", "open", open);
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
   * @throws {ClosedResourceError} If the listener is closed, before or meanwhile, or somebody else closes its socket.
   * @throws {Error} If the host has no more resources (`code` `EMFILE` and the like), or fails in an unknown way:
   *   accepting can be tried again.
   */
  accept(): Promise<S> {
    return suspend<S>(this.#reason, this.#start, this.#abandon);
  }

  /**
   * Stops listening; a blocked accept fails, connections nobody has accepted are closed. Idempotent. Never throws: if the
   * host cannot close the socket, it is out of reach all the same.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const waker = this.#waker;
    const stash = this.#stash;
    this.#waker = this.#stash = null;
    // First, as the host may do anything.
    waker?.fail(new ClosedResourceError("Cannot accept as the listener was closed meanwhile"));
    closeAll(this.#listener);
    if (stash !== null && "conn" in stash) closeAll(stash.conn);
    if (stash !== null && "stream" in stash) closeAll(stash.stream);
    // Nobody waits for it any more, and a host may never end it.
    this.#operation?.end();
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
    } else if ("conn" in stash) this.#give(waker, stash.conn);
    else if ("stream" in stash) waker.wake(stash.stream);
    else waker.fail(stash.error);
  };

  /** The accept in flight stays, and what it brings is kept. */
  readonly #abandon = (): boolean => {
    this.#waker = null;
    return true;
  };

  #begin(): void {
    const listener = this.#listener;
    this.#operation = callHost(listener, this.#label, () => listener.accept(), this.#accepted, this.#failed);
    if (this.#closed) this.#operation.end();
  }

  readonly #accepted = (conn: ConnOf<S>): void => {
    this.#operation?.end();
    this.#operation = null;
    this.#dead = 0;
    if (this.#closed) return void closeAll(conn);
    const waker = this.#waker;
    this.#waker = null;
    if (waker === null) this.#stash = { conn };
    else this.#give(waker, conn);
  };

  readonly #make = (conn: ConnOf<S>): S => {
    const stream = this.#open(conn);
    if (typeof read(stream, "close") === "function") return stream;
    // Of an `async` function, whose failure must not end the process besides.
    tellHost(() => stream);
    throw new TypeError(`Cannot accept as "open" must make a stream of a connection: it gave ${show(stream)}`);
  };

  /** Gives out the stream of a connection. Making it is the business of others, who may do anything meanwhile. */
  #give(waker: Waker<S>, conn: ConnOf<S>): void {
    let stream: S;
    try {
      stream = takeOver(conn, this.#make);
    } catch (error) {
      return void waker.fail(error);
    }
    if (waker.wake(stream)) return;
    if (this.#closed || this.#stash !== null) closeAll(stream);
    else this.#stash = { stream };
  }

  readonly #failed = (error: unknown): void => {
    this.#operation?.end();
    this.#operation = null;
    if (this.#closed) return;
    if (isOfOneConnection(error) && ++this.#dead <= MOST_DEAD) {
      // With nobody waiting the next accept begins anew.
      if (this.#waker !== null) this.#begin();
      return;
    }
    this.#dead = 0;
    const fault = this.#faultOf(error);
    const waker = this.#waker;
    this.#waker = null;
    if (waker === null) this.#stash = { error: fault };
    else waker.fail(fault);
  };

  #faultOf(error: unknown): unknown {
    if (isClosed(error)) {
      return new ClosedResourceError(`Cannot accept as somebody else has closed the socket: ${textOf(error)}`, {
        cause: error,
      });
    }
    if (isError(error)) return error;
    return new BrokenResourceError(`Cannot accept as the host failed: ${textOf(error)}`, { cause: error });
  }
}

/** See the header. */
function isOfOneConnection(error: unknown): boolean {
  return isOfSystem(error) && !isClosed(error) && !isOutOfResources(error) && !isNotCapable(error);
}
