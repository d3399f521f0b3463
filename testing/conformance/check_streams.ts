/**
 * Conformance suites for byte streams: the rules that code written for one kind of stream relies on with every other.
 */

import type { NetworkConn } from "../../core/lowlevel.ts";
import { composedWait, requireFunction } from "../../core/internal.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, Stream } from "../../net/mod.ts";
import { requireWhole } from "../base/check.ts";
import { bind, type BoundRule, checkRules, requireCheckArguments, type Trial } from "./_rules.ts";
import { HOST_EOF_RULES, HOST_STREAM_RULES } from "./_host_rules.ts";
import { oneWayRules } from "./_one_way_rules.ts";
import { halfCloseRules, twoWayRules } from "./_two_way_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/**
 * Options of `checkOneWayStream()`.
 *
 * @category Conformance
 */
export interface CheckStreamOptions extends CheckOptions {
  /**
   * How many bytes are certain to block a sender whose peer does not receive. With `0` no number is certain to, and the
   * rules about blocked senders are left out.
   *
   * @default {16_777_216}
   */
  readonly clog?: number;
}

/**
 * Options of `checkTwoWayStream()` and `checkHalfCloseableStream()`.
 *
 * @category Conformance
 */
export interface CheckTwoWayStreamOptions<S extends Stream = Stream> extends CheckStreamOptions {
  /**
   * Makes a stream over a connection of the host, for streams that are built on one. It adds rules about a host whose
   * functions throw at once or later, settle twice or never, or return nonsense, and about a connection that was closed
   * elsewhere. By default these rules are left out.
   *
   * @param conn The connection of the host, which the stream owns.
   */
  readonly over?: (conn: NetworkConn) => S | Promise<S>;
}

/** Streams rarely buffer more than this: sockets of Linux buffer up to 10 MB on the way. */
const CLOG = 16 << 20;

const OVER_HOST = " (over a host that misbehaves)";

/**
 * Checks that a pair of streams, one to send on and one to receive from, keeps the contract of `SendStream` and
 * `ReceiveStream`.
 *
 * Each rule is a step. A stream that breaks one fails with the rule and what happened instead, for example `close()
 * wakes a blocked receive with ClosedResourceError: it did not: receiveSome() is still blocked`. No rule hangs,
 * whatever the stream does.
 *
 * **Cancellation:** passes `Cancelled` on; the rule that is being tried is cancelled.
 *
 * @example Your own stream
 * ```ts
 * import { checkOneWayStream, memoryStreamOneWayPair } from "@trefoil/io/testing";
 *
 * // In a test: Deno.test("my stream keeps the rules", (t) => checkOneWayStream(t, makePair))
 * const rules: string[] = [];
 * const t = { step: (name: string, fn: () => Promise<void>) => (rules.push(name), fn()) };
 * await checkOneWayStream(t, () => memoryStreamOneWayPair({ capacity: 100 }), { clog: 1_000 });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new pair, whose streams are closed after the rule.
 * @param options Simulated or real time, how to block a sender.
 * @returns A promise that resolves once every rule has been tried.
 * @category Conformance
 */
export function checkOneWayStream(
  steps: StepContext,
  make: () => readonly [SendStream, ReceiveStream] | Promise<readonly [SendStream, ReceiveStream]>,
  options: CheckStreamOptions = {},
): Promise<void> {
  return composedWait(async () => {
    const { clog } = checkOptions(steps, make, options);
    const ends = async (bench: Trial) => {
      const [send, receive] = await make();
      bench.closeLater(send, receive);
      return { send, receive };
    };
    await checkRules(steps, bind(oneWayRules(clog), ends), options);
  });
}

/**
 * Checks that a pair of connected streams keeps the contract of `Stream`: each direction, and both at once.
 *
 * **Cancellation:** passes `Cancelled` on; the rule that is being tried is cancelled.
 *
 * @example A pair in memory
 * ```ts
 * import { checkTwoWayStream, memoryStreamPair } from "@trefoil/io/testing";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * await checkTwoWayStream(t, () => memoryStreamPair({ capacity: 1_000 }), { clog: 5_000 });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new pair, whose streams are closed after the rule.
 * @param options Simulated or real time, how to block a sender.
 * @returns A promise that resolves once every rule has been tried.
 * @category Conformance
 */
