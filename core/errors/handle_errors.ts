/** Handling errors by kind: the part that `except*` plays in Python (PEP 654). */

import { requireFunction, show } from "../base/check.ts";
import { checkpoint } from "../scopes/checkpoint.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode } from "../kernel/context.ts";
import { expose } from "../kernel/elsewhere.ts";
import { ErrorGroup, type ErrorMatch, isErrorGroup } from "../kernel/error_group.ts";
import { isCancelled } from "../kernel/cancelled.ts";
import { outOfTurn, yieldTurn } from "../kernel/waiter.ts";

/**
 * An error class or predicate, and the handler of the errors that match: see `handleErrors()`.
 *
 * @category Errors
 */
export type ErrorHandler<R> = readonly [match: ErrorMatch, handle: (group: ErrorGroup) => R | Promise<R>];

/**
 * Runs a function and hands each error that leaves it to the first handler that matches.
 *
 * It works on single errors and on groups alike. Each handler is called at most once, always with an `ErrorGroup`.
 * Errors that no handler matches are thrown again, together with those that handlers throw, in one group. A
 * cancellation always passes.
 *
 * **Cancellation:** passes through untouched; the handlers of other errors still run. When every error is handled, the
 * call checks the scope once more, so that a loop of handled failures can be cancelled.
 *
 * @example Handling two kinds of failure
 * ```ts
 * import { handleErrors, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * await handleErrors(() =>
 *   openNursery((nursery) => {
 *     nursery.startSoon(() => Promise.reject(new TypeError("bad type")));
 *   }), [
 *   [TypeError, (group) => void seen.push(`${group.errors.length} TypeError`)],
 *   [RangeError, (group) => void seen.push(`${group.errors.length} RangeError`)],
 * ]);
 * assertEquals(seen, ["1 TypeError"]);
 * ```
 *
 * @param body What to run.
 * @param handlers Pairs of error class (or predicate) and handler, tried in order.
 * @returns What `body` returned, or `undefined` if an error was handled.
 * @throws {ErrorGroup} If errors remain that no handler matched, or handlers failed.
 * @throws {TypeError} If `body` is not a function, or `handlers` are not pairs; `body` is not called then.
 * @category Errors
 */
export function handleErrors<T>(
  body: () => T | Promise<T>,
  handlers: readonly ErrorHandler<unknown>[],
): Promise<T | undefined> {
  return composedWait(() => handle(body, handlers));
}

async function handle<T>(
  body: () => T | Promise<T>,
  handlers: readonly ErrorHandler<unknown>[],
): Promise<T | undefined> {
  requireHandlers(body, handlers);
  const node = currentNode();
  try {
    const value = await body();
    // Not a checkpoint, but a loop of nothing else must not starve the event loop.
    if (outOfTurn(node)) await yieldTurn(node, undefined);
    return value;
  } catch (error) {
    const rest = await offer(expose(node, error), handlers);
    if (rest === null) {
      await checkpoint();
      return undefined;
    }
    if (outOfTurn(node)) await yieldTurn(node, undefined);
    throw rest.error;
  }
}

/** Offers an error to the handlers; returns what is left of it. */
async function offer(
  error: unknown,
  handlers: readonly ErrorHandler<unknown>[],
): Promise<{ readonly error: unknown } | null> {
  const group = isErrorGroup(error) ? error : new ErrorGroup([error]);
  // A cancellation is nobody's to handle.
  const [cancelled, failures] = group.split(isCancelled);
  const remaining: unknown[] = [];
  let rest = failures;
  for (const [match, handle] of handlers) {
    if (rest === null) break;
    try {
      const [mine, others]: [ErrorGroup | null, ErrorGroup | null] = rest.split(match);
      if (mine === null) continue;
      rest = others;
      await handle(mine);
    } catch (thrown) {
      remaining.push(thrown);
    }
  }
  // Nobody wanted any of it: it leaves as it came.
  if (rest === failures && remaining.length === 0 && (failures !== null || cancelled !== null)) return { error };
  for (const part of [rest, cancelled]) if (part !== null) remaining.push(part);
  if (remaining.length === 0) return null;
  return { error: remaining.length === 1 && isErrorGroup(remaining[0]) ? remaining[0] : new ErrorGroup(remaining) };
}

function requireHandlers(body: unknown, handlers: unknown): void {
  requireFunction("handle errors", "body", body);
  if (!Array.isArray(handlers)) {
    throw new TypeError(
      `Cannot handle errors as "handlers" must be a list of [match, function]: received ${show(handlers)}`,
    );
  }
  handlers.forEach((pair: unknown, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(
        `Cannot handle errors as "handlers[${index}]" must be a pair [match, function]: received ${show(pair)}`,
      );
    }
    const [match, handler] = pair;
    if (typeof match !== "function") {
      throw new TypeError(
        `Cannot handle errors as "handlers[${index}][0]" must be an error class or a function: received ${show(match)}`,
      );
    }
    requireFunction("handle errors", `handlers[${index}][1]`, handler);
  });
}
