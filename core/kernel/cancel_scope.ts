/**
 * Cancel scopes: a region of code that can be cancelled as a whole, with a deadline and a shield.
 *
 * The form is a callback, not `using`: a scope must receive, filter and replace the error that leaves it, and a
 * disposer can do none of this; and its ambient state can be set safely only around a call.
 *
 * Which scope catches a cancellation is decided when it *leaves* the scope, not when it is thrown: the outermost
 * cancelled scope that no shield separates (see `catches()`). So `Cancelled` carries no owner.
 *
 * In the kernel, as nurseries, timeouts and shutdowns reach into it: see `scopes` at the end. Over 400 lines: a third
 * of them is the contract of the class.
 */

import { requireBoolean, requireFunction, requireOptions, requireTime, requireTimeout } from "../base/check.ts";
import { NOTHING } from "../base/error_tree.ts";
import { captureSite } from "../base/place.ts";
import { ignore } from "../base/quiet.ts";
import { taskText } from "../base/task_text.ts";
import type { PendingWait } from "../errors/errors.ts";
import type { Alarm } from "../time/alarm_queue.ts";
import { type Cancelled, type CancelSource, isOnlyCancelled, makeCancelled } from "./cancelled.ts";
import { currentNode, within } from "./context.ts";
import { expose } from "./elsewhere.ts";
import { leave } from "./forgotten.ts";
import { StatusNode } from "./node.ts";
import { cancelNoting } from "./noted_waits.ts";
import { cancelNode, catches, closeNode, isBusy, requestShutdown, setShield } from "./status.ts";
import { stripCancelled } from "./strip_cancelled.ts";
import { outOfTurn, yieldTurn } from "./waiter.ts";

/**
 * Options of `CancelScope`.
 *
 * @category Scopes and timeouts
 */
export interface CancelScopeOptions {
  /**
   * The moment at which the scope is cancelled, in milliseconds on the run's clock (`currentTime()`).
   *
   * @default {Infinity}
   */
  readonly deadline?: number;
  /** How long after its entry the scope is cancelled, in milliseconds. Cannot be given together with `deadline`. */
  readonly timeout?: number;
  /**
   * Whether cancellation from outside is kept out.
   *
   * @default {false}
   */
  readonly shield?: boolean;
}

/**
 * How a scope ended: with a value, or by catching its own cancellation.
 *
 * @category Scopes and timeouts
 */
export type ScopeOutcome<T> =
  | {
    /** The body returned. */
    readonly cancelledCaught: false;
    /** What it returned. */
    readonly value: T;
  }
  | {
    /** The scope was cancelled, and the cancellation ended its body. */
    readonly cancelledCaught: true;
    /** Who cancelled it, and why. */
    readonly cancelled: Cancelled;
    /** Always absent; lets `outcome.value` type-check in both cases. */
    readonly value?: undefined;
  };

/**
 * Options of `CancelScope.shutdown()`.
 *
 * @category Scopes and timeouts
 */
export interface ShutdownOptions {
  /**
   * How long work in progress may go on, in milliseconds, before the scope is cancelled. `0` cancels at once.
   *
   * @default {Infinity}
   */
  readonly grace?: number;
}

/** What the core's own constructs do with a scope beside what everybody can. */
interface Scopes {
  enter(scope: CancelScope, parent: StatusNode, label: StatusNode["label"]): StatusNode;
  /** Whether the cancellation that has left the body of a scope ends there. Before `judge()`. */
  catches(scope: CancelScope): boolean;
  /** What remains of the error that ended the body of a scope (`NOTHING` stands for none). Before `close()`. */
  judge(scope: CancelScope, error: unknown): unknown;
  /** Closes a scope: nothing may be left below its node. */
  close(scope: CancelScope): void;
  /** `scope.run()` with something else than its outcome as the result. */
  run<T, R>(
    scope: CancelScope,
    body: (scope: CancelScope) => T | Promise<T>,
    finish: (outcome: ScopeOutcome<T>) => R,
  ): Promise<R>;
  /** Cancels with a source of the core's own. */
  cancel(scope: CancelScope, source: CancelSource, reason: unknown, task?: string): void;
  /** Makes a scope that has not been entered end when a shutdown begins. */
  endAtShutdown(scope: CancelScope): void;
  /** Has a scope note what is waited for when its deadline passes. */
  notesWaits(scope: CancelScope): void;
  /** What it has noted. */
  waitsOf(scope: CancelScope): readonly PendingWait[];
}

