/**
 * The workers of one module: who has which, who waits for one, and what becomes of them.
 *
 * A place is a token of a limiter, which has the order and the cancellation of those who wait. A call borrows it and
 * gives it back when it is really over: one that a thread goes on with, after it was given up, keeps it, so there are
 * never more threads that compute than places (as Trio's `to_thread` has it). Whoever has a place gets an idle worker,
 * or starts one.
 *
 * Over 400 lines as a call and its place share their states: who gives the place back depends on how the call ended.
 */

import { CancelScope, checkpoint, ClosedResourceError, shielded } from "../../core/mod.ts";
import { failureOf, inspectable, NOTHING, turnDue, withSuppressed } from "../../core/internal.ts";
import { composedWait, type WorkerHost } from "../../core/lowlevel.ts";
import { keepAlive } from "../base/keep_alive.ts";
import { type Patience, patienceFor } from "../base/patience.ts";
import { pack, unpack } from "./_across.ts";
import { Call as AnyCall, type CallOwner, LAST } from "./_call.ts";
import { callbackOf } from "./_callbacks.ts";
import { argumentFault, brokenError, crashError } from "./_errors.ts";
import type { WorkersPlan } from "./_plan.ts";
import type { OfCall, Told } from "./_protocol.ts";
import { serve } from "./_serve.ts";
import { transfersOf } from "./_transfers.ts";
import { type Gone, PoolWorker, type WorkerOwner } from "./_worker.ts";
import type { AnyWorkerModule, Workers, WorkersStatistics } from "./workers.ts";

/** How many workers may crash before one has ever answered: then it is not chance. */
const MOST_CRASHES = 3;
type Call = AnyCall<PoolWorker>;
type Said<T extends OfCall["type"]> = Extract<OfCall, { readonly type: T }>;

/** See the header. */
export class Pool implements Workers<AnyWorkerModule>, CallOwner<PoolWorker>, WorkerOwner {
  static {
    inspectable(Pool, "Workers", (pool) => ({ module: pool.moduleName, ...pool.statistics() }));
  }

  readonly kind: "thread" | "process";
  readonly moduleName: string;
  readonly inMemory: boolean;
  readonly version: string | null;
  readonly #plan: WorkersPlan;
  readonly #host: WorkerHost;
  readonly #permissions: readonly string[];
  readonly #patience: Patience;
  /** Those that have not exited. */
  readonly #workers = new Set<PoolWorker>();
  /** Those without a call, also while they start; the one that was used last is taken first. */
  readonly #idle: PoolWorker[] = [];
  /** Those that run, or were written off. */
  readonly #calls = new Set<Call>();
  /** The waits of calls for a place, or for a worker to start. */
  readonly #waits = new Set<CancelScope>();
  #started = 0;
  #waiting = 0;
  #crashed = 0;
  /** Whether a function has ever answered. */
  #works = false;
  #lastCrash: unknown = undefined;
  #closed = false;
  /** Whether it was told that a thread does not stop. */
  #told = false;
  /** See `#keepUp()`. */
  #letGo: (() => void) | null = null;

  constructor(plan: WorkersPlan, host: WorkerHost, permissions: readonly string[]) {
    this.#plan = plan;
    this.kind = plan.kind;
    this.moduleName = plan.moduleName;
    this.#host = host;
    this.#permissions = permissions;
    this.inMemory = host.inMemory === true;
    this.version = "Deno" in globalThis ? Deno.version.deno : null;
    this.#patience = patienceFor(this);
  }

  /** Starts the workers that are wanted from the beginning, one after another: a thread stops the event loop meanwhile. */
  async warm(): Promise<void> {
    for (let n = 0; n < this.#plan.warm; n++) {
      const worker = this.#startOne();
      await worker.untilReady();
      this.#putBack(worker);
    }
  }

  call(name: string, ...args: unknown[]): Promise<unknown> {
    return composedWait(async () => {
      const call = await this.#begin(name, args, null);
      try {
        for (;;) {
          const said = await call.next();
          if (said.type === "result") return said.value;
          await this.#attend(call, said);
        }
      } catch (error) {
        return await this.#stop(call, error);
      }
    });
  }

