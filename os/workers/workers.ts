/** A pool of workers, as those who call functions in it see it. */

import type { CapacityLimiter } from "../../core/mod.ts";

/**
 * A module of functions that types cannot see: `openWorkers<AnyWorkerModule>(url)`.
 *
 * @category Workers
 */
// deno-lint-ignore no-explicit-any -- the functions of a module of which nothing is known
export type AnyWorkerModule = Record<string, (...args: any[]) => any>;

/**
 * What a worker that is a process may do: `true` for everything of a kind, a list for a part of it, `false` for nothing.
 * A kind that is not named is as the program has it, if that has all of it; of what the program has in part, a worker
 * has nothing unless it is named here. No worker may do more than the program.
 *
 * @category Workers
 */
export type WorkerPermissions = "none" | {
  /** Reading files. */
  readonly read?: boolean | readonly string[];
  /** Writing files. */
  readonly write?: boolean | readonly string[];
  /** Using the network. */
  readonly net?: boolean | readonly string[];
  /** Seeing variables of the environment. */
  readonly env?: boolean | readonly string[];
  /** Starting programs. */
  readonly run?: boolean | readonly string[];
  /** Asking for facts about the system. */
  readonly sys?: boolean | readonly string[];
  /** Loading libraries in machine code. */
  readonly ffi?: boolean | readonly string[];
  /** Loading modules from the network. */
  readonly import?: boolean | readonly string[];
};

/**
 * Options of `openWorkers()`.
 *
 * @category Workers
 */
export interface OpenWorkersOptions {
  /**
   * What a worker is. A `"thread"` of this process shares memory, moves buffers, and answers in 0.1 to 0.3 ms; it may do
   * what the program may do, and cannot be killed while it computes. A `"process"` has permissions of its own, is killed
   * if it does not stop, and answers in 0.5 ms.
   *
   * @default {"thread"}
   */
  readonly kind?: "thread" | "process";
  /** How many workers there are at most; by default one less than processors. */
  readonly size?: number;
  /** Says how many there are at most, together with other pools that have the same. */
  readonly limiter?: CapacityLimiter;
  /**
   * How many are started, and have loaded the module, when the pool opens: by default all threads, and one process. The
   * others are started when they are needed. The start of a thread stops the event loop for some 100 ms.
   */
  readonly warm?: number;
  /**
   * After how long without a call a worker ends, in milliseconds, if there are more than `warm`: by default never for
   * threads, and 30,000 for processes.
   */
  readonly idleTimeout?: number;
  /**
   * How long a cancelled call may take to stop by itself, in milliseconds.
   *
   * @default {1_000}
   */
  readonly grace?: number;
  /**
   * After how many calls a worker is replaced.
   *
   * @default {Infinity}
   */
  readonly maxCalls?: number;
  /**
   * The most memory that the heap of a worker may take, in MiB. One that needs more crashes, which can take seconds, as
   * garbage is collected before. Buffers do not count.
   */
  readonly memory?: number;
  /**
   * How many items of a stream may be under way.
   *
   * @default {16}
   */
  readonly window?: number;
  /** What a process may do; by default everything that the program may do in full. */
  readonly permissions?: WorkerPermissions;
}

/**
 * The names of the functions of a module that return a value or a promise.
 *
 * @category Workers
 */
export type CallName<M> = {
  // deno-lint-ignore no-explicit-any -- any function; its arguments are compared elsewhere
  [K in keyof M]: M[K] extends (...args: any) => infer R
    // What returns anything can be both, and what never returns is no generator.
    ? 0 extends 1 & R ? K
    : [R] extends [never] ? K
    : [R] extends [AsyncIterable<unknown> | Iterator<unknown>] ? never
    : K
    : never;
}[keyof M];

/**
 * The names of the functions of a module that are generators, or return something like one.
 *
 * @category Workers
 */
export type StreamName<M> = {
  // deno-lint-ignore no-explicit-any -- see CallName
  [K in keyof M]: M[K] extends (...args: any) => infer R ? 0 extends 1 & R ? K
    : [R] extends [never] ? never
    : [R] extends [AsyncIterable<unknown> | Iterator<unknown>] ? K
    : never
    : never;
}[keyof M];

/**
 * The arguments of a function of a module.
 *
 * @category Workers
 */
