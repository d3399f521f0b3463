/** What a recorder had at one moment, in the forms that are asked for. */

import { requireOptions, requireText, show } from "../../core/internal.ts";
import { eventsOf } from "./_export.ts";
import { htmlOf } from "./_html.ts";
import { pageDataOf } from "./_page_data.ts";
import type { Snapshot } from "./_snapshot.ts";
import type { Trace, TraceHtmlOptions } from "./trace.ts";

const ACTION = "make a page of a trace";

/** See the header. */
export class RecordedTrace implements Trace {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  toJson(): string {
    const { entries, tracks, dropped } = this.#snapshot;
    return JSON.stringify({ traceEvents: eventsOf(entries, tracks), displayTimeUnit: "ms", otherData: { dropped } });
  }

  toHtml(options: TraceHtmlOptions = {}): string {
    requireOptions(ACTION, options);
    const { title = "Trace", diagram, nonce = "trace" } = options;
    for (const [name, value] of Object.entries({ title, diagram, nonce })) requireText(ACTION, name, value);
    if (!/^[\w+/=-]+$/.test(nonce)) {
      throw new RangeError(`Cannot ${ACTION} as "nonce" must be one that a policy can have: received ${show(nonce)}`);
    }
    return htmlOf(pageDataOf(this.#snapshot, title), { nonce, diagram: diagram ?? null });
  }
}
