/**
 * Limiting concurrency, with owners.
 *
 * A token of a task that has ended will not come back, so whoever waits for it waits for ever, and each such mistake
 * makes the rest slower. Of the ways out, to take it back in silence would let in one more than the limit wherever the
 * work goes on without its task; to count it as lost and fail only when all are lost would hide the mistake until the
 * worst moment. So the limiter breaks as a lock does, at the first one, and says whose token it was.
 */

import { faultOf, requireCount, requireName, requireOptions, show } from "../base/check.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { BrokenResourceError } from "../errors/errors.ts";
import { read } from "../base/foreign.ts";
import { describeEnded, endedHolder } from "./_holder.ts";
import { inspectable } from "../base/inspect.ts";
import { taskText } from "../base/task_text.ts";
import type { ReleaseGuard } from "./lock.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type Holding, TaskImpl, taskOf } from "../kernel/task.ts";
import { refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Options of `CapacityLimiter.acquire()`, `tryAcquire()` and `release()`.
 *
 * @category Synchronisation
 */
export interface BorrowOptions {
  /**
   * The borrower of the token: any value, compared as by a `Map`. Each borrower can hold one token. Pass something else
   * than the calling task if another task gives the token back, or if that happens after the calling task has ended.
   *
   * @default {currentTask()}
   */
  readonly onBehalfOf?: unknown;
}

/**
 * Numbers of a `CapacityLimiter`, for debugging.
 *
 * @category Synchronisation
 */
export interface CapacityLimiterStatistics {
  /** How many tokens are out. */
  readonly borrowedTokens: number;
  /** How many tokens there are. */
  readonly totalTokens: number;
  /** The borrowers that have a token, in the order in which they got it. */
  readonly borrowers: readonly unknown[];
  /** How many tasks wait. */
  readonly tasksWaiting: number;
}

let takeBack: (token: Token) => void;
let breakIt: (limiter: CapacityLimiter, owner: TaskImpl<unknown>) => void;

/**
 * Limits how many tasks do something at the same time: each borrows a token and gives it back.
 *
 * Unlike a semaphore it knows who has a token. So borrowing twice, or giving back a token that was not borrowed, is an
 * error and not a wrong count. The limit can be changed while it is in use.
 *
 * A task that borrows for itself must give its token back before it ends. If it does not, the limiter is broken for
 * good: calls that wait, and later calls, fail with an error that names the task.
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
 *
 * @category Synchronisation
 */
export class CapacityLimiter {
  static {
    takeBack = (token) => token.limiter.#takeBack(token);
    breakIt = (limiter, owner) => limiter.#breakIt(owner);
    inspectable(this, "CapacityLimiter", (limiter) => ({
      name: limiter.#name,
      borrowedTokens: limiter.#borrowers.size,
      totalTokens: limiter.#total,
      borrowers: [...limiter.#borrowers.keys()].map(nameOf).join(", "),
      tasksWaiting: limiter.#waiters.size,
      broken: limiter.#broken === null ? undefined : true,
    }));
  }

  readonly #name: string;
  readonly #borrowers = new Map<unknown, Token>();
  readonly #waiters = new WaitQueue<ReleaseGuard>();
  /** Who waits: a second wait for the same borrower would make one token serve two. */
  readonly #waiting = new Set<unknown>();
  readonly #reason: WaitReason;
  #total: number;
  /** Why no token can be borrowed any more. */
  #broken: BrokenResourceError | null = null;

  /**
   * Makes a limiter.
   *
   * @param totalTokens How many tokens there are; `Infinity` sets no limit.
   * @param options A name.
   * @throws {RangeError} If `totalTokens` is not a whole number >= 0 or `Infinity`.
   * @throws {TypeError} If it is not a number, or the name not a string.
   */
  constructor(totalTokens: number, options: NamedOptions = {}) {
    requireCount("make a CapacityLimiter", "totalTokens", totalTokens);
    this.#name = requireName("make a CapacityLimiter", options);
    this.#total = totalTokens;
    this.#reason = {
      kind: "acquire capacity",
      resource: this,
      label: () => `${this.#name === "" ? "" : `"${this.#name}" `}(${this.#picture()})`,
      // With several out, each could end the wait.
      holder: () => {
        const [borrower] = this.#borrowers.size === 1 ? this.#borrowers.keys() : [];
        return borrower instanceof TaskImpl ? borrower : null;
      },
    };
  }

  /**
   * How many tokens there are. Settable at any time. Raising it serves as many more waiting tasks at once. Lowering it
   * takes no token away: nobody is served until enough tokens have come back.
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
   * @param options The borrower; by default the calling task.
   * @returns A guard that gives it back, by `using` or `release()`.
   * @throws {TypeError} If this borrower already has a token or waits for one.
   * @throws {BrokenResourceError} If a task ended without giving its token back, before or meanwhile.
   */
  acquire(options?: BorrowOptions): Promise<ReleaseGuard> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (options !== undefined) {
      const bad = faultOf(() => requireOptions("acquire", options));
      if (bad !== null) return Promise.reject(bad);
    }
    const borrower = borrowerOf(node, options);
    const fault = this.#fault(borrower);
    if (fault !== null) return refusedAfterTurn(node, fault);
    if (this.#free) return yieldTurn<ReleaseGuard>(node, this.#lend(borrower, taskOf(node)));
    this.#waiting.add(borrower);
    const waiter = new TokenWaiter(node, this.#reason, this.#waiting, borrower);
    this.#waiters.add(waiter);
    return waiter.begun();
  }

  /**
   * Borrows a token without waiting.
   *
   * @param options The borrower; by default the calling task.
   * @returns A guard that gives it back, or `undefined` if no token is free, or other tasks wait.
   * @throws {TypeError} If this borrower already has a token or waits for one, or the calling task has ended.
   * @throws {BrokenResourceError} If a task ended without giving its token back.
   */
  tryAcquire(options?: BorrowOptions): ReleaseGuard | undefined {
    requireOptions("acquire", options);
    const node = currentNode();
    const borrower = borrowerOf(node, options);
    const fault = this.#fault(borrower);
    if (fault !== null) throw fault;
    const task = taskOf(node);
    if (borrower === task && task.state !== "running") throw endedHolder("a token", task);
    return this.#free ? this.#lend(borrower, task) : undefined;
  }

  /**
   * Gives a token back, for code that cannot keep the guard.
   *
   * @param options The borrower; by default the calling task.
   * @throws {TypeError} If this borrower has no token.
   */
  release(options?: BorrowOptions): void {
    requireOptions("release", options);
    const borrower = borrowerOf(currentNode(), options);
    const token = this.#borrowers.get(borrower);
    if (token === undefined) {
      throw new TypeError(`Cannot release as the borrower must have a token: ${nameOf(borrower)} has none`);
    }
    token.release();
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): CapacityLimiterStatistics {
    return {
      borrowedTokens: this.#borrowers.size,
      totalTokens: this.#total,
      borrowers: [...this.#borrowers.keys()],
      tasksWaiting: this.#waiters.size,
    };
  }

  /** Whether a token can be had without overtaking anybody. */
  get #free(): boolean {
    return this.#borrowers.size < this.#total && this.#waiters.size === 0;
  }

  /** Who has the tokens, for the task tree. */
  #picture(): string {
    const some = [...this.#borrowers.keys()].slice(0, MOST_NAMES).map(nameOf);
    const more = this.#borrowers.size > MOST_NAMES ? ", …" : "";
    const whose = some.length === 0 ? "" : `: to ${some.join(", ")}${more}`;
    return `${this.#borrowers.size}/${this.#total} tokens are out${whose}`;
  }

  #fault(borrower: unknown): Error | null {
    if (this.#broken !== null) return new BrokenResourceError(this.#broken.message);
    const found = this.#borrowers.has(borrower)
      ? 'has one already: write "using _ = await limiter.acquire()", which gives it back, or'
      : this.#waiting.has(borrower)
      ? "is waiting for one already,"
      : null;
    if (found === null) return null;
    return new TypeError(
      `Cannot acquire as each borrower can have one token: ${
        nameOf(borrower)
      } ${found} say acquire({ onBehalfOf }) to borrow for another`,
    );
  }

  #lend(borrower: unknown, task: TaskImpl<unknown>): Token {
    const token = new Token(this, borrower, borrower === task ? task : null);
    this.#borrowers.set(borrower, token);
    token.owner?.hold(token);
    return token;
  }

  #takeBack(token: Token): void {
    if (this.#borrowers.get(token.borrower) !== token) return;
    this.#borrowers.delete(token.borrower);
    token.owner?.letGo(token);
    this.#serve();
  }

  #breakIt(owner: TaskImpl<unknown>): void {
    this.#broken = new BrokenResourceError(
      `Cannot acquire a token${this.#name === "" ? "" : ` of "${this.#name}"`} as ${
        describeEnded(owner)
      } ended without giving its own back: write "using token = await limiter.acquire()", which gives it back in any ` +
        "case, or say acquire({ onBehalfOf }) for work that goes on without the task",
    );
    this.#waiting.clear();
    this.#waiters.failAll(this.#broken);
  }

  #serve(): void {
    while (this.#borrowers.size < this.#total && this.#waiters.first !== null) {
      const waiter = this.#waiters.first as TokenWaiter;
      this.#waiting.delete(waiter.borrower);
      waiter.wake(this.#lend(waiter.borrower, taskOf(waiter.node)));
    }
  }
}

/** Borrowers that are named in the task tree. */
const MOST_NAMES = 3;

/** One that is out. */
class Token implements ReleaseGuard, Holding {
  /** Neighbours in the list of what the task holds; written by `hold()` and `letGo()` of the task. */
  nextHeld: Holding | null = null;
  previousHeld: Holding | null = null;

  /** `owner`: the task that has borrowed for itself. */
  constructor(
    readonly limiter: CapacityLimiter,
    readonly borrower: unknown,
    readonly owner: TaskImpl<unknown> | null,
  ) {}

  release(): void {
    takeBack(this);
  }

  [Symbol.dispose](): void {
    takeBack(this);
  }

  ownerEnded(): void {
    breakIt(this.limiter, this.owner as TaskImpl<unknown>);
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
  if (borrower instanceof TaskImpl) return `${taskText(borrower)}${borrower.state === "running" ? "" : " (has ended)"}`;
  const name = typeof borrower === "object" ? read(borrower, "name") : undefined;
  return typeof name === "string" ? `"${name}"` : show(borrower);
}
