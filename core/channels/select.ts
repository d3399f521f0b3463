/**
 * Receiving from whichever channel has something.
 *
 * Exactly one value is taken: the first arm that is granted takes all others out of their lines, in the same call. That
 * is easy for ends of memory channels. Anything else (a wrapper that counts, or maps) is asked by its `receive()`, in a
 * scope of its own; what it then receives from a channel of this library waits in the same lines, under the same rule:
 * see `kernel/asker.ts`. As a wrapper may throw a value away and wait again, the others are not cancelled at once but
 * only out of line, until it has returned. Only a source that is wholly foreign can have a value at the same moment as
 * another; that is kept for the next time.
 */

import { faultOf, requireBoolean, requireOptions, show } from "../base/check.ts";
import { ask, type Asker, type Enlisted } from "../kernel/asker.ts";
import { CancelScope } from "../kernel/cancel_scope.ts";
import type { Receiver } from "./_channel.ts";
import { ReceiveEnd } from "./_channel_ends.ts";
import type { ReceiveChannel } from "./channel.ts";
import { currentNode, within } from "../kernel/context.ts";
import { composedWait, refusedAfterTurn } from "../kernel/composed_wait.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import { EndOfChannel } from "../errors/errors.ts";
import { read } from "../base/foreign.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type Queue, type Queued, refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";

/**
 * What `select()` can wait for: anything with a `receive()`, such as a `ReceiveChannel` or something that wraps one.
 *
 * When another channel is chosen, the `receive()` that was asked is cancelled, and waited for.
 *
 * @category Channels
 */
export type Selectable<T> = Pick<ReceiveChannel<T>, "receive">;

/**
 * Which channel a value came from, by the name it was given, and the value.
 *
 * @category Channels
 */
export type Selected<C> = {
  [K in keyof C]: C[K] extends Selectable<infer T> ? { readonly from: K extends number ? `${K}` : K; readonly value: T }
    : never;
}[keyof C];

/**
 * Options of `select()`.
 *
 * @category Channels
 */
export interface SelectOptions {
  /**
   * Whether channels that come first are looked at first. Otherwise the search begins at a random one
   * (`currentRun().random`), so that a busy channel cannot starve the others. What does not know before it has been
   * asked whether there is a value, such as a Web Stream, counts as empty until it has answered.
   *
   * @default {false}
   */
  readonly inOrder?: boolean;
}

/**
 * Receives one value from whichever of several channels has one first.
 *
 * Exactly one value is taken, and none is lost. A channel that has ended is passed over. It takes every
 * `ReceiveChannel`, and whatever else has a `receive()`. One that is not built on a channel of this library may have a
 * value at the same moment as another: that is kept for the next `select()` over the same object.
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
 * @param channels What to receive from, by name. An empty object does not compile.
 * @param options The order in which they are looked at.
 * @returns The name of the channel, and the value.
 * @throws {EndOfChannel} If all the channels have ended.
 * @throws {ClosedResourceError} If one of the receiving ends is closed, before or meanwhile.
 * @throws {TypeError} If there is no channel, or something has no `receive()`.
 * @category Channels
 */
export function select<C extends Record<keyof C, Selectable<unknown>>>(
  channels: C & (keyof C extends never ? never : unknown),
  options: SelectOptions = {},
): Promise<Selected<C>> {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  // Read once: what a getter gives may be something else the next time.
  let ends: [string, unknown][] = [];
  let first = 0;
  const bad = faultOf(() => {
    ends = entriesOf(channels);
    requireOptions("select", options);
    const { inOrder = false } = options;
    requireBoolean("select", "inOrder", inOrder);
    if (!inOrder) first = Math.floor(node.task.runtime.random() * ends.length);
  });
  if (bad !== null) return Promise.reject(bad);
  // A source of random numbers of the user's may give anything.
  if (!Number.isSafeInteger(first) || first < 0) first = 0;
  const selection = new Selection(ends.map(([name]) => name));
  let ready: EndArm | null = null;
  let ended: Error | null = null;
  let asks = false;
  for (let i = 0; i < ends.length; i++) {
    const [from, end] = ends[(first + i) % ends.length] as [string, unknown];
    if (!(end instanceof ReceiveEnd)) {
      selection.arms.push(new AskedArm(selection, from, end as Selectable<unknown>));
      asks = true;
      continue;
    }
    const { channel, fault } = end.look();
    if (fault === null) {
      const arm = new EndArm(selection, from, end);
      selection.arms.push(arm);
      if (channel.ready) ready ??= arm;
    } else if (fault instanceof EndOfChannel) ended = fault;
    else return refusedAfterTurn(node, fault);
  }
  if (asks) return composedWait(() => askAll(node, selection)) as Promise<Selected<C>>;
  // Only when all have been looked at: which misuse is noticed must not depend on where the search began.
  if (ready !== null) {
    return yieldTurn(node, { from: ready.from, value: ready.end.look().channel.take() } as Selected<C>);
  }
  if (selection.arms.length === 0) return refusedAfterTurn(node, ended);
  selection.waiter = new Waiter<unknown>(node, selection, leaveAll);
  for (const arm of selection.arms) arm.enter();
  return selection.waiter.begun() as Promise<Selected<C>>;
}

