/**
 * Nurseries: a block that outlives none of the tasks started in it.
 *
 *     open ──body ended──▶ draining ──no child, no pending start──▶ closed
 *       │                     │
 *       └── startSoon, start ─┘            (daemons are cancelled when only they are left)
 *
 * A child has two parents: its cancel status hangs below the nursery as it was opened, while its other
 * async-local values are those of the spawner, which falls out of starting it in the spawner's context.
 */

import { cancellable } from "./cancellable.ts";
import type { Alarm } from "./alarm_queue.ts";
import { faultOf, requireFunction, requireOptions, requireText, requireTimeout, show } from "./_check.ts";
import { CancelScope, cancelScope, closeScope, enterScope, judgeScope } from "./cancel_scope.ts";
import { composedWait } from "./_composed_wait.ts";
import { currentNode, within } from "./_context.ts";
import { expose, someCancelled } from "./_elsewhere.ts";
import { ErrorGroup } from "./error_group.ts";
import { NOTHING } from "./_error_tree.ts";
import { type Cancelled, ClosedResourceError, isOnlyCancelled, makeCancelled } from "./errors.ts";
import { isObject, read } from "./_foreign.ts";
import { forgottenAwait, linger } from "./_linger.ts";
import { PendingStart, type StartTarget } from "./_pending_start.ts";
import { noteOrigin } from "./_origin.ts";
import { captureSite } from "./_place.ts";
import { setShield, signalOf, type StatusNode } from "./_status.ts";
import { describe, type Named, type Task, TaskImpl, type TaskOwner } from "./_task.ts";
import { ignore } from "./_quiet.ts";
import { pass, refuse, UNABORTABLE, Waiter } from "./_waiter.ts";

/** How a nursery is opened. */
export interface NurseryOptions {
  /**
   * A name for reports.
   *
   * @default {"nursery"}
   */
  readonly name?: string;
}

/** How a task is started. */
export interface SpawnOptions {
  /** A name for reports; by default that of the function. */
  readonly name?: string;
  /**
   * A daemon does not keep the nursery open: it is cancelled when the body and all other children are done. Its
   * errors count like any other's.
   *
   * `"last"` is for what the cleanup of others needs, such as a connection, or a log: also when the nursery is cancelled,
   * such a task goes on until the body and all other children have ended, and is cancelled then.
   *
   * @default {false}
   */
  readonly daemon?: boolean | "last";
  /**
   * How long a `"last"` daemon may go on once its nursery is cancelled, in milliseconds, if the cleanup of the others takes
   * that long.
   *
   * @default {Infinity}
   */
  readonly grace?: number;
}

/** Options of `nursery.adopt()`. */
export interface AdoptOptions<T> {
  /**
   * Gets what comes too late: the caller was cancelled while it waited. By default it is disposed of, if it can be
   * (`Symbol.asyncDispose`, `Symbol.dispose`), and dropped otherwise.
   */
  readonly onAbandoned?: (value: T) => unknown;
}

/** Given to a function begun by `nursery.start()`. */
export interface TaskStatus<V = void> {
  /**
   * Says that the task is ready: `nursery.start()` returns, and the task moves into the nursery.
   *
   * @param value What `nursery.start()` returns.
   * @throws {TypeError} When called a second time.
   */
  started(value: V): void;
}

/** A block's children: see `openNursery()`. */
export interface Nursery {
  /** The name given. */
  readonly name: string;
  /** The scope of the body and all children. */
  readonly cancelScope: CancelScope;
  /** The task that opened the nursery. */
  readonly parentTask: Task;
  /** The children that have not ended, oldest first; a snapshot. */
  readonly childTasks: readonly Task[];
  /**
   * Cancels the body and all children: short for `cancelScope.cancel()`.
   *
   * @param reason Why, for those who look at the `Cancelled`.
   */
  cancel(reason?: unknown): void;
  /**
   * Starts a child. Synchronous: no part of the function runs inside this call.
   *
   * Works until the nursery is closed, from other tasks too. In a cancelled nursery the child runs to its
   * first wait. An error of the child cancels the nursery and leaves it in an `ErrorGroup`.
   *
   * @param fn What to run: a function, not a promise.
   * @param options Name, and whether it is a daemon.
   * @returns The task, for `join()` and `cancel()`.
   * @throws {TypeError} If `fn` is not a function.
   * @throws {ClosedResourceError} If the nursery is closed.
   */
  startSoon<T>(fn: () => T | Promise<T>, options?: SpawnOptions): Task<T>;
  /**
   * Starts a child and waits until it says that it is ready.
   *
   * Until then the child belongs to the caller: its errors come out of this call, and the caller's scopes hold
   * for it. `started()` moves it, with everything it has opened, into the nursery.
   *
   * TypeScript cannot tell the type of the value from the function: say it, as in `nursery.start<number>(…)`.
   *
   * **Cancellation:** the child is cancelled first, and waited for.
   *
   * @param fn What to run; calls `status.started(value)` once.
   * @param options Name, and whether it is a daemon.
   * @returns The value given to `started()`.
   * @throws {TypeError} If `fn` is not a function, or returns before `started()`.
   * @throws {ClosedResourceError} If the nursery is closed.
   */
  start<V = void>(fn: (status: TaskStatus<V>) => unknown, options?: SpawnOptions): Promise<V>;
  /**
   * Runs a function with the nursery as the place it belongs to, instead of the scope that calls this.
   *
   * For clients that are opened under a timeout and live on: their callbacks come in the place in which they were opened,
   * and there every wait is refused once that has ended. Opened so, their waits live and end with the nursery. The
   * nursery stays open until the function's promise settles.
   *
   * **Cancellation:** ends the caller's wait at once, not the function; what it gives then goes to `onAbandoned`.
   *
   * @param fn What to run.
   * @param options What to do with a value that comes too late.
   * @returns What the function returned.
   * @throws {TypeError} If `fn` is not a function.
   * @throws {ClosedResourceError} If the nursery is closed.
   */
  adopt<T>(fn: () => T | Promise<T>, options?: AdoptOptions<T>): Promise<T>;
}

