/**
 * One run: its clock, its seams, its counters.
 *
 * The counters are what makes "idle" decidable. A task is *waiting* while it has at least one wait open; all its
 * waits are counted, as `Promise.all([sleep(1), channel.receive()])` is two waits of one task. `running` counts
 * the tasks with none: after a turn of the event loop in which all microtasks ran, those await foreign promises.
 */

import { requireBoolean, requireOptions } from "../base/check.ts";
import { hostDate } from "../base/host_time.ts";
import { reportHook } from "../base/report_hook.ts";
import type { Instrument } from "../seams/instrument.ts";
import type { Network } from "../seams/network.ts";
import type { ProcessHost } from "../seams/processes.ts";
import type { SignalSource } from "../seams/signals.ts";
import type { StandardInput } from "../seams/stdin.ts";
import type { WorkerHost } from "../seams/workers.ts";
import type { RunOptions } from "../tasks/run_options.ts";
import type { Nursery, Task } from "../tasks/task.ts";
import type { TaskTree, TaskTreeOptions } from "../tasks/task_tree.ts";
import type { Clock, RunStatistics, RunView } from "../time/clock.ts";
import { currentNode, setDefaultRoot } from "./context.ts";
import { ForgottenRules } from "./forgotten.ts";
import { HostOperations } from "./host_operations.ts";
import { Instruments } from "./instruments.ts";
import type { RunCore, StatusNode, TaskNode } from "./node.ts";
import { realClock } from "./real_clock.ts";
import { snapshot, snapshotWithPlaces } from "./snapshot.ts";
import { TaskImpl } from "./task.ts";
import { type Turns, turnsFor } from "./turns.ts";
import { WaitSites } from "./wait_sites.ts";

/** The seams among the options of a run. */
type RuntimeOptions = Omit<RunOptions, "signal" | "handleSignals" | "grace">;

/** A policy that looks at which part of its task a wait belongs to. */
export type NodeSchedule = (resume: () => void, task: Task, node: StatusNode) => void;

/** A place costs 2 us to record; the first tasks are the program's structure, the later ones mostly alike. */
const DEFAULT_SPAWN_SITES = 256;

/** Enough for a script; a server that forgets a wait does so again. */
const DEFAULT_WAIT_SITES = 64;

/** See the header. */
export class Runtime implements RunView, RunCore {
  readonly clock: Clock;
  readonly network: Network | undefined;
  readonly processes: ProcessHost | undefined;
  readonly signals: SignalSource | undefined;
  readonly stdin: StandardInput | undefined;
  readonly workers: WorkerHost | undefined;
  readonly random: () => number;
  /** Who is told of each channel that is opened; `null` for nobody. Written by `watchChannels()`. */
  channelOpened: ((channel: { readonly name: string; readonly used: number }) => void) | null = null;
  /** The user's policy; `null` for none. Written by `scheduleResume()`. */
  schedule: NodeSchedule | null;
  /** Replaced when the run is given up. */
  turns: Turns;
  /** `null` if nobody watches. Written by `addInstrument()`. */
  instruments: Instruments | null = null;
  readonly hostOperations: HostOperations;
  readonly forgotten: ForgottenRules;
  /** Those of `forgotten`, while they want to hear of waits. Written by waits, and when something was forgotten. */
  waitSites: WaitSites | null;
  /** The task everything else descends from. */
  readonly root: TaskImpl<unknown>;
  /**
   * Coarse time, in whole milliseconds: the clock as of the last alarm or host operation. Good enough to say since
   * when a task waits; reading the clock at every wait would cost a third of a wait, and a fraction a box in each.
   */
  time: number;
  /** Tasks without a wait. Written by tasks. */
  running = 0;
  /** Tasks that have not ended. Written by tasks. */
  living = 0;
  finished = false;
  /** The nursery of its system tasks: made with the first of them. Written by `tasks/system_task.ts`. */
  systemTasks: Nursery | "over" | null = null;
  /** Serves code outside any `run()`, and never ends. */
  isDefault = false;
  /** Told, cheaply and often, that no task is running. */
  readonly #idleListeners = new Set<() => void>();
  /** When the real clock was read last, by the wall clock; written by `refreshTime()`. */
  #readAt = NaN;
  /** `idle()` of the clock has thrown. */
  #clockIsDeaf = false;
  #lastId = 0;
  #spawnSites: number;
  #blockSites: number;

  constructor(options: RuntimeOptions, parent: StatusNode | null) {
    this.clock = options.clock ?? realClock;
    this.network = options.network;
    this.processes = options.processes;
    this.signals = options.signals;
    this.stdin = options.stdin;
    this.workers = options.workers;
    this.schedule = options.schedule ?? null;
    this.turns = turnsFor(this.clock);
    this.random = options.random ?? Math.random;
    this.#spawnSites = this.#blockSites = options.spawnSites ?? DEFAULT_SPAWN_SITES;
    // A simulation tells of what was forgotten in it by itself, and takes the places for it.
    const simulated = this.clock.deterministic === true;
    const sites = new WaitSites(options.waitSites ?? (simulated ? 0 : DEFAULT_WAIT_SITES));
    this.forgotten = new ForgottenRules(options.forgotten, sites, simulated);
    this.waitSites = sites.active ? sites : null;
    this.time = 0;
    this.refreshTime();
    this.hostOperations = new HostOperations(this);
    this.root = new TaskImpl(this, "main", parent, null, false);
    for (const instrument of options.instruments ?? []) this.addInstrument(instrument);
  }

