/**
 * A listening socket.
 *
 * A shell over `LeftBehind`: an accept that is cancelled is left in flight, and the connection it brings is kept for
 * the next one, or closed with the listener.
 *
 * An accept of the host that fails says little about the listener: mostly one connection has died while it waited, and
 * which errors that can be nobody has listed completely (Deno adds `ENOTCONN`, as it asks a dead socket for its peer).
 * So whatever the system reports is passed over, but for a socket that is closed and for a want of resources.
 */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn, NetworkListener, Waker } from "../../core/lowlevel.ts";
import { isError, LeftBehind, read, requireFunction, show, type Words } from "../../core/internal.ts";
import { formatSocketAddress } from "../base/address.ts";
import { requireMethod } from "../base/check.ts";
import { closeAll, takeOver, tellHost } from "../host/host_call.ts";
import { isClosed, isNotCapable, isOfSystem, isOutOfResources, messageOf, socketFault } from "../host/host_errors.ts";
import { SocketStream } from "../streams/socket_stream.ts";
import type { Listener } from "../streams/stream.ts";

const WORDS: Words = { action: "accept", what: "the listener", busy: "accepting on this listener" };

/**
 * How many connections in a row may be dead by the time they are accepted before an accept says so: more than a scanner
 * of ports leaves behind in one sweep, and an end to an error that will not go away.
 */
const MOST_DEAD = 100;

/** The connections from which a listener makes its streams. */
type ConnOf<S extends SocketStream<SocketAddress>> = NetworkConn<S["localAddress"]>;

/**
 * A listening socket, which gives out a stream for each connection.
 *
 * `openTcpListeners()`, `openTlsListeners()` and `openUnixListener()` make it. The caller must close it, unless a
 * server has taken it over.
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
 *
 * @category Listening
 */
export class SocketListener<S extends SocketStream<SocketAddress> = SocketStream> implements Listener<S> {
  /** The address it listens on. */
  readonly address: S["localAddress"];
  readonly #listener: NetworkListener<ConnOf<S>>;
  readonly #accepting: Accepting<S>;

  /**
   * Wraps a listener of the host and takes it over.
   *
   * @param listener A listener of the host.
   * @param open Makes the stream of a connection, by default a `SocketStream`. If it throws, the connection is closed,
   *   and the accept fails with that error.
   * @throws {TypeError} If `listener` is not a listener, or `open` is not a function.
   */
  constructor(
    listener: NetworkListener<NetworkConn<S["localAddress"]>>,
    open: (conn: NetworkConn<S["localAddress"]>) => S = (conn) => new SocketStream(conn) as unknown as S,
  ) {
    requireMethod("make a SocketListener", "listener", listener, "accept");
    requireFunction("make a SocketListener", "open", open);
    this.#listener = listener;
    this.address = listener.addr;
    this.#accepting = new Accepting(listener, open);
  }

  /**
   * Waits for the next connection.
   *
   * **Cancellation:** throws `Cancelled`; no connection is lost, the next accept gets it.
   *
   * @returns The stream, which belongs to the caller.
   * @throws {BusyResourceError} If another task is accepting.
   * @throws {ClosedResourceError} If the listener is closed, before or meanwhile, or if somebody else closes its
   *   socket.
   * @throws {Error} If the host has no more resources (`code` `EMFILE` and the like), or fails in an unknown way.
   *   Accepting can be tried again.
   */
  accept(): Promise<S> {
    return this.#accepting.accept();
  }

  /**
   * Stops listening. A blocked accept fails; connections that nobody has accepted are closed. Idempotent.
   *
   * Never throws: a socket that the host cannot close is out of reach all the same.
   */
  close(): void {
    if (this.#accepting.closedAs !== null) return;
    const kept = this.#accepting.close();
    closeAll(this.#listener);
    if (kept !== null) closeAll(kept);
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
}

/** What an accept brings: a connection, the stream that was made of it for somebody who has gone, or an error. */
type Accepted<S extends SocketStream<SocketAddress>> =
  | { readonly conn: ConnOf<S> }
  | { readonly stream: S }
  | { readonly error: unknown };

class Accepting<S extends SocketStream<SocketAddress>> extends LeftBehind<ConnOf<S>, S, Accepted<S>> {
  protected readonly label: string;
  readonly #listener: NetworkListener<ConnOf<S>>;
  readonly #open: (conn: ConnOf<S>) => S;
  /** How many accepts have failed in a row that brought a dead connection. */
  #dead = 0;

  constructor(listener: NetworkListener<ConnOf<S>>, open: (conn: ConnOf<S>) => S) {
    const label = formatSocketAddress(listener.addr);
    super(WORDS, { kind: "accept on", label }, listener);
    this.label = `accept on ${label}`;
    this.#listener = listener;
    this.#open = open;
  }

  accept(): Promise<S> {
    return this.wait();
  }

  /** Returns what nobody has accepted. */
  close(): ConnOf<S> | S | null {
    const kept = this.shut();
    if (kept === null || "error" in kept) return null;
    return "conn" in kept ? kept.conn : kept.stream;
  }

  override begin(): Promise<ConnOf<S>> {
    return this.#listener.accept();
  }

  protected override landed(conn: ConnOf<S>): void {
    this.#dead = 0;
    this.arrived({ conn });
  }

  protected override discard(conn: ConnOf<S>): void {
    closeAll(conn);
  }

  protected override failed(error: unknown): void {
    if (!isOfOneConnection(error) || ++this.#dead > MOST_DEAD) {
      this.#dead = 0;
      this.arrived({ error: faultOf(error) });
      // With nobody waiting the next accept begins anew.
    } else if (this.waiting !== null) this.start();
  }

  /** Making the stream is the business of others, who may do anything meanwhile. */
  protected override give(waiter: Waker<S>, accepted: Accepted<S>): void {
    if ("error" in accepted) return void waiter.fail(accepted.error);
    let stream: S;
    try {
      stream = "stream" in accepted ? accepted.stream : takeOver(accepted.conn, this.#make);
    } catch (error) {
      return void waiter.fail(error);
    }
    if (waiter.wake(stream)) return;
    if (this.closedAs === null) this.arrived({ stream });
    else closeAll(stream);
  }

  readonly #make = (conn: ConnOf<S>): S => {
    const stream = this.#open(conn);
    if (typeof read(stream, "close") === "function") return stream;
    // Of an `async` function, whose failure must not end the process besides.
    tellHost(() => stream);
    throw new TypeError(`Cannot accept as "open" must make a stream of a connection: it gave ${show(stream)}`);
  };
}

function faultOf(error: unknown): unknown {
  if (isError(error) && !isClosed(error)) return error;
  return socketFault("Cannot accept", error, `Cannot accept as the host failed: ${messageOf(error)}`);
}

/** See the header. */
function isOfOneConnection(error: unknown): boolean {
  return isOfSystem(error) && !isClosed(error) && !isOutOfResources(error) && !isNotCapable(error);
}
