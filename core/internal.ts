/**
 * What `net`, `os` and `testing` need of the core that is nobody else's business: the laws of the house, each in one place.
 *
 * Not among the exports of the package. Only those folders may import it (a lint rule says so).
 *
 * @module
 */

export { branded, hasBrand, recogniseBrand } from "./base/brand.ts";
export {
  faultOf,
  requireBoolean,
  requireCount,
  requireFunction,
  requireInteger,
  requireOptions,
  requireText,
  requireTime,
  requireTimeout,
  show,
} from "./base/check.ts";
export { composedWait, refusedAfterTurn } from "./kernel/composed_wait.ts";
export { currentNode, outside } from "./kernel/context.ts";
export { cancelledElsewhere } from "./kernel/elsewhere.ts";
export { NOTHING } from "./base/error_tree.ts";
export { notesWaits, waitsOf } from "./scopes/cancel_scope.ts";
export { eachLeaf, isError, isInstance, isObject, partsOf, read, textOf } from "./base/foreign.ts";
export { keptByHost, keptByHostFor } from "./base/kept_by_host.ts";
export { kindOf, labelOf, waitsBelow, waitText } from "./kernel/wait_text.ts";
export { cutStack } from "./base/own_stack.ts";
export { hostClear, hostClearImmediate, hostDate, hostImmediate, hostNow, hostTimeout } from "./base/host_time.ts";
export { inspectable, type Picture } from "./base/inspect.ts";
export { captureSite, placeOf, plainPlace } from "./base/place.ts";
export { ignore, isQuiet } from "./base/quiet.ts";
export { isForeign } from "./kernel/settlement.ts";
export { claimSignal } from "./kernel/signal_claims.ts";
export { withSuppressed } from "./errors/suppressed_errors.ts";
export { reportHook } from "./base/report_hook.ts";
export { REFUSED } from "./kernel/waiter.ts";

import { currentNode } from "./kernel/context.ts";
import { failureOf as failureIn } from "./kernel/elsewhere.ts";
import { makeCancelled } from "./errors/errors.ts";
import type { Runtime } from "./kernel/runtime.ts";
import type { RunView } from "./tasks/runtime_view.ts";
import { closeNode, killNode, type StatusNode } from "./kernel/status.ts";
import type { Task, TaskImpl } from "./kernel/task.ts";
import { Turns } from "./kernel/turns.ts";
import { outOfTurn, pass, refuse } from "./kernel/waiter.ts";
import { derive } from "./errors/error_group.ts";
import { LOOK_INSIDE, NOTHING as NO_ERROR, rebuild } from "./base/error_tree.ts";

/**
 * For those who are about to call what somebody else has made, such as a stream, which may always be ready and know nothing
 * of scopes: throws in a cancelled scope, and lets the event loop turn when the time of this task is up. `null` if there is
 * nothing to wait for.
 */
export function turnDue(): Promise<void> | null {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  return outOfTurn(node) ? takeTurn(node) : null;
}

async function takeTurn(node: StatusNode): Promise<void> {
  await pass(node, undefined);
  if (node.cancelled !== null) await refuse(node);
}

/**
 * What has failed, of an error that was caught by the calling code: without the cancellations of this code, and with those
 * from elsewhere as `CancelledElsewhereError`. `NOTHING` if the error is nothing but a cancellation of this code: then it
 * has to be thrown on.
 */
export function failureOf(error: unknown): unknown {
  return failureIn(currentNode(), error);
}

/**
 * Ends tasks, and what runs in nodes, for good: all waits of them are refused from now on, under shields as well. For the
 * host that loses its power, in a simulation.
 */
export function kill(what: Iterable<Task | StatusNode>, reason: string): void {
  const cancelled = makeCancelled("explicit", reason);
  for (const node of what) killNode(node as TaskImpl<unknown> | StatusNode, cancelled);
}

/**
 * Takes what was killed out of the run, although its code may still await foreign promises: for those who wait for it, it has
 * ended. The newest first, as the older ones wait for them.
 */
export function abandon(what: readonly (Task | StatusNode)[]): void {
  for (const one of [...what].reverse()) {
    const node = one as TaskImpl<unknown> | StatusNode;
    if (node.task === node) (node as TaskImpl<unknown>).abandon();
    else closeNode(node);
  }
}

/**
 * Gives a run up that would never end: none of its waits ends any more, and no task of it begins, so that nothing in it goes
 * on.
 */
export function abandonRun(run: RunView): void {
  const runtime = run as Runtime;
  runtime.schedule = () => {};
  runtime.turns = new Standstill();
}

/** Turns that do not come. */
class Standstill extends Turns {
  constructor() {
    super(Infinity);
  }

  override forStart(): Promise<void> {
    return new Promise(() => {});
  }
}

/**
 * How many waits of a task are open of which the run can say who ends them; those for foreign promises, by `cancellable()`,
 * are none.
 */
export function openWaits(task: Task): number {
  return (task as TaskImpl<unknown>).waits;
}

/** An error without those of its leaves that match; `NOTHING` if none is left. */
export function withoutLeaves(error: unknown, match: (leaf: unknown) => boolean): unknown {
  return rebuild(error, (each, isLeaf) => !isLeaf ? LOOK_INSIDE : match(each) ? NO_ERROR : each, derive);
}
