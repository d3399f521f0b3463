/**
 * Where in the user's program something was made: a captured stack, rendered when somebody looks.
 *
 * How many frames a stack gets is a setting of all. It may be read-only (`Object.freeze(Error)`, as hardened programs
 * do): then a place may be missing, which is no reason to fail, least of all in the middle of a step of the kernel.
 */

import { read } from "./foreign.ts";

/** An object with the stack of a call. */
export interface Site {
  readonly stack?: string;
}

/** So many frames of the library may lie above the first one of the user's. */
const DEPTH = 20;

/** Calls a function with another limit to the frames of the stacks that are captured in it, if that can be set. */
export function withFrames<R>(limit: number, fn: () => R): R {
  const before = Reflect.get(Error, "stackTraceLimit");
  Reflect.set(Error, "stackTraceLimit", limit);
  try {
    return fn();
  } finally {
    Reflect.set(Error, "stackTraceLimit", before);
  }
}

/** Captures where a function of the library is called from. About 2 us: see `RunOptions.spawnSites`. */
export function captureSite(): Site {
  const site: Site = {};
  withFrames(DEPTH, () => Error.captureStackTrace(site, captureSite));
  return site;
}

/** The place of a site as `file:line:column`; `undefined` if it was not recorded, or none of it is the user's. */
export function placeOf(site: Site | null): string | undefined {
  // Rendering it runs `Error.prepareStackTrace`, which may be the user's.
  return site === null ? undefined : firstForeignFrame(`${read(site, "stack")}`);
}

/** A place as people read it, without the scheme. */
export function plainPlace(place: string): string {
  return place.replace(/^file:\/\//, "");
}

/** The first line of a stack that is outside this library, and outside the host, whose own code may lie in between. */
function firstForeignFrame(stack: string): string | undefined {
  for (const line of stack.split("\n")) {
    const place = /(?:\(|at |async )((?:(?:file|https?|jsr|npm|data|blob):|\/)[^\s()]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place !== undefined && !isOurs(place)) return place.startsWith("/") ? `file://${place}` : place;
  }
  return undefined;
}

/** Without the scheme of files: Bun's stacks have paths. */
const LIBRARY = new URL("../../", import.meta.url).href.replace(/^file:\/\//, "");
/**
 * Not tests, and not the examples in the documentation, whose files are called `x.ts$10-20.ts`: they are users of it.
 */
const OURS = /^(?:core|net|os|observe|testing)\/(?:\w+\/)?(?:(?!_test\.)\w)+\.[jt]s:/;

/** Whether a place, or a line of a stack, lies in the library. */
export function isOurs(place: string): boolean {
  const at = place.indexOf(LIBRARY);
  return at >= 0 && OURS.test(place.slice(at + LIBRARY.length));
}
