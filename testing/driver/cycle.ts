/** Who waits for whom in a circle, so that none of them can ever go on. */

import { bareTask, read } from "../../core/internal.ts";
import type { Task, TaskTree, TaskTreeNode } from "../../core/mod.ts";
import type { WaitReason } from "../../core/lowlevel.ts";
import type { TaskRecord } from "./record.ts";
import { describeReason } from "./words.ts";

/**
 * A cycle of tasks of which each can only go on after the next one: it wants what the next holds, or is a nursery that
 * waits for its children.
 */
export function findCycle(tree: TaskTree, records: ReadonlyMap<Task, TaskRecord>): string {
  const nodes = new Map<number, TaskTreeNode>();
  const list = [tree.root];
  for (let node = list.pop(); node !== undefined; node = list.pop()) {
    nodes.set(node.id, node);
    list.push(...node.children);
  }
  const edges = new Map<number, { to: number; by: string }[]>();
  for (const [task, record] of records) {
    const out: { to: number; by: string }[] = [];
    for (const { reason } of record.list()) {
      const holder = holderOf(reason);
      if (holder !== null) out.push({ to: holder, by: describeReason(reason).replace(/ held by .*$/, "") });
      else if (read(reason, "kind") === "nursery") {
        for (const child of nodes.get(task.id)?.children ?? []) out.push({ to: child.id, by: "nursery" });
      }
    }
    edges.set(task.id, out);
  }
  // Depth first, with the path at hand; a task is left for good once nothing was found beyond it.
  const finished = new Set<number>();
  for (const start of edges.keys()) {
    const path: { id: number; by: string; next: number }[] = [{ id: start, by: "", next: 0 }];
    const onPath = new Map([[start, 0]]);
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const edge = finished.has(top.id) ? undefined : edges.get(top.id)?.[top.next++];
      if (edge === undefined) {
        finished.add(top.id);
        onPath.delete(top.id);
        path.pop();
        continue;
      }
      const at = onPath.get(edge.to);
      if (at !== undefined) {
        const name = (id: number): string => bareTask({ name: nodes.get(id)?.name ?? "task", id });
        const steps = path.slice(at).map(({ id, by }, i) => `${i === 0 ? "" : ` → ${by} → `}${name(id)}`);
        return `${steps.join("")} → ${edge.by} → ${name(edge.to)}`;
      }
      onPath.set(edge.to, path.length);
      path.push({ id: edge.to, by: edge.by, next: 0 });
    }
  }
  return "";
}

/** The number of the task that could end a wait, if it says so. */
function holderOf(reason: WaitReason): number | null {
  try {
    const id = read(reason.holder?.(), "id");
    return typeof id === "number" ? id : null;
  } catch {
    return null;
  }
}
