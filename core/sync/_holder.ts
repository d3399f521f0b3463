/** The task that holds something, in the messages of who wants it. */

import { plainPlace } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";
import type { TaskImpl } from "../kernel/task.ts";

/** A task that has ended, with the place where it was started, if that was recorded. */
export function describeEnded(task: TaskImpl<unknown>): string {
  const { spawnSite } = task;
  return `${taskText(task)}${spawnSite === undefined ? "" : ` (started at ${plainPlace(spawnSite)})`}`;
}

/** Why a task that has ended cannot take what it would have to give back: nobody would notice that it never does. */
export function endedHolder(what: string, task: TaskImpl<unknown>): TypeError {
  return new TypeError(
    `Cannot acquire ${what} as its owner must be a task that runs: ${
      taskText(task)
    } has ended, acquire it in a task that waits for what calls you`,
  );
}
