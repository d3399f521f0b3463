/**
 * What a simulation looks at without being asked: who waited longest, which channels only grew, how fast the requests
 * came, who ran past a cancellation; and what it was told must hold.
 *
 * Notes are short and of bounded size, as every simulation takes them; words are found when somebody reads.
 */

import {
  cancellationOf,
  formatTime,
  kindOf,
  labelOf,
  NOTHING,
  REFUSED,
  taskText,
  waitText,
} from "../../core/internal.ts";
import { type Cancelled, currentTask, type Task } from "../../core/mod.ts";
import type { Instrument, WaitReason } from "../../core/lowlevel.ts";
import { placed, type Site } from "./sites.ts";
import { type Namesake, Namesakes } from "./namesakes.ts";
import { Timeline } from "./timeline.ts";
import { seededRandom } from "./random.ts";
import type { Campaign } from "../watches/campaign.ts";

/** What a watch needs of a channel. */
export interface WatchedChannel {
  readonly name: string;
  /** How much is in it. */
  readonly used: number;
}

/** Of each kind of thing, so many are watched, and shown. */
const MOST_WATCHED = 1_000;
const MOST_SHOWN = 3;
/** Waits that are for as long as they are meant to be. */
const MEANT = new Set(["sleep", "nursery", "cancelled", "checkpoint", "accept on"]);
/** How the kinds of waits begin that end with something to hold. */
const HELD = "acquire";
/** A channel that holds fewer is not worth a word. */
const LEAST_GROWTH = 50;
/** Rates below are not. */
const LEAST_RATE = 20;

interface Longest {
  readonly task: string;
  readonly reason: WaitReason;
  readonly ms: number;
  readonly ended: number;
  /** Who was granted the same meanwhile, most often. */
  readonly rival: string;
}

/** Who was granted waits for one thing: how often, by the names of the tasks. */
type Grants = Map<Namesake, number>;

interface Begun {
  readonly at: number;
  readonly grants: ReadonlyMap<Namesake, number> | null;
}

interface Growth {
  readonly channel: WeakRef<WatchedChannel>;
  readonly first: number;
  last: number;
  peak: number;
  onlyGrew: boolean;
}

interface Law {
  readonly check: () => unknown;
  readonly label: string;
  readonly site: Site | null;
  broken: boolean;
}

/** See the header. */
export class Watches implements Instrument {
  /** For pictures; told here, as each instrument costs each wait. */
  readonly timeline: Timeline;
  readonly #now: () => number;
  readonly #fail: (error: Error) => void;
  readonly #seed: number;
  readonly #campaign: Campaign | null;
  readonly #longest = new Map<string, Longest>();
  readonly #begun = new Map<Task, Map<WaitReason, Begun>>();
  readonly #grants = new Map<string, Grants>();
  readonly #namesakes = new Namesakes();
  readonly #channels: Growth[] = [];
  #sampledAt = 0;
  /** The tasks that have waited although they were cancelled. */
  readonly #cancelling = new Map<Task, Cancelled>();
  readonly #cancelledAt = new WeakMap<Cancelled, number>();
  readonly #ranPast: { readonly task: string; readonly ms: number; readonly why: string }[] = [];
  readonly #laws: Law[] = [];
  readonly #bugs = new Map<string, boolean>();
  readonly #chance: () => number;
  #checking = false;
  #over = false;

  constructor(
    parts: {
      readonly now: () => number;
      fail(error: Error): void;
      readonly seed: number;
      readonly campaign: Campaign | null;
    },
  ) {
    this.#now = parts.now;
    this.timeline = new Timeline(parts.now);
    this.#fail = (error) => parts.fail(error);
    this.#seed = parts.seed;
    this.#campaign = parts.campaign;
    this.#chance = seededRandom(parts.seed, 0x62756767);
  }

  // What the run tells.

