/** Why a task waits. */

import { read } from "../base/foreign.ts";

/** Why a task waits, for the task tree and deadlock reports. Rendered only when somebody looks. */
export interface WaitReason {
  /** The kind of wait in a few words, e.g. `"acquire lock"`. */
  readonly kind: string;
  /** Which object is waited for, e.g. its name; a function is called when the tree is shown. */
  readonly label?: string | (() => string);
  /** Which task could end the wait, if there is exactly one: makes the cycle of a deadlock visible. */
  readonly holder?: () => { readonly id: number; readonly name: string } | null;
  /** Whether the clock ends the wait: then it is no sign of a deadlock. */
  readonly untilTime?: boolean;
}

/**
 * Why somebody waits for what is surely foreign. What an iterator is asked for may be so, or come from a wait of this library
 * further in: then that is the one to look at.
 */
export interface ForeignReason extends WaitReason {
  readonly foreign: true;
}

/** Whether a wait is for what is surely foreign. */
export function isForeign(reason: WaitReason): boolean {
  return read(reason, "foreign") === true;
}

/** The reason of waits whose errors somebody else is told: nobody has to see them here. */
export abstract class ToldElsewhere {}
