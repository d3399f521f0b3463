/**
 * What fails, by kind. The cancellation and the group, which the kernel makes and takes apart, are in
 * `kernel/cancelled.ts` and `kernel/error_group.ts`.
 *
 * Every class carries a brand (see `base/brand.ts`), so that `instanceof` and the cancel scopes recognise errors made
 * by a second copy of the package.
 */

import { branded, recogniseBrand } from "../base/brand.ts";
import { cutStack } from "../base/own_stack.ts";

/**
 * Thrown when the cancellation of another task reaches code that is not cancelled itself.
 *
 * This happens to code that awaits a promise shared with a cancelled task (`cache ??= load()`), or that joins a
 * cancelled task. For that code it is a failure like any other; if it counted as a cancellation of the code itself, the
 * code would end silently. To avoid it, share values with `Lazy`, and keep shared work alive with `shielded()`.
 *
 * A `Cancelled` that belongs to no scope around it becomes this error when it leaves a task, a scope, the body of a
 * nursery or the handler of a server. `cause` is that `Cancelled`. Code that awaits the shared promise itself sees the
 * `Cancelled`.
 *
 * @example Joining a task that was cancelled
 * ```ts
 * import { CancelledElsewhereError, openNursery, sleepForever } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const task = nursery.startSoon(() => sleepForever());
 *   task.cancel();
 *   await assertRejects(() => task.join(), CancelledElsewhereError);
 * });
 * ```
 *
 * @category Errors
 */
