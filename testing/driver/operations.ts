/** The operations of the host that a simulation has in flight, as far as it was told. */

import { hostClear, hostTimeout } from "../../core/internal.ts";
import { currentTask } from "../../core/mod.ts";
import type { Leak } from "./leaks.ts";
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
    this.#list.push({ kind: "hostOperations", label, site, task: currentTask().name });
  }

  ended(label: string): void {
    const at = this.#list.findIndex((operation) => operation.label === label);
    if (at >= 0) this.#list.splice(at, 1);
    if (this.#list.length === 0) this.#onDrained?.();
  }

  /** Waits until none is left, for so many real milliseconds at most. */
  async drained(ms: number): Promise<void> {
    if (this.#list.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = hostTimeout(resolve, ms);
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
