/**
 * The faults of a sweep: counts what one host does on the network in memory, and lets one operation of it go wrong.
 *
 * It stands between `net/` and the network, so that what runs on top of that, whatever the protocol, is met as well.
 */

import type { NetworkConn } from "../../core/lowlevel.ts";
import type { SocketAddress } from "../../core/mod.ts";
import { ambientIncarnation } from "../driver/incarnation.ts";
import { placed, Sites } from "../driver/sites.ts";
import type { VirtualClock } from "../driver/virtual_clock.ts";
import { hostError, type HostErrorName, unknownName } from "./_host_errors.ts";
import type { VirtualNetworkImpl } from "./virtual_network_impl.ts";

/** What a host does. */
export type OperationKind = "resolve" | "connect" | "read" | "write";

/** What can go wrong with each. */
export const FAULTS = {
  resolve: ["unknown", "late"],
  connect: ["refused", "timeout", "late"],
  read: ["reset", "end", "byte", "late"],
  write: ["broken", "part", "late"],
} as const satisfies Record<OperationKind, readonly string[]>;

/** One of them. */
export type Fault = (typeof FAULTS)[OperationKind][number];

/** In words. */
const WORDS: Record<Fault, string> = {
  unknown: "the name is unknown",
  refused: "the connection is refused",
  timeout: "nobody answers, and it is given up after a minute",
  reset: "the connection is reset",
  end: "the peer has ended",
  byte: "one byte comes",
  broken: "the connection is broken",
  part: "one byte is taken",
  late: "it is late, past the next deadline",
};

/** A moment at which something goes wrong. */
export interface FaultPoint {
  readonly fault: Fault;
  /** Which operation of the host, from 1. */
  readonly number: number;
}

/** How long what nobody waits for is late; also how long an attempt to connect takes that nobody answers. */
const LONG = 60_000;

/** See the header. One for each run. */
export class Meddler {
  /** The operations so far. */
  readonly operations: OperationKind[] = [];
  /** Whether operations are counted. Written by the body. */
  active = false;
  /** What was done, in words; empty before that. */
  where = "";
  readonly #host: string;
  readonly #target: FaultPoint | null;
  #clock!: VirtualClock;

  constructor(host: string, target: FaultPoint | null) {
    this.#host = host;
    this.#target = target;
  }

  /** Stands in the way of a network. */
  readonly meddle = (network: VirtualNetworkImpl, clock: VirtualClock): void => {
    this.#clock = clock;
    const [resolve, connect] = [network.resolve.bind(network), network.connect.bind(network)];
    const connectUnix = network.connectUnix.bind(network);
    network.resolve = async (hostname) => {
      const fault = this.#next("resolve", hostname);
      if (fault === "unknown") throw unknownName(hostname);
      if (fault === "late") await this.#late();
      return await resolve(hostname);
    };
    const connecting = async <A extends SocketAddress>(
      to: string,
      open: () => Promise<NetworkConn<A>>,
      signal?: AbortSignal,
    ): Promise<NetworkConn<A>> => {
      const ours = this.#isOurs();
      const fault = this.#next("connect", to);
      if (fault === "refused") throw hostError("ConnectionRefused");
      if (fault === "timeout") {
        await this.#pass(LONG, signal);
        throw hostError("TimedOut");
      }
      if (fault === "late") await this.#late(signal);
      const conn = await open();
      if (ours) this.#wrap(conn, to);
      return conn;
    };
    network.connect = (options) =>
      connecting(`${options.hostname}:${options.port}`, () => connect(options), options.signal);
    network.connectUnix = (path) => connecting(path, () => connectUnix(path));
  };

  #wrap<A extends SocketAddress>(conn: NetworkConn<A>, to: string): void {
    const [read, write, close] = [conn.read.bind(conn), conn.write.bind(conn), conn.close.bind(conn)];
    const closing = new AbortController();
    let gone: "reset" | "end" | null = null;
    const closed = () => closing.signal;
    conn.close = () => {
      closing.abort(hostError("BadResource"));
      // What was broken has let go of its end already.
      if (gone !== "reset") close();
    };
    const breaks = (name: HostErrorName): never => {
      gone = "reset";
      close();
      throw hostError(name);
    };
    conn.read = async (buffer) => {
      if (gone !== null) return null;
      const fault = this.#next("read", to);
      if (fault === "reset") breaks("ConnectionReset");
      if (fault === "end") {
        gone = "end";
        return null;
      }
      if (fault === "late") await this.#late(closed());
      return await read(fault === "byte" ? buffer.subarray(0, 1) : buffer);
    };
    conn.write = async (data) => {
      if (gone === "reset") throw hostError("BrokenPipe");
      const fault = this.#next("write", to);
      if (fault === "broken") breaks("BrokenPipe");
      if (fault === "late") await this.#late(closed());
      return await write(fault === "part" ? data.subarray(0, 1) : data);
    };
  }

  /** Counts an operation; returns what goes wrong with it. */
  #next(kind: OperationKind, label: string): Fault | null {
    if (!this.#isOurs()) return null;
    const number = this.operations.push(kind);
    const { fault, number: wanted } = this.#target ?? {};
    if (fault === undefined || number !== wanted || !(FAULTS[kind] as readonly Fault[]).includes(fault)) return null;
    this.where = `at operation ${number} of host "${this.#host}", ${kind} ${label}${placed(new Sites(1).take())}: ${
      WORDS[fault]
    }`;
    return fault;
  }

  #isOurs(): boolean {
    if (!this.active) return false;
    const host = ambientIncarnation()?.host as { readonly name?: unknown } | undefined;
    return (host?.name ?? "test") === this.#host;
  }

  /** Lets time pass until after the next deadline of anybody. */
  #late(signal?: AbortSignal): Promise<void> {
    const { nextDeadline } = this.#clock;
    const now = this.#clock.now();
    return this.#pass(nextDeadline === Infinity ? LONG : nextDeadline - now + 1, signal);
  }

  #pass(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const alarm = this.#clock.at(this.#clock.now() + ms, resolve, undefined);
    const give = (): void => {
      alarm.cancel();
      reject(signal?.reason);
    };
    if (signal?.aborted) give();
    signal?.addEventListener("abort", give, { once: true });
    return promise;
  }
}
