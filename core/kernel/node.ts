/**
 * One node of the cancel-status tree: pure state, no time, no promises.
 *
 *     node ── own          this node's scope was cancelled (first reason wins)
 *          ── shield       the parent's cancellation does not reach it
 *          ── cancelled    the effective state: own ?? (shield ? null : parent.cancelled)
 *          ── waiters      the waits that began in it and have not been granted
 *
 * One node per cancel scope, per nursery and per task. Level triggering follows from keeping *state*: every wait
 * looks at `cancelled` before it does anything. An `AbortSignal` cannot play this part, as it cannot be
 * un-aborted by a shield, nor moved to another parent by `nursery.start` (Trio's `CancelStatus`, same reasons).
 *
 * A node knows its task, a task its run, and all three the waits. Those are made in files above this one, so here they
 * are interfaces, with what the lower half of the kernel needs of them.
 */

import type { Site } from "../base/place.ts";
import type { Clock } from "../time/clock.ts";
import type { Cancelled } from "./cancelled.ts";
import type { Turns } from "./turns.ts";
import type { WaitReason } from "./wait_reason.ts";

/** A wait that has not been granted, as the node knows it that it began in: see `Waiter`. A link in the node's list. */
export interface OpenWait {
  next: OpenWait | null;
  prev: OpenWait | null;
  readonly reason: WaitReason;
  /** Settled when it is over. Nothing of the library may have a reaction to it: see `awaited_at.ts`. */
  readonly promise: Promise<unknown>;
  /** Since when, in milliseconds on the run's clock. */
  readonly since: number;
  /** The node is cancelled: asks the operation to be undone, at most once. */
  abort(): void;
}

/** A task, as its nodes and waits know it: see `TaskImpl`. */
export interface TaskNode extends StatusNode {
  readonly name: string;
  readonly id: number;
  readonly spawnSite: string | undefined;
  readonly runtime: RunCore;
  /** A wait of it has begun, of which the run can say who ends it. */
  waitBegan(): void;
  /** Such a wait is over. */
  waitEnded(): void;
}

/** A run, as the nodes, waits and tasks in it know it: see `Runtime`. */
export interface RunCore {
  readonly clock: Clock;
  /** Coarse time: see `Runtime`. */
  time: number;
  /** Tasks without a wait. */
  running: number;
  /** Tasks that have not ended. */
  living: number;
  readonly finished: boolean;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
  /** The user's policy of when waits resume; `null` for none. */
  readonly schedule: object | null;
  readonly turns: Turns;
  readonly instruments: RunEvents | null;
  /** Who notes where waits are made; `null` if nobody does. */
  waitSites: WaitNotes | null;
  readonly forgotten: ForgottenBook;
  nextId(): number;
  wantsSpawnSite(): boolean;
  wantsBlockSite(): boolean;
  refreshTime(): void;
  scheduleResume(resume: () => void, node: StatusNode): void;
  allWaiting(): void;
}

/** Where waits are made: see `WaitSites`. */
interface WaitNotes {
  /** A wait begins. Returns whether it wants to hear of more. */
  note(wait: OpenWait, task: TaskNode): boolean;
}

/** Something that was open in a block at its end: see `forgotten.ts`. */
export interface ForgottenThing {
  /** Whether it is a wait, and not a block. */
  readonly isWait: boolean;
  readonly kind: string;
  readonly text: string;
  /** Where it was opened, if that was recorded. */
  readonly place: string | undefined;
}

/** What becomes of what was forgotten in a run: see `ForgottenRules`. */
interface ForgottenBook {
  readonly sites: WaitNotes & {
    readonly active: boolean;
    siteOf(wait: OpenWait): Site | null;
    want(kind: string, task: TaskNode): void;
  };
  judge(thing: ForgottenThing, task: TaskNode, block: string): "error" | "warn" | "ignore";
}

/** An operation of the host: see `OperationInFlight`. */
interface Operation {
  readonly label: string;
  end(): void;
}

