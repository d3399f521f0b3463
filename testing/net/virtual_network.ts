/**
 * The network of a simulation, as tests see it: hosts, names, and what can go wrong between them.
 *
 * Over 400 lines, of which most are the contract of the public methods.
 */

import type { Task } from "../../core/mod.ts";

/**
 * The network of a simulation: see `Simulation.net`.
 *
 * Code runs on host `"test"` unless it is told to run on another one. A setting applies from that moment on, also to
 * open connections and to bytes on their way. Each setter returns a guard that undoes it when disposed.
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
   * Returns a host by its name; makes it if there is none yet.
   *
   * @param name Its name, which resolves to its address.
   * @throws {RangeError} If `name` is not a valid host name.
   */
  host(name: string): VirtualHost;
  /**
   * Decides what a name resolves to, before the names of the hosts.
   *
   * @param name The name.
   * @param answer Its addresses in the order of preference, or the error that resolving it fails with. An address that
   * no host has does not answer.
   * @param options How long the answer takes.
   * @returns A guard that undoes it.
   */
  dns(name: string, answer: readonly string[] | Error, options?: DnsOptions): Disposable;
  /**
   * Makes a certificate and its key for servers of this simulation: for `serveTls()`, `httpServer()` and the like. All
   * its hosts trust it. In a simulation TLS checks names and certificates, and encrypts nothing; certificates from
   * elsewhere work, too, with their authority in `caCerts`. Dates are not checked.
   *
   * @param names The host names that it is for; one may begin with `*.`.
   * @returns Texts in the form of PEM, of use in simulations alone.
   * @throws {TypeError} If there is no name, or one is no text.
   */
  certificate(...names: readonly string[]): { readonly cert: string; readonly key: string; readonly ca: string };
  /**
   * Changes the rules of a link, in both directions unless told otherwise. Settings that are left out stay as they are.
   *
   * @param a The name of a host.
   * @param b The name of another one, or of the same one, for its connections to itself.
   * @param options What to change.
   * @returns A guard that undoes it.
   * @throws {RangeError} If there is no such host, or the value of a setting is out of its range.
   */
  link(a: string, b: string, options: LinkOptions): Disposable;
  /**
   * Cuts a link: nothing arrives until it is healed, and then everything does. Meanwhile connecting fails after 60
   * seconds, and a connection breaks 120 seconds after bytes were sent that nobody acknowledges, both with `TimedOut`.
   * An end that sends nothing notices nothing.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   * @param options Whether it holds in one direction only.
   * @returns A guard that heals it, unless `heal()` has.
   */
  partition(a: string, b: string, options?: DirectionOptions): Disposable;
  /**
   * Cuts all links between groups of hosts, as `partition("a", "b")` cuts one. Hosts in no group reach everybody.
   *
   * @param groups The names of the hosts, two groups or more.
   * @returns A guard that heals it, unless `heal()` has.
   * @throws {RangeError} If a host is in two groups, or there is no such host.
   */
  partition(groups: readonly (readonly string[])[]): Disposable;
  /**
   * Ends all partitions between two hosts.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  heal(a: string, b: string): void;
  /** Ends all partitions there are. */
  heal(): void;
  /**
   * Makes trouble at random until a moment: partitions, resets, crashes and more, none longer than 10 seconds. When it
   * returns, all of that is undone: a quiet time begins, in which the system must recover.
   *
   * **Cancellation:** undoes what it has done, and throws `Cancelled`.
   *
   * @param options When it ends, and what it does.
   * @returns A promise that resolves at that moment.
   * @throws {RangeError} If the value of an option is out of its range.
   */
  chaos(options: ChaosOptions): Promise<void>;
  /**
   * Holds up everything sent over a link, as an endlessly slow network does: like a partition, but connections do not
   * break.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   * @param options Whether it holds in one direction only.
   * @returns A guard that releases it, unless `release()` has.
   */
  hold(a: string, b: string, options?: DirectionOptions): Disposable;
  /**
   * Lets everything arrive that was held up between two hosts.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  release(a: string, b: string): void;
  /**
   * Resets all connections between two hosts, as a firewall that has forgotten them does. Bytes that have arrived can
   * still be read; then both ends get `ConnectionReset`.
   *
   * @param a The name of a host.
   * @param b The name of another one.
   */
  reset(a: string, b: string): void;
  /** The connections of all hosts, oldest first, as netstat(8) shows them. */
  connections(): readonly VirtualConnection[];
  /**
   * The last 10,000 events, a line each: `12.000s test:40001→db:5432 send 64B, deliver 12.031s`. Bytes that have not
   * arrived are `on its way`, or `held up` by a partition; bytes that never will are `lost`.
   */
  log(): readonly string[];
  /**
   * Draws the same as a sequence diagram: an SVG, for a file, or for the page of a trace (`TraceHtmlOptions.diagram`).
   *
   * Hosts are columns and time goes down. What was sent is an arrow, from when it was sent to when it arrived. How long a
   * link was cut or a host was down is a bar. What was held up, lost or reset is red. The same simulation gives the same
   * bytes.
   */
  diagram(): string;
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
   * Runs a function on this host: the function, and the tasks that it starts, listen here and connect from here.
   *
   * **Cancellation:** passes `Cancelled` on.
   *
   * @param fn What to run.
   * @returns What `fn` returned.
   * @throws {BrokenResourceError} If the host crashes meanwhile, or has crashed and was not restarted.
   */
  run<T>(fn: () => T | Promise<T>): Promise<T>;
  /**
   * Starts a task on this host, such as a server. It is cancelled when the test has ended, as those of `sim.background`
   * are.
   *
   * @param fn What to run. `restart()` runs it again.
   * @param options A name for the task.
   * @returns The task.
   */
  startSoon(fn: () => unknown, options?: { readonly name?: string }): Task<void>;
  /**
   * Crashes the host, as a loss of power does. Every wait of its tasks is refused from then on, also under shields; its
   * timers and listeners are gone. Peers are not told: they notice when nobody acknowledges what they send, or, once
   * the host is restarted, by a reset. Of the cleanup of its tasks only the part before the first wait runs.
   */
  crash(): void;
  /**
   * Stops the host, as SIGSTOP, a long collection of garbage or a migration does: none of its tasks goes on, while time
   * and the others do. Its system still takes what it is sent, up to the window.
   *
   * @returns A guard that resumes it.
   */
  pause(): Disposable;
  /**
   * Lets the host go on after a pause. Deadlines that have passed meanwhile come first: they cancel waits whose answer has
   * arrived meanwhile as well. Then its programs get what has arrived, and timers fire that are overdue.
   */
  resume(): void;
  /**
   * Makes the clock of this host go wrong, for `Date` and its kin and for how long its timers take. `currentTime()` and
   * `sim.now` stay those of the simulation; timers that are set already stay as they are.
   *
   * @param options How wrong it is.
   * @returns A guard that sets it as it was before; time that it has gained stays gained.
   * @throws {RangeError} If a value is out of its range.
   */
  clock(options: ClockOptions): Disposable;
  /** Its disk. What is not synced when the host crashes is lost, or torn. */
  readonly disk: VirtualDisk;
  /** Starts the host again after a crash, and every function that was started on it by `startSoon()`. */
  restart(): void;
}

