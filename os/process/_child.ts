/**
 * One process: started, waited for, ended.
 *
 *     LIVING ──the host says so──▶ GONE: all waits for its exit end
 *       └── end(): input closed, asked (SIGTERM, or `deliverCancel`) ──grace──▶ SIGKILL ──5 s──▶ given up: an error
 *
 * Its end is its exit, whatever its pipes do: a descendant may hold them for days. Waits stand side by side, each
 * leaves alone.
 */

import {
  beginHostOperation,
  currentRun,
  type HostProcess,
  type ProcessStatus,
  suspend,
  type WaitReason,
} from "../../core/lowlevel.ts";
import { CancelScope, type ScopeOutcome } from "../../core/mod.ts";
import { read } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import { denoProcesses, requireDeno } from "../host/processes.ts";
import { spawnError, unkillableError } from "./_errors.ts";
import { guard } from "../base/exit_guard.ts";
import { type Patience, patienceFor } from "../base/patience.ts";
import type { InputFrom, OutputTo, Plan } from "./_plan.ts";

/** How long a process may take to vanish after SIGKILL, in milliseconds. One that the system is stuck in never does. */
const LAST = 5_000;

/** See the header. */
export class Child {
  readonly plan: Plan;
  readonly host: HostProcess;
  /** What its times are measured by. */
  readonly patience: Patience;
  /** Whether it is in memory. */
  readonly inMemory: boolean;
  /** How it has exited. Written once. */
  status: ProcessStatus | null = null;
  /** Whether `end()` was called: what it exits with is no failure then. */
  ending = false;
  readonly #reason: WaitReason;
  /** Called when it is gone. */
  readonly #leaving = new Set<() => void>();
  readonly #sent = new Set<string>();
  readonly #release: () => void;
  /** The host cannot say how it has exited. */
  #fault: { readonly error: unknown } | null = null;

  /** Where its input comes from, if that is read by us. */
  readonly input: Uint8Array | ReceiveStream | null;

  /** Starts the process, in this very step; `input` is read where its plan has a pipe. */
  constructor(plan: Plan, input: ReceiveStream | null = null) {
    const { processes = denoProcesses } = currentRun();
    if (processes === denoProcesses) requireDeno(`start "${plan.name}"`);
    this.plan = plan;
    this.input = typeof plan.stdin === "string" ? input : plan.stdin;
    this.inMemory = processes.inMemory === true;
    this.patience = patienceFor(this);
    const { cwd, env, clearEnv, uid, gid, group, command } = plan;
    try {
      this.host = processes.spawn({
        command,
        group,
        stdin: forHost(plan.stdin, false),
        stdout: forHost(plan.stdout, plan.watched),
        stderr: forHost(plan.stderr, plan.watched),
        ...cwd === undefined ? {} : { cwd },
        ...env === undefined ? {} : { env },
        ...clearEnv === undefined ? {} : { clearEnv },
        ...uid === undefined ? {} : { uid },
        ...gid === undefined ? {} : { gid },
      });
    } catch (error) {
      throw spawnError(plan, error);
    }
    const label = `"${plan.name}" (pid ${this.host.pid})`;
    this.#reason = { kind: "wait for", label };
    this.#release = this.inMemory ? () => {} : this.#account(label);
    this.host.status.then(
      (status) => this.#gone(() => this.status = status),
      (error) => this.#gone(() => this.#fault = { error }),
    );
  }

  /** Whether it has exited, or nobody can tell any more. */
  get gone(): boolean {
    return this.status !== null || this.#fault !== null;
  }

  /** Whether a signal was sent to it from here. */
  hasSent(signal: string): boolean {
    return this.#sent.has(signal);
  }

  /** Waits for its exit. */
  wait(): Promise<ProcessStatus> {
    let leave = (): unknown => undefined;
    return suspend<ProcessStatus>(this.#reason, (waker) => {
      const tell = (): unknown => this.status !== null ? waker.wake(this.status) : waker.fail(this.#fault?.error);
      if (this.gone) tell();
      else leave = this.onExit(tell);
    }, () => {
      leave();
      return true;
    });
  }

