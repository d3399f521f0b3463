/**
 * Operations of the host that cannot be taken back, one after another, and the waits for what they bring.
 *
 * A read, a write or an accept of the host goes on when nobody waits for it any more, and takes bytes or a connection
 * that nobody else will get. So a cancelled wait leaves it behind, and what it brings is kept for the next wait.
 *
 *                 wait(): begins one               lands: arrived()
 *         IDLE ───────────────────────▶ WAITED FOR ────────────────▶ IDLE, and the wait has it
 *          ▲                            │  ▲    │ ▲
 *          │                  cancelled │  │    └─┘ lands with nothing: start()
 *          │                            ▼  │ wait(): takes it over
 *          │ wait(): has it at once    LEFT BEHIND
 *          │                            │ lands: arrived()
 *          └─────────────────────────  KEPT
 *
 *     any ── over() ──▶ OVER: what is kept comes first, then every wait has this end, at once
 *     any ── shut() ──▶ CLOSED: the waits fail, and later ones are refused; what still lands is discarded
 *
 * What holds in every state. One operation is in flight at most. What has landed is given to one wait, kept or
 * discarded, and never lost. One thing is kept at most, and while it is, nothing is in flight. A wait leaves the line
 * in the moment in which it ends, for whatever reason, so whatever stands in the line still waits.
 *
 * Either a machine has one user at a time, as the bytes of two would be mixed, or any number, served in order. A second
 * user (Busy) and use after closing (Closed) are refused here, in the same words for all that is built on this.
 *
 * It makes its waiters itself, where others call `suspend()`: what a wait is for goes to `admit()` as an argument,
 * which costs neither a closure nor a field.
 */

import type { Asker } from "./asker.ts";
import { currentNode } from "./context.ts";
import { BusyResourceError, ClosedResourceError } from "../errors/errors.ts";
import { type Call, callHost, HOST, type InFlight, type Owner } from "./host_call.ts";
import type { StatusNode } from "./node.ts";
import { ForeignWaiter } from "./settlement.ts";
import { isForeign, type WaitReason } from "./wait_reason.ts";
import type { Waker } from "./suspend.ts";
import { refuse, Waiter } from "./waiter.ts";
import { WaitQueue } from "./wait_queue.ts";

const IN_MEMORY: Owner = { inMemory: true };
/** The operation in flight until the host has returned from the call. */
const BEGINNING: InFlight = { end() {} };

/** The words in which a machine refuses. */
export interface Words {
  /** What cannot be done, e.g. `"receive"`. */
  readonly action: string;
  /** What was closed, e.g. `"the stream"`. */
  readonly what: string;
  /** What another task is doing, e.g. `"receiving from this stream"`; `null` where any number may wait. */
  readonly busy: string | null;
}

/** What a second user fails with, where there may be one. */
export function busyWith(action: string, doing: string): BusyResourceError {
  return new BusyResourceError(`Cannot ${action} as another task is ${doing}: let one task do it`);
}

/** How everything ended, for all waits from then on. */
export type End<R> = { readonly value: R } | { readonly error: unknown };

/** See the header. `V` is what the host gives, `K` what is kept of it, `R` what a wait returns, `A` what it is for. */
export abstract class LeftBehind<V, R, K = R, A = void> implements Call<V> {
  readonly #words: Words;
  readonly #reason: WaitReason;
  readonly #foreign: boolean;
  readonly #of: Owner;
  readonly #line = new WaitQueue<R>();
  /** The operation in flight. Written by `start()` and when it lands. */
  #operation: InFlight | null = null;
  /** What came while nobody waited, or was more than wanted. Written by `arrived()`, `keep()`, and whoever takes it. */
  #kept: K | null = null;
  #end: End<R> | null = null;
  /** What later waits are told, if it is closed. */
  #closedAs: string | null = null;

  /** If `reason` is that of something foreign, neither waits nor operations count: nobody can say when they end. */
  constructor(words: Words, reason: WaitReason, of: Owner = HOST) {
    this.#words = words;
    this.#reason = reason;
    this.#foreign = isForeign(reason);
    this.#of = this.#foreign ? IN_MEMORY : of;
  }

  /** What the operation is called on the list of the run. */
  protected abstract readonly label: string;
  /** Calls the host, which may throw. Called by `callHost()` alone. */
  abstract begin(): PromiseLike<V>;
  /** What the host gave: calls `arrived()` or `over()`, or `start()` if it was nothing. Not called after `shut()`. */
  protected abstract landed(value: V): void;
  /** The host has failed. Not called after `shut()`. */
  protected abstract failed(error: unknown): void;
  /** Says what a wait is for that is not refused; returns how it ends, if it does so at once. */
  protected admit(_argument: A): End<R> | null {
    return null;
  }
  /** Gives what has arrived, or was kept, to a wait, by waking it or failing it. */
  protected give(waiter: Waker<R>, kept: K): void {
    waiter.wake(kept as unknown as R);
  }
  /** What lands after `shut()`. */
  protected discard(_value: V): void {}