  stream(name: string, ...args: unknown[]): AsyncIterableIterator<unknown> {
    let call: Call | null = null;
    let over = false;
    let due = 0;
    const { window } = this.#plan;
    const next = async (): Promise<IteratorResult<unknown>> => {
      if (over) {
        await checkpoint();
        return { done: true, value: undefined };
      }
      try {
        call ??= await this.#begin(name, args, window);
        for (;;) {
          const said = await call.next();
          if (said.type === "item") {
            if (++due >= window / 2) {
              call.worker?.send({ type: "credit", call: call.id, count: due }, []);
              due = 0;
            }
            return { done: false, value: said.value };
          }
          if (said.type === "result") {
            over = true;
            return { done: true, value: undefined };
          }
          await this.#attend(call, said);
        }
      } catch (error) {
        over = true;
        if (call === null) throw error;
        return await this.#stop(call, error);
      }
    };
    const leave = async (value?: unknown): Promise<IteratorResult<unknown>> => {
      over = true;
      const failure = call === null ? null : await this.#end(call, "the loop over it was left");
      if (failure !== null) throw failure.error;
      return { done: true, value };
    };
    const items: AsyncIterableIterator<unknown> = {
      next: () => composedWait(next),
      return: (value) => composedWait(() => leave(value)),
      [Symbol.asyncIterator]: () => items,
    };
    return items;
  }

