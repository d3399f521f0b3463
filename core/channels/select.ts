/** Receiving from whichever channel has something. */

import { show } from "../_check.ts";
import type { Receiver } from "./_channel.ts";
import { ReceiveEnd } from "./_channel_ends.ts";
import { currentNode } from "../_context.ts";
import { refusedAfterTurn } from "../_composed_wait.ts";
import { EndOfChannel } from "../errors.ts";
import type { MemoryReceiveChannel } from "./memory_channel.ts";
import { pass, refuse, Waiter, type WaitReason } from "../_waiter.ts";
import type { Line, Queued } from "../_wait_queue.ts";

/** Which channel a value came from, by the name it was given, and the value. */
export type Selected<C> = {
  [K in keyof C]: C[K] extends MemoryReceiveChannel<infer T> ? { readonly from: K; readonly value: T } : never;
}[keyof C];

/** How `select()` chooses. */
export interface SelectOptions {
  /**
   * Whether channels that come first are looked at first. Otherwise the search begins at a random one
   * (`currentRun().random`), so that a busy channel cannot starve the others.
   *
   * @default {false}
   */
  readonly inOrder?: boolean;
}

/**
 * Receives one value from whichever of several channels has one first.
 *
 * Exactly one value is taken, and none is lost. A channel that has ended is passed over.
 *
 * **Cancellation:** throws `Cancelled`; no value was taken.
 *
 * @example Work, unless there is something more important
 * ```ts
 * import { openMemoryChannel, select } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [, work] = openMemoryChannel<number>(10);
 * const [command, commands] = openMemoryChannel<"stop">(10);
 * command.trySend("stop");
 * const chosen = await select({ commands, work }, { inOrder: true });
 * assertEquals(chosen, { from: "commands", value: "stop" });
 * ```
 *
 * @param channels The receiving ends, by name.
 * @param options The order in which they are looked at.
 * @returns The name of the channel, and the value.
 * @throws {EndOfChannel} If all the channels have ended.
 * @throws {ClosedResourceError} If one of the receiving ends is closed, before or meanwhile.
 * @throws {TypeError} If there is no channel, or something is not the receiving end of one.
 */
// deno-lint-ignore no-explicit-any -- a receiver of anything, which `unknown` would not accept in this place
export function select<C extends Record<string, MemoryReceiveChannel<any>>>(
  channels: C,
  options: SelectOptions = {},
): Promise<Selected<C>> {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  const names = Object.keys(channels);
  const first = options.inOrder ? 0 : Math.floor(node.task.runtime.random() * names.length);
  const open: Arm[] = [];
  let ready: Arm | null = null;
  const selection = new Selection(names);
  let ended: Error = new TypeError('Cannot select as "channels" must have at least one channel: received none');
  for (let i = 0; i < names.length; i++) {
    const from = names[(first + i) % names.length] as string;
    const end = channels[from] as unknown;
    if (!(end instanceof ReceiveEnd)) {
      return Promise.reject(
        new TypeError(`Cannot select as "${from}" must be the receiving end of a channel: received ${show(end)}`),
      );
    }
    const { channel, fault } = end.look();
    if (fault === null) {
      const arm = new Arm(selection, from, end);
      open.push(arm);
      if (channel.ready) ready ??= arm;
    } else if (fault instanceof EndOfChannel) ended = fault;
    else return refusedAfterTurn(node, fault);
  }
  // Only when all have been looked at: which misuse is noticed must not depend on where the search began.
  if (ready !== null) return pass(node, { from: ready.from, value: ready.end.look().channel.take() } as Selected<C>);
  if (open.length === 0) return refusedAfterTurn(node, ended);
  selection.arms = open;
  selection.waiter = new Waiter<unknown>(node, selection, leaveAll);
  for (const arm of open) arm.end.look().channel.wait(arm);
  return selection.waiter.begun() as Promise<Selected<C>>;
}

/** One `select()` that waits; its own reason. */
class Selection implements WaitReason {
  readonly kind = "select";
  arms: Arm[] = [];
  waiter: Waiter<unknown> | null = null;

  constructor(readonly names: readonly string[]) {}

  get label(): string {
    return `from ${this.names.map((name) => `"${name}"`).join(", ")}`;
  }

  leave(): void {
    for (const arm of this.arms) arm.queue?.remove(arm as Queued<never>);
  }
}

/** A place in the line of one channel. The first that is granted takes all the others out of theirs, in the same call. */
class Arm implements Receiver<unknown> {
  queue: Line | null = null;
  after: Queued<unknown> | null = null;
  before: Queued<unknown> | null = null;
  readonly #selection: Selection;

  constructor(selection: Selection, readonly from: string, readonly end: ReceiveEnd<unknown>) {
    this.#selection = selection;
  }

  wake(value: unknown): boolean {
    this.#selection.leave();
    return (this.#selection.waiter as Waiter<unknown>).wake({ from: this.from, value });
  }

  fail(error: unknown): boolean {
    const selection = this.#selection;
    if (error instanceof EndOfChannel && selection.arms.some((arm) => arm !== this && arm.queue !== null)) {
      this.queue?.remove(this as Queued<never>);
      return true;
    }
    selection.leave();
    return (selection.waiter as Waiter<unknown>).fail(error);
  }
}

const leaveAll = (_cancelled: unknown, waiter: Waiter<unknown>): boolean => {
  (waiter.reason as Selection).leave();
  return true;
};
