/**
 * A pool of things that are expensive to open: connections, most often.
 *
 *     use() ──a place is free, or waits for one, in line──▶ an idle one that passes its check, or a new one
 *        fn(resource) ──returned──▶ idle ──too long──▶ closed
 *             └──────threw, or cancelled──▶ closed        (a connection amid a request is of no use to the next)
 *
 * The function form is the only one. A guard for `using` could not see whether its block failed, and so whether the
 * resource is still good: the next user would get the answer to the question of the last.
 */

import { faultOf, requireCount, requireFunction, requireName, requireOptions, requireTimeout } from "../base/check.ts";
import { dispose } from "../base/dispose.ts";
import { NOTHING } from "../base/error_tree.ts";
import { read } from "../base/foreign.ts";
import { ignore } from "../base/quiet.ts";
import { ClosedResourceError } from "../errors/errors.ts";
import { composedWait, refusedAfterTurn } from "../kernel/composed_wait.ts";
import { currentNode, within } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import type { StatusNode } from "../kernel/node.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import { afterFailure, mark, withSuppressed } from "../kernel/suppressed.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";
import { cancellable } from "../scopes/cancellable.ts";
import { shielded } from "../scopes/shielded.ts";
import type { Alarm } from "../time/alarm_queue.ts";

/**
 * Options of `openPool()`.
 *
 * @category Synchronisation
 */
export interface PoolOptions<T> {
  /** Opens one. Called in the task that needs it, under its scopes. */
  readonly open: () => T | Promise<T>;
  /**
   * Closes one. Called under a shield, for at most five seconds. By default the resource's own `Symbol.asyncDispose`,
   * `Symbol.dispose` or `close()` is called.
   */
  readonly close?: (resource: T) => unknown;
  /**
   * Says whether one that was idle is still good; `idleFor` is for how long it was, in milliseconds. Called in the task
   * that is to get it. If it returns `false` or throws, the resource is closed, and another one is taken.
   */
  readonly check?: (resource: T, idleFor: number) => boolean | Promise<boolean>;
  /**
   * Says whether a resource is still good although the function that used it threw. By default none is: an error amid a
   * request leaves a connection in a state that nobody knows. Not asked about cancellations.
   */
  readonly keep?: (error: unknown, resource: T) => boolean;
  /**
   * How many are open at most.
   *
   * @default {10}
   */
  readonly max?: number;
  /**
   * After how long without use one is closed, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly idle?: number;
  /** What it is called in reports. */
  readonly name?: string;
}

/**
 * Numbers of a `Pool`, for debugging.
 *
 * @category Synchronisation
 */
export interface PoolStatistics {
  /** How many are in use, or being opened, checked or closed. */
  readonly inUse: number;
  /** How many are open and not in use. */
  readonly idle: number;
  /** How many tasks wait for one. */
  readonly tasksWaiting: number;
  /** How many were opened in all. */
  readonly opened: number;
}

/**
 * A pool of resources: see `openPool()`.
 *
 * @category Synchronisation
 */
export interface Pool<T> extends AsyncDisposable {
  /**
   * Runs a function that uses a resource, waiting while all are in use.
   *
   * The resource goes back when the function has returned. If it threw or was cancelled, the resource is closed, unless
   * the option `keep` says otherwise. Do not use the resource afterwards.
   *
   * **Order:** strictly first come, first served. The resource that was used last is taken first.
   *
   * **Cancellation:** throws `Cancelled`; if the function was running, its resource is closed.
   *
   * @param fn Called with the resource.
   * @returns What the function returned.
   * @throws {ClosedResourceError} If the pool was closed.
   */
  use<R>(fn: (resource: T) => R | Promise<R>): Promise<R>;
  /**
   * Closes the pool: calls that wait fail with `ClosedResourceError`, what is idle is closed, what is in use is closed
   * when it comes back, and waited for. Harmless when repeated. Errors of closing are thrown, the first itself.
   *
   * **Cancellation:** throws `Cancelled` and does not wait for what is in use; the pool is closed all the same.
   */
  close(): Promise<void>;
  /** Returns a snapshot of its numbers. */
  statistics(): PoolStatistics;
}

/** How long the closing of one may take, in milliseconds. */
const CLOSE_TIMEOUT = 5_000;
const DRAIN: WaitReason = { kind: "pool to get back what is in use" };

