/**
 * Nurseries: a block that outlives none of the tasks started in it.
 *
 * A child has two parents: its cancel status hangs below the nursery as it was opened, while its other
 * async-local values are those of the spawner, which falls out of starting it in the spawner's context.
 */

import { faultOf, requireFunction, requireOptions, requireText } from "../base/check.ts";
import type { CancelScope } from "../scopes/cancel_scope.ts";
import { currentNode, within } from "../kernel/context.ts";
import { NOTHING } from "../base/error_tree.ts";
import { isOnlyCancelled } from "../errors/errors.ts";
import { NurseryImpl } from "../kernel/nursery.ts";
import { ignore } from "../base/quiet.ts";
import type { Task } from "./task.ts";

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
   * Gets a value that comes after the caller was cancelled. By default the value is disposed of, if it can be
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
   * Until then the child belongs to the caller: its errors come out of this call, and the caller's scopes apply
   * to it. `started()` moves it, with everything it has opened, into the nursery.
   *
   * TypeScript infers the type of the value from a function that declares what it takes, such as a server
   * (`nursery.start(tcpServer(…))`). Otherwise say it, as in `nursery.start<number>((status) => …)`.
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
   * For a client that is opened under a timeout and lives on. Its callbacks run in the place in which it was opened,
   * and once that has ended, every wait in them is refused. Adopted, they can wait until the nursery ends. The nursery
   * stays open until the function's promise settles; the callbacks do not keep it open.
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
