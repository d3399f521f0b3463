/** What has happened on a network, for people who read it: written down as it happens, put into words when asked for. */

import type { Flow, ItemKind } from "./_flow.ts";

/** How many events are kept. */
const KEPT = 10_000;

const WORDS: Partial<Record<ItemKind, string>> = {
  "syn": "connect",
  "syn-ack": "answer",
  "fin": "end",
  "rst": "reset",
};

interface Entry {
  readonly at: number;
  readonly label: string;
  readonly what: string;
  /** When it arrives; `null` while the link is blocked. */
  readonly arrives?: number | null;
}

/** See the header. */
export class NetworkLog {
  /** Up to twice as many as are kept, so that dropping the oldest is rare. */
  readonly #entries: Entry[] = [];

  /** Something was sent. */
  sent(
    flow: Flow,
    kind: ItemKind,
    size: number,
    times: { readonly now: number; readonly arrives: number | null },
  ): void {
    const what = kind === "data" ? `send ${size}B` : WORDS[kind];
    if (what !== undefined) this.#add({ at: times.now, label: flow.label, what, arrives: times.arrives });
  }

  /** Something happened to a link or host. */
  event(at: number, label: string, what: string): void {
    this.#add({ at, label, what });
  }

  lines(): string[] {
    return this.#entries.slice(-KEPT).map(({ at, label, what, arrives }) => {
      const end = arrives === undefined ? "" : arrives === null ? ", held up" : `, deliver ${seconds(arrives)}`;
      return `${seconds(at)} ${label} ${what}${end}`;
    });
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length >= 2 * KEPT) this.#entries.splice(0, KEPT);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
