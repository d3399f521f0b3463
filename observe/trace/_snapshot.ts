/** A trace at one moment: what the recorder has, and everything is made of that shows it. */

import type { Entry, TrackOf } from "./_records.ts";

/** See the header. */
export interface Snapshot {
  /** What is over, oldest end first, and then what goes on. */
  readonly entries: readonly Entry[];
  readonly tracks: readonly TrackOf[];
  /** How many things had to go. */
  readonly dropped: number;
}
