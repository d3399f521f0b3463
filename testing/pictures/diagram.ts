/**
 * The network of a simulation as a sequence diagram: an SVG that needs nothing else.
 *
 * Hosts are columns, and time goes down. A row is a moment at which something happened, as most of simulated time is
 * empty. What is sent is an arrow from where and when it was sent to where and when it arrived; chunks of a stream that
 * follow each other are one. How long links were cut and hosts were down is a bar. What had to wait for a link, was lost
 * or was reset is red. All text is text; the same simulation gives the same bytes.
 */

import { formatTime } from "../../core/internal.ts";
import type { Fate, LogEntry } from "../net/network_log.ts";
import { text } from "./_svg.ts";

/** What a diagram shows. */
export interface DiagramParts {
  readonly hosts: readonly string[];
  readonly events: readonly LogEntry[];
}

/** More would be too much to look at: the last ones are shown. */
const MOST_EVENTS = 500;
const ROW = 24;
const COLUMN = 250;
const TOP = 44;
const TIME = 84;
/** For what happens to links and hosts, left of the first column. */
const EVENTS = 200;
/** By what ends it. */
const BARS: Readonly<Record<string, string>> = {
  heal: "partition",
  release: "hold",
  restart: "crash",
  resume: "pause",
};

/** One or several entries that are drawn as one. */
interface Line {
  readonly first: LogEntry;
  last: LogEntry;
  count: number;
  bytes: number;
  isEven: boolean;
}

/** Where everything is. */
interface Places {
  readonly columns: ReadonlyMap<string, number>;
  readonly rows: ReadonlyMap<Line, number>;
  readonly width: number;
  readonly height: number;
  /** The first row of a time. */
  yAt(time: number): number;
}

