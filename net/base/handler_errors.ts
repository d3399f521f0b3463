/**
 * What a server does with an error of a handler.
 *
 * A server outlives its handlers: one connection must not be able to end all others. So by default an error is printed,
 * once and with what is needed to find it, and the server goes on. The rule of nurseries, that an error of a child
 * fails the block, has to be asked for (`"fail"`).
 *
 * In a simulation there is nobody to read what is printed, and a test whose handlers fail must not pass: there the
 * default is to fail. A simulation is known by its clock, which is `deterministic`: the driver of such a run looks for
 * its errors (as for the deadlocks, which `run()` does not print there either). A test that lets handlers fail on
 * purpose says what becomes of their errors, as a program would.
 *
 * A cancellation is no error: see `failureOf()`. One that came from elsewhere is, as for this connection nothing was
 * cancelled.
 */

import { currentTask } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { failureOf, NOTHING, requireFunction, show, taskText, textOf } from "../../core/internal.ts";
import { withOthers } from "./with_others.ts";

/** What a server does with an error of a handler: see `ServeOptions.onHandlerError`. */
export type HandlerErrorRule<A extends readonly unknown[]> = "fail" | ((error: unknown, ...args: A) => unknown);

/** Checks a rule, before any effect. */
export function checkHandlerErrorRule(rule: unknown): void {
  if (typeof rule === "string" && rule !== "fail") {
    throw new RangeError(`Cannot serve as "onHandlerError" must be a function or "fail": received ${show(rule)}`);
  }
  if (rule !== undefined && rule !== "fail") requireFunction("serve", "onHandlerError", rule);
}

/**
 * Follows the rule for a failure, as `failureOf()` gives it: returns what the function of the rule returns. Throws what
 * shall fail the server.
 */
export async function followRule<A extends readonly unknown[]>(
  rule: HandlerErrorRule<A> | undefined,
  failure: unknown,
  peer: () => string,
  ...args: A
): Promise<unknown> {
  if (rule === "fail") throw failure;
  if (rule === undefined) return tell(failure, () => goesOn(peer));
  try {
    return await rule(failure, ...args);
  } catch (error) {
    const second = failureOf(error);
    throw second === NOTHING ? error : withOthers(second, [failure]);
  }
}

/** Prints a failure for which there is no rule, after a text; throws it in a simulation. */
export function tell(failure: unknown, text: () => string): void {
  if (currentRun().clock.deterministic === true) throw failure;
  print(text(), failure);
}

function goesOn(peer: () => string): string {
  let who = "a connection";
  try {
    who = peer();
  } catch {
    // It cannot be asked any more.
  }
  return `Cannot go on serving ${who} as its handler failed in ${taskText(currentTask())}; ` +
    'the server goes on ("onHandlerError" replaces this report):';
}

/** Prints an error, whatever it is. */
function print(text: string, error: unknown): void {
  try {
    // deno-lint-ignore no-console -- an error must not be lost, and nobody else wants it
    console.error(text, error);
  } catch {
    // deno-lint-ignore no-console -- it cannot be shown in full
    console.error(text, textOf(error));
  }
}
