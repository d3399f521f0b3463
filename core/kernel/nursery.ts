/**
 * What a nursery does: counts what keeps it open, gathers errors, and ends.
 *
 *     open ──body ended──▶ draining ──no child, no pending start──▶ closed
 *       │                     │
 *       └── startSoon, start ─┘            (daemons are cancelled when only they are left; then those that end last)
 */

import { cancellable } from "../scopes/cancellable.ts";
import { faultOf, requireFunction, requireOptions, requireText, requireTimeout, show } from "../base/check.ts";
import { CancelScope, scopes } from "./cancel_scope.ts";
import { composedWait, refusedAfterTurn } from "./composed_wait.ts";
import { currentNode, within } from "./context.ts";
import { dispose } from "../base/dispose.ts";
import { expose, failureOf, someCancelled } from "./elsewhere.ts";
import { ErrorGroup } from "./error_group.ts";
import { NOTHING } from "../base/error_tree.ts";
import { type Cancelled, isOnlyCancelled, makeCancelled } from "./cancelled.ts";
import { ClosedResourceError } from "../errors/errors.ts";
import { isObject } from "../base/foreign.ts";
import { leave } from "./forgotten.ts";
import { PendingStart, type StartTarget } from "./pending_start.ts";
import { noteOrigin } from "./origin.ts";
import { INTERNAL } from "./internal_task.ts";
import { captureSite } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";
import { reportHook } from "../base/report_hook.ts";
import { isBusy, setShield, signalOf } from "./status.ts";
import type { StatusNode } from "./node.ts";
import { type Named, TaskImpl, taskOf, type TaskOwner } from "./task.ts";
import type { AdoptOptions, Nursery, SpawnOptions, Task, TaskStatus } from "../tasks/task.ts";
import { refuse, UNABORTABLE, Waiter, yieldTurn } from "./waiter.ts";

/** See the header. */
export class NurseryImpl implements Nursery, TaskOwner, StartTarget {
  readonly name: string;
  readonly cancelScope = new CancelScope();
  readonly parentTask: Task;
  readonly node: StatusNode;
  /** What `openNursery()` has returned. */
  promise: Promise<unknown> | undefined;
  /** What keeps the nursery open: the body, children that are no daemons, pending starts. */
  #holding = 1;
  #daemons = 0;
  /** Those of the daemons that end last. */
  #lasting = 0;
  /** In the order in which they happened; without cancellations. */
  readonly #errors: unknown[] = [];
  /** Those of them that are objects; made with the first. */
  #known: Set<object> | null = null;
  /** A cancellation that left the body or a child. One stands for all: they are stripped by a scope anyway. */
  #cancelled: Cancelled | null = null;
  #exit: Waiter<void> | null = null;
  /** Whether code of `adopt()` may wait in its node. */
  #hasAdopted = false;
  /** How to withdraw what waits for the grace of a `"last"` daemon to begin, or to be over. */
  #graces: Map<TaskImpl<unknown>, () => void> | null = null;

  constructor(parent: StatusNode, name: string) {
    this.name = name;
    this.parentTask = taskOf(parent);
    this.node = scopes.enter(this.cancelScope, parent, this);
  }

  get childTasks(): readonly Task[] {
    const tasks: Task[] = [];
    // A child hangs right below us, newest first; so do scopes of the body, which are not tasks, and tasks
    // that `start()` was called for in the body, which are not ours before `started()`.
    for (let node = this.node.firstChild; node !== null; node = node.next) {
      const task = taskOf(node);
      if (task === node && task.parentNursery === this) tasks.push(task);
    }
    return tasks.reverse();
  }

  cancel(reason?: unknown): void {
    this.cancelScope.cancel(reason);
  }

  startSoon<T>(fn: () => T | Promise<T>, options?: SpawnOptions): Task<T> {
    requireFunction("start a task", "fn", fn);
    this.#requireOpen("start a task");
    if (options !== undefined) requireSpawnOptions(options);
    const task = this.#make<T>(fn, options, this.node, this);
    task.parentNursery = this;
    this.#admit(task, options);
    task.begin(fn);
    return task;
  }

