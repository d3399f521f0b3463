/** Telling of functions of the user that threw where nobody awaits them. */

import { textOf } from "./foreign.ts";

/**
 * Prints that a hook threw: the run goes on, so the console is the only channel. Not `reportError()`: where nobody
 * listens for it, it ends the process.
 */
export function reportHook(message: string, error: unknown): void {
  try {
    // deno-lint-ignore no-console -- see above
    console.error(new Error(message, { cause: error }));
  } catch {
    // What was thrown cannot even be shown.
    // deno-lint-ignore no-console -- see above
    console.error(`${message}: ${textOf(error)}`);
  }
}
