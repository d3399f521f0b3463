/**
 * A connection in memory: its two ends, what is on its way between them, and how it comes about.
 *
 *     client  ──syn──▶  server host      one way: is anybody listening, and has a place?
 *             ◀─syn-ack── (or rst)       the round trip after which connect() returns
 *             ──ack──▶                   only now accept() gets it
 */

import type { SocketAddress } from "../../core/mod.ts";
import type { Alarm } from "../../core/lowlevel.ts";
import { Flow, type Item, type LinkFault, type Wire } from "./_flow.ts";
import type { Host } from "./_host.ts";
import { hostError } from "./_host_errors.ts";
import type { Link } from "./_link.ts";
import { VirtualConn } from "./_virtual_conn.ts";
import type { VirtualListener } from "./_virtual_listener.ts";
import type { VirtualConnection } from "./virtual_network.ts";

/** How long each side of a handshake waits for the other, in milliseconds. Linux: two minutes and a bit, and one. */
const HANDSHAKE_TIMEOUT = 60_000;

/** What a connection is made of. */
export interface ConnectionParts {
  readonly wire: Wire;
  readonly from: Host;
  readonly to: Host | null;
  readonly there: Link;
  readonly back: Link;
  /** The addresses of the two ends, as the client sees them. */
  readonly client: SocketAddress;
  readonly server: SocketAddress;
  /** The ends in words: `host:port`. */
  readonly names: readonly [client: string, server: string];
  /** Finds who listens when the connection arrives. */
  find(): VirtualListener | null;
  /** Nothing is left of it. */
  onEnd(connection: Connection): void;
}

/** See the header. */
export class Connection {
  readonly client: VirtualConn;
  readonly toServer: Flow;
  readonly toClient: Flow;
  readonly names: readonly [client: string, server: string];
  /** The server's end, once somebody has taken the connection on. */
  server: VirtualConn | null = null;
  /** Whether the client knows that it is connected. */
  established = false;
  readonly #parts: ConnectionParts;
  #listener: VirtualListener | null = null;
  #settle: { resolve(conn: VirtualConn): void; reject(error: unknown): void } | null = null;
  #timeout: Alarm | null = null;
  /** While the server has not heard that the client knows. */
  #halfOpen: Alarm | null = null;
  #ended = false;
  /** What the one who connects has to be told when its host goes on. */
  #untold: (() => void) | null = null;

