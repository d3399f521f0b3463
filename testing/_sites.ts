/**
 * Where things were begun: the first frame of the stack that is outside this library.
 *
 * Taking a stack costs some 4 us, so only the first ones are taken: enough for what a test does by hand, while a loop of
 * a million sleeps is not slowed down. Rendering waits until somebody reads.
 */

import { read } from "../core/internal.ts";

/** The budget of one simulation. */
export class Sites {
  #left: number;

  constructor(budget: number) {
    this.#left = budget;
  }

  /** Takes the place of the caller's caller, if the budget allows. */
  take(): Site | null {
    if (this.#left <= 0) return null;
    this.#left--;
    // Somebody may have made it read-only: then the place may be missing, which is no reason to fail.
    const limit = Reflect.get(Error, "stackTraceLimit");
    Reflect.set(Error, "stackTraceLimit", FRAMES);
    const site = new Site();
    Reflect.set(Error, "stackTraceLimit", limit);
    return site;
  }
}

/** From the hook of an instrument to the code that waits there are up to ten frames of the library. */
const FRAMES = 16;

/** One place. */
export class Site {
  constructor() {
    Error.captureStackTrace(this, Sites.prototype.take);
  }

  /** `file:line:column`, or empty if all frames are the library's. */
  toString(): string {
    // What `Error.prepareStackTrace()` of the user's makes of it may be no text.
    const stack = read(this, "stack");
    return typeof stack === "string" ? placeIn(stack) : "";
  }
}

/** A place as the end of a phrase; empty if it is not known. */
export function placed(site: Site | null): string {
  const text = `${site ?? ""}`;
  return text === "" ? "" : ` at ${text}`;
}

/** The first place in a stack that is outside this library; empty if there is none. */
export function placeIn(stack: string): string {
  for (const line of stack.split("\n")) {
    const place = /(?:\(|at |async )((?:file|https?|jsr|npm|node|ext|data|blob):[^\s()]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place === undefined || /^(?:node|ext):/.test(place)) continue;
    if (!place.startsWith(LIBRARY) || !OURS.test(place.slice(LIBRARY.length))) return shortPlace(place);
  }
  return "";
}

const LIBRARY = new URL("../", import.meta.url).href;
/** Not tests, and not the examples in the documentation, whose files are called `x.ts$10-20.ts`. */
const OURS = /^(?:core|net|testing)\/(?:\w+\/)?(?:(?!_test\.)\w)+\.ts:/;

/** A place as people read it: without the scheme, and relative to the main module. */
export function shortPlace(place: string): string {
  return place.startsWith(BASE) ? place.slice(BASE.length) : place.replace(/^file:\/\//, "");
}

/** `deno test` puts its main module into the working directory. Elsewhere it is the folder of the program. */
const BASE = (() => {
  try {
    return new URL("./", (globalThis as { Deno?: { mainModule: string } }).Deno?.mainModule).href;
  } catch {
    return "file://";
  }
})();
