/** Keeps the tasks of paused hosts from going on: what they were granted meanwhile, they get when their host goes on. */

import { heldBack } from "../../core/internal.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { lifeOf, type Region } from "./incarnation.ts";

/** What the tasks of one run are held back by. */
const pauses = new WeakMap<object, Pauses>();

/** See the header. */
export class Pauses {
  readonly #held = new Map<object, (() => void)[]>();
  #letGo: (() => void) | null = null;

  /** Those of the run of the calling code. */
  static here(): Pauses {
    const run = currentRun();
    let found = pauses.get(run);
    if (found === undefined) pauses.set(run, found = new Pauses());
    return found;
  }

  /** The tasks of a host stand still from now on. */
  pause(host: object): void {
    if (this.#held.has(host)) return;
    this.#held.set(host, []);
    this.#letGo ??= heldBack(currentRun(), (resume, node) => this.#hold(resume, node));
  }

  /** They go on. */
  resume(host: object): void {
    const held = this.#held.get(host) ?? [];
    this.#held.delete(host);
    if (this.#held.size === 0) {
      this.#letGo?.();
      this.#letGo = null;
    }
    for (const resume of held) resume();
  }

  #hold(resume: () => void, node: Region): boolean {
    const held = this.#held.get(lifeOf(node)?.host ?? this);
    held?.push(resume);
    return held !== undefined;
  }
}
