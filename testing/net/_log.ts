/**
 * What has happened on a network, for people who read it: written down as it happens, put into words when asked for.
 */

import type { ItemKind } from "./_item_kind.ts";

/** How many events are kept. */
const KEPT = 10_000;

const WORDS: Partial<Record<ItemKind, string>> = {
  "syn": "connect",
  "syn-ack": "answer",
  "fin": "end",
  "rst": "reset",
};

/** What became of something that was sent. */
export type Fate = "on its way" | "held up" | "lost" | { readonly delivered: number };

/** One line: what was sent says later what became of it. */
export interface LogEntry {
  readonly at: number;
  readonly label: string;
  readonly what: string;
  /** `null` for what is not sent. Written by the flow that carries it. */
  fate: Fate | null;
}

/** See the header. */
export class NetworkLog {
  /** Up to twice as many as are kept, so that dropping the oldest is rare. */
  readonly #entries: LogEntry[] = [];

  /** Something was sent; returns where to say what became of it, or `null` for what is not written down. */
  sent(at: number, label: string, { kind, size }: { readonly kind: ItemKind; readonly size: number }): LogEntry | null {
    const what = kind === "data" ? `send ${size}B` : WORDS[kind];
    return what === undefined ? null : this.#add({ at, label, what, fate: "on its way" });
  }

  /** A datagram was sent; returns where to say what became of it. */
  datagram(at: number, label: string, size: number): LogEntry {
    return this.#add({ at, label, what: `datagram ${size}B`, fate: "lost" });
  }

  /** Something happened to a link or host. */
  event(at: number, label: string, what: string): void {
    this.#add({ at, label, what, fate: null });
  }

  lines(): string[] {
    return this.#entries.slice(-KEPT).map(({ at, label, what, fate }) => {
      const end = fate === null ? "" : typeof fate === "string" ? `, ${fate}` : `, deliver ${seconds(fate.delivered)}`;
      return `${seconds(at)} ${label} ${what}${end}`;
    });
  }

  #add(entry: LogEntry): LogEntry {
    this.#entries.push(entry);
    if (this.#entries.length >= 2 * KEPT) this.#entries.splice(0, KEPT);
    return entry;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
