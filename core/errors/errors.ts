/**
 * The errors of this library, and how to tell them apart.
 *
 * Every class carries a brand (see `base/brand.ts`), so that `instanceof` and the cancel scopes recognise errors made by a
 * second copy of the package. Over 400 lines, nearly all of them documentation.
 */

import { branded, hasBrand, recogniseBrand } from "../base/brand.ts";
import { clean, eachLeaf, isError, isObject, partsOf, textOf } from "../base/foreign.ts";
import { cutStack } from "../base/own_stack.ts";
import { withFrames } from "../base/place.ts";
import type { PendingWait } from "../kernel/wait_text.ts";

/**
 * What caused a cancellation: `"deadline"`, a timeout or deadline has passed; `"explicit"`, `cancel()` was called;
 * `"nursery"`, another task of the nursery has failed; `"signal"`, a signal of the system or an `AbortSignal`;
 * `"disconnect"`, the client has gone away; `"shutdown"`, the grace of a shutdown ran out; `"ended"`, the block around
 * the code has ended.
 */
export type CancelSource = "deadline" | "explicit" | "nursery" | "signal" | "disconnect" | "shutdown" | "ended";

const KEY = Symbol("only the library makes Cancelled");

/**
 * Thrown by every wait in a region that has been cancelled.
 *
 * It is caught by the outermost cancelled scope; catching it yourself does not undo the cancellation (the next
 * wait throws again), so clean up and let it pass. All waits of one cancelled region may reject with the same
 * object. It cannot be constructed by users: call `scope.cancel()`.
 *
 * @example Telling a cancellation from a failure
 * ```ts
 * import { Cancelled, moveOnAfter, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let source = "";
 * await moveOnAfter(1, async () => {
 *   try {
 *     await sleep(1_000);
 *   } catch (error) {
 *     if (error instanceof Cancelled) source = error.source;
 *     throw error;
 *   }
 * });
 * assertEquals(source, "deadline");
 * ```
 */
export class Cancelled extends Error {
  /** The name of the class. */
  override readonly name: "Cancelled" = branded(this, "Cancelled");
  /** What kind of event caused it. */
  readonly source: CancelSource;
  /** What the canceller gave as its reason, if anything. */
  readonly reason: unknown;
  /** The task that cancelled, as text (a reference would keep it alive). */
  readonly sourceTask: string | undefined;

  /**
   * For the library alone.
   *
   * @param key Known to the library only.
   * @param source What kind of event caused it.
   * @param reason What the canceller gave as its reason.
   * @param sourceTask The task that cancelled.
   * @throws {TypeError} When called by others.
   */
  constructor(key: symbol, source: CancelSource, reason: unknown, sourceTask: string | undefined) {
    if (key !== KEY) {
      throw new TypeError('Cannot construct "Cancelled" as only a cancel scope makes it: call scope.cancel(reason)');
    }
    super(describeCancel(source, reason, sourceTask));
    this.source = source;
    this.reason = reason;
    this.sourceTask = sourceTask;
    if (isError(reason)) this.cause = reason;
    // Where there is a stack at all: see `makeCancelled()`.
    if (Error.stackTraceLimit > 0) cutStack(this);
  }
}

/**
 * Makes a `Cancelled`. Private to the core: one per cancelled region, so its stack is captured once; and not at all where
 * it would show how a timer works, instead of who cancelled.
 */
export function makeCancelled(source: CancelSource, reason?: unknown, sourceTask?: string): Cancelled {
  if (source === "explicit" || source === "nursery") return new Cancelled(KEY, source, reason, sourceTask);
  const cancelled = withFrames(0, () => new Cancelled(KEY, source, reason, sourceTask));
  // For want of a frame, the host's report of an uncaught error shows its timer nevertheless.
  if (Error.stackTraceLimit > 0) cancelled.stack = `Cancelled: ${cancelled.message}\n    at <${source}>`;
  return cancelled;
}

function describeCancel(source: CancelSource, reason: unknown, sourceTask: string | undefined): string {
  const why = {
    deadline: "the deadline passed",
    explicit: "cancel() was called",
    nursery: "its nursery ended it",
    signal: "a signal arrived",
    disconnect: "the client has gone away",
    shutdown: "the grace of a shutdown ran out",
    ended: "the block around it has ended",
  }[source];
  let text = `Cancelled as ${why}`;
  if (sourceTask !== undefined) text += ` in task ${sourceTask}`;
  if (reason !== undefined) text += `: ${reasonText(reason)}`;
  return text;
}