function entriesOf(channels: unknown): [string, unknown][] {
  if (typeof channels !== "object" || channels === null) {
    throw new TypeError(`Cannot select as "channels" must be an object of channels: received ${show(channels)}`);
  }
  const entries = Object.entries(channels);
  if (entries.length === 0) {
    throw new TypeError('Cannot select as "channels" must have at least one channel: received none');
  }
  for (const [name, end] of entries) {
    if (typeof read(end, "receive") === "function") continue;
    throw new TypeError(
      `Cannot select as "${name}" must have a receive(), as the receiving end of a channel: received ${show(end)}`,
    );
  }
  return entries;
}

/** As `select()`, where some are no ends of ours: these are asked one after the other, and then all wait. */
async function askAll(node: StatusNode, selection: Selection): Promise<unknown> {
  const waiter = new Waiter<unknown>(node, selection, leaveAll);
  selection.waiter = waiter;
  const arms = [...selection.arms];
  try {
    for (const arm of arms) {
      // Chosen, or failed, at once.
      if (selection.chosen !== null || !waiter.pending) break;
      arm.enter();
    }
    return await waiter.begun();
  } finally {
    for (const arm of arms) if (arm instanceof AskedArm) arm.scope.cancel();
    for (const arm of arms) if (arm instanceof AskedArm) await arm.answer;
  }
}

/** What one arm of a selection can do. */
interface Arm {
  readonly from: string;
  /** Stands in line, or takes a value that is there. */
  enter(): void;
  /** Leaves the line, for now. */
  leave(): void;
}

/** One `select()` that waits; its own reason. */
class Selection implements WaitReason {
  readonly kind = "select";
  /** Those that may still give a value. */
  readonly arms: Arm[] = [];
  waiter: Waiter<unknown> | null = null;
  /** For whom a value was taken; the others are out of line. Written by `choose()`, `finish()` and `reopen()`. */
  chosen: Arm | null = null;

  constructor(readonly names: readonly string[]) {}

  get label(): string {
    return `from ${this.names.map((name) => `"${name}"`).join(", ")}`;
  }

  leave(): void {
    for (const arm of this.arms) arm.leave();
  }

  /** Whether a value may be taken for this arm; if so, for nobody else any more. */
  choose(arm: Arm): boolean {
    if (this.chosen === null && (this.waiter as Waiter<unknown>).pending) {
      this.chosen = arm;
      for (const other of this.arms) if (other !== arm) other.leave();
    }
    return this.chosen === arm;
  }

  /** The chosen arm has not given its value, and waits again, or is over: all stand in line once more. */
  reopen(): void {
    this.chosen = null;
    for (const arm of [...this.arms]) {
      if (this.chosen !== null) return;
      arm.enter();
    }
  }

  finish(arm: Arm, value: unknown): boolean {
    this.chosen = arm;
    this.leave();
    return (this.waiter as Waiter<unknown>).wake({ from: arm.from, value });
  }

  fail(error: unknown): boolean {
    this.leave();
    return (this.waiter as Waiter<unknown>).fail(error);
  }

