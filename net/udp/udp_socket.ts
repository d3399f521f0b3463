/** A socket for datagrams. */

import { BrokenResourceError, ClosedResourceError, type UdpAddress } from "../../core/mod.ts";
import type { Datagram, NetworkDatagramSocket } from "../../core/lowlevel.ts";
import { faultOf, iterate, LeftBehind, read, show, type Words } from "../../core/internal.ts";
import { formatAddress, ipVersion } from "../base/address.ts";
import { requireIp } from "../base/check.ts";
import { closeAll } from "../host/host_call.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { type Destination, requireDestination } from "./_destination.ts";
import { DatagramError } from "./datagram_error.ts";

/**
 * Numbers of a `UdpSocket`.
 *
 * @category UDP
 */
export interface UdpStatistics {
  /** How many datagrams were received. */
  readonly received: number;
  /** How many were sent. */
  readonly sent: number;
  /**
   * How many were dropped: those that nobody received in time, as far as the library knows of them, and those that did
   * not come from the option `remote`. What the system drops is not counted: raise the option `receiveBuffer`.
   */
  readonly dropped: number;
  /** How many wait to be received, as far as the library knows of them. */
  readonly queued: number;
}

/** The most bytes of a datagram: 65,535 without the heads of IP and UDP (RFC 768; RFC 8200, section 3). */
const MOST = { 4: 65_507, 6: 65_527 } as const;

/**
 * A socket that sends and receives datagrams: see `openUdpSocket()`.
 *
 * Datagrams may get lost, come twice, or overtake each other; none is ever cut or joined to another. Iterating gives
 * what comes, until the socket is closed.
 *
 * @example Answering whoever asks
 * ```ts
 * import { openNursery, openUdpSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const server = await openUdpSocket({ hostname: "127.0.0.1" });
 *   nursery.startSoon(async () => {
 *     for await (const { data, remoteAddress } of server) await server.send(data, remoteAddress);
 *   });
 *   using client = await openUdpSocket({ remote: server.localAddress });
 *   await client.send(new Uint8Array([1, 2, 3]));
 *   assertEquals((await client.receive()).data, new Uint8Array([1, 2, 3]));
 *   server.close();
 * });
 * ```
 *
 * @category UDP
 */
export class UdpSocket implements AsyncIterable<Datagram>, Disposable, AsyncDisposable {
  readonly #socket: NetworkDatagramSocket;
  readonly #receiving: Receiving;
  readonly #remote: Destination | undefined;
  readonly #version: 4 | 6;
  #sent = 0;

  /**
   * Adopts a socket of a network. Programs call `openUdpSocket()`.
   *
   * @param socket The socket.
   * @param remote Where datagrams go that are sent without a destination, and from where they are received.
   */
  constructor(socket: NetworkDatagramSocket, remote?: { readonly hostname: string; readonly port: number }) {
    this.#socket = socket;
    this.#remote = remote;
    this.#version = ipVersion(socket.addr.hostname) === 6 ? 6 : 4;
    this.#receiving = new Receiving(socket, remote);
  }

  /** Where it receives. */
  get localAddress(): UdpAddress {
    return this.#socket.addr;
  }

  /**
   * Receives the next datagram. One task at a time.
   *
   * **Cancellation:** throws `Cancelled`; no datagram is lost.
   *
   * @returns Its bytes, and where it came from.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If the socket is closed, before or meanwhile.
   * @throws {BrokenResourceError} If the host has failed.
   */
  receive(): Promise<Datagram> {
    return this.#receiving.wait();
  }