let friends: Scopes;
let deadlinePassed: (scope: CancelScope) => void;
let graceOver: (scope: CancelScope) => void;

/**
 * A region of code that can be cancelled as a whole.
 *
 * Create it, enter it once with `run()`, cancel it from anywhere. `moveOnAfter()` and `failAfter()` are the short forms
 * for timeouts. Once it is cancelled, every wait in the region, however deep, throws `Cancelled` until the scope has
 * been left.
 *
 * **Cost:** about a microsecond to enter and leave.
 *
 * @example Cancelling a search once the answer is found
 * ```ts
 * import { CancelScope, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const scope = new CancelScope();
 * setTimeout(() => scope.cancel("found elsewhere"), 1);
 * const outcome = await scope.run(() => sleep(60_000));
 * assert(outcome.cancelledCaught && outcome.cancelled.reason === "found elsewhere");
 * ```
 *
 * @category Scopes and timeouts
 */
export class CancelScope {
  static {
    friends = {
      enter: (scope, parent, label) => scope.#enter(parent, label),
      catches: (scope) => scope.#caught = catches(scope.#node as StatusNode),
      judge: (scope, error) => scope.#judge(error),
      close: (scope) => scope.#close(),
      run: (scope, body, finish) => scope.#run(body, finish),
      cancel: (scope, source, reason, task) => scope.#cancel(makeCancelled(source, reason, task)),
      endAtShutdown: (scope) => void (scope.#endsAtShutdown = true),
      notesWaits: (scope) => void (scope.#waits = []),
      waitsOf: (scope) => scope.#waits ?? [],
    };
    deadlinePassed = (scope) => scope.#expire();
    graceOver = (scope) => scope.#cancel(makeCancelled("shutdown"));
  }

  /** The node while the scope is entered; `null` before. It stays afterwards, closed. */
  #node: StatusNode | null = null;
  #closed = false;
  #deadline: number;
  /** Until it is entered, or a deadline is set. */
  #timeout: number | undefined;
  #shield: boolean;
  /** Cancelled before entry, or at any time; the first one stays. */
  #cancelled: Cancelled | null = null;
  #caught = false;
  #endsAtShutdown = false;
  /** What was waited for when the deadline passed; `null` if nobody wants to know. */
  #waits: readonly PendingWait[] | null = null;
  /** What `run()` has returned. */
  #promise: Promise<unknown> | undefined;
  #alarm: Alarm | null = null;
  #grace: Alarm | null = null;

  /**
   * Makes a scope that has not been entered.
   *
   * @param options Deadline or timeout, and shield.
   * @throws {RangeError} If a time is `NaN`, the timeout is negative, or both are given.
   */
  constructor(options: CancelScopeOptions = {}) {
    requireOptions("make a CancelScope", options);
    const { deadline, timeout, shield = false } = options;
    requireBoolean("make a CancelScope", "shield", shield);
    if (deadline !== undefined) requireTime("make a CancelScope", "deadline", deadline);
    if (timeout !== undefined) {
      requireTimeout("make a CancelScope", "timeout", timeout);
      if (deadline !== undefined) {
        throw new RangeError(
          'Cannot make a CancelScope as only one of "deadline" and "timeout" may be given: received both',
        );
      }
    }
    this.#deadline = deadline ?? Infinity;
    this.#timeout = timeout;
    this.#shield = shield;
  }

  /**
   * The moment at which the scope cancels itself, in milliseconds on the run's clock; `Infinity` for never.
   *
   * Settable at any time. Extending a deadline that has passed but not fired yet keeps the scope alive. A scope that is
   * cancelled stays cancelled. Before entry, the deadline of a scope with a `timeout` reads as `Infinity`; a deadline
   * that is set then replaces the timeout.
   */
  get deadline(): number {
    return this.#deadline;
  }

  set deadline(deadline: number) {
    requireTime("set the deadline of a scope", "deadline", deadline);
    this.#deadline = deadline;
    this.#timeout = undefined;
    if (this.#node !== null && !this.#closed) this.#arm(this.#node);
  }

  /** Whether cancellation from outside is kept out. Settable at any time, effective at once both ways. */
  get shield(): boolean {
    return this.#shield;
  }

  set shield(shield: boolean) {
    requireBoolean("set the shield of a scope", "shield", shield);
    this.#shield = shield;
    if (this.#node !== null && !this.#closed) setShield(this.#node, shield);
  }

  /**
   * Whether the scope was cancelled: by `cancel()`, its deadline, or a shutdown. Reading it has no side effect, unlike
   * in Trio.
   */
  get cancelCalled(): boolean {
    return this.#cancelled !== null;
  }

  /** Whether the scope has ended by catching its own cancellation. */
  get cancelledCaught(): boolean {
    return this.#caught;
  }

  /** Whether a shutdown was requested for this scope or one around it. */
  get shutdownRequested(): boolean {
    return this.#node?.shutdown ?? false;
  }

  /**
   * Cancels the scope: every wait in it throws from now on.
   *
   * Synchronous and idempotent. The waits have ended when the call returns; their tasks continue later. The first
   * reason stays. The caller continues up to its own next wait, even inside the scope. Works before entry, too.
   *
   * @param reason The reason that the `Cancelled` shows.
   */
  cancel(reason?: unknown): void {
    if (this.#cancelled !== null || this.#closed) return;
    this.#cancel(makeCancelled("explicit", reason, this.#node === null ? undefined : taskText(currentNode().task)));
  }

  /**
   * Asks the work in the scope to wind down, and cancels it when the grace is over.
   *
   * Waits inside `untilShutdown()` end at once, and so do accept loops. Work in progress goes on. A second call can
   * only make the grace shorter. Shields do not hide a shutdown.
   *
   * @param options The grace.
   * @throws {RangeError} If `grace` is negative or `NaN`.
   * @throws {TypeError} If the scope is not entered.
   */
  shutdown(options: ShutdownOptions = {}): void {
    requireOptions("shut down a scope", options);
    const { grace = Infinity } = options;
    requireTimeout("shut down a scope", "grace", grace);
    const node = this.#node;
    if (node === null) throw new TypeError("Cannot shut down a scope as it has not been entered: call run() first");
    if (this.#closed) return;
    requestShutdown(node);
    if (grace === 0) return this.#cancel(makeCancelled("shutdown"));
    const { clock } = node.task.runtime;
    const until = clock.now() + grace;
    if (until >= (this.#grace?.deadline ?? Infinity)) return;
    this.#grace?.cancel();
    this.#grace = clock.at(until, graceOver, this as CancelScope);
  }

  /**
   * Runs a function in the scope, once.
   *
   * When the promise settles, the scope is closed and its deadline withdrawn.
   *
   * **Cancellation:** the scope catches its own cancellation; that of a scope around it passes through.
   *
   * @param body What to run; receives the scope.
   * @returns What the body returned, or that the scope was cancelled.
   * @throws {TypeError} If the scope was used before, or `body` is not a function.
   */
  run<T>(body: (scope: this) => T | Promise<T>): Promise<ScopeOutcome<T>> {
    return this.#run(body, asItIs<T>);
  }

  #run<T, R>(body: (scope: this) => T | Promise<T>, finish: (outcome: ScopeOutcome<T>) => R): Promise<R> {
    const promise = this.#live(body, finish);
    this.#promise = promise;
    return promise;
  }

  async #live<T, R>(body: (scope: this) => T | Promise<T>, finish: (outcome: ScopeOutcome<T>) => R): Promise<R> {
    requireFunction("run a scope", "body", body);
    const parent = currentNode();
    const node = this.#enter(parent);
    let value: T | undefined;
    let rest: unknown = NOTHING;
    let failed = false;
    try {
      value = await within(node, body, this);
    } catch (error) {
      failed = true;
      rest = this.#judge(error);
    }
    if (isBusy(node)) {
      let error = leave(node, "a scope", !failed && node.cancelled === null);
      if (error instanceof Promise) error = await error;
      if (error !== null) {
        rest = error;
        failed = true;
      }
    }
    const cancelled = this.#cancelled ?? node.own;
    this.#close();
    // Not a checkpoint, but a loop of nothing else must not starve the event loop.
    if (outOfTurn(parent)) await yieldTurn(parent, undefined);
    if (!failed) return finish({ cancelledCaught: false, value: value as T });
    if (rest === NOTHING) return finish({ cancelledCaught: true, cancelled: cancelled as Cancelled });
    // A scope that nobody awaits is cancelled with what is around it, which must not end the process.
    if (isOnlyCancelled(rest)) {
      // Thrown before the first `await`, it gets here before `run()` has the promise.
      if (this.#promise === undefined) await null;
      this.#promise?.catch(ignore);
    }
    throw rest;
  }

  #enter(parent: StatusNode, label?: StatusNode["label"]): StatusNode {
    if (this.#node !== null) {
      throw new TypeError("Cannot enter a scope as it was used before: make a new one for each use");
    }
    const { runtime } = parent.task;
    const timeout = this.#timeout;
    // First, as the clock of a user may throw.
    if (timeout !== undefined) this.#deadline = runtime.clock.now() + timeout;
    const node = new StatusNode(parent, parent.task, this.#shield);
    this.#node = node;
    node.scope = this;
    if (label !== undefined) node.label = label;
    if (runtime.instruments !== null) runtime.instruments.scopeEntered(node);
    if (runtime.wantsBlockSite()) node.site = captureSite();
    if (this.#endsAtShutdown) {
      node.endsAtShutdown = true;
      if (node.shutdown) cancelNode(node, makeCancelled("shutdown", "shutdown was requested"));
    }
    if (this.#cancelled !== null) cancelNode(node, this.#cancelled);
    // A timeout that is not over yet needs no second look at the clock.
    else if (this.#deadline !== Infinity) {
      try {
        this.#arm(node, timeout !== undefined && timeout > 0);
      } catch (error) {
        // The same clock.
        this.#close();
        throw error;
      }
    }
    return node;
  }

  #judge(error: unknown): unknown {
    const node = this.#node as StatusNode;
    if (!catches(node)) return expose(node, error);
    const rest = stripCancelled(error);
    if (rest !== error) this.#caught = true;
    return rest;
  }

  #close(): void {
    this.#closed = true;
    this.#alarm?.cancel();
    this.#grace?.cancel();
    const node = this.#node as StatusNode;
    const { instruments } = node.task.runtime;
    if (instruments !== null) instruments.scopeExited(node, this.#caught);
    closeNode(node);
    // A timer begun in the scope keeps the node: it must not keep what the block has returned.
    node.scope = node.site = null;
    node.label = "";
  }

  #cancel(cancelled: Cancelled): void {
    if (this.#cancelled !== null || this.#closed) return;
    this.#cancelled = cancelled;
    this.#alarm?.cancel();
    this.#grace?.cancel();
    const node = this.#node;
    if (node === null) return;
    cancelNode(node, cancelled);
  }

  /** Sets the alarm anew for the present deadline, which is known to be `ahead`, or may have passed. */
  #arm(node: StatusNode, ahead = false): void {
    if (this.#cancelled !== null) return;
    this.#alarm?.cancel();
    this.#alarm = null;
    const deadline = this.#deadline;
    if (deadline === Infinity) return;
    const { clock } = node.task.runtime;
    if (!ahead && deadline <= clock.now()) this.#expire();
    else if (clock.atDeadline === undefined) this.#alarm = clock.at(deadline, deadlinePassed, this as CancelScope);
    else this.#alarm = clock.atDeadline(deadline, deadlinePassed, this as CancelScope);
  }

  #expire(): void {
    const node = this.#node as StatusNode;
    const { task } = node;
    task.runtime.refreshTime();
    this.#expireOuter(node);
    const notes = this.#waits !== null && this.#cancelled === null;
    task.runtime.instruments?.deadlineFired(node, this.#deadline);
    const cancel = (): void => this.#cancel(makeCancelled("deadline"));
    if (notes) cancelNoting(node, cancel, (waits) => this.#waits = waits);
    else cancel();
  }

  /** At equal deadlines the outer scope wins, also if its alarm was set later and so would fire later. */
  #expireOuter(node: StatusNode): void {
    // An outer scope that has expired already did this for all between.
    if (node.cancelled !== null) return;
    let outermost: CancelScope | null = null;
    for (let at = node; !at.shield && at.parent !== null;) {
      at = at.parent;
      if (at.scope !== null && at.scope.deadline <= this.#deadline) outermost = at.scope as CancelScope;
    }
    if (outermost !== null) outermost.#expire();
  }
}

/** For the core's own constructs: a scope as they see it. */
export const scopes: Scopes = friends;

function asItIs<T>(outcome: ScopeOutcome<T>): ScopeOutcome<T> {
  return outcome;
}