/** What those who watch a run are told: see `Instruments`. */
export interface RunEvents {
  runEnded(): void;
  /** Calls `start`, once and at once. */
  aroundTask(task: TaskNode, start: () => void): void;
  taskSpawned(task: TaskNode): void;
  /** `state`: how it has ended; `error`: with what. */
  taskExited(task: TaskNode, state: string, error: unknown): void;
  blocked(task: TaskNode, reason: WaitReason, wait: OpenWait): void;
  /** `error`: what it fails with; `undefined` if it does not. */
  woken(task: TaskNode, wait: OpenWait, error: unknown): void;
  resumed(task: TaskNode, reason: WaitReason, wait: OpenWait): void;
  /** A wait that did not have to wait. */
  yielded(task: TaskNode, reason: WaitReason): void;
  scopeEntered(node: StatusNode): void;
  scopeExited(node: StatusNode, caught: boolean): void;
  scopeCancelled(node: StatusNode, cancelled: Cancelled): void;
  deadlineFired(node: StatusNode, deadline: number): void;
  forgottenWait(task: TaskNode, reasons: readonly WaitReason[]): void;
  hostOperationStarted(operation: Operation): void;
  hostOperationEnded(operation: Operation): void;
}

/** See the header. Fields are written by `status.ts` only, except where said. */
export class StatusNode {
  parent: StatusNode | null;
  /** The task whose code runs in this node: itself, if it is a task. Never changes. */
  readonly task: TaskNode;
  /** Effective cancellation, `null` if none. */
  cancelled: Cancelled | null;
  own: Cancelled | null = null;
  shield: boolean;
  /** Soft cancellation was requested here or above; shields do not hide it. */
  shutdown: boolean;
  /** `untilShutdown()`: becomes cancelled when `shutdown` turns true. Written once, at entry. */
  endsAtShutdown = false;
  /** The scope this node belongs to, for its deadline; `null` for a task. Written once, at entry. */
  scope: { readonly deadline: number } | null = null;
  /** What it is called in messages about a block that was forgotten: words, or the nursery. Written at entry. */
  label: string | { readonly name: string } = "a scope";
  /** Where it was opened, or the task started, if that was recorded. Written at entry, or by nurseries. */
  site: Site | null = null;
  /** Newest first. Written by waiters. */
  waiters: OpenWait | null = null;
  /** Made when somebody asks for the signal of this node: see `signalOf()`. */
  controller: AbortController | null = null;
  firstChild: StatusNode | null = null;
  /** The older sibling: children are linked newest first. */
  next: StatusNode | null = null;
  prev: StatusNode | null = null;

  /** `task` null: it is the node of a task. */
  constructor(parent: StatusNode | null, task: TaskNode | null, shield: boolean) {
    this.parent = parent;
    this.task = task ?? (this as StatusNode as TaskNode);
    this.shield = shield;
    this.cancelled = null;
    this.shutdown = false;
    if (parent !== null) {
      this.shutdown = parent.shutdown;
      if (!shield || isKilled(parent)) {
        this.shield = false;
        this.cancelled = parent.cancelled;
      }
      link(this, parent);
    }
  }
}

/** Makes a node the newest child of another. */
export function link(node: StatusNode, parent: StatusNode): void {
  const first = parent.firstChild;
  node.next = first;
  if (first !== null) first.prev = node;
  parent.firstChild = node;
}

/** Takes a node out of the list of its parent's children. */
export function unlink(node: StatusNode): void {
  const { prev, next, parent } = node;
  if (prev !== null) prev.next = next;
  else if (parent !== null && parent.firstChild === node) parent.firstChild = next;
  if (next !== null) next.prev = prev;
  node.prev = node.next = null;
}

/** The cancellations that no shield keeps out. */
const killings = new WeakSet<Cancelled>();
let someKilled = false;

/** Makes a cancellation one that no shield keeps out: see `killNode()`. */
export function makeDeadly(cancelled: Cancelled): void {
  someKilled = true;
  killings.add(cancelled);
}

/** Whether no wait of a node goes through any more, shields or not. */
export function isKilled({ cancelled }: StatusNode): boolean {
  return someKilled && cancelled !== null && killings.has(cancelled);
}