/**
 * Options of `VirtualNetwork.link()`: what a link is like, in each direction.
 *
 * @category Virtual network
 */
export interface LinkOptions {
  /**
   * How long bytes take to arrive, in milliseconds.
   *
   * @default {0}
   */
  readonly latency?: number;
  /**
   * How much longer they take at most, at random, in milliseconds. The bytes of a connection keep their order.
   *
   * @default {0}
   */
  readonly jitter?: number;
  /**
   * How much gets through, in bytes per second, of all connections over the link together.
   *
   * @default {Infinity}
   */
  readonly bandwidth?: number;
  /**
   * How many bytes a receive gives at most. Each gives a random number of the bytes that have arrived, from 1 to this.
   * With `Infinity` it gives all of them; by default a random part.
   */
  readonly chunk?: number;
  /**
   * How many bytes of a connection may be on their way or unread, before its sender waits.
   *
   * @default {65_536}
   */
  readonly window?: number;
  /**
   * How likely a packet gets lost, from 0 to below 1. TCP sends it again after 200 milliseconds, 400, and so on: bytes
   * come late, but none is missing. A datagram of UDP is gone.
   *
   * @default {0}
   */
  readonly loss?: number;
  /**
   * Cuts what is sent into pieces of 1 to this many bytes, at random, each of which arrives by itself.
   *
   * @default {Infinity}
   */
  readonly slice?: number;
  /**
   * How long after the piece before it each piece of a slice arrives, in milliseconds.
   *
   * @default {0}
   */
  readonly sliceDelay?: number;
  /**
   * How much later than its last bytes the end of a stream arrives, in milliseconds.
   *
   * @default {0}
   */
  readonly slowClose?: number;
  /**
   * How many bytes of a connection get through. What goes beyond is lost; the receiver gets the end of the stream, the
   * sender `ConnectionReset`.
   *
   * @default {Infinity}
   */
  readonly limitData?: number;
  /**
   * How long a connection lasts before both ends get `ConnectionReset`: in milliseconds since it was first used, or
   * since the setting. `Infinity` for ever.
   *
   * @default {Infinity}
   */
  readonly resetAfter?: number;
  /**
   * Loses everything that is sent, and closes the connection after this many milliseconds, at both ends. With `Infinity`
   * it stays open.
   */
  readonly blackHole?: number;
  /**
   * How likely a datagram of UDP comes twice, from 0 to 1.
   *
   * @default {0}
   */
  readonly duplicate?: number;
  /**
   * Whether it holds only from the first host to the second.
   *
   * @default {false}
   */
  readonly oneWay?: boolean;
}

