/** The conformance suite for channels. */

import { composedWait } from "../../core/internal.ts";
import { requireWhole } from "../base/check.ts";
import { channelRules } from "./_channel_rules.ts";
import { bind, checkRules, requireCheckArguments } from "./_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/** What `checkChannel()` needs of a sending end. */
export interface CheckedSendChannel<T> extends Disposable {
  /**
   * Hands a value over; waits while there is no room.
   *
   * **Cancellation:** throws `Cancelled`; the value was not sent.
   *
   * @param value The value.
   */
  send(value: T): Promise<void>;
  /**
   * Hands a value over, or throws `WouldBlock`.
   *
   * @param value The value.
   */
  trySend(value: T): void;
  /** Makes another sending end of the same channel. */
  clone(): CheckedSendChannel<T>;
  /** Closes this end. */
  close(): void;
}

/** What `checkChannel()` needs of a receiving end. */
export interface CheckedReceiveChannel<T> extends Disposable, AsyncIterable<T> {
  /**
   * Takes the next value; waits while there is none.
   *
   * **Cancellation:** throws `Cancelled`; no value is lost.
   */
  receive(): Promise<T>;
  /** Takes the next value, or throws `WouldBlock`. */
  tryReceive(): T;
  /** Makes another receiving end of the same channel. */
  clone(): CheckedReceiveChannel<T>;
  /** Closes this end. */
  close(): void;
}

/** How `checkChannel()` is run. */
export interface CheckChannelOptions extends CheckOptions {
  /**
   * How many values the channel holds; may be `Infinity`.
   *
   * @default {0}
   */
  readonly capacity?: number;
}

/**
 * Checks that a channel keeps the contract of `openMemoryChannel()`: order, room, closing, and that cancellation neither
 * loses nor doubles a value.
 *
 * Each rule is a step of its own, so a channel that breaks one fails with the rule and what happened instead.
 *
 * **Cancellation:** in real time, a rule is a wait of the caller; in simulated time, it is not interrupted.
 *
 * @example The channel of this library
 * ```ts
 * import { openMemoryChannel } from "@trefoil/io";
 * import { checkChannel } from "@trefoil/io/testing";
 *
 * const t = { step: (_name: string, fn: () => Promise<void>) => fn() };
 * await checkChannel(t, () => openMemoryChannel<number>(2), { capacity: 2 });
 * ```
 *
 * @param steps The test context: anything with `step(name, fn)`.
 * @param make Makes a new channel, whose two ends are closed after the rule.
 * @param options The capacity of the channel; simulated or real time.
 * @returns A promise that resolves once every rule has been tried.
 */
export function checkChannel(
  steps: StepContext,
  make: () =>
    | readonly [CheckedSendChannel<number>, CheckedReceiveChannel<number>]
    | Promise<readonly [CheckedSendChannel<number>, CheckedReceiveChannel<number>]>,
  options: CheckChannelOptions = {},
): Promise<void> {
  return composedWait(() => check(steps, make, options));
}

async function check(
  steps: StepContext,
  make: Parameters<typeof checkChannel>[1],
  options: CheckChannelOptions,
): Promise<void> {
  requireCheckArguments("check a channel", { steps, make, options }, ["capacity"]);
  const { capacity = 0 } = options;
  if (capacity !== Infinity) requireWhole("check a channel", "capacity", capacity, 0);
  const rules = bind(channelRules(capacity), async (bench) => {
    const [send, receive] = await make();
    bench.closeLater(send, receive);
    return { send, receive };
  });
  await checkRules(steps, rules, options);
}
