/** The network of a simulation as tests see it: its hosts, its names, and what can go wrong between them. */

import type { Task } from "../../core/mod.ts";

/**
 * The network of a simulation: see `Simulation.net`.
 *
 * Code runs on host `"test"` unless it is told to run on another one. What is set holds from that moment on, also for
 * what is connected already and on its way; the guard that a setter returns takes it back.
 *
 * @example A client that tries again while the cable is out
 * ```ts
 * import { failAfter, openTcpStream, retry, serveTcp, simulate, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async (sim) => {
 *   const db = sim.net.host("db");
 *   db.startSoon(() => serveTcp((stream) => stream.receiveSome(), { port: 5432 }));
 *   sim.net.partition("test", "db");
 *   sim.background.startSoon(async () => {
 *     await sleep(2_500);
 *     sim.net.heal("test", "db");
 *   });
 *   let attempts = 0;
 *   using _ = await retry(() => {
 *     attempts++;
 *     return failAfter(1_000, () => openTcpStream("db", 5432));
 *   }, { attempts: 5, backoff: () => 0 });
 *   assertEquals([attempts, sim.now], [3, 2_500]);
 * });
 * ```
 *
 * @category Virtual network
 */
export interface VirtualNetwork {
  /**
   * Returns a host by its name; makes it if it is not there yet.
   *
   * @param name Its name, which resolves to its address.
   * @throws {RangeError} If `name` cannot be a host's.
   */
  host(name: string): VirtualHost;
  /**
   * Decides what a name resolves to, before the names of the hosts.
   *
   * @param name The name.
   * @param answer Its addresses in the order of preference, or what the resolver fails with. An address that is no
   * host's does not answer.
   * @param options How long the answer takes.
   * @returns A guard that takes it back.
   */
  dns(name: string, answer: readonly string[] | Error, options?: DnsOptions): Disposable;
  /**
   * Sets what a link is like, in both directions. Settings that are left out stay as they are.
   *
   * @param a The name of a host.
   * @param b The name of another one, or the same for what it sends to itself.
   * @param options What to change.
   * @returns A guard that takes it back.
   * @throws {RangeError} If there is no such host, or a setting cannot be one.
   */
  link(a: string, b: string, options: LinkOptions): Disposable;
  /**
   * Cuts a link: nothing arrives until it is healed, and then everything does, from then on. Connecting fails after 60
   * seconds, and a connection breaks 120 seconds after something was sent that nobody acknowledges, as the system gives
   * up then (`TimedOut`). An end that sends nothing notices nothing.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   * @param options Whether in one direction only.
   * @returns A guard that heals it, if `heal()` has not.
   */
  partition(a: string, b: string, options?: DirectionOptions): Disposable;
  /**
   * Ends all partitions between two hosts.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  heal(a: string, b: string): void;
  /**
   * Holds up what is sent over a link, as a network that is slow beyond measure: like a partition, but connections do not
   * break.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   * @param options Whether in one direction only.
   * @returns A guard that releases it, if `release()` has not.
   */
  hold(a: string, b: string, options?: DirectionOptions): Disposable;
  /**
   * Lets everything go on that was held up between two hosts.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  release(a: string, b: string): void;
  /**
   * Resets all connections between two hosts, as a firewall does that has forgotten them: what has arrived can be read,
   * then both ends get `ConnectionReset`.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  reset(a: string, b: string): void;
  /** The connections of all hosts, oldest first, as netstat(8) shows them. */
  connections(): readonly VirtualConnection[];
  /**
   * What has happened, the last 10,000 events, a line each: `12.000s test:40001→db:5432 send 64B, deliver 12.031s`. What
   * was sent and has not arrived is `on its way`, or `held up` by a partition; what never will is `lost`.
   */
  log(): readonly string[];
}

/**
 * A host of the network of a simulation.
 *
 * @category Virtual network
 */
