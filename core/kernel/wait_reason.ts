/** Why a task waits. */

import { read } from "../base/foreign.ts";

/**
 * The reason why a task waits, for the task tree and deadlock reports. It is rendered only when it is shown.
 *
 * @category Low level
 */
export interface WaitReason {
  /** The kind of wait in a few words, e.g. `"acquire lock"`. */
  readonly kind: string;
  /** The object that is waited for, e.g. its name; a function is called when the tree is shown. */
  readonly label?: string | (() => string);
  /** Returns the task that could end the wait, if there is exactly one. It makes the cycle of a deadlock visible. */
  readonly holder?: () => { readonly id: number; readonly name: string } | null;
  /** What is waited for, if it has numbers: a lock, a channel. Whoever looks at a wait finds it there. */
  readonly resource?: { statistics(): unknown };
  /** Whether the clock ends the wait; such a wait is no sign of a deadlock. */
  readonly untilTime?: boolean;
}

/**
 * Why somebody waits for what is surely foreign. What an iterator is asked for may be so, or come from a wait of this
 * library further in: then that is the one to look at.
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
