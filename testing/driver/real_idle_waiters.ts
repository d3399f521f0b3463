/** The waits in `settled()` of runs on real time. */

import { hostClear, hostImmediate } from "../../core/internal.ts";
import { currentRun, onIdle, type Waker } from "../../core/lowlevel.ts";
import { realTimer } from "../base/real_timer.ts";
import { IdleWaiters } from "./idle_waiters.ts";

const byRun = new WeakMap<object, RealIdleWaiters>();

/** Those of the current run. */
export function realWaiters(): IdleWaiters {
  const run = currentRun();
  let waiters = byRun.get(run);
  if (waiters === undefined) byRun.set(run, waiters = new RealIdleWaiters());
  return waiters;
}

/** Whether a task waits in `settled()` in this run: then a clock must not jump. */
export function someoneSettles(run: object): boolean {
  return (byRun.get(run)?.size ?? 0) > 0;
}

/**
 * Real time: each time the run comes to rest, look a turn later whether it still rests, and then for as long as the
 * smallest cushion. Coming to rest again in between means that somebody ran, so it begins anew.
 */
class RealIdleWaiters extends IdleWaiters {
  readonly #run = currentRun();
  #stop: (() => void) | null = null;
  #checking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override add(waker: Waker<void>, cushion: number): void {
    super.add(waker, cushion);
    this.#stop ??= onIdle(() => this.#rest());
    this.#rest();
  }

  override delete(waker: Waker<void>): void {
    super.delete(waker);
    if (this.size === 0) this.#end();
  }

  #rest(): void {
    hostClear(this.#timer);
    this.#timer = undefined;
    if (this.#checking) return;
    this.#checking = true;
    hostImmediate(() => {
      this.#checking = false;
      if (this.size === 0 || !this.#resting) return;
      const { cushion } = this;
      if (cushion === 0) this.#wake();
      else if (cushion !== Infinity) this.#timer = realTimer(() => this.#resting && this.#wake(), cushion);
    });
  }

  get #resting(): boolean {
    return this.#run.statistics().tasksRunning === 0;
  }

  #wake(): void {
    this.wakeFirst();
    if (this.size === 0) this.#end();
  }

  #end(): void {
    this.#stop?.();
    this.#stop = null;
    hostClear(this.#timer);
  }
}