/**
 * What can be wrong with the clock of a host: see `VirtualHost.clock()`.
 *
 * @category Virtual network
 */
export interface ClockOptions {
  /**
   * How far it is ahead, in milliseconds; behind, if negative.
   *
   * @default {0}
   */
  readonly skew?: number;
  /**
   * How much too fast it goes: with `0.01` it gains 10 milliseconds a second, and timers of a second take 990.
   *
   * @default {0}
   */
  readonly drift?: number;
}

/**
 * The disk of a host: files by their names. Programs see what they have written at once; of what was not synced, a crash
 * keeps a random part: each file is as it was after one of its changes, or has only the first bytes of the next.
 *
 * @category Virtual network
 */
export interface VirtualDisk {
  /**
   * Returns what is in a file, a copy; `undefined` if there is none.
   *
   * @param name Its name.
   */
  get(name: string): Uint8Array | string | undefined;
  /**
   * Says whether there is a file.
   *
   * @param name Its name.
   */
  has(name: string): boolean;
  /**
   * Writes a whole file.
   *
   * @param name Its name.
   * @param content What is in it from now on.
   */
  set(name: string, content: Uint8Array | string): void;
  /**
   * Removes a file; returns whether there was one.
   *
   * @param name Its name.
   */
  delete(name: string): boolean;
  /** The names of the files, sorted. */
  keys(): readonly string[];
  /**
   * Makes what was written before survive a crash: all of it, once this returns.
   *
   * **Cancellation:** throws `Cancelled`, before anything is synced.
   *
   * @throws {BrokenResourceError} If the host of the calling code has crashed, as all of these do.
   */
  sync(): Promise<void>;
}

/**
 * What `VirtualNetwork.chaos()` does: cuts, holds up or slows a link, resets its connections, stops a host or crashes it.
 *
 * @category Virtual network
 */
export type ChaosKind = "partition" | "hold" | "slow" | "reset" | "pause" | "crash";

/**
 * Options of `VirtualNetwork.chaos()`.
 *
 * @category Virtual network
 */
export interface ChaosOptions {
  /** When it ends, and the quiet time begins: in virtual milliseconds since the simulation began. */
  readonly until: number;
  /**
   * What its random numbers come from.
   *
   * @default {0}
   */
  readonly seed?: number;
  /** What it does; all kinds by default. */
  readonly kinds?: readonly ChaosKind[];
  /**
   * How often something happens, in milliseconds, on average.
   *
   * @default {2_000}
   */
  readonly every?: number;
  /** To whom: all hosts by default. The test's own host never stands still or crashes. */
  readonly hosts?: readonly string[];
}

/**
 * Options of `VirtualNetwork.partition()` and `hold()`.
 *
 * @category Virtual network
 */
export interface DirectionOptions {
  /**
   * Whether it holds only from the first host to the second.
   *
   * @default {false}
   */
  readonly oneWay?: boolean;
}

/**
 * Options of `VirtualNetwork.dns()`.
 *
 * @category Virtual network
 */
export interface DnsOptions {
  /**
   * How long the answer takes, in milliseconds. With `Infinity` there is none.
   *
   * @default {0}
   */
  readonly delay?: number;
}

/**
 * A snapshot of a connection.
 *
 * @category Virtual network
 */
export interface VirtualConnection {
  /** The end that connected, `host:port`. */
  readonly client: string;
  /** The other end. */
  readonly server: string;
  /**
   * `"connecting"` until the client has its answer, `"closing"` once an end has closed, `"broken"` once an end has
   * failed.
   */
  readonly state: "connecting" | "open" | "closing" | "broken";
  /** The bytes from the client to the server. */
  readonly toServer: VirtualTraffic;
  /** The bytes from the server to the client. */
  readonly toClient: VirtualTraffic;
}

/**
 * The traffic in one direction of a connection, in bytes.
 *
 * @category Virtual network
 */
export interface VirtualTraffic {
  /** Sent in all. */
  readonly sent: number;
  /** On the way. */
  readonly inFlight: number;
  /** Arrived, but not received by the program. */
  readonly unread: number;
}
