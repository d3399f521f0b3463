/** Where in the user's program something was made: a captured stack, rendered when somebody looks. */

import { read } from "./_foreign.ts";

/** An object with the stack of a call. */
export interface Site {
  readonly stack?: string;
}

/** So many frames of the library may lie above the first one of the user's. */
const DEPTH = 20;

/** Captures where a function of the library is called from. About 2 us: see `RunOptions.spawnSites`. */
export function captureSite(): Site {
  const site: Site = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = DEPTH;
  Error.captureStackTrace(site, captureSite);
  Error.stackTraceLimit = stackTraceLimit;
  return site;
}

/** The place of a site as `file:line:column`; `undefined` if it was not recorded, or none of it is the user's. */
export function placeOf(site: Site | null): string | undefined {
  // Rendering it runs `Error.prepareStackTrace`, which may be the user's.
  return site === null ? undefined : firstForeignFrame(`${read(site, "stack")}`);
}

/** The first line of a stack that is outside this library, and outside the host, whose own code may lie in between. */
function firstForeignFrame(stack: string): string | undefined {
  for (const line of stack.split("\n")) {
    const place = /(?:\(|at |async )((?:file|https?|jsr|npm):[^\s()]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place !== undefined && !isOurs(place)) return place;
  }
  return undefined;
}

const FOLDERS = ["core/", "net/", "testing/"].map((folder) => new URL(`../${folder}`, import.meta.url).href);

/** Whether a place, or a line of a stack, lies in the library. Its tests are users of it. */
export function isOurs(place: string): boolean {
  return FOLDERS.some((folder) => place.includes(folder)) && !place.includes("_test.ts:");
}
