/**
 * Takes the picture of a run.
 *
 * Everything is read off the status tree, which has to be right anyway; nothing is kept for the picture's sake.
 */

import { formatTime } from "../base/format_time.ts";
import { bareTask } from "../base/task_text.ts";
import { treeLines } from "../base/tree_lines.ts";
import type { TaskTree, TaskTreeNode, TaskTreeWait } from "../tasks/task_tree.ts";
import { awaitedAt, framesText } from "./awaited_at.ts";
import type { OpenWait, StatusNode } from "./node.ts";
import { walk } from "./status.ts";
import { type TaskImpl, taskOf } from "./task.ts";
import { kindOf, labelOf, waitText } from "./wait_text.ts";

interface Draft extends TaskTreeNode {
  readonly waits: TaskTreeWait[];
  readonly children: Draft[];
  deadline: number;
}

/** So many stacks are read at one look. */
const MOST_STACKS = 200;

/** As `snapshot()`, with where the waits are awaited: those of the oldest ones. */
export async function snapshotWithPlaces(main: TaskImpl<unknown>): Promise<TaskTree> {
  const waits: OpenWait[] = [];
  walk(main, (node) => {
    for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) waits.push(waiter);
    return true;
  });
  // The walk meets the newest first.
  waits.reverse().sort((a, b) => a.since - b.since).splice(MOST_STACKS);
  const frames = await awaitedAt(waits.map(({ promise }) => promise));
  return snapshot(main, new Map(waits.map((wait, index) => [wait, frames[index] as readonly string[]])));
}

/** The tree below the main task of a run. */
export function snapshot(
  main: TaskImpl<unknown>,
  framesOf: ReadonlyMap<OpenWait, readonly string[]> = new Map(),
): TaskTree {
  const drafts = new Map<StatusNode, Draft>();
  walk(main, (node) => {
    const task = taskOf(node);
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
      draft.waits.push({ kind: kindOf(reason), label: labelOf(reason), since, frames: framesOf.get(waiter) ?? [] });
    }
    return true;
  });
  // Nodes and waiters are linked newest first.
  for (const { children, waits } of drafts.values()) {
    children.sort((a, b) => a.id - b.id);
    waits.reverse();
  }
  const root = drafts.get(main) as Draft;
  const time = main.runtime.clock.now();
  return { time, root, toString: () => render(root) };
}

function render(root: TaskTreeNode): string {
  const lines: string[] = [];
  for (const { node, branch } of treeLines(root, ({ children }) => children)) {
    lines.push(`${branch}${describeNode(node)}`);
  }
  return lines.join("\n");
}

function describeNode({ name, id, waits, cancelled, deadline, spawnSite, state }: TaskTreeNode): string {
  const doing = waits.length > 0
    ? waits.map(describeWait).join(" + ")
    : state === "running"
    ? "running, or awaiting a promise the library does not own"
    : state;
  const parts = [`${bareTask({ name, id })}: ${doing}`];
  if (cancelled) parts.push("being cancelled");
  if (deadline !== Infinity) parts.push(`deadline t=${formatTime(deadline)}`);
  if (spawnSite !== undefined) parts.push(`started at ${spawnSite.replace(/^file:\/\//, "")}`);
  return parts.join("  ");
}

function describeWait({ kind, label, since, frames }: TaskTreeWait): string {
  const at = frames.length === 0 ? "" : ` at ${framesText(frames)}`;
  return `${waitText(kind, label)} (since t=${formatTime(since)})${at}`;
}
