/** Options of `run()`. */

import type { Instrument } from "../seams/instrument.ts";
import type { Network } from "../seams/network.ts";
import type { ProcessHost } from "../seams/processes.ts";
import type { SignalSource } from "../seams/signals.ts";
import type { StandardInput } from "../seams/stdin.ts";
import type { WorkerHost } from "../seams/workers.ts";
import type { Clock } from "../time/clock.ts";
import type { Task } from "./task.ts";

/**
 * Decides when a granted wait resumes, and when a new task begins: calls `resume` once, now or later. See
 * `RunOptions.schedule`.
 *
 * @category Low level
 */
export type Schedule = (resume: () => void, task: Task) => void;

/**
 * Options of `run()`.
 *
 * @category Tasks
 */
export interface RunOptions {
  /** The source of time; by default the host's. */
  readonly clock?: Clock;
  /** The network that `net` uses; by default the host's. */
  readonly network?: Network;
  /** The processes that `os` starts; by default those of the system. */
  readonly processes?: ProcessHost;
  /** The signals that the run handles, and that `openSignals()` receives; by default those of the system. */
  readonly signals?: SignalSource;
  /** The workers that `openWorkers()` starts; by default threads of this process, and processes of the system. */
  readonly workers?: WorkerHost;
  /** What `openStdin()` reads; by default the standard input of the program. */
  readonly stdin?: StandardInput;
  /**
   * Decides when a granted wait resumes, and when a new task begins; by default at once. It must call `resume` exactly
   * once, now or later. The grants are decided before, first come, first served: this function only decides in which
   * order tasks go on. Use it for a scheduling policy of your own.
   */
  readonly schedule?: Schedule;
  /** Hooks that watch the run. */
  readonly instruments?: readonly Instrument[];
  /** Random numbers from 0 (inclusive) to 1 (exclusive) for jitter and the like; by default `Math.random`. */
  readonly random?: () => number;
  /** Cancels the run when it is aborted; its reason becomes that of the `Cancelled`. */
  readonly signal?: AbortSignal;
  /**
   * Whether the run handles signals. Ctrl-C (SIGINT) and SIGTERM cancel it, a second one ends the process at once, and
   * SIGQUIT (Ctrl-\\) prints the task tree. A run that a signal ended sets the exit code to 130 or 143.
   *
   * @default {true}
   */
  readonly handleSignals?: boolean;
  /**
   * How long work in progress may go on after Ctrl-C or SIGTERM, in milliseconds, before it is cancelled. With a grace,
   * the first signal begins a shutdown of the whole run, which ends idle waits (`untilShutdown()`, accept loops) at
   * once. A second signal cancels, a third ends the process. A run that ends within the grace ends normally, with exit
   * code 0.
   *
   * @default {0}
   */
  readonly grace?: number;
  /**
   * How many places in the code are recorded. The run notes where this many tasks were started, and where this many
   * scopes and nurseries were opened: the first ones. Each place costs about 2 microseconds.
   *
   * @default {256}
   */
  readonly spawnSites?: number;
  /**
   * The rule for what somebody has forgotten to await in a block that ends otherwise well. Whatever it says, nothing
   * outlives the block: what is open is cancelled, and the block waits for it.
   *
   * - `"error"`: the block fails with an error that names what was forgotten.
   * - `"warn"`: `console.warn()` names it, once for each place, and the block ends as it would have.
   * - `"ignore"`: nothing says so.
   *
   * By default it is an error to forget a block (a scope, a nursery, `nursery.start()`), and a warning to forget a wait
   * (`sleep(5)`). In a simulation, its option `leaks` has the rule for waits.
   */
  readonly forgotten?: "error" | "warn" | "ignore";
  /**
   * How many places of waits are recorded: those of the first ones. They say where an `await` is missing. When a wait
   * was forgotten whose place is not known, the next wait of its kind in a task of its name is recorded as well. Each
   * place costs about 2 microseconds.
   *
   * @default {64}
   */
  readonly waitSites?: number;
}
