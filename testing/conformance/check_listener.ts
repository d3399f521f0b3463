/** The conformance suite for listeners. */

import type { NetworkListener } from "../../core/lowlevel.ts";
import { composedWait, requireFunction } from "../../core/internal.ts";
import type { Listener, Stream } from "../../net/mod.ts";
import { bind, checkRules, requireCheckArguments } from "./_rules.ts";
import { HOST_LISTENER_RULES } from "./_host_rules.ts";
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

/** How a conformance suite for listeners is run. */
export interface CheckListenerOptions extends CheckOptions {
  /**
   * Makes a listener over one of the host, for listeners that are made of one. Then there are rules about a host that
   * misbehaves: whose functions throw at once or later, settle twice or never; and about a listener that somebody else has
   * closed. By default these are left out.
   *
   * @param listener The listener of the host, which is taken over.
   */
  readonly over?: (listener: NetworkListener) => Listener<Stream> | Promise<Listener<Stream>>;
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
 * import { openTcpListeners, openTcpStream } from "@trefoil/io";
 * import { checkListener } from "@trefoil/io/testing";
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
export function checkListener<S extends Stream>(
  steps: StepContext,
  make: () => CheckedListener<S> | Promise<CheckedListener<S>>,
  options: CheckListenerOptions = {},
): Promise<void> {
  return composedWait(async () => {
    const { over } = options;
    requireCheckArguments("check a listener", { steps, make, options });
    if (over !== undefined) requireFunction("check a listener", "over", over);
    const rules = bind<ListenerBench>(LISTENER_RULES, async (bench) => {
      const made = await make();
      requireFunction("check a listener", "connect", made.connect);
      bench.closeLater(made.listener);
      return { listener: made.listener, connect: () => made.connect() };
    });
    const overHost = over === undefined ? [] : bind(HOST_LISTENER_RULES, () => over, " (over a host that misbehaves)");
    await checkRules(steps, [...rules, ...overHost], options);
  });
}