  /** The wait that is next, if any. */
  get waiting(): Waker<R> | null {
    return this.#line.first;
  }

  /** Whether an operation of the host is in flight, waited for or left behind. */
  get inFlight(): boolean {
    return this.#operation !== null;
  }

  /** What is kept for the next wait. */
  get kept(): K | null {
    return this.#kept;
  }

  /** Why later waits are refused, if it is closed. */
  get closedAs(): string | null {
    return this.#closedAs;
  }

  /** How everything ended, if it did. */
  get end(): End<R> | null {
    return this.#end;
  }

  /** What everything ended with, if it failed; else `null`. */
  get fault(): unknown {
    return this.#end !== null && "error" in this.#end ? this.#end.error : null;
  }

  /**
   * Waits for what the host brings next, or takes what is there. With an `asker`, only while that may take it: for
   * machines of something foreign.
   */
  wait(argument: A, asker: Asker | null = null): Promise<R> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (asker !== null) return this.#ask(new AskedWaiter<R>(node, this.#reason, asker), argument);
    const waiter = this.#foreign ? new ForeignWaiter<R>(node, this.#reason) : new Waiter<R>(node, this.#reason, null);
    this.#enter(waiter, argument);
    return waiter.begun();
  }

  #ask(waiter: AskedWaiter<R>, argument: A): Promise<R> {
    waiter.asker.enlist({
      enter: () => {
        if (!waiter.pending || waiter.queue !== null) return;
        if (this.#kept === null || waiter.asker.mayTake()) this.#enter(waiter, argument);
      },
      leave: () => waiter.queue?.remove(waiter as never),
    });
    return waiter.begun();
  }

  #enter(waiter: Waiter<R>, argument: A): void {
    const { action, busy } = this.#words;
    if (busy !== null && this.#line.first !== null) return void waiter.fail(busyWith(action, busy));
    if (this.#closedAs !== null) {
      return void waiter.fail(new ClosedResourceError(`Cannot ${action} as ${this.#closedAs}`));
    }
    const atOnce = this.admit(argument);
    const kept = this.#kept;
    if (atOnce !== null) settle(waiter, atOnce);
    else if (kept !== null) {
      this.#kept = null;
      this.give(waiter, kept);
    } else if (this.#end !== null) settle(waiter, this.#end);
    else {
      this.#line.add(waiter);
      if (this.#operation === null) this.start();
    }
  }

  /** Begins the next operation of the host. */
  protected start(): void {
    // The host may do anything from within the call: cancel the wait, begin another, close this.
    this.#operation = BEGINNING;
    const operation = callHost(this.#of, this.label, this, this.#landed, this.#failed);
    this.#operation = operation;
    if (this.#closedAs !== null) operation.end();
  }

  /** Gives something to the wait that is next, or keeps it. */
  protected arrived(kept: K): void {
    const waiter = this.#line.first;
    if (waiter === null) this.#kept = kept;
    else {
      // Out of the line first: it has won, whatever `give()` brings about, such as a `shut()`.
      this.#line.remove(waiter);
      this.give(waiter, kept);
      if (this.#line.first !== null && this.#operation === null) this.start();
    }
  }

  /** Puts something back, for the next wait. */
  protected keep(kept: K | null): void {
    this.#kept = kept;
  }

  /** Ends all waits, now and later. */
  protected over(end: End<R>): void {
    this.#end = end;
    if ("value" in end) this.#line.wakeAll(end.value);
    else this.#line.failAll(end.error);
  }

  /**
   * Closes: ends all waits, and takes the operation in flight off the list, as the host may never end it. Returns what
   * was kept, which nobody will get. To be called before the host is told, as that may do anything.
   */
  shut(closedAs = `${this.#words.what} is closed`): K | null {
    const { action, what } = this.#words;
    const kept = this.#kept;
    this.#closedAs = closedAs;
    this.#kept = null;
    if (this.#line.first !== null) {
      this.#line.failAll(new ClosedResourceError(`Cannot ${action} as ${what} was closed meanwhile`));
    }
    this.#operation?.end();
    return kept;
  }

  readonly #landed = (value: V): void => {
    this.#operation?.end();
    this.#operation = null;
    if (this.#closedAs === null) this.landed(value);
    else this.discard(value);
  };

  readonly #failed = (error: unknown): void => {
    this.#operation?.end();
    this.#operation = null;
    if (this.#closedAs === null) this.failed(error);
  };
}

/** A wait on behalf of what a `select()` asks: in line only while it may take something, and chosen when it does. */
class AskedWaiter<R> extends ForeignWaiter<R> {
  constructor(node: StatusNode, reason: WaitReason, readonly asker: Asker) {
    super(node, reason);
  }

  override wake(value: unknown): boolean {
    if (!this.pending) return false;
    this.asker.mayTake();
    return super.wake(value as R);
  }
}

function settle<R>(waiter: Waker<R>, end: End<R>): void {
  if ("value" in end) waiter.wake(end.value);
  else waiter.fail(end.error);
}
