/**
 * Nurseries: a block that outlives none of the tasks started in it.
 *
 * A child has two parents: its cancel status hangs below the nursery as it was opened, while its other
 * async-local values are those of the spawner, which falls out of starting it in the spawner's context.
 */

import { faultOf, requireFunction, requireOptions, requireText } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode, within } from "../kernel/context.ts";
import { NOTHING } from "../base/error_tree.ts";
import { isOnlyCancelled } from "../kernel/cancelled.ts";
import { NurseryImpl } from "../kernel/nursery.ts";
import { ignore } from "../base/quiet.ts";
import type { Nursery } from "./task.ts";

/**
 * Opens a nursery, runs a function in it, and waits for every child.
 *
 * When the promise settles, nothing that was started in the block is running any more. The first error of the body or a
 * child cancels the rest. All errors, even a single one, leave together in one `ErrorGroup`, in the order in which they
 * happened. If a cancellation of the nursery itself cut the body short, the result is `undefined`.
 *
 * **Cancellation:** the body and the children are cancelled, and waited for. The call is not a cancellation point
 * itself: if neither the body nor a child noticed the cancellation, it returns normally.
 *
 * **Cost:** one and a half microseconds, and about one per child.
 *
 * @example Two children at the same time
 * ```ts
 * import { openNursery, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     await sleep(2);
 *     lines.push("world");
 *   });
 *   nursery.startSoon(() => lines.push("hello"));
 * });
 * assertEquals(lines, ["hello", "world"]);
 * ```
 *
 * @example Waiting until a server is ready
 * ```ts
 * import { openNursery, sleep, type TaskStatus } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function serve(status: TaskStatus<number>): Promise<void> {
 *   await sleep(1);
 *   status.started(8080);
 *   await sleep(60_000);
 * }
 * await openNursery(async (nursery) => {
 *   assertEquals(await nursery.start<number>(serve), 8080);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param body What to run; receives the nursery.
 * @param options A name; "nursery" if none is given.
 * @returns What the body returned.
 * @throws {ErrorGroup} If the body or a child failed.
 * @throws {TypeError} If `body` is not a function.
 * @category Tasks
 */
export function openNursery<T>(
  body: (nursery: Nursery) => T | Promise<T>,
  options: NamedOptions = {},
): Promise<T> {
  const fault = faultOf(() => {
    requireFunction("open a nursery", "body", body);
    requireOptions("open a nursery", options);
    requireText("open a nursery", "name", options.name);
  });
  if (fault !== null) return Promise.reject(fault);
  const nursery = new NurseryImpl(currentNode(), options.name ?? "nursery");
  const promise = live(nursery, body);
  nursery.promise = promise;
  return promise;
}

async function live<T>(nursery: NurseryImpl, body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
  let value: T | undefined;
  let returned = true;
  try {
    value = await within(nursery.node, body, nursery);
  } catch (error) {
    returned = false;
    nursery.bodyFailed(error);
  }
  await nursery.drained();
  const closed = nursery.close(returned);
  const rest = closed instanceof Promise ? await closed : closed;
  // The tasks keep the nursery, and what is begun in them keeps the tasks: none shall keep the value.
  const { promise } = nursery;
  nursery.promise = undefined;
  if (rest === NOTHING) return value as T;
  // A nursery that nobody awaits is cancelled with what is around it, which must not end the process.
  if (isOnlyCancelled(rest)) promise?.catch(ignore);
  throw rest;
}
