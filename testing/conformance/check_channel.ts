/** The conformance suite for channels. */

import type { ReceiveChannel, SendChannel } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { requireWhole } from "../base/check.ts";
import { channelRules } from "./_channel_rules.ts";
import { checkRules, requireCheckArguments } from "./_rules.ts";
import type { CheckOptions, StepContext } from "./conformance.ts";

/**
 * Options of `checkChannel()`.
 *
 * @category Conformance
 */
export interface CheckChannelOptions extends CheckOptions {
  /**
   * How many values the channel holds. `Infinity`: there is no limit, or none that can be reached by a known number of
   * values, and the rules about a full channel are left out.
   *
   * @default {0}
   */
  readonly capacity?: number;
}

/**
 * Checks that the two ends of a channel keep the contracts of `SendChannel` and `ReceiveChannel`: order, room, closing,
 * and that cancellation neither loses nor doubles a value.
 *
 * The rules about `trySend()` and `tryReceive()`, and about `clone()`, are tried as well if both ends have them; they
 * are those of `openMemoryChannel()`. Each rule is a step of its own, so a channel that breaks one fails with the rule
 * and what happened instead.
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
 * @category Conformance
 */
export function checkChannel(
  steps: StepContext,
  make: () =>
    | readonly [SendChannel<number>, ReceiveChannel<number>]
    | Promise<readonly [SendChannel<number>, ReceiveChannel<number>]>,
  options: CheckChannelOptions = {},
): Promise<void> {
  return composedWait(async () => {
    requireCheckArguments("check a channel", { steps, make, options }, ["capacity"]);
    const { capacity = 0 } = options;
    if (capacity !== Infinity) requireWhole("check a channel", "capacity", capacity, 0);
    await checkRules(steps, channelRules(capacity, make), options);
  });
}