export type WorkerArgs<F> = F extends (...args: infer A) => unknown ? A : never;

/**
 * What a call of a function of a module gives.
 *
 * @category Workers
 */
// deno-lint-ignore no-explicit-any -- see CallName
export type CallResult<F> = F extends (...args: any) => infer R ? Awaited<R> : never;

/**
 * What a generator of a module yields.
 *
 * @category Workers
 */
// deno-lint-ignore no-explicit-any -- see CallName
export type StreamItem<F> = F extends (...args: any) => infer R
  ? 0 extends 1 & R ? R : R extends AsyncIterable<infer T> ? T : R extends Iterator<infer T> ? T : never
  : never;

/**
 * Numbers of a pool of workers, for debugging.
 *
 * @category Workers
 */
export interface WorkersStatistics {
  /** How many workers there may be. */
  readonly size: number;
  /** How many were started in all. */
  readonly started: number;
  /** How many run a call. */
  readonly busy: number;
  /** How many have nothing to do. */
  readonly idle: number;
  /** How many calls wait for a worker. */
  readonly waiting: number;
  /** How many threads go on with a call that was cancelled, and have not stopped within the grace. */
  readonly writtenOff: number;
  /** How many have ended by themselves. */
  readonly crashed: number;
}

/**
 * A pool of workers that call the functions of one module: see `openWorkers()`.
 *
 * @category Workers
 */
export interface Workers<M extends object> extends AsyncDisposable {
  /**
   * Calls a function of the module in a worker, and waits for its result.
   *
   * Arguments and result are copied as `structuredClone()` does; `transfer()` moves them, `callback()` is for functions.
   * They are copied when the call is sent to a worker, not when it is made: do not change them meanwhile. An instance of
   * a class arrives as a plain object with its fields. What the function throws is thrown here: an instance of a class
   * of the language, the web or Deno as what it is, another one as an `Error` with its name; with its message, stack,
   * fields, cause and errors.
   *
   * **Order:** strictly first come, first served.
   *
   * **Cancellation:** a call that waits for a worker is taken back. One that runs is told (`checkCancelled()`,
   * `workerSignal()`, and the waits of this library in the worker), and may take the grace to stop; `Cancelled` is thrown
   * then. Its result is lost, what it has done stays done. One that does not stop is killed with its process, or its
   * thread goes on without anybody waiting: such a thread keeps its place in the pool until it has come to its end.
   *
   * @param name The name under which the module exports it.
   * @param args Its arguments.
   * @returns What it has returned, or its promise has resolved to.
   * @throws {WorkerCrashedError} If the worker ends meanwhile, or cannot be started.
   * @throws {TypeError} If there is no such function, or an argument or the result cannot be copied.
   * @throws {ClosedResourceError} If the pool was closed, before or meanwhile.
   */
  call<K extends CallName<M>>(name: K, ...args: WorkerArgs<M[K]>): Promise<CallResult<M[K]>>;
  /**
   * Iterates over what a generator of the module yields in a worker, synchronous or not.
   *
   * The call is made when the first item is asked for. The worker is at most `window` items ahead. Leaving the loop ends
   * the generator as it would here: `return()` is called, and its `finally` runs. A worker belongs to the loop until it
   * is left.
   *
   * **Cancellation:** as for a call. Items that were not taken are lost.
   *
   * @param name The name under which the module exports it.
   * @param args Its arguments.
   * @returns The items, for one loop.
   * @throws {WorkerCrashedError} If the worker ends meanwhile, or cannot be started.
   * @throws {TypeError} If there is no such function, or an argument or an item cannot be copied.
   * @throws {ClosedResourceError} If the pool was closed, before or meanwhile.
   */
  stream<K extends StreamName<M>>(name: K, ...args: WorkerArgs<M[K]>): AsyncIterableIterator<StreamItem<M[K]>>;
  /**
   * Closes the pool: calls fail with `ClosedResourceError`, those that run are stopped as when they are cancelled, and
   * the workers end. Harmless when repeated.
   *
   * **Cancellation:** the pool is closed in any case, which takes the grace at most; the next wait throws.
   */
  close(): Promise<void>;
  /** Returns a snapshot of its numbers. */
  statistics(): WorkersStatistics;
}
