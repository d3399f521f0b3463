/**
 * Which requests are watched for clients that go away.
 *
 * To ask the host for the signal of a request costs as much as the whole of a simple one (see `host/deno_http.ts`), and
 * most are answered in a few milliseconds, waits of their handlers included. The signal may be asked late: a client
 * that went before is noticed then. So only requests that are not answered after some time are watched.
 *
 *     add ──▶ young ──sweep──▶ old ──sweep──▶ watched
 *
 * One timer serves all. Between two sweeps lies half the time, so each request is watched between half of it and the
 * whole of it after it was added. Where nothing is left, no timer is set.
 *
 * In a simulation the time is a turn of the event loop: a handler may wait for an hour in less than a millisecond.
 */

import { currentRun } from "../../core/lowlevel.ts";
import { hostClearImmediate, hostImmediate, ifStillAlive, outside } from "../../core/internal.ts";

/** After how long a client that has gone away is noticed at the latest, in milliseconds. */
const NOTICED_AFTER = 20;

/** Calls back later; returns what to call to prevent it. */
export type Later = (callback: () => void) => () => void;

/** See the header. */
export class DisconnectSweep {
  readonly #later: Later;
  #young: { watch(): void }[] = [];
  #old: { watch(): void }[] = [];
  /** Prevents the next sweep; `null` if none is to come. */
  #stop: (() => void) | null = null;

  constructor(later: Later = currentRun().clock.deterministic ? inNextTurn : inHalfTheTime) {
    this.#later = later;
  }

  /** Has a request watched if it is not answered in time, which `watch()` has to ask. */
  add(request: { watch(): void }): void {
    this.#young.push(request);
    // The timer outlives the task of this request.
    this.#stop ??= outside(() => this.#later(this.#sweep));
  }

  /** Watches no more. */
  end(): void {
    this.#stop?.();
    this.#stop = null;
    this.#young = [];
    this.#old = [];
  }

  readonly #sweep = (): void => {
    const due = this.#old;
    this.#old = this.#young;
    this.#young = [];
    this.#stop = this.#old.length === 0 ? null : this.#later(this.#sweep);
    for (const request of due) request.watch();
  };
}

function inHalfTheTime(callback: () => void): () => void {
  return ifStillAlive(NOTICED_AFTER / 2, callback);
}

function inNextTurn(callback: () => void): () => void {
  const turn = hostImmediate(callback);
  return () => hostClearImmediate(turn);
}
