/**
 * What a monitor knows of a program: its runs, and what only somebody who listens all the time can know (how often
 * tasks have waited, how late the event loop was, what the watchdogs have found). All else is read off the runs when
 * somebody looks.
 */

import { hostDate, hostNow, outside, startedIn } from "../../core/internal.ts";
import { addInstrument, currentRun, onRun, type RunView } from "../../core/lowlevel.ts";
import { BEAT, repeat } from "../base/beat.ts";
import type { Finding } from "../watchdog/finding.ts";
import { wakesOf } from "../watchdog/_wakes.ts";
import { Watchdog } from "../watchdog/watchdog.ts";
import type { FindingRow } from "./_wire.ts";

/** So many findings are kept. */
const MOST_FINDINGS = 200;
/** Findings about the loop within so many milliseconds are about the same step: each run has a watchdog of its own. */
const SAME_STEP = 200;
/** How long the worst lag is remembered, in seconds. */
const MINUTE = 60;

/** A run, as it is watched. */
export interface WatchedRun {
  /** Runs are numbered as they are met. */
  readonly id: number;
  readonly run: RunView;
  /** What has happened since it is watched. */
  readonly count: () => Counts;
  /** Takes the instruments off. */
  readonly stop: () => void;
}

/** How often things have happened. */
export interface Counts {
  readonly waitsEnded: number;
  readonly tasksStarted: number;
}

/** See the header. */
export class Program {
  readonly openedAt = hostNow();
  /** In the runs that have ended. */
  #before: Counts = { waitsEnded: 0, tasksStarted: 0 };
  readonly #runs = new Map<RunView, WatchedRun>();
  readonly #findings: FindingRow[] = [];
  /** How late the loop was at most, in each of the last seconds, by the second. */
  readonly #lags: { readonly second: number; lag: number }[] = [];
  readonly #ends = new DisposableStack();
  readonly #oldAfter: number;
  #lastRun = 0;

  /** Watches all runs from now on, and the current one. `oldAfter`: what is old for the watchdogs, in milliseconds. */
  constructor(oldAfter: number) {
    this.#oldAfter = oldAfter;
    this.#watch(currentRun());
    // What is begun here belongs to no task.
    outside(() => {
      this.#ends.use(onRun((run) => this.#watch(run)));
      this.#ends.defer(repeat(BEAT, (late) => this.#noteLag(late)));
    });
  }

  /** The runs that have not ended, oldest first. */
  get runs(): readonly WatchedRun[] {
    return [...this.#runs.values()];
  }

  /** What has happened in all runs. */
  get counts(): Counts {
    return this.runs.map(({ count }) => count()).reduce(add, this.#before);
  }

  /** The newest first. */
  get findings(): readonly FindingRow[] {
    return this.#findings.toReversed();
  }

  /** How late the loop was at most, in milliseconds: in the last second, or the last minute. */
  lag(within: "second" | "minute"): number {
    const since = Math.floor(hostNow() / 1_000) - (within === "second" ? 1 : MINUTE);
    return Math.max(0, ...this.#lags.filter(({ second }) => second >= since).map(({ lag }) => lag));
  }

  /** Watches no more. Harmless when repeated. */
  close(): void {
    this.#ends.dispose();
    for (const { run } of this.runs) this.#forget(run);
  }

  #forget(run: RunView): void {
    const watched = this.#runs.get(run);
    if (watched === undefined) return;
    this.#before = add(this.#before, watched.count());
    this.#runs.delete(run);
    watched.stop();
  }

  #watch(run: RunView): void {
    if (this.#runs.has(run)) return;
    const ends = new DisposableStack();
    const oldAfter = this.#oldAfter;
    const watchdog = ends.use(
      new Watchdog({
        waitAge: oldAfter,
        holdAge: oldAfter,
        foreignAge: oldAfter,
        onFinding: (finding) => this.#note(finding),
      }),
    );
    const before = startedIn(run);
    const count = (): Counts => ({
      waitsEnded: wakesOf.get(watchdog)?.count ?? 0,
      tasksStarted: startedIn(run) - before,
    });
    this.#runs.set(run, { id: ++this.#lastRun, run, count, stop: () => ends.dispose() });
    for (const instrument of [watchdog, { runEnded: () => this.#forget(run) }]) {
      ends.use(addInstrument(instrument, run));
    }
  }

  #note({ kind, message, task, frames, amount }: Finding): void {
    const finding = { kind, message, frames, amount, at: hostDate() };
    if (kind === "blocked loop" || kind === "busy machine") {
      const before = this.#findings.at(-1);
      if (before?.kind === kind && finding.at - before.at < SAME_STEP) {
        // The watchdog of a run in which nothing went on knows less.
        if (task === "") return;
        this.#findings.pop();
      }
    }
    this.#findings.push(finding);
    if (this.#findings.length > MOST_FINDINGS) this.#findings.shift();
  }

  #noteLag(late: number): void {
    const second = Math.floor(hostNow() / 1_000);
    const last = this.#lags.at(-1);
    if (last?.second === second) last.lag = Math.max(last.lag, late);
    else {
      this.#lags.push({ second, lag: late });
      if (this.#lags.length > MINUTE) this.#lags.shift();
    }
  }
}

function add(a: Counts, b: Counts): Counts {
  return { waitsEnded: a.waitsEnded + b.waitsEnded, tasksStarted: a.tasksStarted + b.tasksStarted };
}
