/**
 * One wait, and the only place that makes a waiting promise.
 *
 *      NEW ── begun(): it is registered wherever it is to be woken, and may be seen
 *       │      wake() / fail()
 *     WAITING ─────────────────▶ GRANTED ──(schedule hook, fairness)──▶ promise settled
 *        │ abort(): the node was cancelled
 *        ├── callback undid the operation ─▶ GRANTED, with Cancelled
 *        └── callback refuses ────────────▶ STUCK ── wake() / fail() ──▶ GRANTED
 *
 * Who wins, a wake or an abort, is decided synchronously in the call that comes first, never by the order in
 * which promise callbacks run: between a settled promise and its continuation other code runs, and an item or
 * lock handed over in that gap would be lost (`Promise.race` has this fault).
 *
 * The waiter is itself the link in two lists: that of its status node (to be aborted, and to be shown) and
 * that of the queue it stands in (Event, Lock, …). So leaving either takes constant time and no allocation.
 */

import { show } from "../base/check.ts";
import { read } from "../base/foreign.ts";
import { ignore, isQuiet } from "../base/quiet.ts";
import { RunFinishedError } from "../errors/errors.ts";
import type { Cancelled } from "./cancelled.ts";
import type { OpenWait, StatusNode, TaskNode } from "./node.ts";
import { isAbandoned } from "./status.ts";
import { ToldElsewhere, type WaitReason } from "./wait_reason.ts";

/** What stands in a queue: a waiter, or one arm of a wait for several things. */
export interface Queued<T> {
  /** The queue it stands in, and its neighbours there; written by `WaitQueue`. */
  queue: Queue | null;
  after: Queued<T> | null;
  before: Queued<T> | null;
  /** Grants it; returns whether it was still waiting. */
  wake(value: T): boolean;
  /** Ends it with an error; returns whether it was still waiting. */
  fail(error: unknown): boolean;
}

/** A queue, for those in it: see `WaitQueue`. */
export interface Queue {
  remove(entry: Queued<never>): void;
}

/** Undoes an operation when its wait is cancelled. `false` refuses: then somebody must still wake the waiter. */
export type AbortWait = (cancelled: Cancelled, waiter: Waiter<unknown>) => boolean;

/** For waits that cancellation does not interrupt. */
export const UNABORTABLE: AbortWait = (): boolean => false;

const enum Phase {
  New,
  Waiting,
  Stuck,
  Granted,
}

type Settle = (value: unknown) => void;
let grabbedResolve: Settle;
let grabbedReject: Settle;
/** Shared by all waiters: an executor closure for each would cost an allocation. */
const grab = (resolve: Settle, reject: Settle): void => {
  grabbedResolve = resolve;
  grabbedReject = reject;
};

/**
 * See the header. Created in the given node, and counted from then on; who makes one registers it and then calls
 * `begun()`: those who are told that everybody waits may wake it at once, and whoever draws the task tree reads its
 * reason.
 */
export class Waiter<T> implements Queued<T>, OpenWait {
  readonly promise: Promise<T>;
  readonly node: StatusNode;
  readonly reason: WaitReason;
  /** Coarse start of the wait on the run's clock: see `Runtime.time`. */
  readonly since: number;
  /** The node's list; written by the constructor and `#grant()`. */
  next: OpenWait | null;
  prev: OpenWait | null = null;
  /** The queue it stands in, if any, and its neighbours there; written by `WaitQueue`. */
  queue: Queue | null = null;
  after: Queued<T> | null = null;
  before: Queued<T> | null = null;
  readonly #onAbort: AbortWait | null;
  readonly #resolve: Settle;
  readonly #reject: Settle;
  #phase: Phase = Phase.New;
  #failed = false;
  #outcome: unknown = undefined;

  /** `onAbort` null: leave the queue, nothing else to undo. */
  constructor(node: StatusNode, reason: WaitReason, onAbort: AbortWait | null) {
    this.promise = new Promise(grab as never);
    this.#resolve = grabbedResolve;
    this.#reject = grabbedReject;
    this.node = node;
    this.reason = reason;
    this.#onAbort = onAbort;
    const first = node.waiters;
    this.next = first;
    if (first !== null) first.prev = this;
    node.waiters = this;
    const { task } = node;
    this.since = task.runtime.time;
    task.waitBegan();
  }