  close(): Promise<void> {
    return composedWait(async () => {
      await this.#close();
      await checkpoint();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  statistics(): WorkersStatistics {
    const states = [...this.#calls].map(({ machine }) => machine.state);
    const writtenOff = states.filter((state) => state === "writtenOff").length;
    return {
      size: this.#plan.limiter.totalTokens,
      started: this.#started,
      busy: states.length - writtenOff,
      idle: this.#idle.length,
      waiting: this.#waiting,
      writtenOff,
      crashed: this.#crashed,
    };
  }

  start(...[received, exited]: Parameters<WorkerOwner["start"]>): ReturnType<WorkerOwner["start"]> {
    const { module, kind, memory } = this.#plan;
    return this.#host.start({
      module,
      kind,
      permissions: this.#permissions,
      received,
      exited,
      serve,
      ...memory === undefined ? {} : { memory },
    });
  }

  get grace(): number {
    return this.#plan.grace;
  }

  after(ms: number, callback: () => void): () => void {
    return this.#patience.after(ms, callback);
  }

  crashError(functionName: string | null, why: Gone): unknown {
    return crashError(this.#plan, functionName, why);
  }

  ended(call: Call, reusable: boolean): void {
    this.#calls.delete(call);
    this.#keepUp();
    const { worker } = call;
    if (worker !== null) {
      worker.call = null;
      worker.calls++;
      if (reusable) {
        this.#works = true;
        this.#putBack(worker);
      }
    }
    call.guard?.release();
  }

  writtenOff(call: Call): void {
    this.#keepUp();
    if (this.#closed || this.#told) return;
    this.#told = true;
    // deno-lint-ignore no-console -- nobody else can tell, and it is no error
    console.error(
      `Trefoil: "${call.functionName}" of ${this.moduleName} has not stopped ${this.#plan.grace} ms after it was ` +
        'cancelled; its thread goes on: call checkCancelled() in its loop, or use kind "process"',
    );
  }

  gone(worker: PoolWorker, why: Gone): void {
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    worker.whenUsed();
    if (worker.hasExited) this.#workers.delete(worker);
    if (worker.wasEnded) return;
    this.#crashed++;
    this.#lastCrash = this.crashError(null, why);
  }

  /** Borrows a place, gets a worker, and sends it the call. */
  async #begin(name: string, args: readonly unknown[], credit: number | null): Promise<Call> {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot call a function of ${this.moduleName} as "name" must be a string: received ${typeof name}`,
      );
    }
    const fault = argumentFault(this.#plan, name, args);
    if (fault !== null) {
      await checkpoint();
      throw fault;
    }
    const call: Call = new AnyCall(name, this);
    const ready = this.#closed ? undefined : this.#idle.at(-1);
    if (ready?.isReady) {
      // Mostly there is nothing to wait for, before the answer.
      const due = turnDue();
      if (due !== null) await due;
      // Meanwhile it may have ended, or have been closed.
      const isThere = ready.isReady && !this.#closed && ready === this.#idle.at(-1);
      const guard = isThere ? this.#plan.limiter.tryAcquire({ onBehalfOf: call }) : undefined;
      if (guard !== undefined) {
        call.guard = guard;
        this.#idle.pop();
        ready.whenUsed();
        this.#sendOrGiveBack(call, ready, args, credit);
        return call;
      }
    }
    await this.#unlessClosed(name, () => this.#admit(call));
    try {
      let worker = await this.#unlessClosed(name, () => this.#take());
      // It may end between becoming ready and this: from here to the sending nothing comes in between.
      while (worker.isGone && !this.#closed) worker = await this.#unlessClosed(name, () => this.#take());
      this.#sendOrGiveBack(call, worker, args, credit);
    } catch (error) {
      call.guard?.release();
      throw error;
    }
    return call;
  }

  #sendOrGiveBack(call: Call, worker: PoolWorker, args: readonly unknown[], credit: number | null): void {
    try {
      if (this.#closed) throw this.#closedError(call.functionName);
      this.#send(call, worker, args, credit);
    } catch (error) {
      worker.call = null;
      this.#putBack(worker);
      call.guard?.release();
      throw error;
    }
  }

  /** A thread that was written off keeps no program there, except for those who wait for its place. */
  #keepUp(): void {
    const wanted = !this.inMemory && this.#waiting > 0 &&
      [...this.#calls].some(({ machine }) => machine.state === "writtenOff");
    if (wanted === (this.#letGo !== null)) return;
    this.#letGo?.();
    this.#letGo = wanted ? keepAlive(`wait for a worker of ${this.moduleName}`) : null;
  }

  /** Waits for a place. */
  async #admit(call: Call): Promise<void> {
    this.#waiting++;
    this.#keepUp();
    try {
      call.guard = await this.#plan.limiter.acquire({ onBehalfOf: call });
    } finally {
      this.#waiting--;
      this.#keepUp();
    }
  }

  /** An idle worker, or a new one, that is ready. */
  async #take(): Promise<PoolWorker> {
    const worker = this.#idle.pop() ?? this.#startOne();
    worker.whenUsed();
    try {
      await worker.untilReady();
      return worker;
    } catch (error) {
      // It goes on to start, if only the wait was cancelled.
      this.#putBack(worker);
      throw error;
    }
  }

  #startOne(): PoolWorker {
    if (!this.#works && this.#crashed >= MOST_CRASHES) throw brokenError(this.#plan, this.#crashed, this.#lastCrash);
    this.#started++;
    const worker = new PoolWorker(this);
    this.#workers.add(worker);
    return worker;
  }

  #send(call: Call, worker: PoolWorker, args: readonly unknown[], credit: number | null): void {
    const name = call.functionName;
    if (!worker.functions.includes(name)) {
      const names = worker.functions.map((each) => `"${each}"`).join(", ");
      throw new TypeError(
        `Cannot call "${name}" of ${this.moduleName} as the module must export a function of that name: it exports ` +
          `${names === "" ? "none" : names}`,
      );
    }
    const callbacks = [...args.entries()].flatMap(([index, arg]) => {
      const callback = callbackOf(arg);
      if (callback === null) return [];
      call.callbacks.set(index, callback);
      return [{ index, blocking: callback.blocking }];
    });
    const sent = args.map((arg, index) => call.callbacks.has(index) ? null : arg);
    call.worker = worker;
    worker.call = call;
    try {
      worker.send({ type: "call", call: call.id, name, args: sent, callbacks, credit }, transfersOf(args));
    } catch (error) {
      throw argumentFault(this.#plan, name, args, error) ?? error;
    }
    call.sent();
    this.#calls.add(call);
  }

  /** Runs something that closing the pool cancels. */
  async #unlessClosed<T>(name: string, body: () => Promise<T>): Promise<T> {
    const scope = new CancelScope();
    this.#waits.add(scope);
    if (this.#closed) scope.cancel("the workers are closed");
    try {
      const outcome = await scope.run(body);
      if (!outcome.cancelledCaught) return outcome.value as T;
    } finally {
      this.#waits.delete(scope);
    }
    await checkpoint();
    throw this.#closedError(name);
  }

  #closedError(name: string): ClosedResourceError {
    return new ClosedResourceError(
      `Cannot call "${name}" of ${this.moduleName} as the workers must be open: they are closed`,
    );
  }

  /** Does what a worker asks for, in the task that has made the call; throws what the function has thrown. */
  async #attend(call: Call, said: Said<"ask" | "error" | "item" | "result">): Promise<void> {
    if (said.type === "error") throw unpack(said.error, `worker ${this.moduleName}`);
    if (said.type !== "ask") return;
    const { question, index, args } = said;
    const fn = call.callbacks.get(index)?.fn as (...args: readonly unknown[]) => unknown;
    let told: Told;
    let value: unknown;
    try {
      value = await fn(...args);
      told = { value };
    } catch (error) {
      const failure = failureOf(error);
      if (failure === NOTHING) throw error;
      told = { error: pack(failure) };
    }
    const answer = (told: Told): void =>
      call.worker?.send({ type: "told", call: call.id, question, told }, transfersOf([value]));
    if (call.machine.state !== "sent") return;
    try {
      answer(told);
    } catch (error) {
      value = undefined;
      answer({
        error: pack(new TypeError("Cannot send the result of a callback as it must be cloneable", { cause: error })),
      });
    }
  }

  /** Ends a call that goes on, as its caller has failed; throws that, or what has gone wrong meanwhile. */
  async #stop(call: Call, error: unknown): Promise<never> {
    const failure = await this.#end(call, "the call was cancelled");
    if (failure === null) throw error;
    throw withSuppressed(failure.error, [error]);
  }

