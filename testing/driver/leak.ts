/** What a simulation can leave behind, as the driver notes it. */

import type { LeakKind } from "../time/leaks.ts";
import type { Site } from "./sites.ts";

/** Where something was made, and by which task. */
export interface Origin {
  readonly site: Site | null;
  /** As messages name it; empty if there is none. */
  readonly task: string;
}

/** One thing that should not be there any more. */
export interface Leak extends Origin {
  /** The kind, as the report calls it. */
  readonly kind: LeakKind;
  /** Which one. */
  readonly label: string;
  /** Those for whom its task works, the nearest first: if it is a task of this library, they are meant. */
  readonly onBehalfOf?: readonly Origin[];
}