export class CancelledElsewhereError extends Error {
  /** The name of the class. */
  override readonly name: "CancelledElsewhereError" = branded(this, "CancelledElsewhereError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * A wait that was open when the time ran out: see `TooSlowError.waits`.
 *
 * @category Errors
 */
export interface PendingWait {
  /** The name of the task that waited. */
  readonly task: string;
  /** Its number in the run. */
  readonly id: number;
  /** The kind of wait. */
  readonly kind: string;
  /** The object that it waited for; empty if there is nothing to say. */
  readonly label: string;
  /** When the wait began, in milliseconds on the run's clock; may be a little early in real time. */
  readonly since: number;
  /**
   * Where it was awaited, the innermost first: `loadUser (/app/db.ts:7:36)`. Empty where the host cannot tell: for a
   * wait that nobody awaited, and on hosts other than those with V8.
   */
  readonly frames: readonly string[];
  /** Where the task was started, if `frames` is empty: `/app/main.ts:7:36`. */
  readonly startedAt?: string;
}

/**
 * Options of `TooSlowError`.
 *
 * @category Errors
 */
export interface TooSlowErrorOptions extends ErrorOptions {
  /** What was waited for. */
  readonly waits?: readonly PendingWait[];
}

/**
 * Thrown by `failAfter()` and `failAt()` when their time ran out. It lists what was waited for then.
 *
 * @example Telling a timeout from other failures
 * ```ts
 * import { failAfter, sleep, TooSlowError } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() => failAfter(1, () => sleep(1_000)), TooSlowError);
 * assertEquals(error.waits.map(({ kind }) => kind), ["sleep"]);
 * ```
 *
 * @category Errors
 */
export class TooSlowError extends Error {
  /** The name of the class. */
  override readonly name: "TooSlowError" = branded(this, "TooSlowError");
  /** What was waited for in the scope when its time ran out, oldest first, at most eight. */
  readonly waits: readonly PendingWait[];

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error, and what was waited for.
   */
  constructor(message?: string, options?: TooSlowErrorOptions) {
    super(message, options);
    this.waits = options?.waits ?? [];
    cutStack(this);
  }
}

/**
 * Thrown when receiving from a channel whose senders are all closed and whose buffer is empty.
 *
 * @example Reading to the end
 * ```ts
 * import { EndOfChannel, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(0);
 * send.close();
 * await assertRejects(() => receive.receive(), EndOfChannel);
 * ```
 *
 * @category Errors
 */
export class EndOfChannel extends Error {
  /** The name of the class. */
  override readonly name: "EndOfChannel" = branded(this, "EndOfChannel");
}

/**
 * Thrown when two tasks use one direction of a resource at the same time.
 *
 * @example Two readers of one stream
 * ```ts
 * import { BusyResourceError, openNursery } from "@trefoil/io";
 * import { memoryStreamPair } from "@trefoil/io/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [here, there] = memoryStreamPair();
 * await openNursery(async (nursery) => {
 *   const first = nursery.startSoon(() => here.receiveSome());
 *   nursery.startSoon(async () => {
 *     await assertRejects(() => here.receiveSome(), BusyResourceError);
 *     await there.sendAll(new Uint8Array([1]));
 *   });
 *   assertEquals(await first.join(), new Uint8Array([1]));
 * });
 * ```
 *
 * @category Errors
 */
export class BusyResourceError extends Error {
  /** The name of the class. */
  override readonly name: "BusyResourceError" = branded(this, "BusyResourceError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown when you use a resource that you have closed, before or during the call.
 *
 * @example Using a channel after closing it
 * ```ts
 * import { ClosedResourceError, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send] = openMemoryChannel<number>(1);
 * send.close();
 * await assertRejects(() => send.send(1), ClosedResourceError);
 * ```
 *
 * @category Errors
 */
export class ClosedResourceError extends Error {
  /** The name of the class. */
  override readonly name: "ClosedResourceError" = branded(this, "ClosedResourceError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown when the peer or the network broke a resource; `cause` holds the error of the host.
 *
 * @example Sending to nobody
 * ```ts
 * import { BrokenResourceError, openMemoryChannel } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(1);
 * receive.close();
 * await assertRejects(() => send.send(1), BrokenResourceError);
 * ```
 *
 * @category Errors
 */
export class BrokenResourceError extends Error {
  /** The name of the class. */
  override readonly name: "BrokenResourceError" = branded(this, "BrokenResourceError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown by `run()`, and in a simulation, when every task waits and nothing can wake any of them.
 *
 * The message holds the task tree.
 *
 * @example Reading what each task waits for
 * ```ts
 * import { DeadlockError, openMemoryChannel } from "@trefoil/io";
 * import { simulate } from "@trefoil/io/testing";
 * import { assertRejects, assertStringIncludes } from "@std/assert";
 *
 * const [_send, receive] = openMemoryChannel<number>(0, { name: "jobs" });
 * const error = await assertRejects(() => simulate(() => receive.receive()), DeadlockError);
 * assertStringIncludes(error.message, 'receive from channel "jobs"');
 * ```
 *
 * @category Errors
 */
export class DeadlockError extends Error {
  /** The name of the class. */
  override readonly name: "DeadlockError" = branded(this, "DeadlockError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

/**
 * Thrown by waits in code that goes on after its run has ended.
 *
 * @example A callback that comes too late
 * ```ts
 * import { run, RunFinishedError, sleep } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const { promise: clicked, resolve: click } = Promise.withResolvers<void>();
 * let late: Promise<void> | undefined;
 * await run(() => {
 *   // Registered in the run, called after it.
 *   late = clicked.then(() => sleep(1));
 * });
 * click();
 * await assertRejects(() => late!, RunFinishedError);
 * ```
 *
 * @category Errors
 */
export class RunFinishedError extends Error {
  /** The name of the class. */
  override readonly name: "RunFinishedError" = branded(this, "RunFinishedError");

  /**
   * Makes the error.
   *
   * @param message What failed, and why.
   * @param options `cause`, as for every error.
   */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    cutStack(this);
  }
}

recogniseBrand(CancelledElsewhereError, "CancelledElsewhereError");
recogniseBrand(TooSlowError, "TooSlowError");
recogniseBrand(EndOfChannel, "EndOfChannel");
recogniseBrand(BusyResourceError, "BusyResourceError");
recogniseBrand(ClosedResourceError, "ClosedResourceError");
recogniseBrand(BrokenResourceError, "BrokenResourceError");
recogniseBrand(DeadlockError, "DeadlockError");
recogniseBrand(RunFinishedError, "RunFinishedError");
