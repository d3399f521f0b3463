/** How large the terminal is. */

import { ClosedResourceError, EndOfChannel, openWatch, type WatchReceiver, type WatchSender } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { composedWait, inspectable } from "../../core/internal.ts";
import { keepAlive } from "../base/keep_alive.ts";
import { isWindows, requireDeno } from "../host/processes.ts";
import { listen } from "../host/signals.ts";
import { consoleSize } from "../host/terminal.ts";

/**
 * How large a terminal is, in characters.
 *
 * @category Terminal
 */
export interface TerminalSize {
  /** How wide it is. */
  readonly columns: number;
  /** How high it is. */
  readonly rows: number;
}

/**
 * Asks how large the terminal is.
 *
 * @example A line as wide as the terminal
 * ```ts
 * import { terminalSize } from "@trefoil/io/os";
 * import { assert } from "@std/assert";
 *
 * const { columns } = terminalSize() ?? { columns: 80 };
 * assert("=".repeat(columns).length > 0);
 * ```
 *
 * @returns The size; `null` if the program has no terminal, or that does not know.
 * @category Terminal
 */
export function terminalSize(): TerminalSize | null {
  requireDeno("ask for the size of the terminal");
  try {
    const { columns, rows } = consoleSize();
    return columns > 0 && rows > 0 ? { columns, rows } : null;
  } catch {
    return null;
  }
}

/**
 * The size of the terminal, and its changes: see `openTerminalSize()`. Iterating it gives each change.
 *
 * @category Terminal
 */
export interface TerminalSizeWatch extends Disposable, AsyncIterable<TerminalSize | null> {
  /** The size as it was last heard of; `null` if there is no terminal. */
  readonly value: TerminalSize | null;
  /**
   * Waits until the size has changed since this last returned, and returns it.
   *
   * **Cancellation:** throws `Cancelled`; the change is not counted as seen.
   *
   * @returns The latest size.
   * @throws {ClosedResourceError} If it is closed, before or meanwhile.
   */
  changed(): Promise<TerminalSize | null>;
  /** Stops listening; blocked waits fail. Idempotent. */
  close(): void;
}

/**
 * Watches the size of the terminal, which changes when its window does (SIGWINCH). Windows does not say so.
 *
 * @example Drawing anew
 * ```ts
 * import { openTerminalSize } from "@trefoil/io/os";
 * import { simulate } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async (sim) => {
 *   using size = openTerminalSize();
 *   sim.signal("SIGWINCH");
 *   assertEquals(await size.changed(), size.value);
 * });
 * ```
 *
 * @returns The watch, which belongs to the caller.
 * @category Terminal
 */
export function openTerminalSize(): TerminalSizeWatch {
  return new SizeWatch();
}

class SizeWatch implements TerminalSizeWatch {
  static {
    inspectable(SizeWatch, "TerminalSizeWatch", ({ value }) => ({ value }));
  }

  readonly #send: WatchSender<TerminalSize | null>;
  readonly #receive: WatchReceiver<TerminalSize | null>;
  readonly #inMemory: boolean;
  readonly #stop: () => void;
  #closed = false;

  constructor() {
    [this.#send, this.#receive] = openWatch(terminalSize(), { name: "size of the terminal" });
    const { signals } = currentRun();
    this.#inMemory = signals?.inMemory === true;
    if (isWindows && !this.#inMemory) this.#stop = () => {};
    else {
      const stop = listen("SIGWINCH", () => this.#send.set(terminalSize()), signals);
      this.#stop = () => stop(false);
    }
  }

  get value(): TerminalSize | null {
    return this.#receive.value;
  }

  changed(): Promise<TerminalSize | null> {
    return composedWait(async () => {
      const stop = this.#inMemory ? () => {} : keepAlive("size of the terminal");
      try {
        return await this.#receive.changed();
      } catch (error) {
        if (!(error instanceof EndOfChannel)) throw error;
        throw new ClosedResourceError("Cannot wait for the size of the terminal as the watch of it is closed");
      } finally {
        stop();
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    this.#send.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<TerminalSize | null> {
    return { next: () => composedWait(async () => ({ done: false, value: await this.changed() })) };
  }
}
