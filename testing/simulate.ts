/** Running a test body in simulated time. */

import { type Network, run, sleep, suspend, type TaskTree, type Waker } from "../core/mod.ts";
import { Driver } from "./_driver.ts";
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
   * What operations of the host do to time. `"freeze"`: it stands still while one is in flight. `{ quiet: ms }`: it
   * goes on once nothing has happened for that many real milliseconds; for tests with real listeners, whose
   * accept is always in flight.
   *
   * @default {"freeze"}
   */
  readonly io?: "freeze" | { readonly quiet: number };
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
   * How many waits may end without time moving: stops loops that would never end.
   *
   * @default {100_000}
   */
  readonly maxStepsAtOneInstant?: number;
  /** The network of the run. */
  readonly network?: Network;
}

/** What a test body is given. */
export interface Simulation {
  /** Virtual milliseconds since the simulation began. */
  readonly now: number;
  /** The seed. */
  readonly seed: number;
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
  /** A random number from 0 up to 1, the same in each run with the same seed. */
  random(): number;
  /** Takes a snapshot of all tasks. */
  tree(): TaskTree;
}

/**
 * Makes a test function that runs its body in simulated time.
 *
 * The clock starts at 0 and jumps, exactly, to the next deadline whenever every task waits: an hour of sleeping
 * takes milliseconds. While an operation of the host is in flight time stands still. If nothing can ever wake up,
 * the test fails with a `DeadlockError` that shows the task tree, after cleanup has run.
 *
 * Only the library's time is simulated so far, not `setTimeout` or `Date`.
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
 * @returns A function for `Deno.test`.
 */
export function simulated(body: (sim: Simulation) => unknown, options: SimulateOptions = {}): () => Promise<void> {
  return async () => {
    await simulate(body, options);
  };
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
  const clock = new VirtualClock();
  const driver = new Driver(clock, options);
  const seed = options.seed ?? 0;
  const random = mulberry32(seed);
  const sim: Simulation = {
    get now() {
      return clock.now();
    },
    seed,
    settled: () => settled(driver),
    async advance(ms) {
      await sleep(ms);
      await settled(driver);
    },
    random,
    tree: () => clock.run!.taskTree(),
  };
  const outcome = run(() => body(sim), {
    clock,
    random,
    instruments: [driver],
    signal: driver.signal,
    handleSignals: false,
    spawnSites: Infinity,
    ...(options.network === undefined ? {} : { network: options.network }),
  });
  return await driver.drive(outcome);
}

function settled(driver: Driver): Promise<void> {
  let mine: Waker<void>;
  return suspend<void>(
    { kind: "settled" },
    (waker) => driver.settling.add(mine = waker),
    () => driver.settling.delete(mine),
  );
}

/** A small generator with a period of 2^32: enough for tests, the same on every machine (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
