/** A listener in memory: who knocks, who is half inside, and who waits to be accepted. */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkListener } from "../../core/lowlevel.ts";
import { hostError } from "./_host_errors.ts";
import type { VirtualConn } from "./_virtual_conn.ts";

/** How many connections wait to be accepted unless told, as Deno's `tcpBacklog`. */
const BACKLOG = 511;

/** A connection that comes in: what a listener needs of it. */
export interface Arrival {
  /** The client's end, and the server's, once the listener has let it in. */
  readonly client: VirtualConn;
  readonly server: VirtualConn | null;
  /** There is a place for it. */
  admit(addresses: readonly [local: SocketAddress, remote: SocketAddress]): void;
  /** There is none, nor will be. */
  turnAway(): void;
}

/** What a listener needs of its host. */
export interface ListenerOptions<A extends SocketAddress> {
  readonly addr: A;
  readonly backlog?: number | undefined;
  readonly reusePort?: boolean | undefined;
  /** The addresses of the server's end of a connection. */
  addressesOf(connection: Arrival): readonly [local: SocketAddress, remote: SocketAddress];
  /** Called when an accept begins: returns what is called with the connection it brings. */
  opening(): (conn: VirtualConn) => void;
  onClose(): void;
  /** Whether its host stands still: then nothing is accepted. */
  isPaused(): boolean;
}

/** See the header. Errors are those of Deno. */
export class VirtualListener<A extends SocketAddress = SocketAddress> implements NetworkListener<VirtualConn<A>> {
  readonly inMemory = true;
  readonly addr: A;
  readonly reusePort: boolean;
  readonly #options: ListenerOptions<A>;
  readonly #backlog: number;
  closed = false;
  /** Has not been let in, as there is no room. */
  readonly #knocking: Arrival[] = [];
  /** Let in, but the client has not said yet that it knows. */
  readonly #halfOpen = new Set<Arrival>();
  /** Waits to be accepted. */
  readonly #ready: Arrival[] = [];
  #accept: { resolve(conn: VirtualConn<A>): void; reject(error: Error): void; opened(conn: VirtualConn): void } | null =
    null;

  constructor(options: ListenerOptions<A>) {
    this.#options = options;
    this.addr = options.addr;
    this.#backlog = options.backlog ?? BACKLOG;
    this.reusePort = options.reusePort ?? false;
  }

  accept(): Promise<VirtualConn<A>> {
    if (this.closed) return Promise.reject(hostError("BadResource", "Listener has been closed"));
    if (this.#accept !== null) return Promise.reject(hostError("Busy"));
    const opened = this.#options.opening();
    return new Promise((resolve, reject) => {
      this.#accept = { resolve, reject, opened };
      this.#serve();
    });
  }

  close(): void {
    if (this.closed) throw hostError("BadResource");
    this.closed = true;
    const accept = this.#accept;
    this.#accept = null;
    accept?.reject(hostError("BadResource", "Listener has been closed"));
    const waiting = [...this.#knocking, ...this.#halfOpen, ...this.#ready];
    this.vanish();
    for (const connection of waiting) connection.turnAway();
    this.#options.onClose();
  }

  /** Forgets everybody who waits, and says nothing: as when its host crashes. */
  vanish(): void {
    this.#knocking.length = this.#ready.length = 0;
    this.#halfOpen.clear();
  }

  /** Its host goes on. */
  resumed(): void {
    this.#serve();
  }

  /** Somebody wants to connect. */
  knock(connection: Arrival): void {
    if (this.closed) return connection.turnAway();
    this.#knocking.push(connection);
    this.#serve();
  }

  /** The client knows that it is connected. */
  ready(connection: Arrival): void {
    this.#halfOpen.delete(connection);
    this.#ready.push(connection);
    this.#serve();
  }

  /** It has gone before it was let in, or before the client knew. One that waits to be accepted stays, as for Linux. */
  forget(connection: Arrival): void {
    this.#halfOpen.delete(connection);
    const at = this.#knocking.indexOf(connection);
    if (at >= 0) this.#knocking.splice(at, 1);
    this.#serve();
  }

  #serve(): void {
    const accept = this.#accept;
    if (accept !== null && this.#ready.length > 0 && !this.#options.isPaused()) {
      const server = this.#ready.shift()!.server as VirtualConn<A>;
      this.#accept = null;
      accept.opened(server as unknown as VirtualConn);
      accept.resolve(server);
    }
    while (this.#knocking.length > 0 && this.#ready.length + this.#halfOpen.size < this.#backlog) {
      const connection = this.#knocking.shift()!;
      this.#halfOpen.add(connection);
      connection.admit(this.#options.addressesOf(connection));
    }
  }
}
