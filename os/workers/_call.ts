/**
 * One call, as the program sees it: what its worker says of it, who waits for that, and how it is stopped. Where it is
 * on its way is the business of `CallMachine`.
 */

import { beginHostOperation, type HostOperation, suspend, type WaitReason, type Waker } from "../../core/lowlevel.ts";
import { busyWith } from "../../core/internal.ts";
import type { ReleaseGuard } from "../../core/mod.ts";
import type { Callback } from "./_callbacks.ts";
import { CallMachine } from "./_call_machine.ts";
import type { OfCall } from "./_protocol.ts";

/** The worker that has a call. */
export interface CallWorker {
  cancel(call: number, reason: string): void;
  hold(busy: boolean): void;
  kill(): void;
}

/** What a call is told that it has to do with its pool. */
export interface CallOwner<W extends CallWorker> {
  readonly kind: "thread" | "process";
  readonly inMemory: boolean;
  readonly moduleName: string;
  /** How long a cancelled call may take to stop, in milliseconds. */
  readonly grace: number;
  /** Calls back after a time, in milliseconds; returns how to stop that. */
  after(ms: number, callback: () => void): () => void;
  /** The call has ended: `reusable` says whether its worker can have the next one. */
  ended(call: Call<W>, reusable: boolean): void;
  /** Its thread goes on. */
  writtenOff(call: Call<W>): void;
}

let lastId = 0;

/** How long a worker that was ended may take to be gone, in milliseconds; a thread that computes never is. */
export const LAST = 5_000;

/** See the header. */
export class Call<W extends CallWorker = CallWorker> {
  readonly id: number = ++lastId;
  readonly functionName: string;
  readonly machine: CallMachine;
  /** By the place among the arguments. */
  readonly callbacks = new Map<number, Callback>();
  /** Written by the pool: its place, and what runs it. */
  guard: ReleaseGuard | null = null;
  worker: W | null = null;
  readonly #owner: CallOwner<W>;
  readonly #reason: WaitReason;
  /** What the worker has said and nobody has taken. */
  readonly #said: OfCall[] = [];
  #waiter: Waker<OfCall> | null = null;
  readonly #ends = new Set<Waker<void>>();
  /** Nothing more is to be waited for: it has been answered, was written off, or its worker has ended. */
  #over = false;
  /** What all waits for it fail with. */
  #failure: { readonly error: unknown } | null = null;
  /** How it ended after it was cancelled, if that is worth telling. */
  #failedStopping: Extract<OfCall, { type: "error" }> | null = null;
  #operation: HostOperation | null = null;
  #stopTimer = (): void => {};

  constructor(functionName: string, owner: CallOwner<W>) {
    this.functionName = functionName;
    this.machine = new CallMachine(owner.kind);
    this.#owner = owner;
    this.#reason = {
      kind: "call",
      label: () =>
        `"${functionName}" of ${owner.moduleName}${this.machine.state === "stopping" ? ", which was cancelled" : ""}`,
    };
  }

  /** What it is called where it holds a place. */
  get name(): string {
    return this.machine.state === "writtenOff" ? `${this.functionName}, which does not stop` : this.functionName;
  }

  /** Whether there is nothing more to wait for. */
  get isOver(): boolean {
    return this.#over;
  }

  /** It was sent to its worker. */
  sent(): void {
    this.machine.on("sent");
    if (this.#owner.inMemory) return;
    this.#operation = beginHostOperation(`call "${this.functionName}" of ${this.#owner.moduleName}`);
    this.worker?.hold(true);
  }

  /** Waits for what the worker says next; one at a time. */
  next(): Promise<OfCall> {
    return suspend<OfCall>(this.#reason, (waker) => {
      const first = this.#said.shift();
      if (first !== undefined) return void waker.wake(first);
      if (this.#failure !== null) return void waker.fail(this.#failure.error);
      if (this.#waiter !== null) {
        return void waker.fail(busyWith("receive an item", `waiting for one of "${this.functionName}"`));
      }
      this.#waiter = waker;
    }, () => {
      this.#waiter = null;
      return true;
    });
  }

  /** The worker has said something of it. */
  received(message: OfCall): void {
    if (message.type === "result" || message.type === "error") {
      const { state } = this.machine;
      if (this.machine.on("answer") !== "free") return;
      if (state === "stopping" && message.type === "error" && !message.cancelled) this.#failedStopping = message;
      this.#end();
      this.#owner.ended(this, true);
    }
    if (this.#failure !== null) return;
    if (this.#waiter === null) this.#said.push(message);
    else this.#take(this.#waiter).wake(message);
  }

  /** Makes all waits for it fail. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    if (this.#waiter !== null) this.#take(this.#waiter).fail(error);
  }

  /** Its worker has ended. */
  gone(error: unknown): void {
    if (this.machine.on("gone") === "replace") this.fail(error);
    this.#lost();
  }

  /** Begins to stop it. */
  cancel(reason: string): void {
    if (this.machine.on("cancelled") !== "interrupt") return;
    this.worker?.cancel(this.id, reason);
    this.#stopTimer = this.#owner.after(this.#owner.grace, () => {
      const action = this.machine.on("graceOver");
      if (action === "kill") {
        // It has ended when its process has: `gone()`. A block always ends, also where the system has it stuck.
        this.worker?.kill();
        this.#stopTimer = this.#owner.after(LAST, () => this.#lost());
      } else if (action === "writeOff") {
        this.#end();
        this.#owner.writtenOff(this);
      }
    });
  }

  /** Waits until it is over, whoever has stopped it. Returns what it failed with meanwhile, if it did. */
  async untilOver(): Promise<Extract<OfCall, { type: "error" }> | null> {
    await suspend<void>(this.#reason, (waker) => {
      if (this.#over) waker.wake();
      else this.#ends.add(waker);
    }, () => true);
    return this.#failedStopping;
  }

  #lost(): void {
    this.#end();
    this.#owner.ended(this, false);
  }

  #take(waiter: Waker<OfCall>): Waker<OfCall> {
    this.#waiter = null;
    return waiter;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#operation?.end();
    this.worker?.hold(false);
    for (const waker of this.#ends) waker.wake();
    this.#ends.clear();
  }
}
