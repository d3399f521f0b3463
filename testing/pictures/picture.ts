/**
 * A picture of a simulation: one HTML file that needs nothing else.
 *
 * Two drawings: the network as a sequence diagram, and the tasks as bars over time, to scale. All text is text; the same
 * simulation gives the same bytes. What is left of a failure (option `trace`) has the same diagram, and instead of the
 * bars the page of a trace, which has a script: this one has none, and is made of the first tasks without being asked for.
 */

import { formatTime } from "../../core/internal.ts";
import type { TaskSpan } from "../driver/timeline.ts";
import type { LogEntry } from "../net/network_log.ts";
import { drawDiagram } from "./diagram.ts";
import { round, text } from "./_svg.ts";

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

const TOP = 44;
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
<div class="scroll">${drawDiagram(parts)}</div>
<h2>Tasks</h2>
${drawTasks(parts)}
</body>
</html>
`;
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

const STYLE = `
:root { color-scheme: light dark; --ink: #1d232b; --soft: #6a7480; --line: #d4d9df; --page: #fff; --blue: #2563b8; --red: #c2362f;
  --task: #dfe7f1; --sleep: #b9cbe3; --wait: #6f9bd1; --nurse: #d7dce2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --soft: #98a3af; --line: #3a424c; --page: #14181d; --blue: #7fb2f2;
  --red: #f0756d; --task: #26313e; --sleep: #3a5370; --wait: #4f83bf; --nurse: #333c46; } }
body { margin: 24px; font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); }
h1 { font-size: 18px; margin: 0 0 8px; } h2 { font-size: 15px; margin: 28px 0 8px; }
ul { margin: 0; padding-left: 20px; } .scroll { overflow-x: auto; }
svg { font: 12px ui-monospace, monospace; } svg text { fill: var(--ink); }
.tick { stroke: var(--line); } .mark { fill: var(--soft); text-anchor: middle; } .name { text-anchor: end; }
.task { fill: var(--task); stroke: var(--line); } .task.failed { stroke: var(--red); stroke-width: 2; }
.wait.sleep { fill: var(--sleep); } .wait.nursery { fill: var(--nurse); } .wait.other { fill: var(--wait); }
.legend { color: var(--soft); margin: 0 0 4px; } .legend span { display: inline-block; width: 12px; height: 12px; margin: 0 5px 0 12px; vertical-align: -1px; }
.legend .sleep { background: var(--sleep); } .legend .nursery { background: var(--nurse); } .legend .other { background: var(--wait); }
.legend .failed { box-shadow: inset 0 0 0 2px var(--red); }
`;
