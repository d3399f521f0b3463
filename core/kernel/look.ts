/** Looking at a run from outside: its tasks, and their waits with all that is around them. */

import type { Task } from "../tasks/task.ts";
import type { StatusNode } from "./node.ts";
import { walk } from "./status.ts";
import { type TaskImpl, taskOf } from "./task.ts";
import type { WaitReason } from "./wait_reason.ts";

/** An open wait. */
export interface SeenWait {
  readonly task: Task;
  readonly reason: WaitReason;
  /** Since when, in milliseconds on the run's clock. */
  readonly since: number;
  /** The earliest deadline around it that reaches it; `Infinity` for none. */
  readonly deadline: number;
  /** Whether it ends with a shutdown: it may wait for as long as the program runs. */
  readonly endsAtShutdown: boolean;
  readonly promise: Promise<unknown>;
}

/** What is seen at one look. */
export interface Seen {
  readonly tasks: readonly Task[];
  readonly waits: readonly SeenWait[];
}

/** Looks at what is below a task. */
export function lookAt(root: TaskImpl<unknown>): Seen {
  const tasks: Task[] = [];
  const waits: SeenWait[] = [];
  const around = new Map<StatusNode, Pick<SeenWait, "deadline" | "endsAtShutdown">>();
  walk(root, (node) => {
    const task = taskOf(node);
    if (task as StatusNode === node) tasks.push(task);
    const outer = node.shield || node.parent === null ? undefined : around.get(node.parent);
    const here = {
      deadline: Math.min(outer?.deadline ?? Infinity, node.scope?.deadline ?? Infinity),
      endsAtShutdown: node.endsAtShutdown || (outer?.endsAtShutdown ?? false),
    };
    if (node.firstChild !== null) around.set(node, here);
    for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) {
      const { reason, since, promise } = waiter;
      waits.push({ task, reason, since, promise, ...here });
    }
    return true;
  });
  return { tasks, waits };
}
