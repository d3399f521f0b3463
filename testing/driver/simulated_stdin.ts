/** The standard input of a simulation: its test writes it. */

import { show } from "../../core/internal.ts";
import type { StandardInput } from "../../core/lowlevel.ts";
import type { VirtualStdin } from "../processes/virtual_stdin.ts";

const encoder = new TextEncoder();

/** See the header. */
export class SimulatedStdin implements StandardInput, VirtualStdin {
  readonly inMemory = true;
  readonly #queue: Uint8Array[] = [];
  #ended = false;
  #tell: (() => void) | null = null;

  take(): Uint8Array | null | undefined {
    return this.#queue.shift() ?? (this.#ended ? null : undefined);
  }

  putBack(bytes: Uint8Array): void {
    this.#queue.unshift(bytes);
  }

  wait(tell: () => void): () => void {
    this.#tell = tell;
    return () => {
      if (this.#tell === tell) this.#tell = null;
    };
  }

  send(data: string | Uint8Array): void {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`Cannot send to stdin as "data" must be a string or a Uint8Array: received ${show(data)}`);
    }
    if (this.#ended) throw new TypeError("Cannot send to stdin as it must not have ended: end() was called before");
    if (data.length === 0) return;
    this.#queue.push(typeof data === "string" ? encoder.encode(data) : data.slice());
    this.#told();
  }

  end(): void {
    this.#ended = true;
    this.#told();
  }

  #told(): void {
    const tell = this.#tell;
    this.#tell = null;
    tell?.();
  }
}
