/**
 * The steps of the cancel-status tree: cancelling, shielding, moving, shutting down, closing.
 *
 * Walks go down iteratively along the sibling links, so depth does not matter, and in two phases: first all
 * states are set, then waiters are aborted. Abort callbacks may re-enter (cancel others, wake tasks, end scopes)
 * and see a consistent tree.
 */

import { type Cancelled, makeCancelled } from "./cancelled.ts";
import { isKilled, link, makeDeadly, type OpenWait, type StatusNode, type TaskNode, unlink } from "./node.ts";
import { within } from "./context.ts";
import type { WaitReason } from "./wait_reason.ts";

/** Given to waits of code that outlived its scope. Made once: nobody cancelled. */
export const SCOPE_ENDED: Cancelled = makeCancelled(
  "ended",
  "an await is missing in it, Promise.race() or Promise.all() has left this behind (use race() or all() of this library), or this is a callback of something that was opened in it (run it in nursery.adopt())",
);

/** Cancels a node and all it reaches, and tells the watchers of the run. Idempotent: the first reason stays. */
export function cancelNode(node: StatusNode, cancelled: Cancelled): void {
  if (node.own !== null) return;
  node.own = cancelled;
  recompute(node);
  const { instruments } = node.task.runtime;
  if (instruments !== null) instruments.scopeCancelled(node, cancelled);
}

/** Changes the shield; effective at once both ways. */
export function setShield(node: StatusNode, shield: boolean): void {
  if (node.shield === shield || isKilled(node)) return;
  node.shield = shield;
  recompute(node);
}

/** Takes down all shields below a node. */
export function liftShields(root: StatusNode): void {
  const shields: StatusNode[] = [];
  walk(root, (node) => {
    if (node.shield && node !== root) shields.push(node);
    return true;
  });
  for (const node of shields) setShield(node, false);
}

/**
 * Cancels a node and all below it for good: no shield keeps it out, those to come neither. For the machine that loses
 * its power, in a simulation.
 */
export function killNode(root: StatusNode, cancelled: Cancelled): void {
  makeDeadly(cancelled);
  const doomed: OpenWait[] = [];
  const signalled: StatusNode[] = [];
  walk(root, (node) => {
    node.own = node.cancelled = cancelled;
    node.shield = false;
    for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) doomed.push(waiter);
    if (node.controller !== null) signalled.push(node);
    return true;
  });
  for (const waiter of doomed) waiter.abort();
  for (const node of signalled) abortSignal(node, cancelled);
  const { instruments } = root.task.runtime;
  if (instruments !== null) instruments.scopeCancelled(root, cancelled);
}

/** Whether code under a node waits for something of this library, itself or in a block that is open. */
export function isBusy(node: StatusNode): boolean {
  return node.waiters !== null || node.firstChild !== null;
}

/** Whether code was killed, and taken out of the run since: nobody waits for it, and it need not even end. */
export function isAbandoned(node: StatusNode): boolean {
  if (!isKilled(node)) return false;
  let top = node;
  while (top.parent !== null) top = top.parent;
  return isKilled(top);
}

/** Moves a live subtree under another parent (`nursery.start`). */
export function moveNode(node: StatusNode, parent: StatusNode): void {
  unlink(node);
  node.parent = parent;
  link(node, parent);
  recompute(node);
  if (parent.shutdown) spreadShutdown(node);
  else if (node.shutdown) {
    // What was asked of the place it comes from is no longer asked of it; what was asked of parts of itself is.
    walk(node, (below) => {
      below.shutdown = asked.has(below) || (below.parent as StatusNode).shutdown;
      return true;
    });
  }
}

/** Whether a cancellation that leaves this node belongs to it: it is the outermost visible cancelled one. */
export function catches(node: StatusNode): boolean {
  return node.cancelled !== null && (node.shield || node.parent === null || node.parent.cancelled === null);
}

/**
 * Takes a node out of the tree for good. Waits still in it were forgotten by somebody: they are cancelled now, and
 * later waits of code that kept this node as its context are refused. What `linger.ts` did not wait for below it is
 * ended, too.
 */
export function closeNode(node: StatusNode): void {
  const { parent } = node;
  unlink(node);
  node.parent = null;
  if (isBusy(node)) {
    tellForgotten(node);
    endNode(node);
    liftShields(node);
  } else if (!isKilled(node)) node.own = node.cancelled = SCOPE_ENDED;
  if (empties.size > 0 && parent !== null && parent.firstChild === null) {
    const emptied = empties.get(parent);
    empties.delete(parent);
    emptied?.();
  }
}

/** Tells those who watch the run what is open in a node and below it, by the tasks. */
export function tellForgotten(node: StatusNode): void {
  const { instruments } = node.task.runtime;
  if (instruments === null) return;
  const reasons = new Map<TaskNode, WaitReason[]>([[node.task, []]]);
  walk(node, (below) => {
    const { task } = below;
    if (below.waiters !== null && !reasons.has(task)) reasons.set(task, []);
    for (let waiter = below.waiters; waiter !== null; waiter = waiter.next) reasons.get(task)!.push(waiter.reason);
    return true;
  });
  for (const [task, list] of reasons) instruments.forgottenWait(task, list);
}

