/** Waiting for time. */

import type { Alarm } from "./alarm_queue.ts";
import { formatTime } from "../base/format_time.ts";
import { faultOf, requireTime, requireTimeout } from "../base/check.ts";
import { checkpoint } from "../scopes/checkpoint.ts";
import { currentNode } from "../kernel/context.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type AbortWait, refuse, Waiter } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";

/** A sleep is its own reason and its own timer argument: one object beside the waiter. */
class Sleep implements WaitReason {
  readonly kind = "sleep";
  readonly untilTime = true;
  readonly alarm: Alarm;
  readonly waiter: Waiter<void>;

  constructor(node: StatusNode, deadline: number) {
    // First, as the clock of a user may throw.
    this.alarm = node.task.runtime.clock.at(deadline, ring, this as Sleep);
    this.waiter = new Waiter<void>(node, this, withdraw);
  }

  get label(): string {
    return `until t=${formatTime(this.alarm.deadline)}`;
  }
}

const withdraw: AbortWait = (_cancelled, waiter) => {
  (waiter.reason as Sleep).alarm.cancel();
  return true;
};

function ring({ waiter, alarm }: Sleep): void {
  // Exact in virtual time, at most a turn behind in real time, and cheaper than a look at the clock.
  const { runtime } = waiter.node.task;
  if (runtime.time < alarm.deadline) runtime.time = Math.floor(alarm.deadline);
  waiter.wake();
}

/**
 * Waits for a length of time on the run's clock.
 *
 * The timer is withdrawn however the wait ends, so nothing outlives the call. Any length is fine, also beyond
 * the 24 days that `setTimeout` can do.
 *
 * **Cancellation:** throws `Cancelled`; no state is left behind, so the call can simply be made again.
 *
 * @example Giving up on a wait
 * ```ts
 * import { moveOnAfter, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, () => sleep(60_000));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param ms How long to wait, in milliseconds. `0` is a checkpoint; `Infinity` waits until cancelled.
 * @returns A promise that resolves once the time has passed.
 * @throws {RangeError} If `ms` is negative or `NaN`.
 * @category Time
 */
export function sleep(ms: number): Promise<void> {
  const fault = faultOf(() => requireTimeout("sleep", "ms", ms));
  if (fault !== null) return Promise.reject(fault);
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  if (ms === 0) return checkpoint();
  return begin(node, ms, 0);
}

/**
 * Waits until a moment on the run's clock.
 *
 * **Cancellation:** throws `Cancelled`; no state is left behind.
 *
 * @example A steady beat that does not drift
 * ```ts
 * import { currentTime, sleepUntil } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const start = currentTime();
 * for (let beat = 1; beat <= 3; beat++) {
 *   await sleepUntil(start + beat);
 *   assert(currentTime() >= start + beat);
 * }
 * ```
 *
 * @param deadline The moment, in milliseconds as `currentTime()` counts them. A moment in the past is a checkpoint.
 * @returns A promise that resolves at that moment.
 * @throws {RangeError} If `deadline` is `NaN`.
 * @category Time
 */
export function sleepUntil(deadline: number): Promise<void> {
  const fault = faultOf(() => requireTime("sleep", "deadline", deadline));
  if (fault !== null) return Promise.reject(fault);
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  return begin(node, 0, deadline);
}

/** Sleeps for `ms` from now, or until `deadline` if that is not over. The clock of a user may throw. */
function begin(node: StatusNode, ms: number, deadline: number): Promise<void> {
  try {
    const now = node.task.runtime.clock.now();
    if (ms > 0) return new Sleep(node, now + ms).waiter.begun();
    return deadline <= now ? checkpoint() : new Sleep(node, deadline).waiter.begun();
  } catch (error) {
    return Promise.reject(error);
  }
}

const FOREVER: WaitReason = { kind: "sleep", label: "for ever" };

/**
 * Waits until cancelled.
 *
 * **Cancellation:** throws `Cancelled`; that is the only way in which it ends.
 *
 * @example A task that lives as long as its scope
 * ```ts
 * import { moveOnAfter, sleepForever } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let cleanedUp = false;
 * await moveOnAfter(1, async () => {
 *   try {
 *     await sleepForever();
 *   } finally {
 *     cleanedUp = true;
 *   }
 * });
 * assert(cleanedUp);
 * ```
 *
 * @returns A promise that never resolves.
 * @category Time
 */
export function sleepForever(): Promise<never> {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  return new Waiter<never>(node, FOREVER, null).begun();
}