/**
 * Opens a nursery, runs a function in it, and waits for every child.
 *
 * When the promise settles, nothing that was started in the block is running any more. The first error, of the
 * body or a child, cancels the rest; all errors leave together in one `ErrorGroup`, also a single one, in the order
 * in which they happened. If the body was cut short by a cancellation of the nursery itself, the result is
 * `undefined`.
 *
 * **Cancellation:** the body and the children are cancelled, and waited for. The waiting itself throws no
 * `Cancelled`, so one that nobody noticed is not raised here.
 *
 * **Cost:** one and a half microseconds, and about one per child.
 *
 * @example Two children at the same time
 * ```ts
 * import { openNursery, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     await sleep(2);
 *     lines.push("world");
 *   });
 *   nursery.startSoon(() => lines.push("hello"));
 * });
 * assertEquals(lines, ["hello", "world"]);
 * ```
 *
 * @example Waiting until a server is ready
 * ```ts
 * import { openNursery, sleep, type TaskStatus } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function serve(status: TaskStatus<number>): Promise<void> {
 *   await sleep(1);
 *   status.started(8080);
 *   await sleep(60_000);
 * }
 * await openNursery(async (nursery) => {
 *   assertEquals(await nursery.start<number>(serve), 8080);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param body What to run; receives the nursery.
 * @param options A name.
 * @returns What the body returned.
 * @throws {ErrorGroup} If the body or a child failed.
 * @throws {TypeError} If `body` is not a function.
 */
export function openNursery<T>(
  body: (nursery: Nursery) => T | Promise<T>,
  options: NurseryOptions = {},
): Promise<T> {
  const fault = faultOf(() => {
    requireFunction("open a nursery", "body", body);
    requireOptions("open a nursery", options);
    requireText("open a nursery", "name", options.name);
  });
  if (fault !== null) return Promise.reject(fault);
  const nursery = new NurseryImpl(currentNode(), options.name ?? "nursery");
  const promise = live(nursery, body);
  nursery.promise = promise;
  return promise;
}