  /** An arm has ended; the last one ends the selection. */
  ended(arm: Arm, error: EndOfChannel): void {
    this.arms.splice(this.arms.indexOf(arm), 1);
    if (this.arms.length === 0) this.fail(error);
    else if (this.chosen === arm) this.reopen();
  }
}

/** A place in the line of an end of ours. */
class EndArm implements Arm, Receiver<unknown> {
  queue: Queue | null = null;
  after: Queued<unknown> | null = null;
  before: Queued<unknown> | null = null;
  readonly #selection: Selection;

  constructor(selection: Selection, readonly from: string, readonly end: ReceiveEnd<unknown>) {
    this.#selection = selection;
  }

  enter(): void {
    const { channel, fault } = this.end.look();
    if (fault !== null) this.fail(fault);
    else if (channel.ready && this.#selection.choose(this)) this.wake(channel.take());
    else channel.wait(this);
  }

  leave(): void {
    this.queue?.remove(this as Queued<never>);
  }

  wake(value: unknown): boolean {
    return this.#selection.finish(this, value);
  }

  fail(error: unknown): boolean {
    if (!(error instanceof EndOfChannel)) return this.#selection.fail(error);
    this.leave();
    this.#selection.ended(this, error);
    return true;
  }
}

/** What a source gave, or threw, when another one had been chosen. */
const kept = new WeakMap<object, (() => unknown)[]>();

/** Something that is asked by its `receive()`. */
class AskedArm implements Arm, Asker {
  readonly scope: CancelScope = new CancelScope();
  /** Settles, and never fails, when the answer is over, whatever it was. */
  answer: Promise<void> | null = null;
  #asked = false;
  readonly #selection: Selection;
  readonly #source: Selectable<unknown>;
  /** Its wait for a value of a channel of ours, if it has come to that. */
  #waiting: Enlisted | null = null;

  constructor(selection: Selection, readonly from: string, source: Selectable<unknown>) {
    this.#selection = selection;
    this.#source = source;
  }

  async #ask(): Promise<void> {
    const selection = this.#selection;
    try {
      const outcome = await this.scope.run(() => this.#receive());
      // Cancelled, as another one was chosen.
      if (outcome.cancelledCaught) return;
      if (selection.choose(this)) selection.finish(this, outcome.value);
      else keep(this.#source, () => outcome.value);
    } catch (error) {
      const failure = failureOf(currentNode(), error);
      if (selection.chosen === null || selection.chosen === this) {
        if (failure instanceof EndOfChannel) selection.ended(this, failure);
        else selection.fail(error);
      } else if (failure !== NOTHING) {
        keep(this.#source, () => {
          throw failure;
        });
      }
    }
  }

  async #receive(): Promise<unknown> {
    if (kept.has(this.#source) && this.#selection.choose(this)) return takeKept(this.#source);
    const done = ask(currentNode(), this);
    try {
      return await this.#source.receive();
    } finally {
      done();
    }
  }

  mayTake(): boolean {
    return this.#selection.choose(this);
  }

  enlist(waiting: Enlisted): void {
    this.#waiting = waiting;
    const { chosen } = this.#selection;
    if (chosen === this) this.#selection.reopen();
    else if (chosen === null) this.enter();
  }

  enter(): void {
    const { node, pending } = this.#selection.waiter as Waiter<unknown>;
    if (!pending) return;
    if (this.#asked) return this.#waiting?.enter();
    this.#asked = true;
    // Another one may have been chosen before this was asked, and its code have let go just now, in its own scope.
    this.answer = within(node, () => this.#ask(), undefined);
  }

  leave(): void {
    this.#waiting?.leave();
  }
}

function keep(source: object, what: () => unknown): void {
  const list = kept.get(source);
  if (list === undefined) kept.set(source, [what]);
  else list.push(what);
}

function takeKept(source: object): unknown {
  const [first, ...rest] = kept.get(source) as [() => unknown];
  if (rest.length === 0) kept.delete(source);
  else kept.set(source, rest);
  return first();
}

/** Undoes a wait that is cancelled; one that was given a value goes on until it has it. */
const leaveAll = (_cancelled: unknown, waiter: Waiter<unknown>): boolean => {
  const selection = waiter.reason as Selection;
  if (selection.chosen !== null) return false;
  selection.leave();
  return true;
};
