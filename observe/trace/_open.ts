/** Something that goes on in a run that is recorded: a wait, a scope, an operation. */

import { NOBODY } from "./_records.ts";

/**
 * See the header. When it is over, its numbers go into the ring, and the object serves the next one: so a wait, of which
 * there may be a million a second, makes no object, and nothing of it grows old. It holds no task of the run, which would
 * keep its result alive.
 */
export class Open {
  /** The wait it is; `null` if it is free. */
  key: object | null = null;
  /** Whose it is; `NOBODY` for operations of the host. */
  task = NOBODY;
  name = "";
  /** See `Slice.detail`. */
  detail: unknown = "";
  start = 0;
  /** Who has woken it, and when. */
  from = NOBODY;
  at = 0;
  how = "";
}
