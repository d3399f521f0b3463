/**
 * One worker of a pool, as the program sees it.
 *
 *     STARTING ──ready──▶ READY ──▶ GONE
 *        └──────────────────────────▶│       it has exited, its module has failed, or an error in it was not caught
 *
 * One that is gone takes no more calls; until its exit, it may still be there.
 */

import {
  beginHostOperation,
  type HostOperation,
  type HostWorker,
  suspend,
  type Waker,
  type WorkerExit,
} from "../../core/lowlevel.ts";
import { type Packed, unpack } from "./_across.ts";
import type { Call, CallWorker } from "./_call.ts";
import type { FromWorker, ToWorker } from "./_protocol.ts";

/** Why a worker is gone. */
export interface Gone {
  readonly exit: WorkerExit | null;
  /** What it has said itself: its module has failed, or an error was not caught. */
  readonly said: { readonly error: unknown; readonly type: "failed" | "crash" } | null;
}

/** What a worker is told that it has to do with its pool. */
export interface WorkerOwner {
  readonly moduleName: string;
  readonly inMemory: boolean;
  /** What the versions at both ends must be, if that is known. */
  readonly version: string | null;
  /** Starts it. */
  start(received: (message: unknown) => void, exited: (exit: WorkerExit) => void): Promise<HostWorker>;
  /** It takes no more calls. */
  gone(worker: PoolWorker, why: Gone): void;
  /** What a call fails with as its worker is gone. */
  crashError(functionName: string | null, why: Gone): unknown;
}

/** See the header. */
export class PoolWorker implements CallWorker {
  /** The call that it has. Written by the pool. */
  call: Call<PoolWorker> | null = null;
  /** Stops the time after which it ends for want of calls. Written by the pool. */
  whenUsed = (): void => {};
  /** How many calls it had. Written by the pool. */
  calls = 0;
  /** The names of the functions of its module, once it is ready. */
  functions: readonly string[] = [];
  readonly #owner: WorkerOwner;
  #state: "starting" | "ready" | "gone" = "starting";
  #why: Gone = { exit: null, said: null };
  #host: HostWorker | null = null;
  /** Whether it was to end before there was anything to end. */
  #endWanted = false;
  #exited = false;
  readonly #starting: HostOperation | null;
  readonly #readyWaits = new Set<Waker<void>>();
  /** Called at its exit. */
  readonly #exitWaits = new Set<() => void>();

  constructor(owner: WorkerOwner) {
    this.#owner = owner;
    this.#starting = owner.inMemory ? null : beginHostOperation(`start worker of ${owner.moduleName}`);
    owner.start((message) => this.#received(message as FromWorker), (exit) => this.#exit(exit)).then((host) => {
      this.#host = host;
      if (this.#endWanted) host.kill();
      else if (this.#state === "starting") host.hold(true);
    }, (error) => {
      this.#exit({ code: null, signal: null, error });
    });
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  get isGone(): boolean {
    return this.#state === "gone";
  }

  /** Waits until it can have calls. Fails if it never will. */
  untilReady(): Promise<void> {
    return suspend<void>({ kind: "start worker", label: this.#owner.moduleName }, (waker) => {
      if (this.#state === "ready") waker.wake();
      else if (this.#state === "gone") waker.fail(this.#owner.crashError(null, this.#why));
      else this.#readyWaits.add(waker);
    }, () => true);
  }

  /** Waits until it has exited, but not for ever: `after` calls back when it has taken too long. */
  untilExited(after: (callback: () => void) => () => void): Promise<void> {
    return suspend<void>({ kind: "end worker", label: this.#owner.moduleName }, (waker) => {
      if (this.#exited) return void waker.wake();
      // The program must not end before.
      this.hold(true);
      const stop = after(() => {
        this.hold(false);
        waker.wake();
      });
      this.#exitWaits.add(() => {
        stop();
        waker.wake();
      });
    }, () => true);
  }

  /** Sends a message. Throws if it cannot be cloned. */
  send(message: ToWorker, transfer: readonly Transferable[]): void {
    this.#host?.send(message, transfer);
  }

  /** Tells it that its call is cancelled. */
  cancel(call: number, reason: string): void {
    // The message first: a thread that looks takes it in.
    this.send({ type: "cancel", call, reason }, []);
    this.#host?.interrupt(call);
  }

  /** Says whether somebody waits for it. */
  hold(busy: boolean): void {
    if (!this.#exited) this.#host?.hold(busy);
  }

  /** Ends it; nothing runs in it. */
  end(): void {
    const first = !this.#endWanted;
    this.#leave();
    if (first && !this.#exited) this.#host?.end();
  }

  /** Ends it at once, if that is possible. */
  kill(): void {
    this.#leave();
    if (!this.#exited) this.#host?.kill();
  }

  #leave(): void {
    this.#endWanted = true;
    if (this.#state !== "starting") this.#state = "gone";
  }

  #received(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        return this.#becomeReady(message);
      case "failed":
      case "crash":
        return this.#fail(message.type, message.error);
      default:
        if (message.call === this.call?.id) this.call.received(message);
    }
  }

  #becomeReady({ functions, version }: FromWorker & { type: "ready" }): void {
    if (this.#state !== "starting") return;
    const expected = this.#owner.version;
    if (version !== null && expected !== null && version !== expected) {
      return this.#say("failed", new Error(`The "deno" on PATH must have version ${expected}: it has ${version}`));
    }
    this.#starting?.end();
    this.functions = functions;
    this.#state = "ready";
    this.hold(false);
    for (const waker of this.#readyWaits) waker.wake();
    this.#readyWaits.clear();
  }

  #fail(type: "failed" | "crash", error: Packed): void {
    this.#say(type, unpack(error, `worker ${this.#owner.moduleName}`));
  }

  #say(type: "failed" | "crash", error: unknown): void {
    const why: Gone = { exit: null, said: { type, error } };
    // It may have said it amid its end, and then its exit tells no more than this.
    if (this.#state !== "gone") this.#go(why);
    this.#host?.kill();
  }

  #exit(exit: WorkerExit): void {
    if (this.#exited) return;
    this.#exited = true;
    if (this.#state !== "gone" || this.#endWanted) this.#go({ exit, said: null });
    for (const tell of this.#exitWaits) tell();
  }

  #go(why: Gone): void {
    this.#starting?.end();
    this.#state = "gone";
    this.#why = why;
    const { call } = this;
    this.call = null;
    this.#owner.gone(this, why);
    // With nobody to tell, it is told to those who wait for it to begin.
    for (const waker of this.#readyWaits) waker.fail(this.#owner.crashError(null, why));
    this.#readyWaits.clear();
    call?.gone(this.#owner.crashError(call.functionName, why));
  }

  /** Whether it was ended from here. */
  get wasEnded(): boolean {
    return this.#endWanted;
  }

  /** Whether it has exited. */
  get hasExited(): boolean {
    return this.#exited;
  }
}