export function checkTwoWayStream(
  steps: StepContext,
  make: () => readonly [Stream, Stream] | Promise<readonly [Stream, Stream]>,
  options: CheckTwoWayStreamOptions = {},
): Promise<void> {
  return composedWait(async () => {
    const { clog, over } = checkOptions(steps, make, options, ["over"]);
    const overHost = over === undefined ? [] : bind(HOST_STREAM_RULES, () => over, OVER_HOST);
    await checkRules(steps, [...rulesBothWays(make, clog), ...overHost], options);
  });
}

/**
 * Checks that a pair of connected streams keeps the contract of `HalfCloseableStream`: that of `Stream`, and
 * `sendEof()`.
 *
 * **Cancellation:** passes `Cancelled` on; the rule that is being tried is cancelled.
 *
 * @example A pair in memory
 * ```ts
 * import { checkHalfCloseableStream, lockstepStreamPair } from "@trefoil/io/testing";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * await checkHalfCloseableStream(t, lockstepStreamPair, { clog: 1 });
 * ```
 *
 * @example A stream over a connection of the host, also over one that misbehaves
 * ```ts
 * import { BufferedStream, SocketStream } from "@trefoil/io";
 * import { checkHalfCloseableStream, memoryStreamPair } from "@trefoil/io/testing";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * const make = () => {
 *   const [here, there] = memoryStreamPair();
 *   return [new BufferedStream(here), new BufferedStream(there)] as const;
 * };
 * await checkHalfCloseableStream(t, make, { over: (conn) => new BufferedStream(new SocketStream(conn)) });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new pair, whose streams are closed after the rule.
 * @param options Simulated or real time, how to block a sender.
 * @returns A promise that resolves once every rule has been tried.
 * @category Conformance
 */
export function checkHalfCloseableStream(
  steps: StepContext,
  make: () =>
    | readonly [HalfCloseableStream, HalfCloseableStream]
    | Promise<readonly [HalfCloseableStream, HalfCloseableStream]>,
  options: CheckTwoWayStreamOptions<HalfCloseableStream> = {},
): Promise<void> {
  return composedWait(async () => {
    const { clog, over } = checkOptions(steps, make, options, ["over"]);
    const rules = [...rulesBothWays(make, clog), ...bind(halfCloseRules(clog), closingLater(make))];
    if (over !== undefined) {
      rules.push(...bind(HOST_STREAM_RULES, () => over, OVER_HOST), ...bind(HOST_EOF_RULES, () => over, OVER_HOST));
    }
    await checkRules(steps, rules, options);
  });
}

function rulesBothWays<S extends Stream>(
  make: () => readonly [S, S] | Promise<readonly [S, S]>,
  clog: number,
): readonly BoundRule[] {
  const pair = closingLater(make);
  const oneWay = oneWayRules(clog);
  return [
    ...bind(oneWay, async (bench) => {
      const [send, receive] = await pair(bench);
      return { send, receive };
    }, " (first to second)"),
    ...bind(oneWay, async (bench) => {
      const [receive, send] = await pair(bench);
      return { send, receive };
    }, " (second to first)"),
    ...bind(twoWayRules(clog), pair),
  ];
}

function closingLater<S extends Stream>(
  make: () => readonly [S, S] | Promise<readonly [S, S]>,
): (bench: Trial) => Promise<readonly [S, S]> {
  return async (bench) => {
    const pair = await make();
    bench.closeLater(...pair);
    return pair;
  };
}

/** Checks the arguments; returns the options of these suites. */
function checkOptions<S extends Stream>(
  steps: StepContext,
  make: unknown,
  options: CheckTwoWayStreamOptions<S>,
  further: readonly string[] = [],
): { readonly clog: number; readonly over: CheckTwoWayStreamOptions<S>["over"] } {
  requireCheckArguments("check streams", { steps, make, options }, ["clog", ...further]);
  const { clog = CLOG, over } = options;
  if (over !== undefined) requireFunction("check streams", "over", over);
  requireWhole("check streams", "clog", clog, 0);
  return { clog, over };
}
