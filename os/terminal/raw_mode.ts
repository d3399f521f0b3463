/** A terminal that gives each key as it is pressed. */

import { requireBoolean, requireOptions } from "../../core/internal.ts";
import { inputIsTerminal, setTerminalMode } from "../host/terminal.ts";
import { requireDeno } from "../host/processes.ts";

/**
 * Options of `openRawMode()`.
 *
 * @category Terminal
 */
export interface OpenRawModeOptions {
  /**
   * Whether Ctrl-C and the like are still signals. Without it they are bytes, Ctrl-C the number 3.
   *
   * @default {false}
   */
  readonly cbreak?: boolean;
}

const ACTION = "open the raw mode";

/** The modes that are wanted, the latest last. */
const wanted: { readonly mode: "raw" | "cbreak" }[] = [];

/**
 * Has the terminal give each key as it is pressed, and show none by itself, until the end of the block.
 *
 * Blocks may overlap: the mode is the one that was asked for last, of those that are open, and at the end the one that
 * the terminal had at first. Use it inside `run()`: a signal cancels that, and so the block ends; one that ends the
 * program at once leaves the terminal as it is. What is pressed comes from `openStdin()`.
 *
 * @example Any key, where there is a terminal
 * ```ts
 * import { openRawMode } from "@trefoil/io/os";
 *
 * if (Deno.stdin.isTerminal()) {
 *   using _raw = openRawMode({ cbreak: true });
 *   // Here `openStdin()` gives each key.
 * }
 * ```
 *
 * @param options Whether Ctrl-C is a signal.
 * @returns The guard; `using` gives the terminal back.
 * @throws {TypeError} If the standard input is no terminal; nothing has changed then.
 * @category Terminal
 */
export function openRawMode(options: OpenRawModeOptions = {}): Disposable {
  requireOptions(ACTION, options);
  const { cbreak = false } = options;
  requireBoolean(ACTION, "cbreak", cbreak);
  requireDeno(ACTION);
  if (!inputIsTerminal()) throw new TypeError(`Cannot ${ACTION} as stdin must be a terminal: it is not`);
  const wish = { mode: cbreak ? "cbreak" : "raw" } as const;
  setTerminalMode(wish.mode);
  wanted.push(wish);
  return {
    [Symbol.dispose]() {
      const at = wanted.indexOf(wish);
      if (at < 0) return;
      wanted.splice(at, 1);
      setTerminalMode(wanted.at(-1)?.mode ?? null);
    },
  };
}
