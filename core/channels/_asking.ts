/** Waiting for a value of a memory channel on behalf of something that a `select()` asks: see `kernel/asker.ts`. */

import type { Channel } from "./_channel.ts";
import type { Asker, Enlisted } from "../kernel/asker.ts";
import type { StatusNode } from "../kernel/node.ts";
import { Waiter } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { EndOfChannel } from "../errors/errors.ts";

/** What a wait gives for a value, and at the end; there, no `ended` means the error. */
export interface Shape<T, R> {
  value(value: T): R;
  ended?(): R;
}

/** The wait: a `Receiver<T>` that gives something else. */
export class AskedWaiter<T, R> extends Waiter<R> implements Enlisted {
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

  enter(): void {
    if (!this.pending || this.queue !== null) return;
    const { channel, fault } = this.end.look();
    if (fault !== null) this.fail(fault);
    else if (channel.ready && this.#asker.mayTake()) this.wake(channel.take());
    else channel.wait(this as never);
  }

  leave(): void {
    this.queue?.remove(this as never);
  }
}