  /** Ends a call, if it goes on. Returns what its function has failed with meanwhile. */
  async #end(call: Call, reason: string): Promise<{ readonly error: unknown } | null> {
    if (call.machine.state === "done" && call.isOver) return null;
    call.cancel(reason);
    const { value } = await shielded(() => call.untilOver());
    const failed = value as Said<"error"> | null;
    return failed === null ? null : { error: unpack(failed.error, `worker ${this.moduleName}`) };
  }

  /** Keeps a worker for the next call, unless it has had enough of them. */
  #putBack(worker: PoolWorker): void {
    if (worker.isGone) return;
    if (this.#closed || worker.calls >= this.#plan.maxCalls) return worker.end();
    this.#idle.push(worker);
    const { idleTimeout, warm } = this.#plan;
    if (idleTimeout === Infinity || this.#workers.size <= warm) return;
    worker.whenUsed = this.#patience.afterIfThere(idleTimeout, () => {
      const at = this.#idle.indexOf(worker);
      if (at < 0 || this.#workers.size <= warm) return;
      this.#idle.splice(at, 1);
      worker.end();
    });
  }

  async #close(): Promise<void> {
    this.#closed = true;
    for (const wait of this.#waits) wait.cancel("the workers were closed");
    for (const call of this.#calls) {
      call.fail(this.#closedError(call.functionName));
      call.cancel("the workers were closed");
    }
    for (const worker of this.#workers) worker.whenUsed();
    await shielded(async () => {
      for (const call of [...this.#calls]) await call.untilOver();
      const workers = [...this.#workers];
      for (const worker of workers) {
        if (worker.call === null) worker.end();
        else worker.kill();
      }
      for (const worker of workers) {
        if (worker.call === null) await worker.untilExited((give) => this.#patience.after(LAST, give));
      }
    });
  }
}
