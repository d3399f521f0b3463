/** What is made of the end of a simulation whose failure is the caller's: it is thrown, with all there is to know of it. */

import { NOTHING, textOf } from "../../core/internal.ts";
import { isOnlyCancelled } from "../../core/mod.ts";
import { judgeLeaks, warnOfLeaks } from "./leaks.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import { type Ending, titleOf } from "./simulation.ts";
import { explain } from "./words.ts";

/** Returns what the body has returned; or throws, for what has failed or what was left behind. */
export async function judge<T>(ending: Ending<T>, { leaks, seed, picture }: SimulateSettings): Promise<T> {
  try {
    if (ending.error === NOTHING) {
      judgeLeaks(ending.leaks, leaks);
      return ending.value as T;
    }
    // What it was about comes first; and an error that is somebody else's stays as it is.
    warnOfLeaks(ending.leaks, leaks);
    throw ending.error;
  } catch (failure) {
    // A simulation that was cancelled from outside has not failed.
    if (isOnlyCancelled(failure)) throw failure;
    const text = textOf(failure);
    const trace = await ending.writeTrace(text);
    const isTold = explain(failure, withTrace(ending.describe(), trace));
    // deno-lint-ignore no-console -- what was thrown cannot say it
    if (trace !== "" && !isTold) console.warn(withTrace(titleOf(text, seed), trace));
    await picture?.(await ending.picture(titleOf(text, seed)));
    throw failure;
  }
}

/** The text of a failure, with the line that says where its trace is. */
export function withTrace(text: string, trace: string): string {
  return trace === "" ? text : `${text}\n  ${trace}`;
}
