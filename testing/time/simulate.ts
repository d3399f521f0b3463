/** Running a test body in simulated time. */

import { composedWait, faultOf, NOTHING, requireFunction } from "../../core/internal.ts";
import type { Task, TaskTree } from "../../core/mod.ts";
import type { Instrument, Network, ProcessHost, Schedule } from "../../core/lowlevel.ts";
import { judgeLeaks, warnOfLeaks } from "../driver/leaks.ts";
import type { LeakPolicies, LeakPolicy } from "./leaks.ts";
import type { VirtualNetwork } from "../net/virtual_network.ts";
import type { VirtualProcesses } from "../processes/virtual_processes.ts";
import { checkSimulateOptions } from "../driver/simulate_options.ts";
import { type Ending, simulateAt } from "../driver/simulation.ts";
import { Sites } from "../driver/sites.ts";

/** How a simulation behaves. */
export interface SimulateOptions {
  /**
   * The seed of `sim.random()`, of the run's random numbers, and of `Math.random()`, `crypto.getRandomValues()` and
   * `crypto.randomUUID()`, each of which has a source of its own. A whole number.
   *
   * @default {0}
   */
  readonly seed?: number;
  /**
   * The date at which the simulation begins, for `Date`, `Temporal.Now` and the run's clock.
   *
   * @default {"2000-01-01T00:00:00Z"}
   */
  readonly start?: Date | string | number;
  /**
   * What operations of the host do to time. `"freeze"`: it stands still while one is in flight. `{ quiet: ms }`: it
   * goes on once nothing has happened for that many real milliseconds, and again after whatever happens next; for tests
   * with real listeners, whose accept is always in flight. Without it, `serveHttp()` refuses to open one beside a network in
   * memory.
   *
   * @default {"freeze"}
   */
  readonly io?: "freeze" | { readonly quiet: number };
  /**
   * What a task does to time that awaits a promise the library does not own (and no timer). `"grace"`: time waits for
   * it as long as `foreignGrace` says, and then goes on without it until it acts again. `"wait"`: time stands still, and
   * the test fails after `realTimeout`. `"error"`: the test fails at once.
   *
   * @default {"grace"}
   */
  readonly onForeign?: "grace" | "wait" | "error";
  /**
   * How long a host operation may take before the test fails, in real milliseconds.
   *
   * @default {10_000}
   */
  readonly realTimeout?: number;
  /**
   * How long to wait for a promise the library does not own before time goes on without it, in real milliseconds.
   *
   * @default {20}
   */
  readonly foreignGrace?: number;
  /**
   * How much virtual time may pass, in milliseconds.
   *
   * @default {86_400_000}
   */
  readonly maxVirtual?: number;
  /**
   * How many waits may end, and timers fire, in all.
   *
   * @default {10_000_000}
   */
  readonly maxSteps?: number;
  /**
   * How many waits may end, and timers fire, without time moving: stops loops that would never end.
   *
   * @default {100_000}
   */
  readonly maxStepsAtOneInstant?: number;
  /**
   * What to do about things the body leaves behind: fail the test, say so on the console, or nothing; for all kinds, or
   * for each (see `LeakPolicies`).
   *
   * @default {{ timers: "error", hostOperations: "error", resources: "error", forgottenWaits: "warn" }}
   */
  readonly leaks?: LeakPolicy | LeakPolicies;
  /**
   * The network of the run; `"host"` for real sockets. By default it is one in memory, on simulated time.
   *
   * It has no HTTP, TLS or WebSockets: use real sockets and `io: { quiet: 50 }` with those.
   */
  readonly network?: Network | "host";
  /**
   * The processes of the run; `"host"` for real ones, for which time stands still while one is there. By default they are
   * programs in memory, on simulated time: see `Simulation.processes`.
   */
  readonly processes?: ProcessHost | "host";
  /**
   * How long work in progress may go on after `sim.signal("SIGTERM")`, in milliseconds: see `RunOptions.grace`.
   *
   * @default {0}
   */
  readonly grace?: number;
  /** Watchers of the run, told after the simulation itself. */
  readonly instruments?: readonly Instrument[];
  /**
   * Decides when a granted wait resumes: see `RunOptions.schedule`. Time does not wait for one that is held back: hold
   * it by `beginHostOperation()`.
   */
  readonly schedule?: Schedule;
}

