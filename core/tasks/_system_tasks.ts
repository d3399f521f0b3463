/** The end of the tasks of a run: see `system_task.ts`. */

import { NOTHING } from "../base/error_tree.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NurseryImpl } from "../kernel/nursery.ts";
import type { Runtime } from "../kernel/runtime.ts";
import { firstError, mark, withSuppressed } from "../kernel/suppressed.ts";

/** Runs the main task; then ends the system tasks, if there are any. */
export async function withSystemTasks<T>(runtime: Runtime, main: () => T | Promise<T>): Promise<T> {
  const since = mark();
  let error: unknown = NOTHING;
  let value: T | undefined;
  try {
    value = await main();
  } catch (thrown) {
    error = thrown;
  }
  const nursery = runtime.systemTasks;
  runtime.systemTasks = "over";
  if (nursery instanceof NurseryImpl) {
    await nursery.drained();
    const failed = await nursery.close(true);
    if (failed !== NOTHING) {
      const failure = firstError(failed, since);
      const own = error === NOTHING ? NOTHING : failureOf(runtime.root, error);
      throw own === NOTHING ? failure : withSuppressed(own, [failure], since);
    }
  }
  if (error !== NOTHING) throw error;
  return value as T;
}
