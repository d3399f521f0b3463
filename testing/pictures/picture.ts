/**
 * A picture of a simulation: one HTML file that needs nothing else.
 *
 * Two drawings. The network as a sequence diagram: hosts are columns, time goes down, in which a row is an instant at which
 * something happened, as most of simulated time is empty. The tasks as bars over time, to scale. All text is text; the
 * same simulation gives the same bytes.
 */

import { formatTime } from "../../core/internal.ts";
import type { LogEntry } from "../net/network_log.ts";
import type { TaskSpan } from "../driver/timeline.ts";

/** What a picture shows. */
export interface PictureParts {
  readonly title: string;
  readonly notes: readonly string[];
  readonly hosts: readonly string[];
  readonly events: readonly LogEntry[];
  readonly tasks: readonly TaskSpan[];
  readonly left: number;
  readonly end: number;
}

/** More would be too much to look at: the last ones are shown. */
const MOST_EVENTS = 500;
const ROW = 24;
const COLUMN = 250;
const TOP = 44;
const TIME = 84;
/** For what happens to links and hosts, left of the first column. */
const EVENTS = 200;
const TASK_ROW = 22;
const NAMES = 200;
const WIDTH = 900;

/** Draws it. */
export function drawPicture(parts: PictureParts): string {
  const { title, notes } = parts;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${text(title)}</h1>
${notes.length === 0 ? "" : `<ul>${notes.map((note) => `<li>${text(note)}</li>`).join("")}</ul>`}
<h2>Network</h2>
${drawNetwork(parts)}
<h2>Tasks</h2>
${drawTasks(parts)}
</body>
</html>
`;
}

function drawNetwork({ hosts, events }: PictureParts): string {
  const shown = events.slice(-MOST_EVENTS);
  if (shown.length === 0) return "<p>Nothing was sent.</p>";
  const columns = new Map(hosts.map((host, i) => [host, TIME + EVENTS + i * COLUMN]));
  const width = TIME + EVENTS + Math.max(1, hosts.length) * COLUMN;
  // Each event has a row of its own; a time at which something only arrives has one, too.
  const rows = new Map<LogEntry, number>();
  const times: { readonly at: number; readonly y: number }[] = [];
  const moments = new Set(shown.map(({ at }) => at));
  for (const { fate } of shown) if (typeof fate === "object" && fate !== null) moments.add(fate.delivered);
  let y = TOP + ROW;
  for (const at of [...moments].sort((a, b) => a - b)) {
    times.push({ at, y });
    const own = shown.filter((entry) => entry.at === at);
    for (const entry of own) {
      rows.set(entry, y);
      y += ROW;
    }
    if (own.length === 0) y += ROW;
  }
  const height = y + ROW;
  const yAt = (at: number): number => times.find((time) => time.at >= at)?.y ?? height - ROW;
  const bars: string[] = [];
  const lines: string[] = [];
  const open = new Map<string, LogEntry>();
  const bar = (key: string, began: LogEntry, until: number): void => {
    bars.push(drawBar(key, rows.get(began)!, until, columns, width));
  };
  const endings: Record<string, string> = { heal: "partition", release: "hold", restart: "crash", resume: "pause" };
  for (const entry of shown) {
    const { label, what } = entry;
    const at = rows.get(entry)!;
    if (label.includes("→") && !["partition", "hold"].includes(what)) {
      lines.push(drawMessage(entry, at, columns, yAt, height));
      continue;
    }
    const began = endings[what];
    if (began !== undefined) {
      for (const [key, first] of [...open]) {
        const [kind, who] = key.split("\0");
        const same = who!.replace("→", ", ") === label || label === "everybody";
        if (kind !== began || !same) continue;
        bar(key, first, at);
        open.delete(key);
      }
    } else if (["partition", "hold", "crash", "pause"].includes(what)) open.set(`${what}\0${label}`, entry);
    lines.push(`<text class="event" x="${TIME}" y="${at + 4}">${text(`${label}: ${what}`)}</text>`);
  }
  for (const [key, entry] of open) bar(key, entry, height - ROW / 2);
  const heads = [...columns].map(([host, x]) =>
    `<line class="life" x1="${x}" y1="${TOP}" x2="${x}" y2="${height}"/><text class="host" x="${x}" y="${TOP - 14}">${
      text(host)
    }</text>`
  );
  const clock = times.map(({ at, y }) =>
    `<text class="time" x="${TIME - 14}" y="${y + 4}">${text(formatTime(at))}</text>`
  );
  const note = events.length > shown.length ? `<p>The last ${shown.length} of ${events.length} events.</p>` : "";
  return `${note}<div class="scroll"><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Network">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
${[...bars, ...heads, ...clock, ...lines].join("\n")}
</svg></div>`;
}

/** A time in which a link was cut, or a host was down. */
function drawBar(key: string, from: number, to: number, columns: ReadonlyMap<string, number>, width: number): string {
  const [kind, who] = key.split("\0") as [string, string];
  const found = [...columns].filter(([host]) => who.split(/, |→| \| |\+/).includes(host)).map(([, x]) => x);
  const [least, most] = [Math.min(...found), Math.max(...found)];
  const single = kind === "crash" || kind === "pause";
  const x = found.length === 0 ? TIME : single ? least - 7 : least;
  const w = found.length === 0 ? width - TIME : single ? 14 : Math.max(14, most - least);
  return `<rect class="${kind}" x="${x}" y="${from}" width="${w}" height="${Math.max(4, to - from)}"><title>${
    text(`${who}: ${kind}`)
  }</title></rect>`;
}

function drawMessage(
  { label, what, at, fate }: LogEntry,
  y: number,
  columns: ReadonlyMap<string, number>,
  yAt: (at: number) => number,
  height: number,
): string {
  const [from, to] = label.split("→").map((end) => columns.get(end.slice(0, end.indexOf(":"))));
  const delivered = typeof fate === "object" && fate !== null ? fate.delivered : null;
  const note = fate === null
    ? ""
    : delivered === null
    ? `, ${fate}`
    : delivered > at
    ? ` +${formatTime(delivered - at)}`
    : "";
  const words = `${what}${note}`;
  const title = `<title>${text(`${formatTime(at)} ${label} ${words}`)}</title>`;
  if (from === undefined || to === undefined) {
    const x = from ?? to ?? TIME;
    return `<g class="message lost">${title}<text x="${x + 8}" y="${y + 4}">${text(`${label} ${words}`)}</text></g>`;
  }
  if (fate === null) return `<g class="message">${title}<text x="${to + 8}" y="${y + 4}">${text(words)}</text></g>`;
  if (from === to) {
    return `<g class="message">${title}<path d="M${from} ${y - 3}h18v8h-16" marker-end="url(#tip)"/><text x="${
      from + 24
    }" y="${y + 4}">${text(words)}</text></g>`;
  }
  // What has not arrived ends on its way.
  const end = delivered === null ? from + (to - from) * 0.6 : to;
  const down = delivered === null ? y : Math.min(height, Math.max(y, delivered > at ? yAt(delivered) : y));
  // Beside the sender, where each message has a row of its own.
  const right = to > from;
  return `<g class="message${
    delivered !== null ? "" : fate === "lost" ? " lost" : " underway"
  }">${title}<line x1="${from}" y1="${y}" x2="${end}" y2="${down}"${
    delivered === null ? "" : ' marker-end="url(#tip)"'
  }/><text class="${right ? "right" : "left"}" x="${from + (right ? 12 : -12)}" y="${y - 5}">${text(words)}</text></g>`;
}

