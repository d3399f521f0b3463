/** A watchdog over a run. */

import {
  awaitedAt,
  framesText,
  isDefaultRun,
  lookAtRun,
  reportHook,
  requireFunction,
  requireOptions,
  requireTimeout,
  taskText,
} from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { Instrument, RunView, Wait, WaitReason } from "../../core/lowlevel.ts";
import { repeat } from "../base/beat.ts";
import { findings, type Look } from "./_look.ts";
import type { Finding } from "./finding.ts";
import { Sentry } from "./_sentry.ts";
import { type LongStep, Steps } from "./_steps.ts";
import { wakesOf } from "./_wakes.ts";

/**
 * Options of `Watchdog`. Each limit can be `Infinity`, for none.
 *
 * @category Observing
 */
export interface WatchdogOptions {
  /**
   * How long a step may run, in milliseconds.
   *
   * @default {50}
   */
  readonly loop?: number;
  /**
   * How old a task may become, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly taskAge?: number;
  /**
   * How long a wait without a deadline may last, in milliseconds. Waits for time, for other tasks, for connections, for
   * something to do (receiving from a channel), and those that a shutdown ends, are none of these.
   *
   * @default {60_000}
   */
  readonly waitAge?: number;
  /**
   * How long a task may wait for a lock, or to send on a channel, in milliseconds.
   *
   * @default {10_000}
   */
  readonly holdAge?: number;
  /**
   * How long a task may await something that the library does not know, in milliseconds.
   *
   * @default {60_000}
   */
  readonly foreignAge?: number;
  /**
   * How often a task may go on in a second.
   *
   * @default {50_000}
   */
  readonly wakes?: number;
  /**
   * After how long it is said on stderr that the event loop stands still, in milliseconds, while it does; by default
   * never. It takes a thread, whose start stops the loop for some 20 ms, and which ends with the run.
   *
   * @default {Infinity}
   */
  readonly stuck?: number;
  /**
   * How often it looks at all tasks, in milliseconds of real time; 0 for never.
   *
   * @default {1_000}
   */
  readonly interval?: number;
  /** Told of what was found; by default that is printed, by `console.warn()`. */
  readonly onFinding?: (finding: Finding) => unknown;
}

/** The same thing at the same place is told again after so long, in milliseconds. */
const AGAIN = 60_000;
const LIMITS = ["loop", "taskAge", "waitAge", "holdAge", "foreignAge", "wakes", "stuck", "interval"] as const;

/**
 * An instrument that looks for what is wrong with a run while it goes on, and says so: who blocks the event loop and
 * where, who waits for ever, where an `await` is missing.
 *
 * It tells each thing at most once a minute. It is for one run, and ends with it. It does not keep a program alive.
 *
 * **Cost:** a look at all tasks once a second, and at each wait a look at the clock: a program that does nothing but
 * hand over values takes two to three times as long, one that serves a network a few per cent more.
 *
 * @example Finding a missing await
 * ```ts
 * import { run, sleep } from "@trefoil/io";
 * import { type Finding, Watchdog } from "@trefoil/io/observe";
 * import { assert } from "@std/assert";
 *
 * const found: Finding[] = [];
 * const watchdog = new Watchdog({ loop: 30, onFinding: (finding) => void found.push(finding) });
 * await run(async () => {
 *   await sleep(1);
 *   for (const end = performance.now() + 150; performance.now() < end;); // blocks everything else
 *   await sleep(1);
 * }, { instruments: [watchdog] });
 * assert(found.some(({ kind }) => kind === "blocked loop" || kind === "busy machine"));
 * ```
 *
 * @category Observing
 */
export class Watchdog implements Instrument {
  readonly #limits: Required<Pick<WatchdogOptions, (typeof LIMITS)[number]>>;
  readonly #onFinding: (finding: Finding) => unknown;
  readonly #steps: Steps | null;
  #run: RunView | null = null;
  #sentry: Sentry | null = null;
  #stopLooking = (): void => {};
  #closed = false;
  /** How often tasks went on, in all. */
  readonly #allWakes = { count: 0 };
  /** How often tasks went on since the last look. */
  #wakes = new Map<Task, { count: number }>();
  #before: Look | null = null;
  /** When what was told last, on the clock of the run. */
  readonly #told = new Map<string, number>();

