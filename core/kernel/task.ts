/**
 * A task: one function, one outcome, and the status node that everything in it hangs below. A node of its own beside
 * the task would cost 100,000 children a tenth of their time.
 *
 *     constructor ──▶ begin() ─microtask─▶ body runs ──▶ #end(): done | failed | cancelled ──▶ nursery.childEnded()
 *
 * As a node it is what `task.cancel()` cancels, and what `nursery.start` moves.
 */

import { requireOptions, show } from "../base/check.ts";
import { NOTHING } from "../base/error_tree.ts";
import { placeOf } from "../base/place.ts";
import { ignore } from "../base/quiet.ts";
import { quotedTask, taskText } from "../base/task_text.ts";
import type { Nursery, Task, TaskCancelOptions } from "../tasks/task.ts";
import type { TaskState } from "../tasks/task_tree.ts";
import { type Cancelled, isOnlyCancelled, makeCancelled } from "./cancelled.ts";
import { currentNode, enter } from "./context.ts";
import { cancelledElsewhere, expose, someCancelled } from "./elsewhere.ts";
import { leave } from "./forgotten.ts";
import { linger } from "./linger.ts";
import { type RunCore, StatusNode, type TaskNode } from "./node.ts";
import { cancelNode, catches, closeNode, isBusy } from "./status.ts";
import { stripCancelled } from "./strip_cancelled.ts";
import { WaitQueue } from "./wait_queue.ts";
import { ToldElsewhere, type WaitReason } from "./wait_reason.ts";
import { refuse, yieldTurn } from "./waiter.ts";

/** Who is told when a task has ended, with the error that left it, or `NOTHING`. */
export interface TaskOwner {
  childEnded(task: TaskImpl<unknown>, error: unknown): void;
}

/** What a task holds, and must give back before it ends: a link in the list of the task. */
export interface Holding {
  nextHeld: Holding | null;
  previousHeld: Holding | null;
  /** The task has ended without giving it back. */
  ownerEnded(): void;
}

/** See the header. */
export class TaskImpl<T> extends StatusNode implements Task<T>, TaskNode {
  readonly id: number;
  readonly runtime: RunCore;
  /** Whether it keeps its nursery open, and if not, when that ends it. */
  readonly daemon: boolean | "last";
  readonly startedAt: number;
  readonly named: boolean;
  /** Written by nurseries. */
  internal = false;
  state: TaskState = "running";
  /** Open waits of which the run can say who ends them. Written by `waitBegan()`, `waitEnded()` and `#leave()`. */
  waits = 0;
  /** Told at the end. Written by the constructor and, in `nursery.start`, by `started()`. */
  owner: TaskOwner | null;
  parentNursery: Nursery | null = null;
  /** The value returned, or the error thrown. */
  outcome: unknown = undefined;
  #joiners: WaitQueue<T> | null = null;
  /** What it holds, newest first. Written by `hold()` and `letGo()`. */
  #held: Holding | null = null;

  /** What it is called, or the function to ask: reading a function's name takes time, and is seldom needed. */
  #name: string | Named;
  /** What it runs. Written by `begin()`. */
  #fn: (() => T | Promise<T>) | null = null;

  constructor(
    runtime: RunCore,
    name: string | Named,
    parent: StatusNode | null,
    owner: TaskOwner | null,
    daemon: boolean | "last",
  ) {
    super(parent, null, false);
    this.runtime = runtime;
    this.id = runtime.nextId();
    this.#name = name;
    this.owner = owner;
    this.daemon = daemon;
    this.startedAt = runtime.time;
    this.named = typeof name === "string";
    runtime.running++;
    runtime.living++;
  }

  get name(): string {
    return typeof this.#name === "string" ? this.#name : nameOf(this.#name);
  }

  toJSON(): string {
    return quotedTask(this);
  }

  get spawnSite(): string | undefined {
    return placeOf(this.site);
  }