export interface VirtualHost {
  /** Its name. */
  readonly name: string;
  /** Its IPv4 address, to which its name resolves. */
  readonly address: string;
  /** Its IPv6 address. */
  readonly address6: string;
  /**
   * Runs a function on this host: what it, and the tasks it starts, listen on and connect from is this host.
   *
   * **Cancellation:** that of `fn`.
   *
   * @param fn What to run.
   * @returns What `fn` returned.
   * @throws {BrokenResourceError} If the host crashed meanwhile, or has crashed and was not restarted.
   */
  run<T>(fn: () => T | Promise<T>): Promise<T>;
  /**
   * Starts a task on this host that is cancelled when the test has ended, as with `sim.background`: a server, say.
   *
   * @param fn What to run. `restart()` runs it again.
   * @param options A name.
   * @returns The task.
   */
  startSoon(fn: () => unknown, options?: { readonly name?: string }): Task<void>;
  /**
   * Crashes the host, as by a loss of power: each wait of what runs on it is refused from then on, also under shields, its
   * timers are gone, its listeners too, and nobody is told. Others find out when what they send is not acknowledged, or,
   * once it is restarted, by a reset. Only what needs no wait still runs: `finally` blocks, up to their first one.
   */
  crash(): void;
  /** Starts the host anew after a crash, and everything that was started on it by `startSoon()`. */
  restart(): void;
}

/**
 * What a link is like, in each direction.
 *
 * @category Virtual network
 */
export interface LinkOptions {
  /**
   * How long it takes to get there, in milliseconds.
   *
   * @default {0}
   */
  readonly latency?: number;
  /**
   * How much longer it takes at most, at random, in milliseconds. What belongs to one connection keeps its order.
   *
   * @default {0}
   */
  readonly jitter?: number;
  /**
   * How much gets through, in bytes per second: by all connections over the link together.
   *
   * @default {Infinity}
   */
  readonly bandwidth?: number;
  /**
   * The most a receive gives, in bytes: each gives a random number from 1 to this, of what is there. `Infinity` gives
   * everything that is there; by default it is a random part.
   */
  readonly chunk?: number;
  /**
   * How many bytes of a connection may be on their way or unread, before its sender waits.
   *
   * @default {65_536}
   */
  readonly window?: number;
  /**
   * How likely something that is sent gets lost, from 0 to below 1. TCP sends it again after 200 milliseconds, 400, and so
   * on: so it is late, and nothing is missing.
   *
   * @default {0}
   */
  readonly loss?: number;
  /**
   * Whether only from the first host to the second.
   *
   * @default {false}
   */
  readonly oneWay?: boolean;
}

/**
 * In which directions.
 *
 * @category Virtual network
 */
export interface DirectionOptions {
  /**
   * Whether only from the first host to the second.
   *
   * @default {false}
   */
  readonly oneWay?: boolean;
}

/**
 * How a name is resolved.
 *
 * @category Virtual network
 */
export interface DnsOptions {
  /**
   * How long the answer takes, in milliseconds; `Infinity` if there is none.
   *
   * @default {0}
   */
  readonly delay?: number;
}

/**
 * A connection as it is now.
 *
 * @category Virtual network
 */
export interface VirtualConnection {
  /** The end that connected, `host:port`. */
  readonly client: string;
  /** The other end. */
  readonly server: string;
  /** Whether the client has been answered; whether an end was sent; whether it broke. */
  readonly state: "connecting" | "open" | "closing" | "broken";
  /** What the client sends. */
  readonly toServer: VirtualTraffic;
  /** What the server sends. */
  readonly toClient: VirtualTraffic;
}

/**
 * One direction of a connection, in bytes.
 *
 * @category Virtual network
 */
export interface VirtualTraffic {
  /** Sent in all. */
  readonly sent: number;
  /** On the way. */
  readonly inFlight: number;
  /** Arrived, and not received by the program. */
  readonly unread: number;
}
