/**
 * The timers of a simulation: what `setTimeout()` and its kin return inside it.
 *
 *     armed ──due──▶ its callback runs ──▶ gone, or armed again (an interval: from when it was due, not from now)
 *       └── clearTimeout(), close(), dispose ──▶ gone ── refresh() ──▶ armed
 *
 * A callback must run in the async context of the code that set the timer, while it is the driver that fires it. The
 * reaction of a promise does just that: each timer holds one that is resolved when it is due. So the callback runs in a
 * microtask, and has to ask once more whether it was cleared.
 */

import { hostClear, hostTimeout, LONGEST_DELAY } from "../../core/internal.ts";
import { currentTask, type Task } from "../../core/mod.ts";
import type { Alarm, Clock } from "../../core/lowlevel.ts";
import { ambientIncarnation, type Incarnation } from "./incarnation.ts";
import type { Site } from "./sites.ts";

/** What timers need of the simulation they belong to. */
export interface TimerHost {
  /** Its driver is `null` once the simulation is over. */
  readonly clock: Clock & { readonly driver: unknown };
  /** A place for reports, if it is still worth the time. */
  takeSite(): Site | null;
  /** A timer was armed: its task waits for time. */
  timerArmed(timer: VirtualTimer): void;
  /** A timer fired or was cleared. */
  timerGone(timer: VirtualTimer): void;
  /** A callback threw. */
  stray(error: unknown): void;
}

/**
 * What kind of timer. Those of `AbortSignal.timeout()`, a `"signal"`, and of a `"socket"` of Node are no leaks when they
 * are left.
 */
export type TimerKind = "timeout" | "interval" | "signal" | "socket";

/** Which simulation the calling code belongs to; `null` outside. Set by the module that knows, `simulation.ts`. */
export const homes: { current: () => TimerHost | null } = { current: () => null };

type Callback = (this: VirtualTimer, ...args: unknown[]) => void;

/** Host timers are counted from 1; these must not be mistaken for them. */
let lastId = 2 ** 40;
/** The timers somebody has asked for their number, as `clearTimeout(+timer)` must work. */
const byNumber = new Map<number, VirtualTimer>();

/** See the header. Has all that a `Timeout` of Deno and Node has. */
export class VirtualTimer {
  readonly kind: TimerKind;
  readonly ms: number;
  /** Who set it, or had it begin anew elsewhere, and where it was set. */
  task: Task;
  readonly site: Site | null;
  /** How often it has fired. */
  fired = 0;
  #host: TimerHost;
  readonly #callback: Callback;
  readonly #args: readonly unknown[];
  readonly #id = ++lastId;
  /** The life of a host that it ends with, and how that forgets it. */
  #incarnation: Incarnation | undefined = ambientIncarnation();
  #disown: () => void = () => {};
  #alarm: Alarm | null = null;
  /** While it is one of the host's: begun anew outside, when its simulation was over. */
  #real: ReturnType<typeof setTimeout> | undefined;
  #referenced: boolean;
  /** Resolves the promise whose reaction runs the callback. */
  #release: () => void = () => {};
  /** Counts the times it was armed or cleared: a reaction of an earlier time does nothing. */
  #round = 0;

  constructor(host: TimerHost, kind: TimerKind, ms: number, callback: Callback, args: readonly unknown[]) {
    this.#host = host;
    this.kind = kind;
    this.ms = ms;
    this.#callback = callback;
    this.#args = args;
    this.task = currentTask();
    this.site = host.takeSite();
    this.#referenced = true;
    this.#arm(host.clock.now() + ms);
  }

  /** When it is due; `Infinity` if it is not armed. */
  get due(): number {
    return this.#alarm?.deadline ?? Infinity;
  }

  hasRef(): boolean {
    return this.#referenced;
  }

  ref(): this {
    return this.#reference(true);
  }

  unref(): this {
    return this.#reference(false);
  }

