/** How many may do something at the same time. */

import { requireCount, show } from "../_check.ts";
import { currentNode } from "../_context.ts";
import { WouldBlock } from "../errors.ts";
import type { ReleaseGuard } from "./lock.ts";
import type { StatusNode } from "../_status.ts";
import { pass, refuse, Waiter, type WaitReason } from "../_waiter.ts";
import { WaitQueue } from "../_wait_queue.ts";

/** How a `CapacityLimiter` is made. */
export interface CapacityLimiterOptions {
  /** A name for reports. */
  readonly name?: string;
}

/** How a token is borrowed. */
export interface BorrowOptions {
  /**
   * Who borrows: any value, compared as by a `Map`. Each borrower can hold one token.
   *
   * @default {currentTask()}
   */
  readonly onBehalfOf?: unknown;
}

/** Numbers of a `CapacityLimiter`, for debugging. */
export interface CapacityLimiterStatistics {
  /** How many tokens are out. */
  readonly borrowedTokens: number;
  /** How many there are. */
  readonly totalTokens: number;
  /** Who has one, in the order in which they got it. */
  readonly borrowers: readonly unknown[];
  /** How many tasks wait. */
  readonly tasksWaiting: number;
}

/**
 * Limits how many do something at the same time: each borrows a token and gives it back.
 *
 * Unlike a semaphore it knows who has a token, so borrowing twice or giving back what one does not have is an error
 * and not a wrong count. The limit can be changed while it is in use.
 *
 * **Order:** strictly first come, first served.
 *
 * @example At most two at a time
 * ```ts
 * import { CapacityLimiter, openNursery, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const limiter = new CapacityLimiter(2);
 * let most = 0;
 * await openNursery((nursery) => {
 *   for (let i = 0; i < 5; i++) {
 *     nursery.startSoon(async () => {
 *       using _token = await limiter.acquire();
 *       most = Math.max(most, limiter.borrowedTokens);
 *       await sleep(1);
 *     });
 *   }
 * });
 * assertEquals(most, 2);
 * ```
 */
export class CapacityLimiter {
  readonly #borrowers = new Map<unknown, Token>();
  readonly #waiters = new WaitQueue<ReleaseGuard>();
  /** Who waits: a second wait for the same borrower would make one token serve two. */
  readonly #waiting = new Set<unknown>();
  readonly #reason: WaitReason;
  #total: number;