/** Draws it. */
export function drawDiagram({ hosts, events }: DiagramParts): string {
  const shown = linesOf(events).slice(-MOST_EVENTS);
  const left = events.length - shown.reduce((sum, { count }) => sum + count, 0);
  const columns = new Map(hosts.map((host, i) => [host, TIME + EVENTS + i * COLUMN]));
  const width = TIME + EVENTS + Math.max(1, hosts.length) * COLUMN;
  const { rows, times, bottom } = rowsOf(shown);
  const height = bottom + ROW;
  const yAt = (at: number): number => times.find((time) => time.at >= at)?.y ?? height - ROW;
  const places = { columns, rows, width, height, yAt };
  const heads = [...columns].map(([host, x]) =>
    `<line class="life" x1="${x}" y1="${TOP}" x2="${x}" y2="${height}"/><text class="host" x="${x}" y="${TOP - 14}">${
      text(host)
    }</text>`
  );
  const clock = times.map(({ at, y }) =>
    `<text class="clock" x="${TIME - 14}" y="${y + 4}">${text(formatTime(at))}</text>`
  );
  // Words are above all arrows.
  const drawn = shown.map((line) => drawLine(line, places));
  const note = shown.length === 0 ? "Nothing was sent." : left > 0 ? `After ${left} more events` : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" class="network-diagram" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Network">
<style>${STYLE}</style>
<defs><marker id="network-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
${[...drawBars(shown, places), ...heads, ...clock, ...drawn.map(([arrow]) => arrow)].join("\n")}
${drawn.map(([, words]) => words).join("\n")}
<text class="note" x="12" y="${TOP - 14}">${note}</text>
</svg>`;
}

/** Chunks of a stream of which nothing else happens between are one. */
function linesOf(entries: readonly LogEntry[]): Line[] {
  const lines: Line[] = [];
  /** By direction: the chunks that the next one would follow. */
  const open = new Map<string, Line>();
  for (const entry of entries) {
    const { label, size, fate } = entry;
    // What happens to links and hosts concerns all.
    if (fate === null) open.clear();
    open.delete(label.split("→").reverse().join("→"));
    const line = open.get(label);
    if (line !== undefined && size !== null && isAlike(line.last, entry)) {
      if (size !== line.first.size) line.isEven = false;
      line.last = entry;
      line.count++;
      line.bytes += size;
      continue;
    }
    const next: Line = { first: entry, last: entry, count: 1, bytes: size ?? 0, isEven: true };
    lines.push(next);
    if (size === null) open.delete(label);
    else open.set(label, next);
  }
  return lines;
}

/** Whether one follows the other while that is still on its way, and the same came of both. */
function isAlike(a: LogEntry, b: LogEntry): boolean {
  const [first, second] = [deliveredAt(a.fate), deliveredAt(b.fate)];
  if (a.held !== b.held) return false;
  return first === null || second === null ? a.fate === b.fate && a.at === b.at : b.at === a.at || b.at < first;
}

function deliveredAt(fate: Fate | null): number | null {
  return typeof fate === "object" && fate !== null ? fate.delivered : null;
}

/** Each has a row of its own; a time at which something only arrives has one, too. */
function rowsOf(lines: readonly Line[]): {
  readonly rows: Map<Line, number>;
  readonly times: { readonly at: number; readonly y: number }[];
  readonly bottom: number;
} {
  const rows = new Map<Line, number>();
  const times: { readonly at: number; readonly y: number }[] = [];
  const moments = new Set<number>();
  for (const { first, last } of lines) {
    moments.add(first.at);
    const delivered = deliveredAt(last.fate);
    if (delivered !== null) moments.add(delivered);
  }
  const byTime = Map.groupBy(lines, ({ first }) => first.at);
  let y = TOP + ROW;
  for (const at of [...moments].sort((a, b) => a - b)) {
    times.push({ at, y });
    const own = byTime.get(at) ?? [];
    for (const line of own) {
      rows.set(line, y);
      y += ROW;
    }
    if (own.length === 0) y += ROW;
  }
  return { rows, times, bottom: y };
}

/** How long links were cut, and hosts down. */
function drawBars(lines: readonly Line[], places: Places): string[] {
  const { rows, height } = places;
  const bars: string[] = [];
  const open = new Map<string, number>();
  for (const line of lines) {
    const { label, what, fate } = line.first;
    if (fate !== null) continue;
    const y = rows.get(line)!;
    const ends = BARS[what];
    if (ends !== undefined) {
      for (const [key, from] of [...open]) {
        const [kind, who] = key.split("\0") as [string, string];
        const same = who.replace("→", ", ") === label || label === "everybody";
        if (kind !== ends || !same) continue;
        bars.push(drawBar({ kind, who }, [from, y], places));
        open.delete(key);
      }
    } else if (Object.values(BARS).includes(what)) open.set(`${what}\0${label}`, y);
    else if (what === "reset") bars.push(drawBar({ kind: what, who: label }, [y - 3, y + 3], places));
  }
  for (const [key, from] of open) {
    const [kind, who] = key.split("\0") as [string, string];
    bars.push(drawBar({ kind, who }, [from, height - ROW / 2], places));
  }
  return bars;
}

function drawBar(
  { kind, who }: { readonly kind: string; readonly who: string },
  [from, to]: readonly [number, number],
  { columns, width }: Places,
): string {
  const found = [...columns].filter(([host]) => who.split(/, |→| \| |\+/).includes(host)).map(([, x]) => x);
  const [least, most] = [Math.min(...found), Math.max(...found)];
  const single = kind === "crash" || kind === "pause";
  const x = found.length === 0 ? TIME : single ? least - 7 : least;
  const w = found.length === 0 ? width - TIME : single ? 14 : Math.max(14, most - least);
  return `<rect class="${kind}" x="${x}" y="${from}" width="${w}" height="${Math.max(4, to - from)}"><title>${
    text(`${who}: ${kind}`)
  }</title></rect>`;
}

/** Draws its arrow, if it has one, and its words. */
function drawLine(line: Line, places: Places): [arrow: string, words: string] {
  const { label, what, fate } = line.first;
  const y = places.rows.get(line)!;
  if (label.includes("→") && (fate !== null || !Object.values(BARS).includes(what))) {
    return drawMessage(line, y, places);
  }
  return ["", `<text class="event" x="${TIME}" y="${y + 4}">${text(`${label}: ${what}`)}</text>`];
}

function drawMessage(line: Line, y: number, { columns, yAt, height }: Places): [arrow: string, words: string] {
  const { first: { label, at }, last: { fate, held } } = line;
  const [from, to] = label.split("→").map((end) => columns.get(end.slice(0, end.indexOf(":"))));
  const delivered = deliveredAt(fate);
  const note = fate === null
    ? ""
    : delivered === null
    ? `, ${fate}`
    : `${delivered > at ? ` +${formatTime(delivered - at)}` : ""}${held ? ", held up" : ""}`;
  const words = `${whatOf(line)}${note}`;
  const isBad = held || fate === "lost" || line.first.what === "reset";
  const kind = `message${isBad ? " bad" : ""}${delivered === null && fate !== null ? " open" : ""}`;
  const title = `<title>${text(`${formatTime(at)} ${label} ${words}`)}</title>`;
  const arrow = (shape: string): string => `<g class="${kind}">${title}${shape}</g>`;
  const say = (words: string, x: number, { side = "right", down = 4 } = {}): string =>
    `<text class="${kind} ${side}" x="${x}" y="${y + down}">${text(words)}${title}</text>`;
  if (from === undefined || to === undefined) return ["", say(`${label} ${words}`, (from ?? to ?? TIME) + 8)];
  if (fate === null) return ["", say(words, to + 8)];
  if (from === to) {
    return [arrow(`<path d="M${from} ${y - 3}h18v8h-16" marker-end="url(#network-arrow)"/>`), say(words, from + 24)];
  }
  // What has not arrived ends on its way.
  const end = delivered === null ? from + (to - from) * 0.6 : to;
  const down = delivered === null ? y : Math.min(height, Math.max(y, delivered > at ? yAt(delivered) : y));
  const tip = delivered === null ? "" : ' marker-end="url(#network-arrow)"';
  // Beside the sender, where each message has a row of its own.
  const isRight = to > from;
  return [
    arrow(`<line x1="${from}" y1="${y}" x2="${end}" y2="${down}"${tip}/>`),
    say(words, from + (isRight ? 12 : -12), { side: isRight ? "right" : "left", down: -5 }),
  ];
}

function whatOf({ first, count, bytes, isEven }: Line): string {
  if (count === 1) return first.what;
  return isEven ? `send ${count} × ${first.size}B` : `send ${count} chunks, ${bytes}B`;
}

const STYLE = `
.network-diagram { color-scheme: light dark; --n-ink: #1d232b; --n-soft: #6a7480; --n-line: #d4d9df; --n-page: #fff; --n-blue: #2563b8;
  --n-red: #c2362f; --n-cut: #e5a93a55; --n-down: #c2362f44; --n-stop: #6a748055;
  background: var(--n-page); font: 12px ui-monospace, monospace;
  text { fill: var(--n-ink); paint-order: stroke; stroke: var(--n-page); stroke-width: 4px; }
  .life { stroke: var(--n-line); stroke-width: 2; }
  .host { font-weight: 700; font-size: 13px; text-anchor: middle; }
  .clock { fill: var(--n-soft); text-anchor: end; } .note { fill: var(--n-soft); }
  .event { fill: var(--n-red); }
  .message line, .message path { stroke: var(--n-blue); fill: none; stroke-width: 1.5; }
  marker path { fill: var(--n-blue); fill: context-stroke; stroke: none; }
  .left { text-anchor: end; }
  .open line { stroke: var(--n-soft); stroke-dasharray: 4 3; } text.open { fill: var(--n-soft); }
  .bad line, .bad path { stroke: var(--n-red); } text.bad { fill: var(--n-red); }
  .partition, .hold { fill: var(--n-cut); } .crash { fill: var(--n-down); } .pause { fill: var(--n-stop); } .reset { fill: var(--n-red); }
}
@media (prefers-color-scheme: dark) {
  .network-diagram { --n-ink: #e4e8ed; --n-soft: #98a3af; --n-line: #3a424c; --n-page: #14181d; --n-blue: #7fb2f2; --n-red: #f0756d;
    --n-cut: #e5a93a44; --n-down: #f0756d44; --n-stop: #98a3af44; }
}
`;
