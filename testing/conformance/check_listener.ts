/** The conformance suite for listeners. */

import type { NetworkListener } from "../../core/lowlevel.ts";
import { composedWait, requireFunction } from "../../core/internal.ts";
import type { Listener, Stream } from "../../net/mod.ts";
import { bind, checkRules, requireCheckArguments } from "./_rules.ts";
import { HOST_LISTENER_RULES } from "./_host_rules.ts";
import { LISTENER_RULES, type ListenerSubject } from "./_listener_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/**
 * A listener for `checkListener()` to try a rule on, and how to connect to it.
 *
 * @category Conformance
 */
export interface CheckedListener<S extends Stream> {
  /** A new listener, without connections. */
  readonly listener: Listener<S>;
  /**
   * Connects to the listener.
   *
   * **Cancellation:** the suite does not cancel it.
   *
   * @returns The client's end, which is closed after the rule.
   */
  connect(): Promise<Stream>;
}

/**
 * Options of `checkListener()`.
 *
 * @category Conformance
 */
export interface CheckListenerOptions extends CheckOptions {
  /**
   * Makes a listener over one of the host, for listeners that are built on one. It adds rules about a host whose
   * functions throw at once or later, and settle twice or never, and about a host's listener that was closed elsewhere.
   * By default these rules are left out.
   *
   * @param listener The listener of the host, which the new one owns.
   */
  readonly over?: (listener: NetworkListener) => Listener<Stream> | Promise<Listener<Stream>>;
}

/**
 * Checks that a listener keeps the contract of `Listener`.
 *
 * Each rule is a step. A listener that breaks one fails with the rule and what happened instead.
 *
 * **Cancellation:** passes `Cancelled` on; the rule that is being tried is cancelled.
 *
 * @example A listener for TCP, over real sockets and so in real time
 * ```ts
 * import { openTcpListeners, openTcpStream } from "@trefoil/io";
 * import { checkListener } from "@trefoil/io/testing";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * await checkListener(t, async () => {
 *   const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 *   return { listener: listener, connect: () => openTcpStream("127.0.0.1", listener.address.port) };
 * }, { time: "real" });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new listener, which is closed after the rule, and a way to connect to it.
 * @param options Simulated or real time.
 * @returns A promise that resolves once every rule has been tried.
 * @category Conformance
 */
export function checkListener<S extends Stream>(
  steps: StepContext,
  make: () => CheckedListener<S> | Promise<CheckedListener<S>>,
  options: CheckListenerOptions = {},
): Promise<void> {
  return composedWait(() => check(steps, make, options));
}

async function check<S extends Stream>(
  steps: StepContext,
  make: () => CheckedListener<S> | Promise<CheckedListener<S>>,
  options: CheckListenerOptions,
): Promise<void> {
  requireCheckArguments("check a listener", { steps, make, options }, ["over"]);
  const { over } = options;
  if (over !== undefined) requireFunction("check a listener", "over", over);
  const rules = bind<ListenerSubject>(LISTENER_RULES, async (bench) => {
    const made = await make();
    requireFunction("check a listener", "connect", made.connect);
    bench.closeLater(made.listener);
    return { listener: made.listener, connect: () => made.connect() };
  });
  const overHost = over === undefined ? [] : bind(HOST_LISTENER_RULES, () => over, " (over a host that misbehaves)");
  await checkRules(steps, [...rules, ...overHost], options);
}
