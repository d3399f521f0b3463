/**
 * Where things were begun: the first frame of the stack that is outside this library.
 *
 * Taking a stack costs some 4 us, so only the first ones are taken: enough for what a test does by hand, while a loop
 * of a million sleeps is not slowed down. Rendering waits until somebody reads.
 */

import { captureSite, placeOf, plainPlace } from "../../core/internal.ts";

/** The budget of one simulation. */
export class Sites {
  #left: number;

  constructor(budget: number) {
    this.#left = budget;
  }

  /** Takes the place of the user's call that led here, if the budget allows. */
  take(): Site | null {
    if (this.#left <= 0) return null;
    this.#left--;
    return new Site();
  }
}

/** One place. */
export class Site {
  readonly #captured = captureSite();

  /** `file:line:column`, or empty if all frames are the library's. */
  toString(): string {
    const place = placeOf(this.#captured);
    return place === undefined ? "" : shortPlace(place);
  }
}

/** A place as the end of a phrase; empty if it is not known. */
export function placed(site: Site | null): string {
  const text = `${site ?? ""}`;
  return text === "" ? "" : ` at ${text}`;
}

/** A place as people read it: without the scheme, and relative to the main module. */
export function shortPlace(place: string): string {
  return place.startsWith(BASE) ? place.slice(BASE.length) : plainPlace(place);
}

/** `deno test` puts its main module into the working directory. Elsewhere it is the folder of the program. */
const BASE = (() => {
  try {
    return new URL("./", (globalThis as { Deno?: { mainModule: string } }).Deno?.mainModule).href;
  } catch {
    return "file://";
  }
})();
