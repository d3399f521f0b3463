/**
 * Which requests are watched for clients that go away.
 *
 * To ask the host for the signal of a request costs as much as the whole of a simple one (see `host/deno_http.ts`), and
 * most are answered in a few milliseconds, waits of their handlers included. The signal may be asked late: a client
 * that went before is noticed then. So only requests that are not answered after some time are watched.
 *
 *     add ──▶ newest ──sweep──▶ · ──sweep──▶ · ──sweep──▶ oldest ──sweep──▶ watched
 *
 * One timer serves all. Between two sweeps lies a quarter of the time, so each request is watched between three
 * quarters of it and the whole of it after it was added. Where nothing is left, no timer is set.
 *
 * In a simulation a sweep is made in each turn of the event loop: a handler may wait for an hour there in less than a
 * millisecond.
 */

import { currentRun } from "../../core/lowlevel.ts";
import { hostClearImmediate, hostImmediate, ifStillAlive, outside } from "../../core/internal.ts";

/** After how long a client that has gone away is noticed at the latest, in milliseconds. */
const NOTICED_AFTER = 20;
/** In how many sweeps that time passes. */
const SWEEPS = 4;

/** Calls back later; returns what to call to prevent it. */
export type Later = (callback: () => void) => () => void;

/**
 * A place in the sweep. The request is taken out when it is answered: kept until the next sweep, each would outlive the
 * collections of young objects, at the cost of a quarter of a simple request.
 */
export interface SweepEntry {
  request: { watch(): void } | null;
}

/** See the header. */
export class DisconnectSweep {
  readonly #later: Later;
  /** The requests added since the last sweep, since the one before that, and so on. */
  #ages: SweepEntry[][] = newAges();
  /** Prevents the next sweep; `null` if none is to come. */
  #stop: (() => void) | null = null;

  constructor(later: Later = currentRun().clock.deterministic ? inNextTurn : inRealTime) {
    this.#later = later;
  }

  /** Has a request watched if it is not taken out in time. */
  add(request: { watch(): void }): SweepEntry {
    const entry: SweepEntry = { request };
    this.#ages[0]!.push(entry);
    // The timer outlives the task of this request.
    this.#stop ??= outside(() => this.#later(this.#sweep));
    return entry;
  }

  /** Watches no more. */
  end(): void {
    this.#stop?.();
    this.#stop = null;
    this.#ages = newAges();
  }

  readonly #sweep = (): void => {
    const due = this.#ages.pop()!;
    this.#ages = [[], ...this.#ages.map((age) => age.filter(({ request }) => request !== null))];
    this.#stop = this.#ages.every((age) => age.length === 0) ? null : this.#later(this.#sweep);
    for (const { request } of due) request?.watch();
  };
}

function newAges(): SweepEntry[][] {
  return Array.from({ length: SWEEPS }, () => []);
}

function inRealTime(callback: () => void): () => void {
  return ifStillAlive(NOTICED_AFTER / SWEEPS, callback);
}

function inNextTurn(callback: () => void): () => void {
  const turn = hostImmediate(callback);
  return () => hostClearImmediate(turn);
}
