/** What all conformance suites take, and the error they fail with. */

import type { SimulateOptions } from "../time/simulation.ts";

/**
 * Where the rules of a conformance suite become steps: a `Deno.TestContext`, or an adapter for another test runner.
 *
 * @category Conformance
 */
export interface StepContext {
  /**
   * Runs one rule under its name: must wait for it, and report the error it rejects with.
   *
   * **Cancellation:** up to the test runner.
   *
   * @param name The rule.
   * @param fn Tries it; rejects with a `RuleError` if it is broken.
   */
  step(name: string, fn: () => Promise<void>): Promise<unknown>;
}

/**
 * Options of all conformance suites.
 *
 * @category Conformance
 */
export interface CheckOptions {
  /**
   * `"simulated"`: each rule is a simulation, and a wait that nothing can end fails it at once. It is for everything
   * that lives in memory. `"real"`: the rules run in the run of the caller, each with a timeout. It is for everything
   * that waits for the host, like sockets.
   *
   * @default {"simulated"}
   */
  readonly time?: "simulated" | "real";
  /** How long one rule may take, in milliseconds; by default 5,000 in real time, and any length in simulated time. */
  readonly timeout?: number;
  /** Options of the simulations: a network, a seed. */
  readonly simulation?: SimulateOptions;
}

/**
 * Thrown by a step of a conformance suite when a rule is broken. The message is the rule and what happened instead.
 *
 * @example What is said of a stream whose close() wakes nobody
 * ```ts
 * import { RuleError } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new RuleError("close() wakes a blocked receive", "it did not");
 * assertEquals(error.message, "close() wakes a blocked receive: it did not");
 * ```
 *
 * @category Conformance
 */
export class RuleError extends Error {
  /** The name of the class. */
  override readonly name = "RuleError";
  /** The rule: the name of its step. */
  readonly rule: string;
  /** What happened instead. */
  readonly finding: string;

  /**
   * Makes the error, without a stack: that would show the suite alone. The stack of the cause shows what was checked.
   *
   * @param rule The rule.
   * @param finding What happened instead.
   * @param options `cause`, as for every error.
   */
  constructor(rule: string, finding: string, options?: ErrorOptions) {
    super(`${rule}: ${finding}`, options);
    this.rule = rule;
    this.finding = finding;
    this.stack = `RuleError: ${this.message}`;
  }
}