  /**
   * Begins anew, in the world of whoever calls: modules keep one timer for all who use them, as undici does, also beyond
   * the simulation in which it was set.
   */
  refresh(): this {
    this.#disarm();
    const home = homes.current();
    if (home === null && this.#host.clock.driver === null) {
      const round = ++this.#round;
      this.#real = hostTimeout(() => this.#run(round), this.ms);
      if (!this.#referenced) (this.#real as { unref?(): unknown }).unref?.();
      return this;
    }
    if (home !== null && home !== this.#host) {
      this.#host = home;
      this.task = currentTask();
      this.#incarnation = ambientIncarnation();
    }
    this.#arm(this.#host.clock.now() + this.ms);
    return this;
  }

  close(): this {
    this.#disarm();
    byNumber.delete(this.#id);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.toPrimitive](): number {
    if (this.#alarm !== null) byNumber.set(this.#id, this);
    return this.#id;
  }

  #reference(referenced: boolean): this {
    if (referenced === this.#referenced) return this;
    const alarm = this.#alarm;
    if (alarm !== null) this.#host.timerGone(this);
    this.#referenced = referenced;
    if (alarm !== null) this.#host.timerArmed(this);
    return this;
  }

  #arm(due: number): void {
    const round = ++this.#round;
    if (this.#incarnation !== undefined) {
      if (this.#incarnation.dead) return;
      this.#disown = this.#incarnation.own(this);
    }
    new Promise<void>((resolve) => this.#release = resolve).then(() => this.#run(round));
    this.#alarm = this.#host.clock.at(due, fire, this as VirtualTimer);
    this.#host.timerArmed(this);
  }

  #disarm(): void {
    this.#round++;
    if (this.#real !== undefined) hostClear(this.#real);
    this.#real = undefined;
    if (this.#alarm === null) return;
    this.#alarm.cancel();
    this.#alarm = null;
    this.#disown();
    this.#host.timerGone(this);
  }

  /** Called by the clock. */
  static fire(timer: VirtualTimer): void {
    const due = timer.due;
    timer.#alarm = null;
    timer.fired++;
    timer.#disown();
    timer.#host.timerGone(timer);
    timer.#release();
    // In the promise's reaction, so that the next round, too, belongs to the context of the one who set it. It goes on
    // from where it was due; ticks that were missed while the system stood still are left out.
    if (timer.kind !== "interval") return;
    const missed = Math.floor((timer.#host.clock.now() - due) / timer.ms);
    timer.#next = due + timer.ms * (missed + 1);
  }

  /** Where an interval goes on from. Written by `fire()`. */
  #next = 0;

  #run(round: number): void {
    if (round !== this.#round || this.#incarnation?.dead) return;
    if (this.kind === "interval" && this.#real !== undefined) this.refresh();
    else if (this.kind === "interval") this.#arm(this.#next);
    else byNumber.delete(this.#id);
    try {
      this.#callback.apply(this, this.#args as unknown[]);
    } catch (error) {
      this.#host.stray(error);
    }
  }
}

const { fire } = VirtualTimer;

/** Clears a timer given as an object or a number; returns whether it was one of ours. */
export function clearVirtual(handle: unknown): boolean {
  const timer = find(handle);
  timer?.close();
  return timer !== undefined;
}

/** Refs or unrefs a timer given as an object or a number; returns whether it was one of ours. */
export function referenceVirtual(handle: unknown, how: "ref" | "unref"): boolean {
  const timer = find(handle);
  timer?.[how]();
  return timer !== undefined;
}

function find(handle: unknown): VirtualTimer | undefined {
  if (handle instanceof VirtualTimer) return handle;
  const type = typeof handle;
  return type === "number" || type === "string" ? byNumber.get(Number(handle)) : undefined;
}

/** The delay that hosts make of what they are given; of an interval at least 1 ms, of a timeout 0: a turn, no time. */
export function delayOf(ms: unknown, kind: TimerKind): number {
  const delay = Number(ms ?? 0);
  if (delay >= 1) return delay <= LONGEST_DELAY ? delay : 1;
  return kind === "interval" ? 1 : 0;
}

/** What it was set by. */
export function timerName({ kind, ms }: VirtualTimer): string {
  return `${
    { timeout: "setTimeout", interval: "setInterval", signal: "AbortSignal.timeout", socket: "socket.setTimeout" }[kind]
  }(${ms})`;
}

/** As a report shows it. */
export function describeTimer(timer: VirtualTimer): string {
  const { fired } = timer;
  return `${timerName(timer)}${fired === 0 ? "" : `, fired ${fired} ${fired === 1 ? "time" : "times"}`}`;
}