function drawTasks({ tasks, left, end }: PictureParts): string {
  const scale = (WIDTH - NAMES - 20) / Math.max(end, 1);
  const x = (at: number): number => round(NAMES + at * scale);
  const height = TOP + tasks.length * TASK_ROW + 10;
  const ticks = Array.from({ length: 6 }, (_, i) => end * i / 5);
  const marks = (end > 0 ? ticks : [0]).map((at) =>
    `<line class="tick" x1="${x(at)}" y1="${TOP - 8}" x2="${x(at)}" y2="${height}"/><text class="mark" x="${
      x(at)
    }" y="${TOP - 16}">${text(formatTime(round(at)))}</text>`
  );
  const rows = tasks.map(({ name, from, to, state, waits }, i) => {
    const y = TOP + i * TASK_ROW;
    const width = (a: number, b: number | null) => Math.max(1.5, round(((b ?? end) - a) * scale));
    const parts = waits.filter((wait) => (wait.to ?? end) > wait.from).map((wait) =>
      `<rect class="wait ${kindClass(wait.kind)}" x="${x(wait.from)}" y="${y + 4}" width="${
        width(wait.from, wait.to)
      }" height="12"><title>${
        text(
          `${name}: ${wait.text}, t=${formatTime(wait.from)} to ${wait.to === null ? "the end" : formatTime(wait.to)}`,
        )
      }</title></rect>`
    );
    const word = state === "failed" ? ", failed" : state === "cancelled" ? ", cancelled" : "";
    return `<g><text class="name" x="${NAMES - 10}" y="${y + 14}">${text(short(name))}<title>${
      text(name)
    }</title></text><rect class="task ${state}" x="${x(from)}" y="${y + 2}" width="${
      width(from, to)
    }" height="16"><title>${
      text(`${name}${word}, t=${formatTime(from)} to ${to === null ? "the end" : formatTime(to)}`)
    }</title></rect>${parts.join("")}</g>`;
  });
  const legend =
    '<p class="legend"><span class="sleep"></span>sleeps <span class="nursery"></span>waits for its tasks <span class="other"></span>waits for others <span class="failed"></span>failed</p>';
  return `${legend}<div class="scroll"><svg width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Tasks">
${[...marks, ...rows].join("\n")}
</svg></div>${left === 0 ? "" : `<p>And ${left} more tasks and waits.</p>`}`;
}

