/**
 * A schedule as a short text: what to say on the command line to have the same run again, in another process.
 *
 *     0/4.2.5/5.1.4.1/4.3_6
 *     ── the seed; with option `time`, "0.h": and the number of the run, which says how late the timers are
 *        ───── when task 4 would go on for the 2nd time, task 5 goes on instead
 *              ─────── instead of task 5 for the first time, task 4, with the second of what it waits for
 *                      ───── before task 4 goes on for the 3rd time, task 6 is cancelled
 *
 * In base 36. Only where the run differs from the usual, in which the same task goes on as long as it can: counted by
 * how often a *task* has gone on, not by steps, what is left of a schedule means the same when a part of it is dropped.
 */

import { show } from "../../core/internal.ts";
import type { Pick } from "./candidates.ts";

/** One place where a run differs from the usual. */
export interface Switch {
  /** The task that would have gone on, and how often it had before. */
  readonly from: number;
  readonly turn: number;
  /** Who goes on instead, or is cancelled. */
  readonly to: Pick;
  readonly cancels: boolean;
}

/** A schedule that can be run again. */
export interface Schedule {
  readonly seed: number;
  /** The run whose timers are late in this way; 0 if they are not. */
  readonly run: number;
  readonly switches: readonly Switch[];
}

const text = (value: number): string => value.toString(36);

/** Writes a schedule. */
export function formatReplay({ seed, run, switches }: Schedule): string {
  const parts = switches.map(({ from, turn, to, cancels }) =>
    `${text(from)}.${text(turn + 1)}${cancels ? "_" : "."}${text(to.id)}${to.nth === 0 ? "" : `.${text(to.nth)}`}`
  );
  return [run === 0 ? text(seed) : `${text(seed)}.${text(run)}`, ...parts].join("/");
}

/** Reads a schedule. */
export function parseReplay(replay: string): Schedule {
  const [head = "", ...parts] = replay.split("/");
  const [, seed, run = "0"] = /^(-?\w+)(?:\.(\w+))?$/.exec(head) ?? refuse(replay);
  const switches = parts.map((part): Switch => {
    const [, from, turn, kind, id, nth = "0"] = /^(\w+)\.(\w+)([._])([^\W_]+)(?:\.(\w+))?$/.exec(part) ??
      refuse(replay);
    return {
      from: number(from, replay),
      turn: number(turn, replay) - 1,
      to: { id: number(id, replay), nth: number(nth, replay) },
      cancels: kind === "_",
    };
  });
  return { seed: number(seed, replay), run: number(run, replay), switches };
}

function number(digits: string | undefined, replay: string): number {
  return /^-?[0-9a-z]+$/.test(digits ?? "") ? parseInt(digits as string, 36) : refuse(replay);
}

function refuse(replay: string): never {
  throw new RangeError(
    `Cannot explore as "replay" must be the text that a failure has shown, like "0/4.2.5": received ${show(replay)}`,
  );
}
