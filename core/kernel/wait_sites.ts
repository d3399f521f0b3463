/**
 * Where waits were made, for those that somebody turns out to have forgotten: nothing can be found out about these after
 * the fact, as nobody awaits them (see `awaited_at.ts`).
 *
 * To note all would cost 40 times what a wait costs. So the first ones are noted, and when one was forgotten whose place
 * is not known, the next of its kind in a task of its name: what was forgotten once is forgotten again.
 */

import { captureSite, type Site } from "../base/place.ts";
import type { OpenWait, TaskNode } from "./node.ts";
import { kindOf } from "./wait_text.ts";

/** Waits that are looked at in search of the next of a kind, before that is given up. */
const LOOKOUT = 10_000;

/** These are nobody's to await, or their block is what is told of. */
const INNER = new Set(["yield", "refused wait", "nursery", "nursery.start", "forgotten await"]);

/** See the header. */
export class WaitSites {
  /** A captured stack keeps the functions in it: not for longer than there is the wait. */
  readonly #sites = new WeakMap<OpenWait, Site>();
  readonly #wanted = new Set<string>();
  #budget: number;
  #lookout = 0;

  /** `budget`: so many are noted at first. */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Whether it wants to hear of more waits. */
  get active(): boolean {
    return this.#budget > 0 || this.#lookout > 0;
  }

  /** A wait begins; called on the stack of whoever makes it. Returns `active`. */
  note(wait: OpenWait, task: TaskNode): boolean {
    const kind = kindOf(wait.reason);
    if (INNER.has(kind)) return true;
    if (this.#budget > 0) {
      this.#budget--;
      this.#sites.set(wait, captureSite());
    } else if (this.#lookout-- > 0 && this.#wanted.delete(keyOf(kind, task))) {
      this.#sites.set(wait, captureSite());
      if (this.#wanted.size === 0) this.#lookout = 0;
    }
    return this.active;
  }

  /** Where a wait was made, if that was noted. */
  siteOf(wait: OpenWait): Site | null {
    return this.#sites.get(wait) ?? null;
  }

  /** Notes the next wait of a kind in a task of the same name. */
  want(kind: string, task: TaskNode): void {
    this.#wanted.add(keyOf(kind, task));
    this.#lookout = LOOKOUT;
  }
}

/** The names of many tasks differ in their numbers alone. */
function keyOf(kind: string, { name }: TaskNode): string {
  return `${kind} ${name.replace(/\d+/g, "0")}`;
}