function reasonText(reason: unknown): string {
  if (isError(reason)) return textOf(reason);
  try {
    return String(reason);
  } catch {
    return "a reason that cannot be shown as text";
  }
}

/**
 * Tells whether an error is a cancellation, also one made by another copy of this package.
 *
 * @example Passing cancellations on, handling the rest
 * ```ts
 * import { isCancelled, moveOnAfter, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * await moveOnAfter(1, () => sleep(1_000).catch((error) => {
 *   assert(isCancelled(error));
 *   throw error;
 * }));
 * assert(!isCancelled(new Error("other")));
 * ```
 *
 * @param error Anything that was thrown.
 * @returns Whether it is a `Cancelled`.
 */
export function isCancelled(error: unknown): error is Cancelled {
  return hasBrand(error, "Cancelled");
}

/**
 * Tells whether an error is nothing but cancellations: a `Cancelled`, or groups and `SuppressedError`s that hold nothing
 * else.
 *
 * A cancellation comes wrapped when cleanup is cancelled, too: `await using` with a disposer that waits throws a
 * `SuppressedError` of two `Cancelled`. So what decides whether something has *failed* asks this, not `isCancelled()`.
 *
 * @example Logging failures, and no cancellations
 * ```ts
 * import { isOnlyCancelled, moveOnAfter, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const log: unknown[] = [];
 * await moveOnAfter(1, async () => {
 *   try {
 *     await using _connection = { [Symbol.asyncDispose]: () => sleep(1) };
 *     await sleep(1_000);
 *   } catch (error) {
 *     if (!isOnlyCancelled(error)) log.push(error);
 *     throw error;
 *   }
 * });
 * assertEquals(log, []);
 * ```
 *
 * @param error Anything that was thrown.
 * @returns Whether it is a cancellation, wrapped or not.
 */
export function isOnlyCancelled(error: unknown): boolean {
  if (isCancelled(error)) return true;
  if (!isObject(error) || clean.has(error) || partsOf(error) === null) return false;
  let some = false;
  let others = false;
  eachLeaf(error, (leaf) => {
    if (isCancelled(leaf)) some = true;
    else others = true;
    return !others;
  });
  return some && !others;
}

/**
 * Thrown where a `Cancelled` arrives that belongs to no scope around: somebody else was cancelled, and this code was not.
 *
 * It happens to code that awaits a promise shared with a task that is cancelled (`cache ??= load()`), or that joins a
 * task that was cancelled. For that code it is a failure like any other: taken for its own cancellation, it would end
 * the code in silence. Share values with `Lazy`, and keep shared work alive with `shielded()`. `cause` is the
 * `Cancelled`. A `Cancelled` becomes this error when it leaves a task, a scope, the body of a nursery or the handler of
 * a server; code that awaits the shared promise itself sees it as it is.
 *
 * @example Joining a task that was cancelled
 * ```ts
 * import { CancelledElsewhereError, openNursery, sleepForever } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const task = nursery.startSoon(() => sleepForever());
 *   task.cancel();
 *   await assertRejects(() => task.join(), CancelledElsewhereError);
 * });
 * ```
 */
