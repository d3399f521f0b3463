/** The operations of the host that a simulation has in flight, as far as it was told. */

import { hostClear, taskText } from "../../core/internal.ts";
import { currentTask } from "../../core/mod.ts";
import { realTimer } from "../base/real_timer.ts";
import type { Leak } from "./leak.ts";
import { placed, type Site } from "./sites.ts";

/** See the header. */
export class Operations {
  readonly #list: Leak[] = [];
  #onDrained: (() => void) | null = null;

  get size(): number {
    return this.#list.length;
  }

  /** Oldest first. */
  get list(): readonly Leak[] {
    return this.#list;
  }

  began(label: string, site: Site | null): void {
    this.#list.push({ kind: "hostOperations", label, site, task: taskText(currentTask()) });
  }

  ended(label: string): void {
    const at = this.#list.findIndex((operation) => operation.label === label);
    if (at >= 0) this.#list.splice(at, 1);
    if (this.#list.length === 0) this.#onDrained?.();
  }

  /** Waits until none is left, at most for a time in real milliseconds. */
  async drained(ms: number): Promise<void> {
    if (this.#list.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = realTimer(resolve, ms);
      this.#onDrained = () => {
        hostClear(timer);
        resolve();
      };
    });
  }

  toString(): string {
    return this.#list.map(({ label, site }) => `${label}${placed(site)}`).join(", ");
  }
}