  /** The wait is whole, and registered: tells the watchers of the run. Returns its promise. */
  begun(): Promise<T> {
    if (this.#phase !== Phase.Granted) {
      if (this.#phase === Phase.New) this.#phase = Phase.Waiting;
      const { task } = this.node;
      const { runtime } = task;
      if (runtime.waitSites !== null && !runtime.waitSites.note(this, task)) runtime.waitSites = null;
      if (runtime.instruments !== null) runtime.instruments.blocked(task, this.reason, this);
      if (runtime.running === 0) runtime.allWaiting();
    }
    return this.promise;
  }

  /** Which task waits. */
  get task(): TaskNode {
    return this.node.task;
  }

  /** Whether neither a wake nor an abort has won yet. */
  get pending(): boolean {
    return this.#phase !== Phase.Granted;
  }

  /** Grants the wait. Returns whether it won: `false` if it was over already. */
  wake(value: T): boolean {
    if (this.#phase === Phase.Granted) return false;
    this.#outcome = value;
    this.#grant();
    return true;
  }

  /** Ends the wait with an error. Returns whether it won. */
  fail(error: unknown): boolean {
    if (this.#phase === Phase.Granted) return false;
    this.#outcome = error;
    this.#failed = true;
    this.#grant();
    return true;
  }

  /** The node is cancelled (or was a moment ago). Asks the operation to be undone, at most once. */
  abort(): void {
    const { cancelled } = this.node;
    if (this.#phase > Phase.Waiting || cancelled === null) return;
    this.#phase = Phase.Stuck;
    let undone: unknown = true;
    if (this.#onAbort !== null) {
      try {
        undone = this.#onAbort(cancelled, this as Waiter<unknown>);
        if (typeof undone !== "boolean") undone = unclear(undone);
      } catch (error) {
        // A fault in the callback belongs to the task that waits with it, not to the canceller.
        this.fail(error);
        return;
      }
    }
    // A callback may refuse, and may also have woken the waiter itself.
    if (!undone || (this.#phase as Phase) === Phase.Granted) return;
    this.fail(cancelled);
  }

  /** Settles the promise. Called once, by `#resume` or whoever had to put it off. */
  settle(): void {
    const { instruments } = this.node.task.runtime;
    if (instruments !== null) instruments.resumed(this.node.task, this.reason, this);
    if (this.#failed) {
      // Handled first, so that a cancelled wait nobody awaits never ends the process.
      if (this.#outcome === this.node.cancelled || this.reason instanceof ToldElsewhere || isQuiet(this.#outcome)) {
        this.promise.then(undefined, ignore);
      }
      this.#reject(this.#outcome);
    } else this.#resolve(this.#outcome);
  }

  #grant(): void {
    const { node, next, prev } = this;
    const { task } = node;
    const { runtime } = task;
    if (runtime.instruments !== null) {
      // Granted while it is being registered: who pairs the beginnings of waits with their ends still gets both.
      if (this.#phase === Phase.New) runtime.instruments.blocked(task, this.reason, this);
      runtime.instruments.woken(task, this, this.#failed ? this.#outcome : undefined);
    }
    this.#phase = Phase.Granted;
    if (prev !== null) prev.next = next;
    else node.waiters = next;
    if (next !== null) next.prev = prev;
    if (this.queue !== null) this.queue.remove(this as Queued<never>);
    task.waitEnded();
    if (runtime.schedule === null) this.#resume();
    else runtime.scheduleResume(() => this.#resume(), node);
  }

  #resume(): void {
    const { turns } = this.node.task.runtime;
    if (turns.spend()) this.settle();
    else if (this.reason === YIELD || this.reason === REFUSED) turns.yieldLater(this as Waiter<unknown>);
    else turns.later(this as Waiter<unknown>);
  }
}

/** An `abort` that says neither yes nor no. An async one would say so too late: who wins is decided in the call. */
function unclear(result: unknown): never {
  const isPromise = typeof read(result, "then") === "function";
  if (isPromise) Promise.resolve(result).catch(ignore);
  throw new TypeError(
    `Cannot cancel a wait as its "abort" must return true (undone) or false (refused): received ${
      isPromise ? "a promise" : show(result)
    }`,
  );
}

const DONE: Promise<undefined> = Promise.resolve(undefined);
const YIELD: WaitReason = { kind: "yield" };
/** A wait that did not begin, as its region is cancelled. */
export const REFUSED: WaitReason = { kind: "refused wait" };

/** The end of an operation that did not have to wait: a schedule point, no cancel point. */
export function yieldTurn<T>(node: StatusNode, value: T): Promise<T> {
  const { runtime } = node.task;
  if (runtime.schedule === null && runtime.turns.spend()) {
    // A test driver must hear that the task is alive: it may have taken it for stuck in a foreign promise.
    if (runtime.instruments !== null) runtime.instruments.yielded(node.task, YIELD);
    return (value === undefined ? DONE : Promise.resolve(value)) as Promise<T>;
  }
  const waiter = new Waiter<T>(node, YIELD, UNABORTABLE);
  const promise = waiter.begun();
  waiter.wake(value);
  return promise;
}

/**
 * Whether the fairness budget is spent: then a step that does not wait must `yieldTurn()` first, so that a loop of such
 * steps cannot starve the event loop. Never under a schedule of the user's, which has its own idea of fairness, and
 * whose steps must not depend on real time.
 */
export function outOfTurn({ task: { runtime } }: StatusNode): boolean {
  return runtime.schedule === null && !runtime.turns.spend();
}

/**
 * What an operation in a cancelled node returns, before it has done anything. Costs a wake-up like any other, so
 * that a loop which swallows the error cannot starve the event loop either.
 */
export function refuse(node: StatusNode): Promise<never> {
  const { runtime } = node.task;
  if (isAbandoned(node)) return new Promise(() => {});
  const error = runtime.finished
    ? new RunFinishedError("Cannot wait as the run this code belongs to has ended: it was started without await")
    : node.cancelled;
  if (runtime.schedule === null && runtime.turns.spend()) {
    // A test driver counts these: a task that passes over them goes on for ever.
    if (runtime.instruments !== null) runtime.instruments.yielded(node.task, REFUSED);
    const rejected = Promise.reject(error);
    rejected.catch(ignore);
    return rejected;
  }
  const waiter = new Waiter<never>(node, REFUSED, UNABORTABLE);
  const promise = waiter.begun();
  waiter.fail(error);
  return promise;
}
