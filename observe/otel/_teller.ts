/** Calls upon the modules of OpenTelemetry and on functions of the user's, none of which may harm the run. */

import { reportHook } from "../../core/internal.ts";

/** One for each instrument. */
export class Teller {
  #told = false;

  /** Calls a function; `undefined` if it threw. */
  try<R>(what: string, fn: () => R): R | undefined {
    try {
      return fn();
    } catch (error) {
      this.threw(what, error);
      return undefined;
    }
  }

  /** The first one is reported: what throws once mostly does so again and again. */
  threw(what: string, error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    reportHook(
      `Cannot tell OpenTelemetry of everything as ${what} threw: the run goes on, what else can be told is told, ` +
        "and further errors of this kind are not reported",
      error,
    );
  }
}