interface Idle<T> {
  readonly resource: T;
  readonly since: number;
}

/**
 * Opens a pool of resources that are expensive to open, such as connections to a database.
 *
 * At most `max` are open; further tasks wait in line. Each is opened by the first task that needs it. One that is idle
 * for too long is closed, one that fails its check is replaced, and one whose user threw or was cancelled is thrown
 * away. `await using` closes the pool, and waits for what is in use.
 *
 * **Not guaranteed:** a task that uses a second resource of the same pool while it holds the first can wait for itself
 * for ever, if all others do the same.
 *
 * @example Three tasks share two connections
 * ```ts
 * import { map, openPool, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let opened = 0;
 * await using connections = openPool({
 *   open: () => ({ id: ++opened, close() {} }),
 *   max: 2,
 *   idle: 30_000,
 * });
 * await map([1, 2, 3], () => connections.use(() => sleep(1)));
 * assertEquals([opened, connections.statistics().idle], [2, 2]);
 * ```
 *
 * @param options How to open, check and close one, and how many.
 * @returns The pool.
 * @throws {TypeError} If `open` is not a function, or another option is of the wrong kind.
 * @throws {RangeError} If `max` is not a whole number >= 1 or `Infinity`, or `idle` is negative or `NaN`.
 * @category Synchronisation
 */
export function openPool<T>(options: PoolOptions<T>): Pool<T> {
  const action = "open a pool";
  requireOptions(action, options);
  requireFunction(action, "open", options.open);
  for (const name of ["close", "check", "keep"] as const) {
    if (options[name] !== undefined) requireFunction(action, name, options[name]);
  }
  const { max = 10, idle = Infinity } = options;
  requireCount(action, "max", max);
  if (max === 0) throw new RangeError(`Cannot ${action} as "max" must be >= 1: received 0`);
  requireTimeout(action, "idle", idle);
  return new ResourcePool(options, max, idle, requireName(action, options));
}

/** See the header. */
class ResourcePool<T> implements Pool<T> {
  readonly #options: PoolOptions<T>;
  readonly #max: number;
  readonly #idleTime: number;
  readonly #reason: WaitReason;
  /** Where it was opened: what is closed for being idle is closed there. */
  readonly #node = currentNode();
  readonly #clock = currentRuntime().clock;
  /** Those that are open and not in use, in the order in which they came back. */
  readonly #idle: Idle<T>[] = [];
  readonly #waiters = new WaitQueue<void>();
  readonly #drain = new WaitQueue<void>();
  /** Places that are taken; one that goes from hand to hand stays so. */
  #inUse = 0;
  #opened = 0;
  #closed = false;
  #alarm: Alarm | null = null;
  /** What closes because it was idle. */
  readonly #closings = new Set<Promise<void>>();
  /** What that failed with, for `close()`. */
  readonly #errors: unknown[] = [];

