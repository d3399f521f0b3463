/**
 * What `net`, `os` and `testing` need of the core that is nobody else's business: the laws of the house, each in one
 * place.
 *
 * Not among the exports of the package. Only those folders may import it (a lint rule says so).
 *
 * @module
 */

export {
  CHUNK,
  encodeText,
  faultOfBytes,
  faultOfMax,
  faultOfOptions,
  faultOfSize,
  faultOfTarget,
  SMALL_CHUNK,
  splitChunk,
} from "./base/byte_stream.ts";
export { isErrorClass } from "./kernel/error_group.ts";
export { iterate } from "./kernel/iterate.ts";
export { branded, recogniseBrand } from "./base/brand.ts";
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
  throwFault,
} from "./base/check.ts";
export { type Asker, askerOf } from "./kernel/asker.ts";
export { composedWait, refusedAfterTurn } from "./kernel/composed_wait.ts";
export { currentNode, outside } from "./kernel/context.ts";
export { NOTHING } from "./base/error_tree.ts";
export { eachLeaf, isError, isInstance, isObject, partsOf, read, textOf } from "./base/foreign.ts";
export { keptByHost, keptByHostFor } from "./base/kept_by_host.ts";
export { callHost, HOST, type Owner } from "./kernel/host_call.ts";
export { busyWith, type End, LeftBehind, type Words } from "./kernel/left_behind.ts";
export { internalTask } from "./kernel/internal_task.ts";
export { hostReason, kindOf, labelOf, waitedFor, waitText } from "./kernel/wait_text.ts";
export { cutStack, withoutFrames } from "./base/own_stack.ts";
export { ifStillAlive } from "./base/host.ts";
export {
  hostClear,
  hostClearImmediate,
  hostDate,
  hostImmediate,
  hostNow,
  hostTimeout,
  LONGEST_DELAY,
  ownTimerCalls,
} from "./base/host_time.ts";
export { isClockFiring } from "./base/firing.ts";
export { inspectable } from "./base/inspect.ts";
export { captureSite, placeOf, plainPlace, type Site } from "./base/place.ts";
export { resourceOf } from "./base/resource_of.ts";
export { whenLettingGo } from "./base/letting_go.ts";
export { ignore } from "./base/quiet.ts";
export { awaitedAt, framesOfSite, framesText } from "./kernel/awaited_at.ts";
export type { Seen, SeenWait } from "./kernel/look.ts";
export { isForeign } from "./kernel/wait_reason.ts";
export { formatTime } from "./base/format_time.ts";
export { claimSignal } from "./kernel/signal_claims.ts";
export { withSuppressed } from "./kernel/suppressed.ts";
export { reportHook } from "./base/report_hook.ts";
export { bareTask, quotedTask, taskText } from "./base/task_text.ts";
export { type Deferral, deferringShutdown } from "./scopes/defer_shutdown.ts";
export { parseTimeLeft } from "./scopes/with_time_left.ts";
export { treeLines } from "./base/tree_lines.ts";
export { refuse, REFUSED, yieldTurn } from "./kernel/waiter.ts";

import { scopes } from "./kernel/cancel_scope.ts";
import { currentNode } from "./kernel/context.ts";
import { lookAt, type Seen } from "./kernel/look.ts";
import { failureOf as failureIn } from "./kernel/elsewhere.ts";
import { type Cancelled, makeCancelled } from "./kernel/cancelled.ts";
import type { NodeSchedule, Runtime } from "./kernel/runtime.ts";
import type { RunView } from "./time/clock.ts";
import { closeNode, killNode, walk } from "./kernel/status.ts";
import type { StatusNode } from "./kernel/node.ts";
export type { TaskNode } from "./kernel/node.ts";
import type { Task } from "./tasks/task.ts";
import type { TaskImpl } from "./kernel/task.ts";
import { Turns } from "./kernel/turns.ts";
import { outOfTurn, refuse, yieldTurn } from "./kernel/waiter.ts";
import { derive } from "./kernel/error_group.ts";
import type { Site } from "./base/place.ts";
import { LOOK_INSIDE, NOTHING as NO_ERROR, rebuild } from "./base/error_tree.ts";

/** Has a scope note what is waited for when its deadline passes; and what it has noted. */
export const { notesWaits, waitsOf } = scopes;

/**
 * For those who are about to call what somebody else has made, such as a stream, which may always be ready and know
 * nothing of scopes: throws in a cancelled scope, and lets the event loop turn when the time of this task is up. `null`
 * if there is nothing to wait for.
 */
export function turnDue(): Promise<void> | null {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  return outOfTurn(node) ? takeTurn(node) : null;
}

async function takeTurn(node: StatusNode): Promise<void> {
  await yieldTurn(node, undefined);
  if (node.cancelled !== null) await refuse(node);
}

/**
 * What has failed, of an error that was caught by the calling code: without the cancellations of this code, and with
 * those from elsewhere as `CancelledElsewhereError`. `NOTHING` if the error is nothing but a cancellation of this code:
 * then it has to be thrown on.
 */
export function failureOf(error: unknown): unknown {
  return failureIn(currentNode(), error);
}

