/**
 * Something of the host that does one operation at a time, whoever asks: a file, which has one position, or an output.
 *
 * The operation of a cancelled wait is left behind, as `LeftBehind` has it, and lands before the next one begins. What
 * it brings is told to `late()`. A failure is that of one operation: the next may go well, as on a disk that was full.
 */

import { type End, LeftBehind, type Words } from "../../core/internal.ts";
import type { WaitReason, Waker } from "../../core/lowlevel.ts";

/** One operation; `T` is what its wait returns. */
export interface Operation<T> {
  /** How it is called on the list of the run. */
  readonly label: string;
  /** How it ends, if it needs no host. Asked when it has its turn. */
  atOnce?(): End<T> | null;
  /** Calls the host; again, if `done()` says that there is more to do. */
  run(): PromiseLike<unknown>;
  /** How it ends, by what the host gave; `null` to run again. */
  done(value: unknown): End<T> | null;
  /** Told what the host gave when nobody waits for it any more. */
  late?(value: unknown): void;
}

interface Running {
  readonly operation: Operation<unknown>;
  readonly waiter: Waker<unknown> | null;
}

/** See the header. */
export class OneAtATime extends LeftBehind<unknown, unknown, never, Operation<unknown>> {
  /** What the wait in the line is for. Written by `admit()`. */
  #next: Operation<unknown> | null = null;
  /** What is in flight, and for which wait. Written by `begin()`. */
  #running: Running | null = null;
  readonly #explain: (error: unknown) => unknown;

  constructor(words: Words, reason: WaitReason, explain: (error: unknown) => unknown) {
    super(words, reason);
    this.#explain = explain;
  }

  /** Does an operation, and waits for its end. */
  perform<T>(operation: Operation<T>): Promise<T> {
    return this.wait(operation as Operation<unknown>) as Promise<T>;
  }

  protected override get label(): string {
    return this.#next?.label ?? "";
  }

  protected override admit(operation: Operation<unknown>): End<unknown> | null {
    this.#next = operation;
    // While another one is in flight, nobody knows yet what there will be.
    return this.inFlight ? null : operation.atOnce?.() ?? null;
  }

  override begin(): PromiseLike<unknown> {
    const operation = this.#next as Operation<unknown>;
    this.#running = { operation, waiter: this.waiting };
    return operation.run();
  }

  protected override landed(value: unknown): void {
    const end = this.#took((operation) => operation.done(value), (operation) => operation.late?.(value));
    if (end !== null) this.#end(end);
  }

  protected override failed(error: unknown): void {
    const end = this.#took(() => ({ error: this.#explain(error) }), () => {});
    if (end !== null) this.#end(end);
  }

  /** What has landed goes to the wait it is for; if that was cancelled, the next begins. */
  #took(
    wanted: (operation: Operation<unknown>) => End<unknown> | null,
    unwanted: (operation: Operation<unknown>) => void,
  ): End<unknown> | null {
    const { operation, waiter } = this.#running as Running;
    this.#running = null;
    if (waiter !== null && waiter === this.waiting) {
      const end = wanted(operation);
      if (end === null) this.start();
      return end;
    }
    unwanted(operation);
    if (this.waiting === null) return null;
    const atOnce = this.#next?.atOnce?.() ?? null;
    if (atOnce === null) this.start();
    return atOnce;
  }

  #end(end: End<unknown>): void {
    if ("value" in end) this.waiting?.wake(end.value);
    else this.waiting?.fail(end.error);
  }
}
