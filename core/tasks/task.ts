/** Tasks and nurseries, as everybody sees them; the mechanism is in `kernel/task.ts` and `kernel/nursery.ts`. */

import type { NamedOptions } from "../base/named.ts";
import type { CancelScope } from "../kernel/cancel_scope.ts";
import type { TaskState } from "./task_tree.ts";

/**
 * One concurrent activity, made by `nursery.startSoon()`.
 *
 * It is not a promise, on purpose: returning a task from an async function does not wait for it. Call `task.join()`.
 *
 * @category Tasks
 */
export interface Task<T = unknown> {
  /** Number in order of creation within the run. */
  readonly id: number;
  /** The name given, or that of the function. */
  readonly name: string;
  /** Whether it is running, or how it has ended. */
  readonly state: TaskState;
  /**
   * The nursery it belongs to. It is `null` for the main task, and for a task begun by `nursery.start()` until it calls
   * `started()`.
   */
  readonly parentNursery: Nursery | null;
  /**
   * Where it was started (`file:line:column`). `undefined` if that was not recorded (see `RunOptions.spawnSites`), and
   * once the task has ended without an error.
   */
  readonly spawnSite: string | undefined;
  /** When it was started, in milliseconds on the run's clock; may be a little early in real time. */
  readonly startedAt: number;
  /** Whether it was given a name; if not, it has that of its function. */
  readonly named: boolean;
  /** Whether it belongs to the library, such as the loop that accepts connections: viewers may fold it. */
  readonly internal: boolean;
  /** In JSON it is its name and number: tasks stand in the statistics of locks. */
  toJSON(): string;
  /**
   * Waits for the task to end and returns its value.
   *
   * Joining does not mark an error as handled: it also fails the nursery of the task.
   *
   * **Cancellation:** only the wait ends; the joined task goes on.
   *
   * @returns The value the task returned.
   * @throws {Cancelled} If the scope of the caller is cancelled.
   * @throws {CancelledElsewhereError} If the task was cancelled.
   * @throws {TypeError} If the task is the calling one, or waits for the calling one: the wait would never end.
   */
  join(): Promise<T>;
  /**
   * Cancels this task and everything in it, and nothing else: its nursery does not fail.
   *
   * Returns at once; the task ends when it has cleaned up. Idempotent, the first reason wins.
   *
   * @param reason The reason that the `Cancelled` shows.
   * @param options The kind of event that is the cause.
   */
  cancel(reason?: unknown, options?: TaskCancelOptions): void;
}

/**
 * Options of `task.cancel()`.
 *
 * @category Tasks
 */
export interface TaskCancelOptions {
  /**
   * The source that the `Cancelled` shows: `"signal"` for a cause outside the program, `"disconnect"` for a client that
   * goes away.
   *
   * @default {"explicit"}
   */
  readonly source?: "explicit" | "signal" | "disconnect";
}

/**
 * Options of `nursery.startSoon()` and `nursery.start()`.
 *
 * @category Tasks
 */
export interface SpawnOptions extends NamedOptions {
  /** A name for reports; by default that of the function. */
  readonly name?: string;
  /**
   * Whether the task is a daemon. A daemon does not keep the nursery open: it is cancelled when the body and all other
   * children are done. Its errors count like those of any child.
   *
   * `"last"` is for a task that the cleanup of others needs, such as a connection or a log. Even when the nursery is
   * cancelled, it goes on until the body and all other children have ended; then it is cancelled.
   *
   * @default {false}
   */
  readonly daemon?: boolean | "last";
  /**
   * How long a `"last"` daemon may go on after its nursery was cancelled, in milliseconds. It is cancelled earlier if
   * the cleanup of the others ends before.
   *
   * @default {Infinity}
   */
  readonly grace?: number;
}

/**
 * Options of `nursery.adopt()`.
 *
 * @category Tasks
 */
export interface AdoptOptions<T> {
  /**
   * Receives a value that comes after the caller was cancelled. By default the value is disposed of, if it is a
   * resource (`Symbol.asyncDispose`, `Symbol.dispose`), and dropped otherwise.
   */
  readonly onAbandoned?: (value: T) => unknown;
}

/**
 * The handle that `nursery.start()` gives to its function.
 *
 * @category Tasks
 */
export interface TaskStatus<V = void> {
  /**
   * Reports that the task is ready: `nursery.start()` returns, and the task moves into the nursery.
   *
   * @param value What `nursery.start()` returns.
   * @throws {TypeError} When called a second time.
   */
  started(value: V): void;
}

/**
 * A block that waits for its child tasks: see `openNursery()`.
 *
 * @category Tasks
 */
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
   * @param reason The reason that the `Cancelled` shows.
   */
  cancel(reason?: unknown): void;
  /**
   * Starts a child. Synchronous: no part of the function runs inside this call.
   *
   * It works until the nursery is closed, also from other tasks. In a cancelled nursery the child runs up to its first
   * wait. An error of the child cancels the nursery and leaves it in an `ErrorGroup`.
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
   * Until then the child belongs to the caller: its errors come out of this call, and the caller's scopes apply to it.
   * `started()` moves it, with everything it has opened, into the nursery.
   *
   * TypeScript infers the type of the value from a function that declares what it takes, such as a server
   * (`nursery.start(tcpServer(…))`). Otherwise state it, as in `nursery.start<number>((status) => …)`.
   *
   * **Cancellation:** the child is cancelled and waited for; then the call throws.
   *
   * @param fn What to run; calls `status.started(value)` once.
   * @param options Name, and whether it is a daemon.
   * @returns The value given to `started()`.
   * @throws {TypeError} If `fn` is not a function, or returns before `started()`.
   * @throws {ClosedResourceError} If the nursery is closed.
   */
  start<V = void>(fn: (status: TaskStatus<V>) => unknown, options?: SpawnOptions): Promise<V>;
  /**
   * Runs a function that belongs to the nursery instead of the calling scope.
   *
   * Use it for a client that is opened under a timeout and lives on. The callbacks of such a client run in the scope in
   * which it was opened, and once that scope has ended, every wait in them is refused. If the nursery adopts the
   * client, its callbacks can wait until the nursery ends. The nursery stays open until the function's promise settles;
   * the callbacks do not keep it open.
   *
   * **Cancellation:** ends the caller's wait at once, but not the function; its value then goes to `onAbandoned`.
   *
   * @param fn What to run.
   * @param options What to do with a value that comes too late.
   * @returns What the function returned.
   * @throws {TypeError} If `fn` is not a function.
   * @throws {ClosedResourceError} If the nursery is closed.
   */
  adopt<T>(fn: () => T | Promise<T>, options?: AdoptOptions<T>): Promise<T>;
}
