/**
 * What has happened on a network, for people who read it: written down as it happens, put into words when asked for.
 */

import { Rates } from "../driver/watches.ts";
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
  /** How many bytes it is, of the chunks of a stream. */
  readonly size: number | null;
  /** Whether it had to wait for a way to be open again. Written by the flow that carries it. */
  held: boolean;
  /** `null` for what is not sent. Written by the flow that carries it. */
  fate: Fate | null;
}

/** See the header. */
export class NetworkLog {
  /** Up to twice as many as are kept, so that dropping the oldest is rare. */
  readonly #entries: LogEntry[] = [];
  /** How often the hosts connect, and send requests. */
  readonly rates: Rates = new Rates();

  /** Something was sent; returns where to say what became of it, or `null` for what is not written down. */
  sent(at: number, label: string, { kind, size }: { readonly kind: ItemKind; readonly size: number }): LogEntry | null {
    if (kind === "syn") this.rates.count(`connects of ${hostOf(label)}`, at);
    const what = kind === "data" ? `send ${size}B` : WORDS[kind];
    if (what === undefined) return null;
    return this.#add({ at, label, what, size: kind === "data" ? size : null, held: false, fate: "on its way" });
  }

  /** A datagram was sent; returns where to say what became of it. */
  datagram(at: number, label: string, size: number): LogEntry {
    return this.#add({ at, label, what: `datagram ${size}B`, size: null, held: false, fate: "lost" });
  }

  /** Something happened to a link or host. */
  event(at: number, label: string, what: string): void {
    if (/^[A-Z]+ [/*h]/.test(what)) this.rates.count(`requests of ${hostOf(label)}`, at);
    this.#add({ at, label, what, size: null, held: false, fate: null });
  }

  /** The events, oldest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries.slice(-KEPT);
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

/** The host that connected: `test:40001→db:5432`. */
function hostOf(label: string): string {
  return label.slice(0, label.indexOf(":"));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
