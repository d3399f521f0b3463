/**
 * The cancellation itself: what every wait in a cancelled region throws.
 *
 * In the kernel, as it alone makes them: one for each cancelled region, however many wait in it.
 */

import { branded, hasBrand, recogniseBrand } from "../base/brand.ts";
import { clean, eachLeaf, isError, isObject, partsOf, textOf } from "../base/foreign.ts";
import { cutStack } from "../base/own_stack.ts";
import { withFrames } from "../base/place.ts";

/**
 * The cause of a cancellation.
 *
 * - `"deadline"`: a timeout or deadline has passed.
 * - `"explicit"`: `cancel()` was called.
 * - `"nursery"`: another task of the nursery has failed.
 * - `"signal"`: the system sent a signal, or an `AbortSignal` was aborted.
 * - `"disconnect"`: the client has gone away.
 * - `"shutdown"`: the grace of a shutdown ran out.
 * - `"ended"`: the block around the code has ended.
 *
 * @category Errors
 */
export type CancelSource = "deadline" | "explicit" | "nursery" | "signal" | "disconnect" | "shutdown" | "ended";

const KEY = Symbol("only the library makes Cancelled");

/**
 * Thrown by every wait in a region that has been cancelled.
 *
 * The outermost cancelled scope catches it. Catching it yourself does not undo the cancellation, as the next wait
 * throws again: clean up and let it pass. All waits of one cancelled region may reject with the same object. Users
 * cannot construct it: call `scope.cancel()`.
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
 *
 * @category Errors
 */
export class Cancelled extends Error {
  /** The name of the class. */
  override readonly name: "Cancelled" = branded(this, "Cancelled");
  /** The kind of event that caused it. */
  readonly source: CancelSource;
  /** The reason that was given, if any. */
  readonly reason: unknown;
  /** The task that cancelled, as text (a reference would keep it alive): `task "name" #7`. */
  readonly sourceTask: string | undefined;

  /**
   * Used by the library alone.
   *
   * @param key Known to the library only.
   * @param source The kind of event that caused it.
   * @param reason The reason that was given.
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
 * Makes a `Cancelled`. Private to the core: one per cancelled region, so its stack is captured once; and not at all
 * where it would show how a timer or a nursery works, instead of who cancelled. Of a nursery, the cause says that, and
 * a stack would cost as much as everything else that a failing nursery does.
 */
export function makeCancelled(source: CancelSource, reason?: unknown, sourceTask?: string): Cancelled {
  if (source === "explicit") return new Cancelled(KEY, source, reason, sourceTask);
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
  if (sourceTask !== undefined) text += ` in ${sourceTask}`;
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
 * Tells whether an error is a cancellation, including one made by another copy of this package.
 *
 * @example Passing cancellations on, handling the rest
 * ```ts
 * import { isCancelled, moveOnAfter, sleepForever } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * async function orDefault(load: () => Promise<string>): Promise<string> {
 *   try {
 *     return await load();
 *   } catch (error) {
 *     if (isCancelled(error)) throw error;
 *     return "default";
 *   }
 * }
 * assertEquals(await orDefault(() => Promise.reject(new Error("down"))), "default");
 * const outcome = await moveOnAfter(1, () => orDefault(() => sleepForever()));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param error Anything that was thrown.
 * @returns Whether it is a `Cancelled`.
 * @category Errors
 */
export function isCancelled(error: unknown): error is Cancelled {
  return hasBrand(error, "Cancelled");
}

/**
 * Tells whether an error is nothing but cancellations.
 *
 * That is a `Cancelled`, or groups and `SuppressedError`s that hold nothing else.
 *
 * A cancellation comes wrapped when the cleanup is cancelled as well: `await using` with a disposer that waits throws a
 * `SuppressedError` of two `Cancelled`. To decide whether something has *failed*, ask this function, not
 * `isCancelled()`.
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
 * @category Errors
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

recogniseBrand(Cancelled, "Cancelled");
