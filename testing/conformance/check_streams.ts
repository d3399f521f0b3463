/** Conformance suites for byte streams: the rules that code written for one kind of stream relies on with every other. */

import type { NetworkConn } from "../../core/lowlevel.ts";
import { composedWait, requireFunction } from "../../core/internal.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, Stream } from "../../net/mod.ts";
import { requireWhole } from "../base/check.ts";
import { type Bench, bind, type BoundRule, checkRules, requireCheckArguments } from "./_rules.ts";
import { HOST_EOF_RULES, HOST_STREAM_RULES } from "./_host_rules.ts";
import { oneWayRules } from "./_one_way_rules.ts";
import { halfCloseRules, twoWayRules } from "./_two_way_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/** How a conformance suite for streams is run. */
export interface CheckStreamOptions extends CheckOptions {
  /**
   * How many bytes are certain to block a sender whose peer does not receive. `0`: no number is, and the rules
   * about blocked senders are left out.
   *
   * @default {16_777_216}
   */
  readonly clog?: number;
}

/** How a conformance suite for streams in both directions is run. */
export interface CheckTwoWayStreamOptions<S extends Stream = Stream> extends CheckStreamOptions {
  /**
   * Makes a stream over a connection of the host, for streams that are made of one. Then there are rules about a host
   * that misbehaves: whose functions throw at once or later, settle twice or never, say nonsense; and about a connection
   * that somebody else has closed. By default these are left out.
   *
   * @param conn The connection, which the stream takes over.
   */
  readonly over?: (conn: NetworkConn) => S | Promise<S>;
}

/** Streams beyond the default hold more than this hardly ever: sockets of Linux buffer up to 10 MB on the way. */
const CLOG = 16 << 20;

const OVER_HOST = " (over a host that misbehaves)";

/**
 * Checks that a pair of streams, one to send and one to receive, keeps the contract of `SendStream` and `ReceiveStream`.
 *
 * Each rule is a step of its own, so a stream that breaks one fails with the rule and what happened instead, for example
 * `close() wakes a blocked receive with ClosedResourceError: it did not: receiveSome() is still blocked`. No rule hangs,
 * whatever the stream does.
 *
 * **Cancellation:** in real time, a rule is a wait of the caller; in simulated time, it is not interrupted.
 *
 * @example A stream of one's own
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
 */
export function checkOneWayStream(
  steps: StepContext,
  make: () => readonly [SendStream, ReceiveStream] | Promise<readonly [SendStream, ReceiveStream]>,
  options: CheckStreamOptions = {},
): Promise<void> {
  return composedWait(async () => {
    const clog = requireArguments(steps, make, options);
    const ends = async (bench: Bench) => {
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
 * **Cancellation:** in real time, a rule is a wait of the caller; in simulated time, it is not interrupted.
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
 */
export function checkTwoWayStream(
  steps: StepContext,
  make: () => readonly [Stream, Stream] | Promise<readonly [Stream, Stream]>,
  options: CheckTwoWayStreamOptions = {},
): Promise<void> {
  return composedWait(async () => {
    const { over } = options;
    const clog = requireArguments(steps, make, options);
    const overHost = over === undefined ? [] : bind(HOST_STREAM_RULES, () => over, OVER_HOST);
    await checkRules(steps, [...rulesBothWays(make, clog), ...overHost], options);
  });
}

/**
 * Checks that a pair of connected streams keeps the contract of `HalfCloseableStream`: that of `Stream`, and `sendEof()`.
 *
 * **Cancellation:** in real time, a rule is a wait of the caller; in simulated time, it is not interrupted.
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
 */
export function checkHalfCloseableStream(
  steps: StepContext,
  make: () =>
    | readonly [HalfCloseableStream, HalfCloseableStream]
    | Promise<readonly [HalfCloseableStream, HalfCloseableStream]>,
  options: CheckTwoWayStreamOptions<HalfCloseableStream> = {},
): Promise<void> {
  return composedWait(async () => {
    const { over } = options;
    const clog = requireArguments(steps, make, options);
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
): (bench: Bench) => Promise<readonly [S, S]> {
  return async (bench) => {
    const pair = await make();
    bench.closeLater(...pair);
    return pair;
  };
}

/** Checks the arguments; returns how many bytes block a sender. */
function requireArguments(steps: StepContext, make: unknown, options: CheckTwoWayStreamOptions): number {
  requireCheckArguments("check streams", { steps, make, options });
  const { clog = CLOG, over } = options;
  if (over !== undefined) requireFunction("check streams", "over", over);
  requireWhole("check streams", "clog", clog, 0);
  return clog;
}