  start<V = void>(fn: (status: TaskStatus<V>) => unknown, options?: SpawnOptions): Promise<V> {
    const fault = faultOf(() => {
      requireFunction("start a task", "fn", fn);
      if (options !== undefined) requireSpawnOptions(options);
    });
    if (fault !== null) return Promise.reject(fault);
    const caller = currentNode();
    if (caller.cancelled !== null) return refuse(caller);
    const closed = faultOf(() => this.#requireOpen("start a task"));
    if (closed !== null) return refusedAfterTurn(caller, closed);
    const pending = new PendingStart<V>(this, caller, options);
    const task = this.#make(fn, options, caller, pending);
    this.#holding++;
    pending.begin(task, fn);
    return pending.waiter.begun();
  }

  adopt<T>(fn: () => T | Promise<T>, options: AdoptOptions<T> = {}): Promise<T> {
    const fault = faultOf(() => {
      requireFunction("adopt", "fn", fn);
      requireOptions("adopt", options);
      if (options.onAbandoned !== undefined) requireFunction("adopt", "onAbandoned", options.onAbandoned);
    });
    if (fault !== null) return Promise.reject(fault);
    const caller = currentNode();
    if (caller.cancelled !== null) return refuse(caller);
    const closed = faultOf(() => this.#requireOpen("adopt"));
    if (closed !== null) return refusedAfterTurn(caller, closed);
    return composedWait(() => this.#adopt(caller, fn, options.onAbandoned ?? dispose));
  }

  async #adopt<T>(
    caller: StatusNode,
    fn: () => T | Promise<T>,
    onAbandoned: (value: T) => unknown,
  ): Promise<T> {
    this.#holding++;
    this.#hasAdopted = true;
    const work = within(this.node, async () => await fn(), undefined);
    try {
      const value = await cancellable(work);
      this.#release();
      return value;
    } catch (error) {
      // The caller has what the function threw, and nobody is told twice.
      if (failureOf(caller, error) !== NOTHING) {
        this.#release();
        throw error;
      }
      // What may still come is nobody's, and an error that comes too late is dropped; but not one of what was cancelled
      // itself, with the nursery. That, and what `onAbandoned` throws, has nobody to go to but the nursery.
      const dropped = (error: unknown): void => {
        if (this.node.cancelled !== null) throw error;
      };
      work.then((value) => within(this.node, async () => void await onAbandoned(value), undefined), dropped)
        .catch((error) => this.#failed(expose(this.node, error), null))
        .then(() => this.#release());
      throw error;
    }
  }

  /** A pending start is over: with a task that moved in, or without. */
  startEnded(task: TaskImpl<unknown> | null, options: SpawnOptions | undefined): void {
    if (task !== null) {
      task.owner = this;
      task.parentNursery = this;
      this.#admit(task, options);
    }
    this.#release();
  }

  /** Counts a task in. */
  #admit(task: TaskImpl<unknown>, options: SpawnOptions | undefined): void {
    const { daemon } = task;
    if (daemon === false) {
      this.#holding++;
      return;
    }
    if (daemon === "last") {
      this.#lasting++;
      setShield(task, true);
      const { grace = Infinity } = options ?? {};
      if (grace !== Infinity) this.#bound(task, grace);
    } else this.#daemons++;
    this.#endDaemons();
  }

  /** Cancels a `"last"` daemon when the nursery has been cancelled for as long as its grace. */
  #bound(task: TaskImpl<unknown>, grace: number): void {
    const graces = this.#graces ??= new Map();
    const begin = (): void => {
      const { clock } = task.runtime;
      try {
        const alarm = clock.at(clock.now() + grace, graceOver, task);
        graces.set(task, () => alarm.cancel());
      } catch (error) {
        reportHook("Cannot wait for the grace of a daemon as the clock of the run threw: it is over now", error);
        graceOver(task);
      }
    };
    const signal = signalOf(this.node);
    if (signal.aborted) return begin();
    signal.addEventListener("abort", begin, { once: true });
    // Daemons may come and go while the nursery lives on.
    graces.set(task, () => signal.removeEventListener("abort", begin));
  }

  childEnded(task: TaskImpl<unknown>, error: unknown): void {
    if (error !== NOTHING) this.#failed(error, task);
    const { daemon } = task;
    if (daemon === false) return this.#release();
    if (daemon === "last") {
      this.#lasting--;
      this.#graces?.get(task)?.();
      this.#graces?.delete(task);
    } else if (--this.#daemons === 0) this.#endDaemons();
    this.#maybeDrained();
  }

  bodyFailed(error: unknown): void {
    this.#failed(expose(this.node, error), null);
  }

  /** The body is over. Waits for the rest; cancellation does not interrupt it, as the children get it themselves. */
  drained(): Promise<void> {
    this.#release();
    if (this.#isEmpty) return yieldTurn(this.node, undefined);
    this.#exit = new Waiter<void>(this.node, { kind: "nursery", label: () => this.#waitingFor() }, UNABORTABLE);
    return this.#exit.begun();
  }

  /** Leaves the scope; returns the error to throw, or `NOTHING`. `returned`: the body has not failed. */
  close(returned: boolean): unknown | Promise<unknown> {
    const rest = this.#judge();
    if (!isBusy(this.node)) return this.#end(rest, null);
    const well = returned && rest === NOTHING && this.node.cancelled === null;
    // Callbacks of what was adopted may wait until the nursery ends: these are not told from what was forgotten.
    const error = leave(this.node, `nursery "${this.name}"`, well, this.#hasAdopted);
    return error instanceof Promise ? error.then((error) => this.#end(rest, error)) : this.#end(rest, error);
  }

  #end(rest: unknown, forgotten: TypeError | null): unknown {
    scopes.close(this.cancelScope);
    return forgotten === null ? rest : new ErrorGroup([forgotten]);
  }

  #judge(): unknown {
    const errors = this.#errors;
    const cancelled = this.#cancelled;
    if (errors.length === 0) return cancelled === null ? NOTHING : scopes.judge(this.cancelScope, cancelled);
    // Kept among real errors, so that the scope around that is the cause sees it pass, and strips it. Our own is left
    // out: to put it in and make another group without it would cost half of what a failing nursery does.
    const whole = cancelled === null || scopes.catches(this.cancelScope);
    return scopes.judge(this.cancelScope, new ErrorGroup(whole ? errors : [...errors, cancelled]));
  }

  #make<T>(
    fn: Named,
    options: SpawnOptions | undefined,
    node: StatusNode,
    owner: TaskOwner,
  ): TaskImpl<T> {
    const { runtime } = node.task;
    const task = new TaskImpl<T>(runtime, options?.name ?? fn, node, owner, options?.daemon ?? false);
    if (options !== undefined && INTERNAL in options) task.internal = true;
    if (runtime.wantsSpawnSite()) task.site = captureSite();
    return task;
  }

  #failed(error: unknown, task: TaskImpl<unknown> | null): void {
    const { cancelled } = this.node;
    if (cancelled !== null && error === cancelled) {
      // The usual case, for each of 100,000 children.
      this.#cancelled = cancelled;
      return;
    }
    if (isOnlyCancelled(error)) {
      this.#cancelled ??= someCancelled(error);
      if (cancelled !== null) return;
    } else this.#note(error, task);
    if (this.cancelScope.cancelCalled) return;
    scopes.cancel(this.cancelScope, "nursery", error, taskText(task ?? this.parentTask));
  }

  /** One error that comes on several ways, as through those who join the task that failed, is one error. */
  #note(error: unknown, task: TaskImpl<unknown> | null): void {
    if (isObject(error)) {
      this.#known ??= new Set();
      if (this.#known.has(error)) return;
      this.#known.add(error);
      if (task !== null) noteOrigin(error, task);
    }
    this.#errors.push(error);
  }

  #release(): void {
    this.#holding--;
    this.#endDaemons();
    this.#maybeDrained();
  }

  /** Cancels the daemons that nobody needs any more: first the others, then those that end last. */
  #endDaemons(): void {
    if (this.#holding > 0 || this.#daemons + this.#lasting === 0) return;
    const daemon = this.#daemons > 0 ? true : "last";
    const cancelled = onlyDaemonsLeft();
    for (const task of this.childTasks as TaskImpl<unknown>[]) {
      if (task.daemon === daemon) task.cancelBecause(cancelled);
    }
  }

  #maybeDrained(): void {
    if (this.#isEmpty) this.#exit?.wake();
  }

  get #isEmpty(): boolean {
    return this.#holding === 0 && this.#daemons === 0 && this.#lasting === 0;
  }