  join(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (node.task as unknown === this) {
      return Promise.reject(
        new TypeError(`Cannot join ${taskText(this)} as it would wait for itself: join it from another task`),
      );
    }
    for (let around: StatusNode | null = node; around !== null; around = around.parent) {
      if ((around.task as unknown) !== this) continue;
      return Promise.reject(
        new TypeError(
          `Cannot join ${taskText(this)} as it waits for the joining ${taskText(node.task)} to end: ` +
            "join it from a task that it does not wait for",
        ),
      );
    }
    if (this.state === "running") {
      return (this.#joiners ??= new WaitQueue()).park(new Join(this as TaskImpl<unknown>));
    }
    if (this.state === "done") return yieldTurn(node, this.outcome as T);
    const failed = yieldTurn(node, undefined).then(() => Promise.reject(this.#failure()));
    // The error is told by the nursery: see `Join`.
    failed.catch(ignore);
    return failed;
  }

  /** What joining throws. */
  #failure(): unknown {
    return this.state === "cancelled" ? cancelledElsewhere(this.outcome as Cancelled) : this.outcome;
  }

  cancel(reason?: unknown, options: TaskCancelOptions = {}): void {
    requireOptions("cancel a task", options);
    const { source = "explicit" } = options;
    if (source !== "explicit" && source !== "signal" && source !== "disconnect") {
      throw new RangeError(
        `Cannot cancel a task as "source" must be "explicit", "signal" or "disconnect": received ${show(source)}`,
      );
    }
    // Who happens to run when the outside world strikes is not the one who cancelled.
    const by = source === "explicit" ? taskText(currentNode().task) : undefined;
    this.cancelBecause(makeCancelled(source, reason, by));
  }

  cancelBecause(cancelled: Cancelled): void {
    if (this.state !== "running" || this.own !== null) return;
    cancelNode(this, cancelled);
  }

  /**
   * Starts the function in a microtask, in the async context of the caller but under this task's node.
   * No part of it runs inside this call.
   */
  begin(fn: () => T | Promise<T>): void {
    this.#fn = fn;
    const { runtime } = this;
    if (runtime.instruments !== null) runtime.instruments.taskSpawned(this);
    const start = runtime.schedule === null ? runtime.turns.forStart() : scheduledStart(runtime, this);
    if (runtime.instruments === null) {
      starting = start;
      return enter(this, startSoon);
    }
    runtime.instruments.aroundTask(this, () => {
      starting = start;
      enter(this, startSoon);
    });
  }

  /** Calls the function, in the task's own context. */
  call(): void {
    if (this.state !== "running") return;
    const fn = this.#fn as () => T | Promise<T>;
    this.#fn = null;
    this.runtime.turns.hasStarted = true;
    let result: unknown;
    let isPromise: boolean;
    try {
      result = fn();
      // To look at it may run code of others, which may throw. A native promise calls back in this task's context; the
      // `then` of anything else might not.
      isPromise = result instanceof Promise && result.constructor === Promise;
      if (!isPromise && typeof (result as PromiseLike<T> | null | undefined)?.then === "function") {
        result = Promise.resolve(result);
        isPromise = true;
      }
    } catch (error) {
      this.threw(error);
      return;
    }
    if (isPromise) then.call(result as Promise<unknown>, taskReturned, taskThrew);
    else this.returned(result as T);
  }

  waitBegan(): void {
    if (this.waits++ === 0) this.runtime.running--;
  }

  waitEnded(): void {
    if (--this.waits === 0) this.runtime.running++;
  }

  /** The task holds something from now on. */
  hold(holding: Holding): void {
    const first = this.#held;
    holding.nextHeld = first;
    if (first !== null) first.previousHeld = holding;
    this.#held = holding;
  }

  /** The task has given it back. */
  letGo(holding: Holding): void {
    const { nextHeld, previousHeld } = holding;
    if (previousHeld !== null) previousHeld.nextHeld = nextHeld;
    else this.#held = nextHeld;
    if (nextHeld !== null) nextHeld.previousHeld = previousHeld;
    holding.nextHeld = holding.previousHeld = null;
  }

  /** The function returned. */
  returned(value: T): void {
    if (this.state !== "running") return;
    if (!isBusy(this)) return this.#ended("done", value, NOTHING);
    const end = (error: TypeError | null): void => {
      if (error === null) this.#ended("done", value, NOTHING);
      else this.#ended("failed", error, error);
    };
    const error = leave(this, taskText(this), this.cancelled === null);
    if (error instanceof Promise) error.then(end);
    else end(error);
  }

  /** The function threw. */
  threw(error: unknown): void {
    if (this.state !== "running") return;
    // Asked before the node leaves the tree: is this our own cancellation (`task.cancel()`)?
    const caught = catches(this);
    let rest = error;
    // The usual case first: one of 100,000 children that all get the same object.
    let cancelled = error !== null && error === this.cancelled;
    if (!cancelled) {
      rest = expose(this, error);
      cancelled = isOnlyCancelled(rest);
    }
    if (caught) rest = cancelled ? NOTHING : stripCancelled(rest);
    const state = cancelled ? "cancelled" : "failed";
    const outcome = cancelled ? this.cancelled ?? someCancelled(error) : rest;
    if (this.firstChild === null) this.#ended(state, outcome, rest);
    else linger(this, true).then(() => this.#ended(state, outcome, rest));
  }

  /**
   * Ends it, whatever its code still waits for: nobody is told of it any more. For what was killed: see `killNode()`.
   */
  abandon(): void {
    if (this.state === "running") this.#ended("cancelled", this.cancelled, catches(this) ? NOTHING : this.cancelled);
  }

  /** Nothing is going on in it any more. `error` is what its owner is told. */
  #ended(state: TaskState, outcome: unknown, error: unknown): void {
    // Abandoned while it waited for what was forgotten in it.
    if (this.state !== "running") return;
    this.state = state;
    this.outcome = outcome;
    this.#leave();
    if (state === "done") {
      // A captured stack keeps the functions in it, and what those hold; of a failure, the error does so anyway.
      this.site = null;
      this.#joiners?.wakeAll(outcome as T);
    } else this.#joiners?.failAll(this.#failure());
    const { owner } = this;
    // It may hold a promise, and that a value.
    this.owner = null;
    owner?.childEnded(this as TaskImpl<unknown>, error);
  }

  #leave(): void {
    closeNode(this);
    // A timer begun in the task keeps this object: it must not keep the function, and what that holds.
    if (typeof this.#name !== "string") this.#name = nameOf(this.#name);
    // Taken off the list first: who is told may give back what else is on it.
    for (let held = this.#held; held !== null; held = this.#held) {
      this.letGo(held);
      held.ownerEnded();
    }
    const { runtime } = this;
    // A forgotten wait that refuses to be cancelled: when it ends one day, the task must not count as running.
    if (this.waits > 0) this.waits += STUCK_WAITS;
    else runtime.running--;
    runtime.living--;
    if (runtime.instruments !== null) runtime.instruments.taskExited(this, this.state, this.outcome);
    if (runtime.running === 0 && runtime.living > 0) runtime.allWaiting();
  }
}

const { then } = Promise.prototype;

/** More waits than can ever be open at once. */
const STUCK_WAITS = 2 ** 29;

/** Anything that knows its name. */
export interface Named {
  readonly name: string;
}

// The three turns in the life of a task. One function each for all tasks, which finds its task by the ambient node:
// an async function or a closure per task would take a third more memory, and so a third more time.
/** For `startSoon()`, which is called at once: asking for the ambient node there would take time. */
let starting: Promise<void>;
const startSoon = (): void => void starting.then(callTask);
const callTask = (): void => taskOf(currentNode()).call();
const taskReturned = (value: unknown): void => taskOf(currentNode()).returned(value);
const taskThrew = (error: unknown): void => taskOf(currentNode()).threw(error);

/** The promise after which a task begins, if the user's policy says when. */
function scheduledStart(runtime: RunCore, task: TaskNode): Promise<void> {
  return new Promise((resolve) => runtime.scheduleResume(resolve, task));
}

/** What a task is called whose function has no name. */
const UNNAMED = "task";

/** The name of a function. Not the same as `read()`: nearly every task passes here. */
function nameOf(fn: Named): string {
  try {
    const { name } = fn;
    return typeof name === "string" && name !== "" ? name : UNNAMED;
  } catch {
    return UNNAMED;
  }
}

/** Waiting for a task. Its error is told by its nursery; told once more to nobody, it must not end the process. */
class Join extends ToldElsewhere implements WaitReason {
  readonly kind = "join task";

  constructor(readonly task: TaskImpl<unknown>) {
    super();
  }

  get label(): string {
    return quotedTask(this.task);
  }

  holder(): Task {
    return this.task;
  }
}

/** The task whose code runs in a node. All tasks are of the one class. */
export function taskOf(node: StatusNode): TaskImpl<unknown> {
  return node.task as TaskImpl<unknown>;
}
