/**
 * Receiving on behalf of a `select()` that asks something else than an end of ours: a wrapper, with its `receive()`.
 *
 * The wrapper is asked in a scope of its own. Where it reaches an end of ours, at once or later, that end looks here whether
 * the value may be taken, and whose wait is in line: of all that one `select()` has asked, one at a time may take a value.
 */

import type { Channel } from "./_channel.ts";
import type { StatusNode } from "../kernel/node.ts";
import { Waiter } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { EndOfChannel } from "../errors/errors.ts";

/** One who is asked by a `select()`. */
export interface Asker {
  /** Whether a value may be taken for it now; nothing else is taken from then on, until it is done or waits again. */
  mayTake(): boolean;
  /** Lets a wait for a value stand in line, whenever a value may be taken for it. */
  enlist(waiter: AskedWaiter<never, unknown>): void;
}

/** What a wait gives for a value, and at the end; there, no `ended` means the error. */
export interface Shape<T, R> {
  value(value: T): R;
  ended?(): R;
}

const askers = new Map<StatusNode, Asker>();
/** How many are asked: nearly always none, and then nobody needs to be looked for. */
export let asking = 0;

/** Asks under a node until the function returned is called. */
export function ask(node: StatusNode, asker: Asker): () => void {
  askers.set(node, asker);
  asking++;
  return () => {
    if (askers.delete(node)) asking--;
  };
}

/** Who asks for what code under a node receives. */
export function askerOf(node: StatusNode): Asker | null {
  for (let at: StatusNode | null = node; at !== null; at = at.parent) {
    const asker = askers.get(at);
    if (asker !== undefined) return asker;
  }
  return null;
}

/** A wait for a value on behalf of somebody who is asked: a `Receiver<T>` that gives something else. */
export class AskedWaiter<T, R> extends Waiter<R> {
  readonly #asker: Asker;
  readonly #shape: Shape<T, R>;

  constructor(
    node: StatusNode,
    reason: WaitReason,
    readonly end: object & { look(): { readonly channel: Channel<T>; readonly fault: Error | null } },
    options: { readonly asker: Asker; readonly shape: Shape<T, R> },
  ) {
    super(node, reason, null);
    this.#asker = options.asker;
    this.#shape = options.shape;
  }

  override wake(value: unknown): boolean {
    if (!this.pending) return false;
    this.#asker.mayTake();
    return super.wake(this.#shape.value(value as T));
  }

  override fail(error: unknown): boolean {
    const { ended } = this.#shape;
    return error instanceof EndOfChannel && ended !== undefined ? super.wake(ended()) : super.fail(error);
  }
}
