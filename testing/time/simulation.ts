/** What a simulation takes, and what its body is given. */

import type { Task } from "../../core/mod.ts";
import type { Instrument, Network, ProcessHost, Schedule, WorkerHost } from "../../core/lowlevel.ts";
import type { VirtualNetwork } from "../net/virtual_network.ts";
import type { VirtualProcesses } from "../processes/virtual_processes.ts";
import type { VirtualStdin } from "../processes/virtual_stdin.ts";
import type { VirtualWorkers } from "../workers/virtual_workers.ts";
import type { Campaign } from "../watches/campaign.ts";
import type { LeakPolicies, LeakPolicy } from "./leaks.ts";

/**
 * Options of `simulate()` and `simulated()`.
 *
 * @category Simulation
 */
export interface SimulateOptions {
  /**
   * The seed of all random numbers: a whole number. `sim.random()`, the run, the network in memory, `Math.random()` and
   * `crypto` (`getRandomValues()`, `randomUUID()`) each have their own source: what one draws moves no other.
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
   * How operations of the host affect time. `"freeze"`: time stands still while one is in flight. `{ quiet: ms }`: time
   * goes on once nothing has happened for that many real milliseconds, and again after whatever happens next. It is for
   * tests with real listeners, whose accept is always in flight: `network: "host"`.
   *
   * @default {"freeze"}
   */
  readonly io?: "freeze" | { readonly quiet: number };
  /**
   * How a task that awaits a promise unknown to the library, and no timer, affects virtual time. `"grace"`: time waits
   * for the task as long as `foreignGrace` says, and then goes on without it until the task acts again. `"wait"`: time
   * stands still, and the test fails after `realTimeout`. `"error"`: the test fails at once.
   *
   * @default {"grace"}
   */
  readonly onForeign?: "grace" | "wait" | "error";
  /**
   * How long nothing may happen while time stands still, before the test fails: in real milliseconds, counted from the
   * last thing that happened. Time stands still for operations of the host, and for foreign promises with `onForeign:
   * "wait"`.
   *
   * @default {10_000}
   */
  readonly realTimeout?: number;
  /**
   * How long time waits for a promise unknown to the library before it goes on without it, in real milliseconds.
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
   * How many waits may end and timers may fire, in all.
   *
   * @default {10_000_000}
   */
  readonly maxSteps?: number;
  /**
   * How many waits may end and timers may fire without time moving. Stops loops that would never end.
   *
   * @default {100_000}
   */
  readonly maxStepsAtOneInstant?: number;
  /**
   * What to do about things that the body leaves behind: fail the test, print a warning, or nothing. One policy for all
   * kinds, or one for each (see `LeakPolicies`).
   *
   * @default {{ timers: "error", hostOperations: "error", resources: "error", forgottenWaits: "warn" }}
   */
  readonly leaks?: LeakPolicy | LeakPolicies;
  /**
   * The network of the run; `"host"` for real sockets. By default it is one in memory, on simulated time, with
   * HTTP, WebSockets, and TLS by names; real sockets want `io: { quiet: 50 }` as well.
   */
  readonly network?: Network | "host";
  /**
   * The processes of the run; `"host"` for real ones, for which time stands still while one is there. By default they
   * are programs in memory, on simulated time: see `Simulation.processes`.
   */
  readonly processes?: ProcessHost | "host";
  /**
   * The workers of the run; `"host"` for real ones, for which time stands still while a call is there. By default the
   * functions of a module are called here, as tasks on simulated time, with clones of their arguments. They share the
   * module with the test, and the one processor; a `blockingCallback()` cannot block there.
   */
  readonly workers?: WorkerHost | "host";
  /**
   * How long work in progress may go on after `sim.signal("SIGTERM")`, in milliseconds: see `RunOptions.grace`.
   *
   * @default {0}
   */
  readonly grace?: number;
  /** Instruments of the run, called after the simulation's own. */
  readonly instruments?: readonly Instrument[];
  /**
   * Decides when a granted wait resumes: see `RunOptions.schedule`. Time does not wait for a wait that is held back,
   * unless the schedule holds time with `beginHostOperation()`.
   */
  readonly schedule?: Schedule;
  /** Collects, over several simulations, what `sim.sometimes()` and `sim.reached()` have met. */
  readonly campaign?: Campaign;
  /**
   * Called with a picture of the simulation if it fails: an HTML page, for a file. It shows the network as a sequence
   * diagram, and the tasks over virtual time; the same simulation gives the same bytes.
   */
  readonly picture?: (html: string) => unknown;
  /**
   * The folder into which the trace of the simulation is written if it fails: `pool_test-12-seed-0.html`, a page that
   * shows all tasks and the network, and the same for other viewers, `….json`. The report of the failure names them. It
   * is made if it is not there, which takes the permission to write it; without that the report says so.
   *
   * `--sim=trace:folder` on the command line says it for all simulations. Of a campaign it is the run that is reported.
   */
  readonly trace?: string;
}

