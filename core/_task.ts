/**
 * A task: one function, one outcome, and the status node that everything in it hangs below. A node of its own beside
 * the task would cost 100,000 children a tenth of their time.
 *
 *     constructor ──▶ begin() ─microtask─▶ body runs ──▶ #end(): done | failed | cancelled ──▶ nursery.childEnded()
 *
 * As a node it is what `task.cancel()` cancels, and what `nursery.start` moves.
 */

import { currentNode, enter } from "./_context.ts";
import { type Cancelled, isCancelled, makeCancelled } from "./errors.ts";
import { NOTHING, stripCancelled } from "./error_group.ts";
import type { Nursery } from "./nursery.ts";
import type { Runtime } from "./_runtime.ts";
import { cancelNode, catches, closeNode, StatusNode } from "./_status.ts";
import { WaitQueue } from "./_wait_queue.ts";
import { pass, refuse } from "./_waiter.ts";
import type { Task, TaskCancelOptions, TaskState } from "./task.ts";

export type { Task, TaskState };

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
export class TaskImpl<T> extends StatusNode implements Task<T> {
  readonly id: number;
  readonly runtime: Runtime;
  readonly daemon: boolean;
  state: TaskState = "running";
  /** Open waits. Written by waiters. */
  waits = 0;
  /** Told at the end. Written by the constructor and, in `nursery.start`, by `started()`. */
  owner: TaskOwner | null;
  parentNursery: Nursery | null = null;
  /** An object with the stack of the spawn, rendered by `spawnSite`. Written by nurseries. */
  site: { stack?: string } | null = null;
  /** The value returned, or the error thrown. */
  outcome: unknown = undefined;
  #joiners: WaitQueue<T> | null = null;
  /** What it holds, newest first. Written by `hold()` and `letGo()`. */
  #held: Holding | null = null;

  /** What it is called, or the function to ask: reading a function's name takes time, and is seldom needed. */
  readonly #name: string | Named;
  /** What it runs. Written by `begin()`. */
  #fn: (() => T | Promise<T>) | null = null;

  constructor(
    runtime: Runtime,
    name: string | Named,
    parent: StatusNode | null,
    owner: TaskOwner | null,
    daemon: boolean,
  ) {
    super(parent, null, false);
    this.runtime = runtime;
    this.id = runtime.nextId();
    this.#name = name;
    this.owner = owner;
    this.daemon = daemon;
    runtime.running++;
    runtime.living++;
    if (runtime.instruments !== null) runtime.instruments.emit("taskSpawned", this);
  }

  get name(): string {
    return typeof this.#name === "string" ? this.#name : this.#name.name || "task";
  }

  get spawnSite(): string | undefined {
    return this.site === null ? undefined : firstForeignFrame(this.site.stack ?? "");
  }

  join(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if ((node.task as unknown) === this) {
      return Promise.reject(
        new TypeError(`Cannot join task "${this.name}" as it would wait for itself: join it from another task`),
      );
    }
    if (this.state === "running") {
      return (this.#joiners ??= new WaitQueue()).park({
        kind: "join task",
        label: () => describe(this),
        holder: () => this as TaskImpl<unknown>,
      });
    }
    if (this.state === "done") return pass(node, this.outcome as T);
    const failed = pass(node, undefined).then(() => Promise.reject(this.outcome));
    // As for every wait: one that nobody awaits never ends the process by a cancellation.
    if (isCancelled(this.outcome)) failed.catch(ignore);
    return failed;
  }

  cancel(reason?: unknown, { source = "explicit" }: TaskCancelOptions = {}): void {
    // Who happens to run when the outside world strikes is not the one who cancelled.
    const by = source === "explicit" ? describe(currentNode().task) : undefined;
    this.cancelBecause(makeCancelled(source, reason, by));
  }

  cancelBecause(cancelled: Cancelled): void {
    if (this.state !== "running" || this.own !== null) return;
    if (this.runtime.instruments !== null) this.runtime.instruments.emit("scopeCancelled", this, cancelled);
    cancelNode(this, cancelled);
  }

  /**
   * Starts the function in a microtask, in the async context of the caller but under this task's node.
   * No part of it runs inside this call.
   */
  begin(fn: () => T | Promise<T>): void {
    this.#fn = fn;
    enter(this, startSoon);
  }

  /** Calls the function, in the task's own context. */
  call(): void {
    let result: unknown;
    try {
      result = (this.#fn as () => T | Promise<T>)();
    } catch (error) {
      this.threw(error);
      return;
    }
    // A native promise calls back in this task's context; the `then` of anything else might not.
    if (result instanceof Promise && result.constructor === Promise) result.then(taskReturned, taskThrew);
    else if (typeof (result as PromiseLike<T> | null | undefined)?.then === "function") {
      Promise.resolve(result).then(taskReturned, taskThrew);
    } else this.returned(result as T);
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
    this.state = "done";
    this.outcome = value;
    this.#leave();
    this.#joiners?.wakeAll(value);
    this.owner?.childEnded(this as TaskImpl<unknown>, NOTHING);
  }

  /** The function threw. */
  threw(error: unknown): void {
    // Asked before the node leaves the tree: is this our own cancellation (`task.cancel()`)?
    const caught = catches(this);
    // The usual case first: one of 100,000 children that all get the same object.
    const cancelled = error === this.cancelled || isCancelled(error);
    const rest = !caught ? error : cancelled ? NOTHING : stripCancelled(error);
    this.state = cancelled || rest === NOTHING ? "cancelled" : "failed";
    this.outcome = rest !== NOTHING ? rest : cancelled ? error : this.cancelled;
    this.#leave();
    this.#joiners?.failAll(this.outcome);
    this.owner?.childEnded(this as TaskImpl<unknown>, rest);
  }

  #leave(): void {
    closeNode(this);
    for (let held = this.#held; held !== null; held = held.nextHeld) held.ownerEnded();
    const { runtime } = this;
    // A forgotten wait that refuses to be cancelled: when it ends one day, the task must not count as running.
    if (this.waits > 0) this.waits += STUCK_WAITS;
    else runtime.running--;
    runtime.living--;
    if (runtime.instruments !== null) runtime.instruments.emit("taskExited", this);
    if (runtime.running === 0 && runtime.living > 0) runtime.allWaiting();
  }
}

const ignore = (): void => {};

/** More waits than can ever be open at once. */
const STUCK_WAITS = 2 ** 29;

/** Anything that knows its name. */
export interface Named {
  readonly name: string;
}

// The three turns in the life of a task. One function each for all tasks, which finds its task by the ambient node:
// an async function or a closure per task would take a third more memory, and so a third more time.
const STARTED = Promise.resolve();
const startSoon = (): void => void STARTED.then(callTask);
const callTask = (): void => currentNode().task.call();
const taskReturned = (value: unknown): void => currentNode().task.returned(value);
const taskThrew = (error: unknown): void => currentNode().task.threw(error);

/** How a task is called in texts. */
export function describe(task: Task): string {
  return `"${task.name}"`;
}

/** The first line of a stack that is outside this library's core: `file:line:column`. */
function firstForeignFrame(stack: string): string | undefined {
  for (const line of stack.split("\n")) {
    const place = /(?:\(|at |async )((?:file|https?|jsr|npm|node|ext):[^\s()]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place !== undefined && (!place.startsWith(HERE) || place.includes("_test.ts:"))) return place;
  }
  return undefined;
}

const HERE = import.meta.url.replace(/[^/]*$/, "");