  constructor(parts: ConnectionParts) {
    const { wire, there, back, client, server, names } = parts;
    this.#parts = parts;
    this.names = names;
    this.client = new VirtualConn(wire, client, server);
    this.toServer = new Flow(wire, there, (item) => this.#atServer(item));
    this.toClient = new Flow(wire, back, (item) => this.#atClient(item));
    this.toServer.label = `${names[0]}→${names[1]}`;
    this.toClient.label = `${names[1]}→${names[0]}`;
    this.toServer.onFault = (fault) => this.#breakBy(fault, this.toServer);
    this.toClient.onFault = (fault) => this.#breakBy(fault, this.toClient);
    this.client.out = this.toServer;
    this.client.in = this.toClient;
    this.client.host = parts.from;
    this.client.onGone = () => this.#endIfOver();
  }

  /** Begins the handshake; resolves when the client's end is connected. */
  open(): Promise<VirtualConn> {
    const { clock } = this.#parts.wire;
    this.#timeout = clock.at(clock.now() + HANDSHAKE_TIMEOUT, () => this.#refuse(hostError("TimedOut")), undefined);
    this.toServer.send("syn");
    return new Promise((resolve, reject) => this.#settle = { resolve, reject });
  }

  /** Nobody wants it any more, before it is connected. */
  abandon(reason: unknown): void {
    if (this.#settle === null) return;
    this.#refuse(reason);
    if (this.#listener !== null) this.toServer.send("rst");
  }

  /** The server has a place for it: makes the server's end, and answers. */
  admit(addresses: readonly [local: SocketAddress, remote: SocketAddress]): void {
    const server = this.server = new VirtualConn(this.#parts.wire, addresses[0], addresses[1]);
    server.host = this.#parts.to;
    server.out = this.toClient;
    server.in = this.toServer;
    server.onGone = () => {
      if (this.#known()) this.#listener!.forget(this);
      this.#endIfOver();
    };
    const { clock } = this.#parts.wire;
    this.#halfOpen = clock.at(clock.now() + HANDSHAKE_TIMEOUT, (late) => late.break("TimedOut"), server);
    this.toClient.send("syn-ack");
  }

  /** The server does not want it: whatever the client believes, it is told. */
  turnAway(): void {
    if (this.server === null) this.toClient.send("rst");
    else this.server.abort("ConnectionReset");
  }

  /** Resets both ends at once. */
  reset(): void {
    this.#refuse(hostError("ConnectionReset"));
    if (this.server === null) this.#listener?.forget(this);
    this.client.break("ConnectionReset");
    this.server?.break("ConnectionReset");
    this.toServer.drop();
    this.toClient.drop();
    this.#endIfOver();
  }

  /** A host has crashed: its end is gone, and says nothing. Nobody waits for it there any more. */
  crash(host: Host): void {
    if (this.#parts.from === host) {
      this.#refuse(hostError("Interrupted"));
      this.client.vanish();
    }
    if (this.#parts.to === host) this.server?.vanish();
    this.#endIfOver();
  }

  describe(): VirtualConnection {
    const { client, server, toServer, toClient } = this;
    const traffic = ({ sent, inFlight }: Flow, end: VirtualConn | null) => ({
      sent,
      inFlight,
      unread: end?.unread ?? 0,
    });
    const ends = [client, ...server === null ? [] : [server]];
    return {
      client: this.names[0],
      server: this.names[1],
      state: !this.established
        ? "connecting"
        : ends.some(({ broken }) => broken !== null)
        ? "broken"
        : ends.some(({ eofSent }) => eofSent)
        ? "closing"
        : "open",
      toServer: traffic(toServer, server),
      toClient: traffic(toClient, client),
    };
  }

  /** A host goes on that stood still: what has come of it meanwhile is told. */
  resumed(): void {
    if (!this.#parts.from.time.paused) this.#tell();
    this.client.resumed();
    this.server?.resumed();
  }

  /** The rules of the links are others. */
  rulesChanged(): void {
    this.toServer.rulesChanged();
    this.toClient.rulesChanged();
    this.client.rulesChanged();
    this.server?.rulesChanged();
  }

  /** The links were cut, held, healed or released. */
  linksChanged(): void {
    this.toServer.linkChanged();
    this.toClient.linkChanged();
    this.client.watch();
    this.server?.watch();
  }

  #atServer(item: Item): void {
    if (item.kind === "syn") {
      this.#listener = this.#parts.find();
      if (this.#listener === null) this.toClient.send("rst");
      else this.#listener.knock(this);
    } else if (item.kind === "ack") {
      if (this.#known()) this.#listener!.ready(this);
    } else if (this.server !== null) this.server.take(item);
    // While it knocks, there is no end that could be told.
    if (item.kind === "rst" && this.server === null) this.#listener?.forget(this);
    this.#endIfOver();
  }

  #atClient(item: Item): void {
    if (this.#settle === null) {
      // The server answers when nobody waits for it any more.
      if (item.kind === "syn-ack") this.toServer.send("rst");
      else this.client.take(item);
    } else if (item.kind === "rst") this.#refuse(hostError("ConnectionRefused"));
    else {
      this.established = true;
      this.toServer.send("ack");
      const { resolve } = this.#settle;
      this.#over();
      this.#whenUp(() => resolve(this.client));
    }
    this.#endIfOver();
  }

  #refuse(error: unknown): void {
    const settle = this.#settle;
    if (settle === null) return;
    this.#over();
    this.client.broken = "ConnectionRefused";
    // What has not arrived yet is not sent again.
    this.toServer.drop();
    this.#whenUp(() => settle.reject(error));
    this.#endIfOver();
  }

  /** A rule of a link ends the connection, as a proxy on the way would. */
  #breakBy(fault: LinkFault, flow: Flow): void {
    if (fault === "reset") return this.reset();
    // The proxy closes both: what was let through is followed by the end; who still sends is told by a reset.
    const back = flow === this.toServer ? this.toClient : this.toServer;
    flow.cut("fin");
    back.cut(fault === "limit" ? "rst" : "fin");
  }

  /** Tells the one who connects, unless its host stands still. */
  #whenUp(tell: () => void): void {
    this.#untold = tell;
    if (!this.#parts.from.time.paused) this.#tell();
  }

  #tell(): void {
    const tell = this.#untold;
    this.#untold = null;
    tell?.();
    this.#endIfOver();
  }

  /** The server need not wait any more for the client to say that it knows; returns whether it did. */
  #known(): boolean {
    const waited = this.#halfOpen !== null;
    this.#halfOpen?.cancel();
    this.#halfOpen = null;
    return waited;
  }

  #over(): void {
    this.#settle = null;
    this.#timeout?.cancel();
    this.#timeout = null;
  }

  #endIfOver(): void {
    if (this.#ended || this.#settle !== null || this.#untold !== null || !this.toServer.empty || !this.toClient.empty) {
      return;
    }
    if (!isGone(this.client) || !(this.server === null || isGone(this.server))) return;
    this.#ended = true;
    this.toServer.end();
    this.toClient.end();
    this.#parts.onEnd(this);
  }
}

function isGone({ closed, broken }: VirtualConn): boolean {
  return closed || broken !== null;
}
