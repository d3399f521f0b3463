/**
 * Deadlines over the wire: as what is left, and not as a moment, as clocks differ. The time on the way is not counted,
 * so the other side is a little more patient than whoever asked.
 */

import { faultOf, show } from "../base/check.ts";
import type { CancelScope } from "../kernel/cancel_scope.ts";
import { failAfter } from "./timeouts.ts";

/** So many digits are some thirty years; more than that is no time. */
const TIME = /^\d{1,12}$/;

/** The time in a text, in milliseconds; `null` if it is none. */
export function parseTimeLeft(text: string): number | null {
  return TIME.test(text) ? Number(text) : null;
}

/**
 * Runs a function in the time that is left as somebody else says, in a text: the header of a message, written with
 * `timeLeft()`.
 *
 * With `null` or `undefined`, as a message without the header gives it, there is no limit but those of the scopes around
 * it.
 *
 * **Cancellation:** the time cancels the waits inside; a cancellation from outside passes through.
 *
 * @example Answering a message for as long as somebody waits for it
 * ```ts
 * import { sleep, TooSlowError, withTimeLeft } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const message = { headers: new Headers({ "time-left": "5" }) };
 * await assertRejects(() => withTimeLeft(message.headers.get("time-left"), () => sleep(60_000)), TooSlowError);
 * assertEquals(await withTimeLeft(null, () => "no hurry"), "no hurry");
 * ```
 *
 * @param text The time that is left, in milliseconds: one to twelve digits.
 * @param body What to run; receives the scope.
 * @returns What the body returned.
 * @throws {TooSlowError} If the time ran out.
 * @throws {RangeError} If `text` is no such time; the body does not start.
 * @category Scopes and timeouts
 */
export function withTimeLeft<T>(
  text: string | null | undefined,
  body: (scope: CancelScope) => T | Promise<T>,
): Promise<T> {
  let ms = Infinity;
  const fault = faultOf(() => {
    if (text !== null && text !== undefined) ms = requireTimeLeft(text);
  });
  return fault === null ? failAfter(ms, body) : Promise.reject(fault);
}

function requireTimeLeft(text: unknown): number {
  const what = 'Cannot limit the time as "text" must be milliseconds, one to twelve digits';
  if (typeof text !== "string") throw new TypeError(`${what}: received ${show(text)}`);
  const ms = parseTimeLeft(text);
  if (ms === null) throw new RangeError(`${what}: received ${show(text)}`);
  return ms;
}
