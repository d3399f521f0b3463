/**
 * What to do when connections cannot be accepted.
 *
 * There is no list of errors to survive: hosts have more of them than any list, and the next one would end the server.
 * So accepting goes on after whatever is thrown, except where that is known to be useless. What is thrown without an
 * end must neither fill the log nor the processor: it is reported once per burst, and pauses grow.
 */

import { currentTime, sleep } from "../../core/mod.ts";
import { read, textOf } from "../../core/internal.ts";
import { isOutOfResources } from "./host_errors.ts";

/** How long to wait before accepting again when the host has no more resources, in milliseconds (as Trio). */
export const CAPACITY_PAUSE = 100;
/** How long all must have gone well for trouble to be new, in milliseconds. */
const BURST_END = 1_000;
/**
 * Of the host: a permission is missing; the listener was closed by somebody else. Of this library: the listener is
 * closed; nothing more comes from it; somebody else accepts from it as well.
 */
const FINAL = new Set<unknown>([
  "NotCapable",
  "BadResource",
  "ClosedResourceError",
  "EndOfChannel",
  "BusyResourceError",
]);

/** Whether no connection can ever come after such an error. */
export function isFinal(error: unknown): boolean {
  return FINAL.has(read(error, "name"));
}

/** The troubles of one server; all its listeners draw from the same resources. */
export class AcceptTrouble {
  readonly #report: (error: unknown) => unknown;
  /** When there was trouble last. */
  #last = -Infinity;

  constructor(report: (error: unknown) => unknown = printTrouble) {
    this.#report = report;
  }

  /** Reports an error if it is news, and waits until it is time to try again. */
  async over(error: unknown, pause: number): Promise<void> {
    const now = currentTime();
    const known = now - this.#last <= BURST_END;
    this.#last = now;
    if (!known) await this.#report(error);
    await sleep(pause);
  }
}

/** How long to wait after an error of accepting, which `repeats` others came just before, in milliseconds. */
export function pauseAfter(error: unknown, repeats: number): number {
  if (isWant(error)) return CAPACITY_PAUSE;
  return repeats === 0 ? 0 : Math.min(2 ** repeats, CAPACITY_PAUSE);
}

/**
 * Whether an error says that the system has no more of something. The host's server of HTTP tells it by the words
 * alone.
 */
function isWant(error: unknown): boolean {
  return isOutOfResources(error) || /\(os error (?:12|23|24|105)\)/.test(textOf(error));
}

function printTrouble(error: unknown): void {
  const text = isWant(error)
    ? `Cannot accept connections for the moment, trying again every ${CAPACITY_PAUSE}ms`
    : "Cannot accept a connection, going on with the next one";
  // deno-lint-ignore no-console -- a server that cannot accept must not be silent about it
  console.error(`${text}: ${textOf(error)}`);
}