export class CancelledElsewhereError extends Error {
  /** The name of the class. */
  override readonly name: "CancelledElsewhereError" = branded(this, "CancelledElsewhereError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/** Options of `TooSlowError`. */
export interface TooSlowErrorOptions extends ErrorOptions {
  /** What was waited for. */
  readonly waits?: readonly PendingWait[];
}

/**
 * Thrown by `failAfter()` and `failAt()` when their time ran out. Says what was waited for at that moment.
 *
 * @example Telling a timeout from other failures
 * ```ts
 * import { failAfter, sleep, TooSlowError } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => failAfter(1, () => sleep(1_000)), TooSlowError);
 * ```
 */
export class TooSlowError extends Error {
  /** The name of the class. */
  override readonly name: "TooSlowError" = branded(this, "TooSlowError");
  /** What was waited for in the scope when its time ran out, oldest first, at most eight. */
  readonly waits: readonly PendingWait[];

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error, and what was waited for.
   */
  constructor(message?: string, options?: TooSlowErrorOptions) {
    super(message, options);
    this.waits = options?.waits ?? [];
    cutStack(this);
  }
}

/**
 * Thrown by the twins that do not wait (`trySend()` and the like) when they would have to.
 *
 * @example Dropping what does not fit into a channel
 * ```ts
 * import { openMemoryChannel, WouldBlock } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [send] = openMemoryChannel<string>(1);
 * const dropped: string[] = [];
 * for (const line of ["first", "second"]) {
 *   try {
 *     send.trySend(line);
 *   } catch (error) {
 *     if (!(error instanceof WouldBlock)) throw error;
 *     dropped.push(line);
 *   }
 * }
 * assertEquals(dropped, ["second"]);
 * ```
 */
export class WouldBlock extends Error {
  /** The name of the class. */
  override readonly name: "WouldBlock" = branded(this, "WouldBlock");
}

/**
 * Thrown when receiving from a channel whose senders are all closed and whose buffer is empty.
 *
 * @example Reading to the end
 * ```ts
 * import { EndOfChannel, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(0);
 * send.close();
 * await assertRejects(() => receive.receive(), EndOfChannel);
 * ```
 */
export class EndOfChannel extends Error {
  /** The name of the class. */
  override readonly name: "EndOfChannel" = branded(this, "EndOfChannel");
}

/**
 * Thrown when two tasks use one direction of a resource at the same time.
 *
 * @example Two readers of one stream
 * ```ts
 * import { BusyResourceError, openNursery } from "@trefoil/io";
 * import { memoryStreamPair } from "@trefoil/io/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [here, there] = memoryStreamPair();
 * await openNursery(async (nursery) => {
 *   const first = nursery.startSoon(() => here.receiveSome());
 *   nursery.startSoon(async () => {
 *     await assertRejects(() => here.receiveSome(), BusyResourceError);
 *     await there.sendAll(new Uint8Array([1]));
 *   });
 *   assertEquals(await first.join(), new Uint8Array([1]));
 * });
 * ```
 */
export class BusyResourceError extends Error {
  /** The name of the class. */
  override readonly name: "BusyResourceError" = branded(this, "BusyResourceError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown when you use something that you closed, before or during the call.
 *
 * @example Using a channel after closing it
 * ```ts
 * import { ClosedResourceError, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send] = openMemoryChannel<number>(1);
 * send.close();
 * await assertRejects(() => send.send(1), ClosedResourceError);
 * ```
 */
export class ClosedResourceError extends Error {
  /** The name of the class. */
  override readonly name: "ClosedResourceError" = branded(this, "ClosedResourceError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown when the peer or the network broke a resource; `cause` holds the error of the host.
 *
 * @example Sending to nobody
 * ```ts
 * import { BrokenResourceError, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(1);
 * receive.close();
 * await assertRejects(() => send.send(1), BrokenResourceError);
 * ```
 */
export class BrokenResourceError extends Error {
  /** The name of the class. */
  override readonly name: "BrokenResourceError" = branded(this, "BrokenResourceError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown by `run()`, and in a simulation, when every task waits and nothing is left that could wake one. The message holds
 * the task tree.
 *
 * @example Reading what each task waits for
 * ```ts
 * import { DeadlockError, openMemoryChannel } from "@trefoil/io";
 * import { simulate } from "@trefoil/io/testing";
 * import { assertRejects, assertStringIncludes } from "@std/assert";
 *
 * const [_send, receive] = openMemoryChannel<number>(0, { name: "jobs" });
 * const error = await assertRejects(() => simulate(() => receive.receive()), DeadlockError);
 * assertStringIncludes(error.message, 'receive from channel "jobs"');
 * ```
 */
export class DeadlockError extends Error {
  /** The name of the class. */
  override readonly name: "DeadlockError" = branded(this, "DeadlockError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown by waits in code that outlived its run.
 *
 * @example A callback that comes too late
 * ```ts
 * import { run, RunFinishedError, sleep } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const { promise: clicked, resolve: click } = Promise.withResolvers<void>();
 * let late: Promise<void> | undefined;
 * await run(() => {
 *   // Registered in the run, called after it.
 *   late = clicked.then(() => sleep(1));
 * });
 * click();
 * await assertRejects(() => late!, RunFinishedError);
 * ```
 */
export class RunFinishedError extends Error {
  /** The name of the class. */
  override readonly name: "RunFinishedError" = branded(this, "RunFinishedError");

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

recogniseBrand(Cancelled, "Cancelled");
recogniseBrand(CancelledElsewhereError, "CancelledElsewhereError");
recogniseBrand(TooSlowError, "TooSlowError");
recogniseBrand(WouldBlock, "WouldBlock");
recogniseBrand(EndOfChannel, "EndOfChannel");
recogniseBrand(BusyResourceError, "BusyResourceError");
recogniseBrand(ClosedResourceError, "ClosedResourceError");
recogniseBrand(BrokenResourceError, "BrokenResourceError");
recogniseBrand(DeadlockError, "DeadlockError");
recogniseBrand(RunFinishedError, "RunFinishedError");