function kindClass(kind: string): string {
  return kind === "sleep" || kind === "nursery" ? kind : "other";
}

function short(name: string): string {
  return name.length <= 28 ? name : `${name.slice(0, 27)}…`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function text(value: string): string {
  return value.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]!);
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d232b; --soft: #6a7480; --line: #d4d9df; --page: #fff; --blue: #2563b8; --red: #c2362f;
  --cut: #e5a93a55; --down: #c2362f44; --stop: #6a748055; --task: #dfe7f1; --sleep: #b9cbe3; --wait: #6f9bd1; --nurse: #d7dce2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --soft: #98a3af; --line: #3a424c; --page: #14181d; --blue: #7fb2f2;
  --red: #f0756d; --cut: #e5a93a44; --down: #f0756d44; --stop: #98a3af44; --task: #26313e; --sleep: #3a5370; --wait: #4f83bf; --nurse: #333c46; } }
body { margin: 24px; font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); }
h1 { font-size: 18px; margin: 0 0 8px; } h2 { font-size: 15px; margin: 28px 0 8px; }
ul { margin: 0; padding-left: 20px; } .scroll { overflow-x: auto; }
svg { font: 12px ui-monospace, monospace; } svg text { fill: var(--ink); }
.life { stroke: var(--line); stroke-width: 2; } .host { font-weight: 700; font-size: 13px; text-anchor: middle; }
.time { fill: var(--soft); text-anchor: end; } .event { fill: var(--red); paint-order: stroke; stroke: var(--page); stroke-width: 5px; }
.message line, .message path { stroke: var(--blue); fill: none; stroke-width: 1.5; } marker path { fill: var(--blue); }
.message text { paint-order: stroke; stroke: var(--page); stroke-width: 4px; } .message .left { text-anchor: end; }
.underway line { stroke: var(--soft); stroke-dasharray: 4 3; } .underway text { fill: var(--soft); }
.lost line { stroke: var(--red); stroke-dasharray: 4 3; } .lost text { fill: var(--red); }
.partition, .hold { fill: var(--cut); } .crash { fill: var(--down); } .pause { fill: var(--stop); }
.tick { stroke: var(--line); } .mark { fill: var(--soft); text-anchor: middle; } .name { text-anchor: end; }
.task { fill: var(--task); stroke: var(--line); } .task.failed { stroke: var(--red); stroke-width: 2; }
.wait.sleep { fill: var(--sleep); } .wait.nursery { fill: var(--nurse); } .wait.other { fill: var(--wait); }
.legend { color: var(--soft); margin: 0 0 4px; } .legend span { display: inline-block; width: 12px; height: 12px; margin: 0 5px 0 12px; vertical-align: -1px; }
.legend .sleep { background: var(--sleep); } .legend .nursery { background: var(--nurse); } .legend .other { background: var(--wait); }
.legend .failed { box-shadow: inset 0 0 0 2px var(--red); }
`;
