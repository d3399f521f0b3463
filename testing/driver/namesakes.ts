/**
 * What is counted by the names of tasks, as many that do the same bear one: with a count each, none of a thousand would
 * stand out.
 */

import { taskText } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";

/** The tasks of one name, of which the first and whether there was another is known. */
export class Namesake {
  several = false;

  constructor(readonly name: string, readonly id: number) {}

  toString(): string {
    return `${taskText(this)}${this.several ? " and others of that name" : ""}`;
  }
}

/** See the header. */
export class Namesakes {
  readonly #seen = new Map<string, Namesake>();

  /** What to count a task by. */
  of({ name, id }: Task): Namesake {
    let namesake = this.#seen.get(name);
    if (namesake === undefined) this.#seen.set(name, namesake = new Namesake(name, id));
    if (namesake.id !== id) namesake.several = true;
    return namesake;
  }
}