  /**
   * Sends a datagram. Several tasks may send at the same time.
   *
   * It is sent when the host has taken it; nobody tells whether it arrives.
   *
   * **Cancellation:** throws `Cancelled`; it is unknown whether the datagram was sent.
   *
   * @param data Its bytes. Do not change them before the promise settles.
   * @param to The IP address and the port; may be left out if the socket has a `remote`.
   * @throws {RangeError} If there are more than 65,507 bytes (IPv6: 65,527), or the address is none of the socket's
   * family.
   * @throws {DatagramError} If it cannot be sent; the socket goes on.
   * @throws {ClosedResourceError} If the socket is closed.
   */
  send(data: Uint8Array, to?: { readonly hostname: string; readonly port: number }): Promise<void> {
    const target = to ?? this.#remote;
    const fault = faultOf(() => this.#check(data, target));
    if (fault !== null) return Promise.reject(fault);
    const { hostname, port } = target!;
    const address: UdpAddress = { transport: "udp", hostname, port };
    const label = `send to ${formatAddress(address)}`;
    const begin = async (): Promise<void> => {
      if (this.#receiving.closedAs !== null) throw closedError("send");
      try {
        await this.#socket.send(data, address);
      } catch (error) {
        if (this.#receiving.closedAs !== null) throw closedError("send");
        if (isNotCapable(error)) throw error;
        const code = read(error, "code");
        throw new DatagramError(`Cannot ${label} as the host refused: ${messageOf(error)}`, {
          address,
          code: typeof code === "string" ? code : undefined,
          cause: error,
        });
      }
      this.#sent++;
    };
    return waitForHost(label, begin, { network: this.#socket });
  }

  /**
   * Begins to receive what is sent to a multicast group.
   *
   * **Cancellation:** throws `Cancelled`; it is unknown whether the group was joined.
   *
   * @param address The address of the group.
   * @throws {RangeError} If `address` is no IP address.
   * @throws {BrokenResourceError} If the host refuses.
   */
  joinGroup(address: string): Promise<void> {
    return this.#group("join", address);
  }

  /**
   * Receives no more of what is sent to a multicast group.
   *
   * **Cancellation:** throws `Cancelled`; it is unknown whether the group was left.
   *
   * @param address The address of the group.
   * @throws {RangeError} If `address` is no IP address.
   * @throws {BrokenResourceError} If the host refuses, as when it was not joined.
   */
  leaveGroup(address: string): Promise<void> {
    return this.#group("leave", address);
  }

  /** Returns a snapshot of its numbers. */
  statistics(): UdpStatistics {
    const { dropped, queued } = this.#socket;
    return {
      received: this.#receiving.received,
      sent: this.#sent,
      dropped: dropped + this.#receiving.strangers,
      queued: queued + (this.#receiving.kept === null ? 0 : 1),
    };
  }

  /** Closes the socket at once; a task that is receiving gets a `ClosedResourceError`. Harmless when repeated. */
  close(): void {
    if (this.#receiving.closedAs !== null) return;
    this.#receiving.shut();
    closeAll(this.#socket);
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the socket. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Iterates over what comes, until the socket is closed. Leaving the loop closes nothing. */
  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return iterate(async () => {
      try {
        return await this.receive();
      } catch (error) {
        if (error instanceof ClosedResourceError) return null;
        throw error;
      }
    });
  }

  #check(data: unknown, to: Destination | undefined): void {
    if (!(data instanceof Uint8Array)) {
      throw new TypeError(`Cannot send as "data" must be a Uint8Array: received ${show(data)}`);
    }
    if (to === undefined) {
      throw new TypeError('Cannot send as there must be a destination: give it, or open the socket with "remote"');
    }
    if (typeof to !== "object" || to === null) {
      throw new TypeError(`Cannot send as "to" must be an address: received ${show(to)}`);
    }
    requireDestination("send", to, this.#version);
    const most = MOST[this.#version];
    if (data.length <= most) return;
    throw new RangeError(`Cannot send as a datagram must have at most ${most} bytes: received ${data.length}`);
  }

  #group(verb: "join" | "leave", address: string): Promise<void> {
    const action = `${verb} a group`;
    const fault = faultOf(() => requireIp(action, "address", address));
    if (fault !== null) return Promise.reject(fault);
    const begin = async (): Promise<void> => {
      if (this.#receiving.closedAs !== null) throw closedError(action);
      try {
        await (verb === "join" ? this.#socket.joinGroup(address) : this.#socket.leaveGroup(address));
      } catch (error) {
        throw new BrokenResourceError(`Cannot ${verb} the group ${address} as the host refused: ${messageOf(error)}`, {
          cause: error,
        });
      }
    };
    return waitForHost(`${verb} group ${address}`, begin, { network: this.#socket });
  }
}

function closedError(action: string): ClosedResourceError {
  return new ClosedResourceError(`Cannot ${action} as the socket is closed`);
}

const WORDS: Words = { action: "receive", what: "the socket", busy: "receive" };

/** One at a time; a receive that is cancelled is left behind, and what it gets comes first in the next. */
class Receiving extends LeftBehind<Datagram, Datagram> {
  readonly #socket: NetworkDatagramSocket;
  readonly #remote: Destination | undefined;
  received = 0;
  /** Those that came from elsewhere than `remote`. */
  strangers = 0;

  constructor(socket: NetworkDatagramSocket, remote: Destination | undefined) {
    super(WORDS, { kind: "receive datagram on", label: formatAddress(socket.addr) }, socket);
    this.#socket = socket;
    this.#remote = remote;
  }

  protected override get label(): string {
    return `receive on ${formatAddress(this.#socket.addr)}`;
  }

  override begin(): Promise<Datagram> {
    return this.#socket.receive();
  }

  protected override landed(datagram: Datagram): void {
    const { hostname, port } = datagram.remoteAddress;
    if (this.#remote !== undefined && (this.#remote.hostname !== hostname || this.#remote.port !== port)) {
      this.strangers++;
      if (this.waiting !== null) this.start();
      return;
    }
    this.received++;
    this.arrived(datagram);
  }

  protected override failed(error: unknown): void {
    const message = `Cannot receive on ${formatAddress(this.#socket.addr)} as the socket broke: ${messageOf(error)}`;
    this.over({ error: new BrokenResourceError(message, { cause: error }) });
  }
}