  blocked(task: Task, reason: WaitReason): void {
    this.timeline.blocked(task, reason);
    this.#look();
    const cancelled = cancellationOf(task);
    // At its end a task does not say any more that it was cancelled.
    if (cancelled !== null) this.#cancelling.set(task, cancelled);
    if (reason === REFUSED) return;
    const kind = kindOf(reason);
    if (MEANT.has(kind)) return;
    let waits = this.#begun.get(task);
    if (waits === undefined) this.#begun.set(task, waits = new Map());
    // Only what is held can be taken from others again and again; and words take time.
    const grants = kind.startsWith(HELD) ? this.#grants.get(keyOf(reason)) : undefined;
    waits.set(reason, { at: this.#now(), grants: grants === undefined ? null : new Map(grants) });
  }

  resumed(task: Task, reason: WaitReason): void {
    this.timeline.resumed(task, reason);
    this.#look();
    const waits = this.#begun.get(task);
    const begun = waits?.get(reason);
    if (begun === undefined) return;
    waits!.delete(reason);
    if (begun.at !== this.#now()) this.#waited(task, reason, begun);
    if (!kindOf(reason).startsWith(HELD)) return;
    const key = keyOf(reason);
    let grants = this.#grants.get(key);
    if (grants === undefined) {
      if (this.#grants.size >= MOST_WATCHED) return;
      this.#grants.set(key, grants = new Map());
    }
    const by = this.#namesakes.of(task);
    if (grants.size < MOST_SHOWN * 4 || grants.has(by)) grants.set(by, (grants.get(by) ?? 0) + 1);
  }

  taskSpawned(task: Task): void {
    this.timeline.taskSpawned(task);
    this.#look();
  }

  taskExited(task: Task): void {
    this.timeline.taskExited(task);
    this.#begun.delete(task);
    this.#look();
    const cancelled = this.#cancelling.get(task) ?? null;
    this.#cancelling.delete(task);
    const at = cancelled === null ? undefined : this.#cancelledAt.get(cancelled);
    if (at === undefined || at >= this.#now() || this.#ranPast.length >= MOST_WATCHED) return;
    this.#ranPast.push({ task: taskText(task), ms: this.#now() - at, why: cancelled!.message });
  }

  scopeCancelled(_task: Task, cancelled: Cancelled): void {
    if (!this.#cancelledAt.has(cancelled)) this.#cancelledAt.set(cancelled, this.#now());
  }

  /** A channel was opened. */
  opened(channel: WatchedChannel): void {
    if (this.#channels.length >= MOST_WATCHED) return;
    this.#channels.push({
      channel: new WeakRef(channel),
      first: channel.used,
      last: channel.used,
      peak: channel.used,
      onlyGrew: true,
    });
  }

  // What tests say.

  always(check: () => unknown, label: string, site: Site | null): void {
    this.#laws.push({ check, label, site, broken: false });
  }

  sometimes(condition: boolean, label: string, site: Site | null): void {
    this.#campaign?.note(label, condition, `${site ?? ""}`);
  }

  buggify(label: string, probability: number): boolean {
    let active = this.#bugs.get(label);
    if (active === undefined) {
      let hash = 0;
      for (let i = 0; i < label.length; i++) hash = Math.imul(hash, 31) + label.charCodeAt(i) | 0;
      active = seededRandom(this.#seed, hash ^ 0x5157)() < 0.25;
      this.#bugs.set(label, active);
    }
    return active && this.#chance() < probability;
  }

  /** Nothing is looked at any more; first everything is, once more. */
  end(): void {
    this.#check();
    this.#over = true;
  }

  /** What was seen, a line each. */
  lines(): string[] {
    for (const [task, waits] of this.#begun) {
      for (const [reason, begun] of waits) this.#waited(task, reason, begun, true);
    }
    this.#sample();
    const waits = [...this.#longest.values()].filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
    const grown = this.#channels.flatMap((growth) => {
      const { channel, first, last, onlyGrew } = growth;
      const label = channel.deref()?.name;
      return onlyGrew && label !== undefined && last - first >= LEAST_GROWTH ? [{ label, first, last }] : [];
    }).sort((a, b) => b.last - a.last);
    const past = [...this.#ranPast].sort((a, b) => b.ms - a.ms);
    return [
      ...waits.slice(0, MOST_SHOWN).map(({ task, reason, ms, rival }) =>
        `longest wait: ${task} waited ${formatTime(ms)} for ${waitText(kindOf(reason), labelOf(reason))}${rival}`
      ),
      ...grown.slice(0, MOST_SHOWN).map(({ label, first, last }) =>
        `only grew: channel${label === "" ? "" : ` "${label}"`}: ${first} → ${last}`
      ),
      ...past.slice(0, MOST_SHOWN).map(({ task, ms, why }) =>
        `ran past its cancellation: ${task}, for ${formatTime(ms)} (${why})`
      ),
    ];
  }

  #waited(task: Task, reason: WaitReason, { at, grants }: Begun, isOpen = false): void {
    const now = this.#now();
    const ms = now - at;
    const kind = kindOf(reason);
    if (ms <= (this.#longest.get(kind)?.ms ?? 0)) return;
    let [most, rival] = [1, ""];
    for (const [by, count] of this.#grants.get(keyOf(reason)) ?? []) {
      const times = count - (grants?.get(by) ?? 0);
      if (by.name !== task.name && times > most) [most, rival] = [times, ` while ${by} got it ${times} times`];
    }
    this.#longest.set(kind, {
      task: taskText(task),
      reason,
      ms,
      ended: now,
      rival: `${rival}${isOpen ? ", and waits still" : ""}`,
    });
  }

  /** Something has happened: what must hold is looked at when the step is over, channels once an instant. */
  #look(): void {
    if (this.#over) return;
    if (this.#channels.length > 0 && this.#now() !== this.#sampledAt) this.#sample();
    if (this.#laws.length === 0 || this.#checking) return;
    this.#checking = true;
    queueMicrotask(() => {
      this.#checking = false;
      if (!this.#over) this.#check();
    });
  }

  #sample(): void {
    this.#sampledAt = this.#now();
    for (const growth of this.#channels) {
      const size = growth.channel.deref()?.used;
      if (size === undefined) continue;
      // What takes one now and then does not keep up all the same.
      if (size < growth.peak * 0.75) growth.onlyGrew = false;
      growth.peak = Math.max(growth.peak, size);
      growth.last = size;
    }
  }

  #check(): void {
    for (const law of this.#laws) {
      if (law.broken) continue;
      let error: unknown = NOTHING;
      try {
        if (law.check() !== false) continue;
      } catch (thrown) {
        error = thrown;
      }
      law.broken = true;
      this.#fail(
        new Error(
          `Cannot go on as "${law.label}" must always hold: it did not at t=${
            formatTime(this.#now())
          }${whoRan()}, as asked${placed(law.site)}`,
          error === NOTHING ? undefined : { cause: error },
        ),
      );
    }
  }
}

function whoRan(): string {
  return ` near a step of ${taskText(currentTask())}`;
}

function keyOf(reason: WaitReason): string {
  // What a label says in brackets changes with time: "results" (8/8).
  return `${kindOf(reason)} ${labelOf(reason).replace(/ \(.*$|, held by.*$/, "")}`;
}

/** How often something happens, by host: the first second in which it did, and the worst. */
export class Rates {
  readonly #rates = new Map<string, { second: number; count: number; first: number; worst: number; at: number }>();

  count(what: string, ms: number): void {
    const second = Math.floor(ms / 1_000);
    const rate = this.#rates.get(what);
    if (rate === undefined) {
      if (this.#rates.size < MOST_WATCHED) this.#rates.set(what, { second, count: 1, first: -1, worst: 1, at: second });
      return;
    }
    if (rate.second === second) rate.count++;
    else {
      if (rate.first < 0) rate.first = rate.count;
      rate.second = second;
      rate.count = 1;
    }
    if (rate.count > rate.worst) [rate.worst, rate.at] = [rate.count, second];
  }

  lines(): string[] {
    return [...this.#rates]
      .filter(([, { worst }]) => worst >= LEAST_RATE)
      .sort(([, a], [, b]) => b.worst - a.worst)
      .slice(0, MOST_SHOWN)
      .map(([what, { first, count, worst, at }]) =>
        `rate: ${what}: ${first < 0 ? count : first} → ${worst} a second, at t=${formatTime(at * 1_000)}`
      );
  }
}