async function live<T>(nursery: NurseryImpl, body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
  let value: T | undefined;
  let returned = true;
  try {
    value = await within(nursery.node, body, nursery);
  } catch (error) {
    returned = false;
    nursery.bodyFailed(error);
  }
  await nursery.drained();
  const closed = nursery.close(returned);
  const rest = closed instanceof Promise ? await closed : closed;
  // The tasks keep the nursery, and what is begun in them keeps the tasks: none shall keep the value.
  const { promise } = nursery;
  nursery.promise = undefined;
  if (rest === NOTHING) return value as T;
  // A nursery that nobody awaits is cancelled with what is around it, which must not end the process.
  if (isOnlyCancelled(rest)) promise?.catch(ignore);
  throw rest;
}

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
  /** The alarms of `"last"` daemons whose nursery was cancelled. */
  #graces: Map<TaskImpl<unknown>, Alarm> | null = null;

  constructor(parent: StatusNode, name: string) {
    this.name = name;
    this.parentTask = parent.task;
    this.node = enterScope(this.cancelScope, parent);
    this.node.label = this;
  }

  get childTasks(): readonly Task[] {
    const tasks: Task[] = [];
    // A child hangs right below us, newest first; so do scopes of the body, which are not tasks, and tasks
    // that `start()` was called for in the body, which are not ours before `started()`.
    for (let node = this.node.firstChild; node !== null; node = node.next) {
      if (node.task === node && node.task.parentNursery === this) tasks.push(node.task);
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
      this.#requireOpen("start a task");
      if (options !== undefined) requireSpawnOptions(options);
    });
    if (fault !== null) return Promise.reject(fault);
    const caller = currentNode();
    if (caller.cancelled !== null) return refuse(caller);
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
      this.#requireOpen("adopt");
    });
    if (fault !== null) return Promise.reject(fault);
    const caller = currentNode();
    if (caller.cancelled !== null) return refuse(caller);
    return composedWait(() => this.#adopt(fn, options.onAbandoned));
  }

  async #adopt<T>(fn: () => T | Promise<T>, onAbandoned: ((value: T) => unknown) | undefined): Promise<T> {
    let settled = false;
    let abandoned = false;
    this.#holding++;
    const work = within(this.node, async () => await fn(), undefined);
    const over = work.then(async (value) => {
      settled = true;
      if (abandoned) await within(this.node, () => discard(value, onAbandoned), undefined);
    }, () => void (settled = true));
    // What `onAbandoned` throws has nobody to go to but the nursery.
    over.catch((error) => this.#failed(expose(this.node, error), null)).then(() => this.#release());
    try {
      return await cancellable(work);
    } catch (error) {
      abandoned = !settled;
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
    const begin = (): void => {
      if (task.state !== "running") return;
      const { clock } = task.runtime;
      (this.#graces ??= new Map()).set(task, clock.at(clock.now() + grace, graceOver, task));
    };
    const signal = signalOf(this.node);
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin, { once: true });
  }

  childEnded(task: TaskImpl<unknown>, error: unknown): void {
    if (error !== NOTHING) this.#failed(error, task);
    const { daemon } = task;
    if (daemon === false) return this.#release();
    if (daemon === "last") {
      this.#lasting--;
      this.#graces?.get(task)?.cancel();
      this.#graces?.delete(task);
    } else this.#daemons--;
    this.#endDaemons();
    this.#maybeDrained();
  }

  bodyFailed(error: unknown): void {
    this.#failed(expose(this.node, error), null);
  }

  /** The body is over. Waits for the rest; cancellation does not interrupt it, as the children get it themselves. */
  drained(): Promise<void> {
    this.#release();
    if (this.#isEmpty) return pass(this.node, undefined);
    this.#exit = new Waiter<void>(this.node, { kind: "nursery", label: () => this.#waitingFor() }, UNABORTABLE);
    return this.#exit.begun();
  }

  /** Leaves the scope; returns the error to throw, or `NOTHING`. `returned`: the body has not failed. */
  close(returned: boolean): unknown | Promise<unknown> {
    const rest = this.#judge();
    if (this.node.firstChild === null) {
      closeScope(this.cancelScope);
      return rest;
    }
    const well = returned && rest === NOTHING && this.node.cancelled === null;
    return linger(this.node, !well).then((forgotten) => {
      closeScope(this.cancelScope);
      if (!well) return rest;
      return new ErrorGroup([forgottenAwait(`nursery "${this.name}"`, forgotten)]);
    });
  }

  #judge(): unknown {
    const errors = this.#errors;
    const cancelled = this.#cancelled;
    if (errors.length === 0) return cancelled === null ? NOTHING : judgeScope(this.cancelScope, cancelled);
    // Kept among real errors, so that the scope around that is the cause sees it pass, and strips it.
    return judgeScope(this.cancelScope, new ErrorGroup(cancelled === null ? errors : [...errors, cancelled]));
  }

  #make<T>(
    fn: Named,
    options: SpawnOptions | undefined,
    node: StatusNode,
    owner: TaskOwner,
  ): TaskImpl<T> {
    const { runtime } = node.task;
    const task = new TaskImpl<T>(runtime, options?.name ?? fn, node, owner, options?.daemon ?? false);
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
    cancelScope(this.cancelScope, "nursery", error, describe(task ?? this.parentTask));
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
    for (const task of this.childTasks as TaskImpl<unknown>[]) {
      if (task.daemon === daemon) task.cancelBecause(onlyDaemonsLeft());
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

/** Gives away what an abandoned `adopt()` has brought. */
async function discard<T>(value: T, onAbandoned: ((value: T) => unknown) | undefined): Promise<void> {
  if (onAbandoned !== undefined) {
    await onAbandoned(value);
    return;
  }
  const dispose = read(value, Symbol.asyncDispose) ?? read(value, Symbol.dispose);
  if (typeof dispose === "function") await dispose.call(value);
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
    throw new TypeError(`Cannot ${action} with "grace" as "daemon" must be "last" then: received ${show(daemon)}`);
  }
}