  /**
   * Makes a watchdog: an instrument for `run(main, { instruments: [watchdog] })` or `addInstrument(watchdog)`.
   *
   * @param options What is too long, and who is told.
   * @throws {RangeError} If a limit is negative or `NaN`.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  constructor(options: WatchdogOptions = {}) {
    const action = "make a Watchdog";
    requireOptions(action, options);
    for (const name of LIMITS) if (options[name] !== undefined) requireTimeout(action, name, options[name]);
    if (options.onFinding !== undefined) requireFunction(action, "onFinding", options.onFinding);
    const { loop = 50, taskAge = Infinity, waitAge = 60_000, holdAge = 10_000, foreignAge = 60_000 } = options;
    const { wakes = 50_000, stuck = Infinity, interval = 1_000 } = options;
    this.#limits = { loop, taskAge, waitAge, holdAge, foreignAge, wakes, stuck, interval };
    wakesOf.set(this, this.#allWakes);
    this.#onFinding = options.onFinding ?? print;
    this.#steps = loop === Infinity ? null : new Steps(loop, (step) => this.#tell(ofStep(step)));
  }

  /** Called by the run. */
  runStarted(run: RunView): void {
    if (this.#run !== null) throw new TypeError("Cannot watch a run as a watchdog is for one: make a new one for each");
    this.#run = run;
    const { stuck, interval } = this.#limits;
    if (stuck !== Infinity) this.#sentry = new Sentry(stuck);
    this.#steps?.start();
    if (interval !== 0 && interval !== Infinity) this.#stopLooking = repeat(interval, () => void this.look());
  }

  /** Called by the run. */
  runEnded(): void {
    this.close();
  }

  /** Called by the run. */
  resumed(task: Task): void {
    this.#steps?.resumed(task);
    this.#sentry?.resumed(task);
    this.#allWakes.count++;
    const wakes = this.#wakes.get(task);
    if (wakes === undefined) this.#wakes.set(task, { count: 1 });
    else wakes.count++;
  }

  /** Called by the run. */
  blocked(task: Task, reason: WaitReason, _wait: Wait): void {
    this.#steps?.ended(task, reason.kind);
  }

  /** Called by the run. */
  taskExited(task: Task): void {
    this.#steps?.ended(task, "");
    this.#wakes.delete(task);
  }

  /** Stops watching. Harmless when repeated. */
  close(): void {
    this.#closed = true;
    this.#steps?.stop();
    this.#sentry?.stop();
    this.#sentry = null;
    this.#stopLooking();
    this.#wakes.clear();
    this.#before = null;
  }

  /** Calls `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Looks at all tasks now; it does so by itself once in an `interval`.
   *
   * **Cancellation:** none; it takes a microtask.
   */
  async look(): Promise<void> {
    const run = this.#run;
    if (run === null || this.#closed) return;
    const before = this.#before;
    const { tasks: all, waits } = lookAtRun(run);
    // What code outside any run awaits, such as a run, is nobody's business.
    const tasks = isDefaultRun(run) ? all.slice(1) : all;
    // Whole milliseconds are enough for people.
    const now = Math.floor(run.clock.now());
    const look: Look = { now, tasks, waits, wakes: this.#wakes, idle: new Map(), unawaited: new Set() };
    this.#wakes = new Map();
    this.#before = look;
    const found = findings(look, before, this.#limits);
    const places = await awaitedAt(found.asked.map(({ promise }) => promise));
    for (const finding of found.done(places)) this.#tell(finding);
  }

  #tell(finding: Finding): void {
    if (this.#closed) return;
    const now = this.#run?.clock.now() ?? 0;
    // Names of many tasks differ in their numbers alone.
    const what = `${finding.kind} ${finding.task.replace(/\d+/g, "0")}`;
    const place = finding.frames[0];
    // One without a place is taken for one that was told.
    const last = this.#told.get(place === undefined ? what : `${what} ${place}`);
    if (last !== undefined && now - last < AGAIN) return;
    this.#told.set(what, now);
    if (place !== undefined) this.#told.set(`${what} ${place}`, now);
    try {
      this.#onFinding(finding);
    } catch (error) {
      reportHook("Cannot tell of a finding as onFinding() threw", error);
    }
  }
}

function ofStep({ ms, tasks, frames, until, starved }: LongStep): Finding {
  const amount = Math.round(ms);
  const who = tasks.length === 0 ? "something that is no task" : tasks.map(taskText).join(" or ");
  const where = frames.length === 0 ? "" : ` at ${framesText(frames)}`;
  const ended = until === "" ? "" : ` until ${until}`;
  return {
    kind: starved ? "busy machine" : "blocked loop",
    message: starved
      ? `${who} was not done for ${amount} ms${ended}${where}: the process had no processor, as the machine is busy`
      : `${who} ran ${amount} ms${ended}${where}, and nothing else could: await checkpoint() now and then, or use ` +
        "openWorkers()",
    task: tasks.length === 1 ? (tasks[0] as Task).name : "",
    frames,
    amount,
  };
}

function print({ kind, message }: Finding): void {
  // deno-lint-ignore no-console -- what a watchdog is for
  console.warn(`Trefoil: ${kind}: ${message}`);
}