/** Refuses all waits from now on, and aborts those that are open, as the block is over. */
export function endNode(node: StatusNode): void {
  // A wait that was aborted already, but refused, stays: somebody must still wake it.
  // What was killed stays so, also for code that outlives it.
  if (!isKilled(node)) node.own = SCOPE_ENDED;
  recompute(node);
}

/** Who waits for the last node below another to be closed: a field in each node would be dear for what is a mistake. */
const empties = new Map<StatusNode, () => void>();

/** Calls back, once, when nothing is left below a node that is not empty now. */
export function whenEmpty(node: StatusNode, emptied: () => void): void {
  empties.set(node, emptied);
}

/** The nodes of which a shutdown was asked themselves, not only of one above them. */
const asked = new WeakSet<StatusNode>();

/** Marks a subtree as shutting down and cancels the waits that end with it. */
export function requestShutdown(root: StatusNode): void {
  asked.add(root);
  spreadShutdown(root);
}

/** Nodes to which a shutdown comes later, and who sees to that: a field in each node would be dear for what few have. */
const deferring = new Map<StatusNode, () => void>();

/** A shutdown that is requested above a node stops there: `requested` is told, each time, and requests it later. */
export function deferShutdown(node: StatusNode, requested: () => void): void {
  deferring.set(node, requested);
}

/** From now on a shutdown does not stop at a node any more. */
export function comesNow(node: StatusNode): void {
  deferring.delete(node);
}

/** A shutdown that was put off comes to a node, unless the node was moved to where none is asked for; returns whether. */
export function shutdownComes(node: StatusNode): boolean {
  if (node.parent?.shutdown !== true) return false;
  spreadShutdown(node);
  return true;
}

function spreadShutdown(root: StatusNode): void {
  const ending: StatusNode[] = [];
  const later: (() => void)[] = [];
  walk(root, (node) => {
    if (node.shutdown && node !== root) return false;
    const requested = deferring.size === 0 || node === root ? undefined : deferring.get(node);
    if (requested !== undefined) {
      later.push(requested);
      return false;
    }
    node.shutdown = true;
    if (node.endsAtShutdown) ending.push(node);
    return true;
  });
  for (const node of ending) cancelNode(node, makeCancelled("shutdown", "shutdown was requested"));
  for (const requested of later) requested();
}

/** Visits a subtree in pre-order, without recursion; `visit` returns whether to go below the node. */
export function walk(root: StatusNode, visit: (node: StatusNode) => boolean): void {
  let node = root;
  while (true) {
    if (visit(node) && node.firstChild !== null) {
      node = node.firstChild;
      continue;
    }
    while (node !== root && node.next === null) node = node.parent as StatusNode;
    if (node === root) return;
    node = node.next as StatusNode;
  }
}

/** Recomputes the effective state from `root` down, then aborts the waits that are newly cancelled. */
function recompute(root: StatusNode): void {
  const doomed: OpenWait[] = [];
  let signalled: StatusNode[] | null = null;
  // `walk()` written out: cancelling 100,000 tasks spends its time here.
  let node = root;
  while (true) {
    const { parent } = node;
    const state: Cancelled | null = node.own ?? (node.shield || parent === null ? null : parent.cancelled);
    if (state !== node.cancelled) {
      node.cancelled = state;
      if (state !== null) {
        for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) doomed.push(waiter);
        // A region that has simply ended aborts nothing: a response that left a timeout may still be read.
        if (node.controller !== null && state !== SCOPE_ENDED) (signalled ??= []).push(node);
      }
      if (node.firstChild !== null) {
        node = node.firstChild;
        continue;
      }
    }
    while (node !== root && node.next === null) node = node.parent as StatusNode;
    if (node === root) break;
    node = node.next as StatusNode;
  }
  // A callback below may have woken a waiter or shielded its node meanwhile: `abort` looks again.
  for (let i = 0; i < doomed.length; i++) (doomed[i] as OpenWait).abort();
  if (signalled === null) return;
  for (const node of signalled) if (node.cancelled !== null) abortSignal(node, node.cancelled);
}

/** Listeners run within this call: in the region that they belong to, whoever cancels it, be it a timer of the host. */
function abortSignal(node: StatusNode, cancelled: Cancelled): void {
  within(node, (controller) => controller?.abort(cancelled), node.controller);
}

/** The signal of a node, aborted when it is cancelled. */
export function signalOf(node: StatusNode): AbortSignal {
  if (node.controller === null) {
    node.controller = new AbortController();
    if (node.cancelled !== null) node.controller.abort(node.cancelled);
  }
  return node.controller.signal;
}
