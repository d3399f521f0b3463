/**
 * A picture of a run: which tasks there are, what each waits for, where it was started.
 *
 * Everything is read off the status tree, which has to be right anyway; nothing is kept for the picture's sake.
 */

import { currentNode } from "../kernel/context.ts";
import { ambientRuntime, type Runtime } from "../kernel/runtime.ts";
import { formatTime } from "../time/sleep.ts";
import { treeLines } from "../base/tree_lines.ts";
import { walk } from "../kernel/status.ts";
import type { TaskImpl } from "../kernel/task.ts";
import { kindOf, labelOf, waitText } from "../kernel/wait_text.ts";
import type { TaskState } from "./task.ts";

/** One open wait of a task. */
export interface TaskTreeWait {
  /** The kind of wait. */
  readonly kind: string;
  /** Which object; empty if there is nothing to say. */
  readonly label: string;
  /** Since when, in milliseconds on the run's clock; may be a little early in real time. */
  readonly since: number;
}

/** One task of the picture. */
export interface TaskTreeNode {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** How far it has come. */
  readonly state: TaskState;
  /** Its open waits, oldest first; none: it runs, or awaits a promise the library does not own. */
  readonly waits: readonly TaskTreeWait[];
  /** The earliest deadline of its scopes, `Infinity` for none. */
  readonly deadline: number;
  /** Whether it is being cancelled. */
  readonly cancelled: boolean;
  /** Where it was started, if recorded. */
  readonly spawnSite: string | undefined;
  /** The tasks in its nurseries, oldest first. */
  readonly children: readonly TaskTreeNode[];
}

/** The picture. */
export interface TaskTree {
  /** When it was taken, in milliseconds on the run's clock. */
  readonly time: number;
  /** The main task. */
  readonly root: TaskTreeNode;
  /** Renders the tree, one task a line. */
  toString(): string;
}

/**
 * Takes a snapshot of all tasks of the current run and what they wait for.
 *
 * `kill -QUIT` prints the same of a program under `run()`.
 *
 * @example Seeing who waits for what
 * ```ts
 * import { openNursery, sleepForever, sleep, taskTree } from "@trefoil/io";
 * import { assertStringIncludes } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => sleepForever(), { name: "worker" });
 *   await sleep(1);
 *   assertStringIncludes(taskTree().toString(), "worker");
 *   nursery.cancel();
 * });
 * ```
 *
 * @returns The snapshot; `toString()` renders it.
 */
export function taskTree(): TaskTree {
  return snapshot(ambientRuntime() ?? currentNode().task.runtime);
}

interface Draft extends TaskTreeNode {
  readonly waits: TaskTreeWait[];
  readonly children: Draft[];
  deadline: number;
}

/** The snapshot of one run. */
export function snapshot(runtime: Runtime): TaskTree {
  const drafts = new Map<TaskImpl<unknown>, Draft>();
  walk(runtime.root, (node) => {
    const { task } = node;
    let draft = drafts.get(task);
    if (draft === undefined) {
      const { id, name, state, spawnSite } = task;
      draft = {
        id,
        name,
        state,
        spawnSite,
        waits: [],
        deadline: Infinity,
        cancelled: node.cancelled !== null,
        children: [],
      };
      drafts.set(task, draft);
      if (node.parent !== null) drafts.get(node.parent.task)?.children.push(draft);
    }
    draft.deadline = Math.min(draft.deadline, node.scope?.deadline ?? Infinity);
    for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) {
      const { reason, since } = waiter;
      draft.waits.push({ kind: kindOf(reason), label: labelOf(reason), since });
    }
    return true;
  });
  // Nodes and waiters are linked newest first.
  for (const { children, waits } of drafts.values()) {
    children.sort((a, b) => a.id - b.id);
    waits.reverse();
  }
  const root = drafts.get(runtime.root) as Draft;
  const time = runtime.clock.now();
  return { time, root, toString: () => render(root) };
}

function render(root: TaskTreeNode): string {
  const lines: string[] = [];
  for (const { node, branch } of treeLines(root, ({ children }) => children)) {
    lines.push(`${branch}${describeNode(node)}`);
  }
  return lines.join("\n");
}

function describeNode({ name, waits, cancelled, deadline, spawnSite, state }: TaskTreeNode): string {
  const doing = waits.length > 0
    ? waits.map(describeWait).join(" + ")
    : state === "running"
    ? "running, or awaiting a promise the library does not own"
    : state;
  const parts = [`${name}: ${doing}`];
  if (cancelled) parts.push("being cancelled");
  if (deadline !== Infinity) parts.push(`deadline t=${formatTime(deadline)}`);
  if (spawnSite !== undefined) parts.push(`started at ${spawnSite.replace(/^file:\/\//, "")}`);
  return parts.join("  ");
}

function describeWait({ kind, label, since }: TaskTreeWait): string {
  return `${waitText(kind, label)} (since t=${formatTime(since)})`;
}
