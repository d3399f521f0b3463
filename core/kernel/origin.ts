/**
 * Which task an error comes from. Kept beside the error, which is not touched: it may be frozen, or a constant of the
 * program, for which the last task counts.
 */

import { isObject } from "../base/foreign.ts";
import { placeOf, plainPlace, type Site } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";

/**
 * The task that an error came from: see `originOf()`.
 *
 * @category Errors
 */
export interface ErrorOrigin {
  /** The name of the task. */
  readonly task: string;
  /** Its number in the run. */
  readonly id: number;
  /** Where it was started (`file:line:column`), if that was recorded: see `RunOptions.spawnSites`. */
  readonly spawnSite: string | undefined;
}

/** An origin whose place is rendered when somebody looks. */
class Origin implements ErrorOrigin {
  readonly #site: Site | null;

  constructor(readonly task: string, readonly id: number, site: Site | null) {
    this.#site = site;
  }

  get spawnSite(): string | undefined {
    return placeOf(this.#site);
  }
}

const origins = new WeakMap<object, ErrorOrigin>();

/** Notes where an error comes from, if that can be done. */
export function noteOrigin(error: unknown, task: { name: string; id: number; site: Site | null }): void {
  if (isObject(error)) origins.set(error, new Origin(task.name, task.id, task.site));
}

/**
 * Returns the task that an error in the `ErrorGroup` of a nursery came from.
 *
 * @example Naming the task in a log line
 * ```ts
 * import { ErrorGroup, openNursery, originOf } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const group = await openNursery((nursery) => {
 *   nursery.startSoon(() => Promise.reject(new Error("boom")), { name: "worker" });
 * }).catch((error) => error);
 * assert(group instanceof ErrorGroup);
 * assertEquals(originOf(group.errors[0])?.task, "worker");
 * ```
 *
 * @param error An error, as found in `ErrorGroup.errors`.
 * @returns The task. `undefined` if the error came from the body of the nursery, is not an object, or left no task.
 * @category Errors
 */
export function originOf(error: unknown): ErrorOrigin | undefined {
  return isObject(error) ? origins.get(error) : undefined;
}

/** The origin of an error in a message; empty if there is none. */
export function originText(error: unknown): string {
  const origin = originOf(error);
  if (origin === undefined) return "";
  const { task, id, spawnSite } = origin;
  const started = spawnSite === undefined ? "" : `, started at ${plainPlace(spawnSite)}`;
  return ` (in ${taskText({ name: task, id })}${started})`;
}