/**
 * Where a task was started, as it was captured; `null` if it was not. For those who say so much later, or never: to read
 * the place takes 0.1 ms.
 */
export function spawnStackOf(task: Task): Site | null {
  return (task as TaskImpl<unknown>).site;
}

/**
 * Ends tasks, and what runs in nodes, for good: all waits of them are refused from now on, under shields as well. For
 * the host that loses its power, in a simulation.
 */
export function kill(what: Iterable<Task | StatusNode>, reason: string): void {
  const cancelled = makeCancelled("explicit", reason);
  for (const node of what) killNode(node as TaskImpl<unknown> | StatusNode, cancelled);
}

/**
 * Takes what was killed out of the run, although its code may still await foreign promises: for those who wait for it,
 * it has ended. The newest first, as the older ones wait for them.
 */
export function abandon(what: readonly (Task | StatusNode)[]): void {
  for (const one of [...what].reverse()) {
    const node = one as TaskImpl<unknown> | StatusNode;
    if (node.task === node) (node as TaskImpl<unknown>).abandon();
    else closeNode(node);
  }
}

/**
 * Gives a run up that would never end: none of its waits ends any more, and no task of it begins, so that nothing in it
 * goes on. For a scope around it, it has ended.
 */
export function abandonRun(run: RunView): void {
  const runtime = run as Runtime;
  runtime.schedule = () => {};
  runtime.turns = new Standstill();
  runtime.root.abandon();
}

/**
 * Puts a look at each wait that is about to resume before the policy of a run, until the returned function is called.
 * Where it says `true`, it has taken the wait on, and calls the function that resumes it later.
 */
export function heldBack(run: RunView, hold: (resume: () => void, node: StatusNode) => boolean): () => void {
  const runtime = run as Runtime;
  const before = runtime.schedule;
  const policy: NodeSchedule = (resume, task, node) => {
    if (hold(resume, node)) return;
    if (before === null) resume();
    else before(resume, task, node);
  };
  runtime.schedule = policy;
  return () => {
    // A run that was given up stays so.
    if (runtime.schedule === policy) runtime.schedule = before;
  };
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

/** The run that a task belongs to. */
export function runOf(task: Task): RunView {
  return (task as TaskImpl<unknown>).runtime as Runtime;
}

/** Whether a run has ended, and everything in it. */
export function hasEnded(run: RunView): boolean {
  return (run as Runtime).finished;
}

/** Whether a task may last as long as its run, or as what it serves: the main task, and daemons. */
export function isLasting(task: Task): boolean {
  const { daemon, runtime } = task as TaskImpl<unknown>;
  return daemon !== false || (runtime as Runtime).root === task;
}

/** Looks at a run: all its tasks, and their waits. */
export function lookAtRun(run: RunView): Seen {
  return lookAt((run as Runtime).root);
}

/** The operations of the host that are in flight in a run, oldest first, with when they began on its clock. */
export function operationsIn(run: RunView): readonly { readonly label: string; readonly since: number }[] {
  return Array.from((run as Runtime).hostOperations, ({ label, since }) => ({ label, since }));
}

/** How many tasks were started in a run, its main task among them. */
export function startedIn(run: RunView): number {
  return (run as Runtime).started;
}

/** Whether a run is that of code outside any. */
export function isDefaultRun(run: RunView): boolean {
  return (run as Runtime).isDefault;
}

/** The cancellations in effect anywhere in a run, from the outside in. */
export function cancellationsIn(run: RunView): ReadonlySet<Cancelled> {
  const found = new Set<Cancelled>();
  walk((run as Runtime).root, ({ cancelled }) => {
    if (cancelled !== null) found.add(cancelled);
    return true;
  });
  return found;
}

/** The task that a task belongs to, also while it is begun by `nursery.start()`; `null` for the main task. */
export function ownerOf(task: Task): Task | null {
  const owner = (task as TaskImpl<unknown>).parent?.task as TaskImpl<unknown> | undefined;
  // The main task of a run within a run belongs to the other one for the cancellation alone.
  return owner === undefined || owner.runtime !== (task as TaskImpl<unknown>).runtime ? null : owner;
}

/** The cancellation that is in effect in a task, at its outermost. */
export function cancellationOf(task: Task): Cancelled | null {
  return (task as TaskImpl<unknown>).cancelled;
}

/** Tells a function of each channel that is opened in a run from now on: its name, and how much is in it. */
export function watchChannels(
  run: RunView,
  opened: (channel: { readonly name: string; readonly used: number }) => void,
): void {
  (run as Runtime).channelOpened = opened;
}

/**
 * How many waits of a task are open of which the run can say who ends them; those for foreign promises, by
 * `cancellable()`, are none.
 */
export function openWaits(task: Task): number {
  return (task as TaskImpl<unknown>).waits;
}

/** An error without those of its leaves that match; `NOTHING` if none is left. */
export function withoutLeaves(error: unknown, match: (leaf: unknown) => boolean): unknown {
  return rebuild(error, (each, isLeaf) => !isLeaf ? LOOK_INSIDE : match(each) ? NO_ERROR : each, derive);
}