/**
 * Options of `simulated()`.
 *
 * @category Simulation
 */
export interface SimulatedOptions extends SimulateOptions {
  /**
   * How many schedules are run: see `explore()`. `--sim=runs:500` on the command line says otherwise, for all tests.
   *
   * @default {1}
   */
  readonly runs?: number;
}

/**
 * The simulation, as its body sees it: time, network, random numbers.
 *
 * @category Simulation
 */
export interface Simulation {
  /** Virtual milliseconds since the simulation began. */
  readonly now: number;
  /** The seed of its random numbers. */
  readonly seed: number;
  /** Starts tasks beside the test, which are cancelled when its body has ended. */
  readonly background: Background;
  /** The network in memory. Throws a `TypeError` if option `network` has put another one in its place. */
  readonly net: VirtualNetwork;
  /**
   * The processes in memory: defines what a program does that the code under test starts. Throws a `TypeError` if option
   * `processes` has put others in their place.
   */
  readonly processes: VirtualProcesses;
  /** The workers in memory. Throws a `TypeError` if option `workers` has put others in their place. */
  readonly workers: VirtualWorkers;
  /** The standard input of the code under test, which is empty until the test sends something. */
  readonly stdin: VirtualStdin;
  /**
   * Sends a signal of the system, in memory. It goes to the receiver that was opened for it by `openSignals()`. Without
   * one, SIGINT and SIGTERM go to the simulation, which does what `run()` does: with a `grace` it begins a shutdown,
   * without it cancels the test.
   *
   * @param signal Its name, such as `"SIGHUP"`.
   * @throws {TypeError} If nothing listens for it.
   */
  signal(signal: string): void;
  /**
   * Waits until no other task can go on before time moves: `settled()`.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost.
   */
  settled(): Promise<void>;
  /**
   * Lets time pass, and everything run that is due by then: a sleep, then `settled()`.
   *
   * **Cancellation:** throws `Cancelled`; the time that has passed stays passed.
   *
   * @param ms How long, in virtual milliseconds.
   */
  advance(ms: number): Promise<void>;
  /**
   * Lets time pass in which nothing runs, as when the machine sleeps or a computation blocks the event loop.
   *
   * When it returns, time has leapt, and nothing else has happened. What was due meanwhile happens late, from the next
   * turn on: deadlines first, then the rest in the order in which it was due. An interval that missed several ticks
   * fires once.
   *
   * @param ms How long, in virtual milliseconds.
   */
  freeze(ms: number): void;
  /**
   * Watches over something that must hold after each step, until the body has ended. If it does not, the simulation fails.
   *
   * @param check Returns `false`, or throws, if it does not hold.
   * @param label What must hold, for the report.
   */
  always(check: () => unknown, label: string): void;
  /**
   * Says whether a situation is there that must come about in one run at least of a campaign. Fails nothing by itself:
   * see `Campaign.check()`.
   *
   * @param condition Whether it is there now.
   * @param label Which one.
   */
  sometimes(condition: boolean, label: string): void;
  /**
   * Says that a place was reached, for a campaign: see `Campaign`.
   *
   * @param label Which one.
   */
  reached(label: string): void;
  /**
   * Says at random whether to behave badly but legally now: `buggify()`.
   *
   * @param label Which trouble.
   * @param probability How likely it is, in a seed where it is on.
   */
  buggify(label: string, probability?: number): boolean;
  /**
   * What was conspicuous so far, a line each: the longest wait of each kind, channels that only grew, hosts that connect
   * or send requests often, tasks that ran past their cancellation. A failure shows the same.
   */
  report(): readonly string[];
  /**
   * Draws what has happened so far, as option `picture` does on failure.
   *
   * **Cancellation:** none; it takes no virtual time.
   *
   * @returns An HTML page that needs nothing else.
   */
  picture(): Promise<string>;
  /**
   * Returns a random number from 0 (inclusive) to 1 (exclusive): the same numbers in each run with the same seed.
   *
   * @param stream The name of a source of its own: what is drawn from it moves no other.
   */
  random(stream?: string): number;
}

/**
 * The background of a test: tasks that the test needs but does not test, such as a server.
 *
 * @category Simulation
 */
export interface Background {
  /**
   * Starts a task that is cancelled when the body has ended. It is no leak then, and its errors fail the test.
   *
   * @param fn What to run.
   * @param options A name for the task.
   * @returns The task.
   */
  startSoon<T>(fn: () => T | Promise<T>, options?: { readonly name?: string }): Task<T>;
}