/** What a test body is given. */
export interface Simulation {
  /** Virtual milliseconds since the simulation began. */
  readonly now: number;
  /** The seed. */
  readonly seed: number;
  /** Where to start what runs beside the test. */
  readonly background: Background;
  /** The network in memory. Throws a `TypeError` if option `network` has put another one in its place. */
  readonly net: VirtualNetwork;
  /**
   * The processes in memory: says what a program does that the code under test starts. Throws a `TypeError` if option
   * `processes` has put others in their place.
   */
  readonly processes: VirtualProcesses;
  /**
   * Sends a signal of the system, in memory: to whoever has opened it by `openSignals()`, otherwise SIGINT and SIGTERM to the
   * simulation, which does what `run()` does. With a `grace` that is a shutdown; without, the test is cancelled.
   *
   * @param signal Its name, such as `"SIGHUP"`.
   * @throws {TypeError} If nobody listens for it.
   */
  signal(signal: string): void;
  /**
   * Waits until every other task waits for time or for ever.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost.
   */
  settled(): Promise<void>;
  /**
   * Lets time pass, and everything that is due run: a sleep, then `settled()`.
   *
   * **Cancellation:** throws `Cancelled`; the time that has passed stays passed.
   *
   * @param ms How long, in virtual milliseconds.
   */
  advance(ms: number): Promise<void>;
  /**
   * Lets time pass in which nothing runs, as when the machine sleeps or a computation blocks the event loop.
   *
   * When it returns, time has leapt, and nothing has happened yet. What has become due meanwhile happens from the next
   * turn on, late: deadlines first, then the rest in the order in which it was due; of an interval's ticks, one.
   *
   * @param ms How long, in virtual milliseconds.
   */
  freeze(ms: number): void;
  /** A random number from 0 up to 1, the same in each run with the same seed. */
  random(): number;
  /** Takes a snapshot of all tasks. */
  tree(): TaskTree;
}

/** The background of a test: what is there, but is not tested. */
export interface Background {
  /**
   * Starts a task that is cancelled when the body has ended, and is no leak. Its errors fail the test.
   *
   * @param fn What to run.
   * @param options A name.
   * @returns The task.
   */
  startSoon<T>(fn: () => T | Promise<T>, options?: { readonly name?: string }): Task<T>;
}

/**
 * Makes a test function that runs its body in simulated time.
 *
 * The clock starts at 0 and jumps, exactly, to the next deadline whenever every task waits: an hour of sleeping
 * takes milliseconds. While an operation of the host is in flight time stands still. If nothing can ever wake up,
 * the test fails with a `DeadlockError` that shows the task tree, after cleanup has run. A body that passes fails all
 * the same if it leaves something behind: a timer, an operation of the host, a wait nobody awaits.
 *
 * Servers and clients over TCP and Unix sockets run as they are, on a network in memory: see `Simulation.net`.
 *
 * `setTimeout` and its kin, `Date`, `performance.now`, `AbortSignal.timeout` and `Temporal.Now` follow the simulated
 * time inside, `Math.random` and `crypto` its seed, and only there: code outside, and other simulations at the same time, do not notice.
 *
 * **Cancellation:** a test that fails has cancelled and awaited all its tasks.
 *
 * @example One line in a test
 * ```ts
 * import { moveOnAfter, simulated, sleep } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const test = simulated(async (sim) => {
 *   const outcome = await moveOnAfter(60_000, () => sleep(3_600_000));
 *   assert(outcome.cancelledCaught);
 *   assertEquals(sim.now, 60_000);
 * });
 * await test(); // Deno.test("gives up after a minute", test)
 * ```
 *
 * @param body The test.
 * @param options Limits and seed.
 * @returns A function for `Deno.test`, with the name of `body`.
 * @throws {TypeError} If `body` is no function, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the value of an option cannot be one.
 */
export function simulated(body: (sim: Simulation) => unknown, options: SimulateOptions = {}): () => Promise<void> {
  requireFunction("simulate", "body", body);
  checkSimulateOptions(options);
  const origin = new Sites(1).take();
  const test = (): Promise<void> =>
    composedWait(async () => void await valueOf(simulateAt(origin, body, options), options));
  return Object.defineProperty(test, "name", { value: body.name });
}

/**
 * Runs a function in simulated time: `simulated()` for any test runner.
 *
 * **Cancellation:** by the simulation's own limits only; all tasks are cancelled and awaited then.
 *
 * @example In a property test
 * ```ts
 * import { simulate, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const time = await simulate(async (sim) => {
 *   await sleep(250);
 *   return sim.now;
 * });
 * assertEquals(time, 250);
 * ```
 *
 * @param body What to run; receives the simulation.
 * @param options Limits and seed.
 * @returns What `body` returned.
 * @throws {DeadlockError} If nothing can ever wake up.
 * @throws {TypeError} If `body` is no function, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the value of an option cannot be one.
 */
export function simulate<T>(
  body: (sim: Simulation) => T | Promise<T>,
  options: SimulateOptions = {},
): Promise<T> {
  const fault = faultOf(() => {
    requireFunction("simulate", "body", body);
    checkSimulateOptions(options);
  });
  if (fault !== null) return Promise.reject(fault);
  const origin = new Sites(1).take();
  return composedWait(() => valueOf(simulateAt(origin, body, options), options));
}

/** What the body returned; fails as it failed, or for what it left behind. */
async function valueOf<T>(ending: Promise<Ending<T>>, { leaks: policy = {} }: SimulateOptions): Promise<T> {
  const { value, error, leaks } = await ending;
  if (error === NOTHING) {
    judgeLeaks(leaks, policy);
    return value as T;
  }
  // What it was about comes first; and an error that is somebody else's stays as it is.
  warnOfLeaks(leaks, policy);
  throw error;
}
