/** What the driver knows of one task: what it waits for, and what it has made of its cancellation. */

import type { Cancelled } from "../../core/mod.ts";
import type { WaitReason } from "../../core/lowlevel.ts";
import type { Site } from "./sites.ts";

/** One wait of a task, as the driver has seen it begin. */
export interface WaitRecord {
  readonly reason: WaitReason;
  readonly site: Site | null;
}

/** A request in memory that a function of the host has made. */
export interface PendingRequest {
  readonly label: string;
  readonly site: Site | null;
}

/**
 * What the driver knows of a task that has not ended. Nearly all tasks have one wait at most, so the first one is kept
 * in place; but one with 100,000 waits at a time must work, too.
 */
export class TaskRecord {
  /** How many waits are open, also for foreign promises. */
  open = 0;
  /**
   * How many of them are for foreign promises, and the grace in which the latest of those began. Written by the ledger.
   */
  foreign = 0;
  foreignGrace = 0;
  /** Virtual timers that will move time for it. Written by the driver. */
  timers = 0;
  /** Requests in memory that it has made by a function of the host, and where. Written by the driver. */
  readonly requests: PendingRequest[] = [];
  /** Answers that it expects over sockets of Node. Written by the ledger. */
  answers = 0;
  /** The grace it is restless in; 0 while it waits for something known. Written by the ledger. */
  grace = 0;
  /** Waits it has made so far, granted at once or not. */
  points = 0;
  /** The cancellation it was told of last, and when; what it has made of it. Written by `Refusals`. */
  cancellation: { readonly at: number; readonly cancelled: Cancelled } | null = null;
  refusals = 0;
  refusedAt = NaN;
  refusedBy: Cancelled | null = null;
  refusedIn = -1;
  /** The wait that ended last: near where a task is that waits for nothing known. */
  last: WaitReason | null = null;
  lastSite: Site | null = null;
  #reason: WaitReason | null = null;
  #site: Site | null = null;
  /** The others. A reason may be that of several waits. */
  #more: Map<WaitReason, (Site | null)[]> | null = null;

  begin(reason: WaitReason, site: Site | null): void {
    this.points++;
    this.open++;
    if (this.#reason === null) {
      this.#reason = reason;
      this.#site = site;
      return;
    }
    const more = this.#more ??= new Map();
    const sites = more.get(reason);
    if (sites === undefined) more.set(reason, [site]);
    else sites.push(site);
  }

  /** Whether it was open. */
  end(reason: WaitReason): boolean {
    this.last = reason;
    if (this.#reason === reason) {
      this.lastSite = this.#site;
      this.#reason = this.#site = null;
    } else {
      const sites = this.#more?.get(reason);
      if (sites === undefined) return false;
      this.lastSite = sites.shift() ?? null;
      if (sites.length === 0) this.#more?.delete(reason);
    }
    this.open--;
    return true;
  }

  /** The open waits. */
  list(): WaitRecord[] {
    const list: WaitRecord[] = this.#reason === null ? [] : [{ reason: this.#reason, site: this.#site }];
    for (const [reason, sites] of this.#more ?? []) for (const site of sites) list.push({ reason, site });
    return list;
  }
}
