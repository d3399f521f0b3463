/** Running a test body in simulated time. */

import {
  type Instrument,
  isErrorGroup,
  type Network,
  openNursery,
  run,
  type Schedule,
  sleep,
  type Task,
  type TaskTree,
} from "../core/mod.ts";
import { Driver } from "./_driver.ts";
import { patchGlobals } from "./_globals.ts";
import { ambientDriver } from "./_ambient.ts";
import { judgeLeaks } from "./_leaks.ts";
import type { LeakPolicies, LeakPolicy } from "./leaks.ts";
import { SimulatedNetwork } from "./net/simulated_network.ts";
import type { VirtualNetwork } from "./net/virtual_network.ts";
import { seededRandom } from "./_random.ts";
import { settled } from "./settled.ts";
import { type Site, Sites } from "./_sites.ts";
import { VirtualClock } from "./_virtual_clock.ts";

/** How a simulation behaves. */
export interface SimulateOptions {
  /**
   * The seed of `sim.random()` and of the run's random numbers.
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
   * goes on once nothing has happened for that many real milliseconds; for tests with real listeners, whose
   * accept is always in flight.
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
   * HTTP, TLS and WebSockets are the host's in any case: use real sockets and `io: { quiet: 50 }` with those.
   */
  readonly network?: Network | "host";
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
   * turn on, late, in the order in which it was due; of an interval's ticks, one.
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
 * time inside, and only there: code outside, and other simulations at the same time, do not notice.
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
 */
export function simulated(body: (sim: Simulation) => unknown, options: SimulateOptions = {}): () => Promise<void> {
  const origin = new Sites(1).take();
  const test = async (): Promise<void> => {
    await simulateAt(origin, body, options);
  };
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
 */
export async function simulate<T>(
  body: (sim: Simulation) => T | Promise<T>,
  options: SimulateOptions = {},
): Promise<T> {
  return await simulateAt(new Sites(1).take(), body, options);
}

/** Simulates a test that is written at a place. */
async function simulateAt<T>(
  origin: Site | null,
  body: (sim: Simulation) => T | Promise<T>,
  options: SimulateOptions,
): Promise<T> {
  const clock = new VirtualClock(checkOptions(options));
  const driver = new Driver(clock, options, origin);
  const random = seededRandom(options.seed ?? 0);
  const network = options.network ?? new SimulatedNetwork(clock, random);
  const unpatch = patchGlobals(ambientDriver);
  clock.driver = driver;
  try {
    const outcome = run(() => perform(body, { clock, driver, random, network, seed: options.seed ?? 0 }), {
      clock,
      random,
      instruments: [driver, ...options.instruments ?? []],
      signal: driver.signal,
      handleSignals: false,
      spawnSites: SPAWN_SITES,
      ...(network === "host" ? {} : { network }),
      ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
    });
    const value = await driver.drive(outcome);
    await driver.drain();
    judgeLeaks(driver.leaks(), options.leaks ?? {});
    return value;
  } finally {
    clock.driver = null;
    unpatch();
  }
}

interface Parts {
  readonly clock: VirtualClock;
  readonly driver: Driver;
  readonly random: () => number;
  readonly network: Network | "host";
  readonly seed: number;
}

/** The main task: the body, with a nursery around it for the background. */
async function perform<T>(body: (sim: Simulation) => T | Promise<T>, parts: Parts): Promise<T> {
  const { clock, driver, random, network, seed } = parts;
  let failure: unknown;
  let failed = false;
  try {
    return await openNursery(async (nursery) => {
      const background: Background = {
        startSoon: (fn, options) => nursery.startSoon(fn, { ...options, daemon: true }),
      };
      if (network instanceof SimulatedNetwork) network.background = background;
      const sim: Simulation = {
        get now() {
          return clock.now();
        },
        seed,
        background,
        get net() {
          if (network instanceof SimulatedNetwork) return network;
          throw new TypeError(
            'Cannot use "net" as the network must be the one in memory: option "network" names another',
          );
        },
        settled: () => settled(),
        async advance(ms) {
          await sleep(ms);
          await settled();
        },
        freeze(ms) {
          if (!(ms >= 0 && ms < Infinity)) {
            throw new RangeError(`Cannot freeze as "ms" must be a finite number >= 0: received ${ms}`);
          }
          clock.freeze(ms);
        },
        random,
        tree: () => clock.run!.taskTree(),
      };
      try {
        return await body(sim);
      } catch (error) {
        [failed, failure] = [true, error];
        throw error;
      } finally {
        driver.bodyEnded = true;
      }
    }, { name: "background" });
  } catch (error) {
    // The nursery is ours, so the error of the body leaves as it came, unless there are others.
    throw failed && isErrorGroup(error) && error.errors.length === 1 && error.errors[0] === failure ? failure : error;
  }
}

/** A place takes 4 us to record; and a report shows 200 tasks. */
const SPAWN_SITES = 1_000;
/** Any fixed date will do; this one is easy to recognise in a log. */
const EPOCH = Date.UTC(2000, 0, 1);

/** Checks what would go wrong later, or never; returns the date to begin at. */
function checkOptions(options: SimulateOptions): number {
  const { start, io = "freeze", onForeign = "grace", leaks, network, ...numbers } = options;
  for (const name of ["realTimeout", "foreignGrace", "maxVirtual", "maxSteps", "maxStepsAtOneInstant"] as const) {
    const value = numbers[name];
    if (value !== undefined && !(value >= 0)) {
      throw new RangeError(`Cannot simulate as "${name}" must be a number >= 0: received ${value}`);
    }
  }
  if (io !== "freeze" && !(io?.quiet >= 0)) {
    throw new RangeError(`Cannot simulate as "io" must be "freeze" or { quiet: ms }: received ${JSON.stringify(io)}`);
  }
  if (!["grace", "wait", "error"].includes(onForeign)) {
    throw new RangeError(`Cannot simulate as "onForeign" must be "grace", "wait" or "error": received "${onForeign}"`);
  }
  if (network !== undefined && network !== "host" && typeof network !== "object") {
    throw new TypeError(
      `Cannot simulate as "network" must be a network or "host": received ${JSON.stringify(network)}`,
    );
  }
  for (const policy of typeof leaks === "object" ? Object.values(leaks) : [leaks]) {
    if (policy !== undefined && !["error", "warn", "ignore"].includes(policy)) {
      throw new RangeError(`Cannot simulate as "leaks" must be "error", "warn" or "ignore": received "${policy}"`);
    }
  }
  const epoch = start === undefined ? EPOCH : new Date(start).getTime();
  if (Number.isNaN(epoch)) throw new RangeError(`Cannot simulate as "start" must be a date: received ${start}`);
  return epoch;
}