  #requireOpen(action: string): void {
    if (!this.#isEmpty) return;
    throw new ClosedResourceError(
      `Cannot ${action} in nursery "${this.name}" as it is closed: its block has ended, start tasks inside the function given to openNursery()`,
    );
  }

  #waitingFor(): string {
    const count = this.#holding + this.#daemons + this.#lasting;
    return `"${this.name}", ${count} ${count === 1 ? "child" : "children"}`;
  }
}

function onlyDaemonsLeft(): Cancelled {
  return makeCancelled("nursery", "only daemon tasks are left");
}

function graceOver(task: TaskImpl<unknown>): void {
  task.cancelBecause(onlyDaemonsLeft());
}

function requireSpawnOptions(options: SpawnOptions): void {
  const action = "start a task";
  requireOptions(action, options);
  const { name, daemon, grace } = options;
  requireText(action, "name", name);
  if (daemon !== undefined && typeof daemon !== "boolean" && daemon !== "last") {
    throw new TypeError(`Cannot ${action} as "daemon" must be true, false or "last": received ${show(daemon)}`);
  }
  if (grace === undefined) return;
  requireTimeout(action, "grace", grace);
  if (daemon !== "last") {
    throw new TypeError(`Cannot ${action} with "grace" as "daemon" must be "last": received ${show(daemon)}`);
  }
}