  /** Brings the coarse time up to date. Called at every host operation, so on the real clock it must be cheap. */
  refreshTime(): void {
    if (this.clock === realClock) {
      // Half the price of the clock itself, which need not be asked again in the same millisecond.
      const wall = hostDate();
      if (wall === this.#readAt) return;
      this.#readAt = wall;
    }
    try {
      this.time = Math.floor(this.clock.now());
    } catch {
      // A clock of the user's. This is called in the middle of other steps, and is about reports alone: whoever needs
      // the time itself gets the error.
    }
  }

  /** How many tasks there were. */
  get started(): number {
    return this.#lastId;
  }

  /** The next id; ids follow the order of creation. */
  nextId(): number {
    return ++this.#lastId;
  }

  /** Whether the place of one more spawn shall be recorded. */
  wantsSpawnSite(): boolean {
    return this.#spawnSites > 0 && this.#spawnSites-- > 0;
  }

  /** The same for one more scope or nursery. */
  wantsBlockSite(): boolean {
    return this.#blockSites > 0 && this.#blockSites-- > 0;
  }

  /**
   * Resumes a wait as the user's policy says. One that throws would leave the task waiting for ever: it is given up.
   */
  scheduleResume(resume: () => void, node: StatusNode): void {
    let resumed = false;
    const once = (): void => {
      if (resumed) return;
      resumed = true;
      resume();
    };
    try {
      (this.schedule as NodeSchedule)(once, node.task as TaskNode & Task, node);
    } catch (error) {
      this.schedule = null;
      reportHook("Cannot go on with the schedule of the run as it threw: waits resume at once from now on", error);
      once();
    }
  }

  /** Called by waits when `running` falls to 0. */
  allWaiting(): void {
    for (const listener of this.#idleListeners) listener();
    if (this.#clockIsDeaf) return;
    try {
      this.clock.idle?.();
    } catch (error) {
      this.#clockIsDeaf = true;
      reportHook("Cannot go on with idle() of the clock as it threw: it is called no more", error);
    }
  }

  /** Tells a function, inside the call that begins the last wait, that no task is running; returns how to stop. */
  onIdle(callback: () => void): () => void {
    // A function of its own, so that the same callback may listen twice.
    const listener = () => callback();
    this.#idleListeners.add(listener);
    return () => void this.#idleListeners.delete(listener);
  }

  statistics(): RunStatistics {
    return {
      tasksLiving: this.living,
      tasksRunning: this.running,
      hostOperations: this.hostOperations.labels(),
      wakeUps: this.turns.putOff,
    };
  }

  addInstrument(instrument: Instrument): Disposable {
    const instruments = this.instruments ?? new Instruments();
    instruments.add(instrument, this);
    this.instruments = instruments.isEmpty ? null : instruments;
    return {
      [Symbol.dispose]: () => {
        instruments.remove(instrument);
        if (instruments.isEmpty && this.instruments === instruments) this.instruments = null;
      },
    };
  }

  taskTree(): TaskTree;
  taskTree(options: TaskTreeOptions & { readonly places: true }): Promise<TaskTree>;
  taskTree(options: TaskTreeOptions = {}): TaskTree | Promise<TaskTree> {
    requireOptions("take a task tree", options);
    const { places = false } = options;
    requireBoolean("take a task tree", "places", places);
    return places ? snapshotWithPlaces(this.root) : snapshot(this.root);
  }
}

/** Told of each run. Written by `onRun()`. */
const watchers = new Set<(run: RunView) => void>();
let defaultRuntime: Runtime | null = null;

/** Tells those who want to know of a run that begins. */
export function runBegins(runtime: Runtime): void {
  for (const watcher of watchers) {
    try {
      watcher(runtime);
    } catch (error) {
      watchers.delete(watcher);
      reportHook("Cannot go on telling of runs as a callback of onRun() threw: it is called no more", error);
    }
  }
}

/** Calls a function for each run that begins; returns how to stop that. See `onRun()` in `seams/`. */
export function watchRuns(watcher: (run: RunView) => void): () => void {
  watchers.add(watcher);
  if (defaultRuntime !== null) watcher(defaultRuntime);
  return () => void watchers.delete(watcher);
}

setDefaultRoot(() => {
  const runtime = new Runtime({}, null);
  runtime.isDefault = true;
  defaultRuntime = runtime;
  runBegins(runtime);
  return runtime.root;
});

/** The run of the code that runs now; outside any run, the default one. */
export function currentRuntime(): Runtime {
  return currentNode().task.runtime as Runtime;
}