  /** Calls back when it is gone, in that step; returns how to stop that. */
  onExit(callback: () => void): () => void {
    this.#leaving.add(callback);
    return () => void this.#leaving.delete(callback);
  }

  /** Runs something that makes sense only while the process is there: it is cancelled when that is gone. */
  whileThere<T>(body: () => T | Promise<T>): Promise<ScopeOutcome<T>> {
    const scope = new CancelScope();
    if (this.gone) scope.cancel("the process has exited");
    const leave = this.onExit(() => scope.cancel("the process has exited"));
    return scope.run(body).finally(leave);
  }

  /** Sends a signal; returns whether there was a process to send it to. */
  kill(signal: string): boolean {
    if (this.gone) return false;
    try {
      this.host.kill(signal);
    } catch (error) {
      if (saysGone(error)) return false;
      throw error;
    }
    this.#sent.add(signal);
    return true;
  }

  /**
   * Ends it, politely at first: `ask` is called, or SIGTERM sent. To be called under a shield. Comes to its end in any
   * case; throws what `ask` threw, or that the process cannot be ended.
   */
  async end(ask: (() => unknown) | undefined): Promise<void> {
    const first = !this.ending;
    this.ending = true;
    this.host.stdin?.close();
    if (this.gone) return;
    const { grace } = this.plan;
    let failure: { readonly error: unknown } | null = null;
    if (ask === undefined || !first) {
      this.kill("SIGTERM");
      if (await this.#exitWithin(grace)) return;
    } else {
      try {
        await this.#askWithin(grace, ask);
      } catch (error) {
        failure = { error };
      }
    }
    this.kill("SIGKILL");
    if (!await this.#exitWithin(LAST)) {
      this.host.unref?.();
      this.#release();
      throw unkillableError(this.plan, this.host.pid, LAST);
    }
    if (failure !== null) throw failure.error;
  }

  /** Asks as the user wants to, until the process is gone or the grace is over. */
  async #askWithin(grace: number, ask: () => unknown): Promise<void> {
    await this.whileThere(async () => {
      const scope = new CancelScope();
      const stop = this.patience.after(grace, () => scope.cancel("the grace is over"));
      try {
        await scope.run(async () => void await ask());
      } finally {
        stop();
      }
    });
  }

  /** Waits for its exit, but not longer than a time; returns whether it has exited. */
  #exitWithin(ms: number): Promise<boolean> {
    let leave = (): unknown => undefined;
    let stop = (): unknown => undefined;
    return suspend<boolean>(this.#reason, (waker) => {
      if (this.gone) return void waker.wake(true);
      leave = this.onExit(() => {
        stop();
        waker.wake(true);
      });
      stop = this.patience.after(ms, () => {
        leave();
        waker.wake(false);
      });
    }, () => {
      leave();
      stop();
      return true;
    });
  }

  #account(label: string): () => void {
    const operation = beginHostOperation(`process ${label}`);
    const stopGuarding = guard({ kill: (signal) => this.host.kill(signal) });
    return () => {
      stopGuarding();
      operation.end();
    };
  }

  #gone(note: () => void): void {
    note();
    this.#release();
    const callbacks = [...this.#leaving];
    this.#leaving.clear();
    for (const callback of callbacks) callback();
  }
}

/** What the host is told of an input or an output. */
function forHost(to: InputFrom | OutputTo, watched: boolean): "null" | "inherit" | "piped" {
  return !watched && (to === "null" || to === "inherit") ? to : "piped";
}

/** Whether a signal was refused as the process, or its group, has exited, of which we are about to hear. */
function saysGone(error: unknown): boolean {
  if (read(error, "name") === "NotFound") return true;
  // The same class stands for a signal that this system does not have.
  return error instanceof TypeError && !/invalid signal/i.test(error.message);
}