  /**
   * Makes a limiter.
   *
   * @param totalTokens How many may do it at the same time; `Infinity` sets no limit.
   * @param options A name.
   * @throws {RangeError} If `totalTokens` is not a whole number >= 0 or `Infinity`.
   */
  constructor(totalTokens: number, options: CapacityLimiterOptions = {}) {
    requireCount("make a CapacityLimiter", "totalTokens", totalTokens);
    this.#total = totalTokens;
    const name = options.name === undefined ? "" : `"${options.name}" `;
    this.#reason = {
      kind: "acquire capacity",
      label: () => `${name}(${this.#borrowers.size}/${this.#total} tokens are out)`,
    };
  }

  /**
   * How many tokens there are. Settable: raising it serves as many waiting tasks at once, lowering it lets those
   * who have a token finish and serves nobody until enough came back.
   */
  get totalTokens(): number {
    return this.#total;
  }

  set totalTokens(totalTokens: number) {
    requireCount("set the limit", "totalTokens", totalTokens);
    this.#total = totalTokens;
    this.#serve();
  }

  /** How many tokens are out. */
  get borrowedTokens(): number {
    return this.#borrowers.size;
  }

  /** How many tokens could be borrowed; negative if the limit was lowered below what is out. */
  get availableTokens(): number {
    return this.#total - this.#borrowers.size;
  }

  /**
   * Borrows a token, waiting while there is none.
   *
   * **Cancellation:** throws `Cancelled`; no token was borrowed.
   *
   * @param options Who borrows.
   * @returns What gives it back, by `using` or `release()`.
   * @throws {TypeError} If this borrower has a token, or waits for one, already.
   */
  acquire(options?: BorrowOptions): Promise<ReleaseGuard> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const borrower = borrowerOf(node, options);
    const fault = this.#fault(borrower);
    if (fault !== null) return Promise.reject(fault);
    if (this.#free) return pass<ReleaseGuard>(node, this.#lend(borrower));
    this.#waiting.add(borrower);
    const waiter = new TokenWaiter(node, this.#reason, this.#waiting, borrower);
    this.#waiters.add(waiter);
    return waiter.begun();
  }

  /**
   * The twin of `acquire()` that does not wait.
   *
   * @param options Who borrows.
   * @returns What gives it back.
   * @throws {WouldBlock} If no token is free.
   * @throws {TypeError} If this borrower has a token, or waits for one, already.
   */
  tryAcquire(options?: BorrowOptions): ReleaseGuard {
    const borrower = borrowerOf(currentNode(), options);
    const fault = this.#fault(borrower);
    if (fault !== null) throw fault;
    if (!this.#free) {
      throw new WouldBlock(`Cannot acquire without waiting as all ${this.#total} tokens are borrowed`);
    }
    return this.#lend(borrower);
  }

  /**
   * Gives a token back, for those who cannot keep the guard.
   *
   * @param options Who gives it back.
   * @throws {TypeError} If this borrower has none.
   */
  release(options?: BorrowOptions): void {
    const borrower = borrowerOf(currentNode(), options);
    const token = this.#borrowers.get(borrower);
    if (token === undefined) {
      throw new TypeError(`Cannot release as the borrower must have a token: ${nameOf(borrower)} has none`);
    }
    token.release();
  }

  /** Counts tokens and waits. */
  statistics(): CapacityLimiterStatistics {
    return {
      borrowedTokens: this.#borrowers.size,
      totalTokens: this.#total,
      borrowers: [...this.#borrowers.keys()],
      tasksWaiting: this.#waiters.size,
    };
  }

  get #free(): boolean {
    return this.#borrowers.size < this.#total;
  }

  #fault(borrower: unknown): Error | null {
    const found = this.#borrowers.has(borrower)
      ? "has one already"
      : this.#waiting.has(borrower)
      ? "is waiting for one already"
      : null;
    if (found === null) return null;
    return new TypeError(
      `Cannot acquire as each borrower can have one token: ${
        nameOf(borrower)
      } ${found}, say acquire({ onBehalfOf }) to borrow for another`,
    );
  }

  #lend(borrower: unknown): Token {
    const token = new Token((token) => this.#takeBack(borrower, token));
    this.#borrowers.set(borrower, token);
    return token;
  }

  #takeBack(borrower: unknown, token: Token): void {
    if (this.#borrowers.get(borrower) !== token) return;
    this.#borrowers.delete(borrower);
    this.#serve();
  }

  #serve(): void {
    while (this.#free && this.#waiters.first !== null) {
      const waiter = this.#waiters.first as TokenWaiter;
      this.#waiting.delete(waiter.borrower);
      waiter.wake(this.#lend(waiter.borrower));
    }
  }
}

/** One that is out. */
class Token implements ReleaseGuard {
  readonly #takeBack: (token: Token) => void;

  constructor(takeBack: (token: Token) => void) {
    this.#takeBack = takeBack;
  }

  release(): void {
    this.#takeBack(this);
  }

  [Symbol.dispose](): void {
    this.#takeBack(this);
  }
}

class TokenWaiter extends Waiter<ReleaseGuard> {
  constructor(node: StatusNode, reason: WaitReason, waiting: Set<unknown>, readonly borrower: unknown) {
    super(node, reason, () => {
      waiting.delete(borrower);
      return true;
    });
  }
}

/** The borrower itself, or the calling task. */
function borrowerOf(node: StatusNode, options: BorrowOptions | undefined): unknown {
  return options === undefined || options.onBehalfOf === undefined ? node.task : options.onBehalfOf;
}

function nameOf(borrower: unknown): string {
  const { name } = Object(borrower) as { name?: unknown };
  return typeof name === "string" && typeof borrower !== "string" ? `"${name}"` : show(borrower);
}