  constructor(options: PoolOptions<T>, max: number, idleTime: number, name: string) {
    this.#options = options;
    this.#max = max;
    this.#idleTime = idleTime;
    this.#reason = {
      kind: "pool",
      resource: this,
      label: () => `${name === "" ? "" : `"${name}" `}(${this.#inUse} of ${this.#max} in use)`,
    };
  }

  statistics(): PoolStatistics {
    return {
      inUse: this.#inUse,
      idle: this.#idle.length,
      tasksWaiting: this.#waiters.size,
      opened: this.#opened,
    };
  }

  use<R>(fn: (resource: T) => R | Promise<R>): Promise<R> {
    const bad = faultOf(() => requireFunction("use a pool", "fn", fn));
    if (bad !== null) return Promise.reject(bad);
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (this.#closed) return refusedAfterTurn(node, closedError());
    return composedWait(() => this.#use(node, fn));
  }

  close(): Promise<void> {
    return composedWait(async () => {
      await this.#shut();
      while (this.#inUse > 0) await this.#drain.park(DRAIN);
      this.#throwErrors();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shut();
    try {
      while (this.#inUse > 0) await this.#drain.park(DRAIN);
    } catch (error) {
      // The next wait throws it again; here it would hide the error of the block.
      if (failureOf(currentNode(), error) !== NOTHING) throw error;
    }
    this.#throwErrors();
  }

  async #use<R>(node: StatusNode, fn: (resource: T) => R | Promise<R>): Promise<R> {
    if (this.#inUse < this.#max && this.#waiters.size === 0) {
      this.#inUse++;
      await yieldTurn(node, undefined);
    } else await this.#waiters.park(this.#reason);
    const since = mark();
    let resource: T;
    try {
      resource = await this.#take();
    } catch (error) {
      this.#leave();
      throw error;
    }
    let result: R;
    try {
      result = await fn(resource);
    } catch (error) {
      if (this.#keeps(node, error, resource)) {
        await this.#putBack(resource);
        throw error;
      }
      return await afterFailure(error, since, () => this.#discard(resource));
    }
    await this.#putBack(resource);
    return result;
  }

  /** One that is idle and good, or a new one. */
  async #take(): Promise<T> {
    const { check, open } = this.#options;
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { resource, since } = idle;
      if (check === undefined) return resource;
      try {
        if (await check(resource, this.#clock.now() - since)) return resource;
      } catch (error) {
        if (failureOf(currentNode(), error) === NOTHING) {
          await this.#close(resource).catch(ignore);
          throw error;
        }
      }
      // It is of no use; nor is what closing it fails with.
      await this.#close(resource).catch(ignore);
    }
    const resource = await open();
    this.#opened++;
    return resource;
  }

  #keeps(node: StatusNode, error: unknown, resource: T): boolean {
    const { keep } = this.#options;
    if (keep === undefined || node.cancelled !== null) return false;
    const failure = failureOf(node, error);
    if (failure === NOTHING) return false;
    try {
      return keep(failure, resource) === true;
    } catch {
      return false;
    }
  }

  async #putBack(resource: T): Promise<void> {
    if (this.#closed) return await this.#discard(resource);
    this.#idle.push({ resource, since: this.#clock.now() });
    this.#leave();
    this.#watchIdle();
  }

  /** Closes one in use, and gives its place to the next. */
  async #discard(resource: T): Promise<void> {
    try {
      await this.#close(resource);
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    // The place goes to the next in line.
    if (this.#waiters.wakeFirst()) return;
    this.#inUse--;
    if (this.#inUse === 0) this.#drain.wakeAll();
  }

  async #close(resource: T): Promise<void> {
    const close = this.#options.close ?? closeByItself;
    await shielded(() => cancellable(Promise.resolve().then(() => close(resource))), { timeout: CLOSE_TIMEOUT });
  }

  /** Has the one that is idle for longest closed in time. */
  #watchIdle(): void {
    const [first] = this.#idle;
    if (this.#alarm !== null || first === undefined || this.#idleTime === Infinity || this.#closed) return;
    this.#alarm = this.#clock.at(first.since + this.#idleTime, () => {
      this.#alarm = null;
      const due = this.#clock.now() - this.#idleTime;
      while (this.#idle.length > 0 && this.#idle[0]!.since <= due) {
        const { resource } = this.#idle.shift()!;
        const closing: Promise<void> = within(this.#node, () => this.#close(resource), undefined)
          .catch((error) => void this.#errors.push(error))
          .finally(() => void this.#closings.delete(closing));
        this.#closings.add(closing);
      }
      this.#watchIdle();
    }, undefined);
  }

  /** Closes what is idle, and lets nobody in any more. */
  async #shut(): Promise<void> {
    this.#closed = true;
    this.#alarm?.cancel();
    this.#waiters.failAll(closedError());
    const idle = this.#idle.splice(0).map(({ resource }) =>
      this.#close(resource).catch((error) => void this.#errors.push(error))
    );
    await Promise.all([...idle, ...this.#closings]);
  }

  #throwErrors(): void {
    const [first, ...others] = this.#errors.splice(0);
    if (first !== undefined) throw withSuppressed(first, others);
  }
}

function closedError(): ClosedResourceError {
  return new ClosedResourceError("Cannot use a pool as it was closed");
}

/** What a resource has itself for being closed. */
async function closeByItself(resource: unknown): Promise<void> {
  const disposable = [Symbol.asyncDispose, Symbol.dispose].some((key) => typeof read(resource, key) === "function");
  if (disposable) return await dispose(resource);
  const close = read(resource, "close");
  if (typeof close === "function") await close.call(resource);
}
