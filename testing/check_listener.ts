/** The conformance suite for listeners. */

import type { Listener, Stream } from "../net/mod.ts";
import { requireFunction } from "./_arguments.ts";
import { bind, checkRules, requireCheckArguments } from "./_conformance.ts";
import { LISTENER_RULES, type ListenerBench } from "./_listener_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/** What `checkListener()` tries its rules on. */
export interface CheckedListener<S extends Stream> {
  /** A listener that nobody has connected to. */
  readonly listener: Listener<S>;
  /**
   * Connects to it.
   *
   * **Cancellation:** up to its maker; the suite does not cancel it.
   *
   * @returns The client's end, which is closed after the rule.
   */
  connect(): Promise<Stream>;
}

/**
 * Checks that a listener keeps the contract of `Listener`.
 *
 * Each rule is a step of its own, so a listener that breaks one fails with the rule and what happened instead.
 *
 * **Cancellation:** in real time, a rule is a wait of the caller; in simulated time, it is not interrupted.
 *
 * @example A listener for TCP, over real sockets and so in real time
 * ```ts
 * import { checkListener, openTcpListeners, openTcpStream } from "@trefoil/io";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * await checkListener(t, async () => {
 *   const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 *   return { listener: listener!, connect: () => openTcpStream("127.0.0.1", listener!.address.port) };
 * }, { time: "real" });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new listener, which is closed after the rule, and a way to connect to it.
 * @param options Simulated or real time.
 * @returns A promise that resolves once every rule has been tried.
 */
export async function checkListener<S extends Stream>(
  steps: StepContext,
  make: () => CheckedListener<S> | Promise<CheckedListener<S>>,
  options: CheckOptions = {},
): Promise<void> {
  requireCheckArguments("check a listener", { steps, make, options });
  const rules = bind<ListenerBench>(LISTENER_RULES, async (bench) => {
    const made = await make();
    requireFunction("check a listener", "connect", made.connect);
    bench.closeLater(made.listener);
    return { listener: made.listener, connect: () => made.connect() };
  });
  await checkRules(steps, rules, options);
}
