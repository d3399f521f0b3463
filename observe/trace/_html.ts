/**
 * A trace as a page: one file that needs nothing else, and asks nobody for anything.
 *
 * What other people have named is data: it goes into the page as JSON in which no tag can be, and from there onto a canvas
 * or through `textContent`. The page forbids itself everything else by a policy of its own; where it is served under
 * another one, that has a nonce, which is the page's as well.
 */

import { PAGE_CATEGORIES, type PageData } from "./_page_data.ts";
import { gapsOf, loadsOf, paintArrows, paintOverview, paintRows, placeOf } from "./_page_paint.ts";
import { type PageParts, showTrace } from "./_page_script.ts";
import { STYLE } from "./_page_style.ts";
import { ticksOf, timeWords } from "./_page_time.ts";

/** What is drawn in which colour, in words. */
const LEGEND: readonly (readonly [category: string, words: string])[] = [
  ["lock", "waits for a lock, a limit, an event"],
  ["channel", "for a channel"],
  ["network", "for the network"],
  ["other", "for something else"],
  ["time", "for time"],
  ["task", "for its tasks"],
  ["running", "runs, or awaits what the library does not know"],
  ["scope", "scope"],
  ["deadline", "deadline"],
  ["cancel", "cancelled"],
  ["spawn", "starts"],
  ["wake", "wakes"],
];

const KEYS: readonly (readonly [keys: readonly string[], words: string])[] = [
  [["wheel", "+", "-"], "zoom"],
  [["drag", "←", "→", "↑", "↓"], "move"],
  [["click", "n", "p"], "select"],
  [["double click"], "zoom to it"],
  [["0"], "all"],
  [["/"], "search"],
  [["Esc"], "nothing"],
];

/** What is put into the page, by the names that the script has for it. */
const PARTS: Omit<PageParts, "categories"> = {
  timeWords,
  ticksOf,
  placeOf,
  paintRows,
  paintArrows,
  paintOverview,
  loadsOf,
  gapsOf,
};

/** Makes the page. `diagram` is HTML, and goes in as it is; `null` for none. */
export function htmlOf(
  data: PageData,
  { nonce, diagram }: { readonly nonce: string; readonly diagram: string | null },
): string {
  // No attribute is styled, and no event handled, by what stands in the page.
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; base-uri 'none'`;
  const parts = Object.entries(PARTS).map(([name, part]) => `${name}: ${part}`);
  const legend = LEGEND.map(([category, words]) =>
    `<button type="button" class="${category}" data-category="${category}" aria-pressed="true">${words}</button>`
  );
  const keys = KEYS.map(([keys, words]) => `${keys.map((key) => `<kbd>${key}</kbd>`).join(" ")} ${words}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>${escaped(data.title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<div id="trace"${diagram === null ? "" : ' class="short"'}>
<header><h1 title="${escaped(data.title)}">${escaped(data.title)}</h1>
<input id="search" type="search" placeholder="Search tasks, locks, …" aria-label="Search"><span id="found" role="status"></span>
<button type="button" id="closer" aria-label="Zoom in">+</button><button type="button" id="further" aria-label="Zoom out">−</button><button type="button" id="fit">All</button></header>
<ul id="notes">${data.notes.map((note) => `<li>${escaped(note)}</li>`).join("")}</ul>
<p id="many" hidden>Too many arrows: those of what is pointed at are shown. Zoom in for more.</p>
<div id="legend">${legend.join("")}</div>
<canvas id="overview" role="img" aria-label="What tasks wait for, over all of the time"></canvas>
<canvas id="axis" role="img" aria-label="Time"></canvas>
<div id="plot" tabindex="0" aria-label="Tasks over time"><div id="space"><div id="sheet"><div id="names"></div><canvas id="canvas" role="img" aria-label="Tasks over time: press n for one after the other"></canvas></div></div></div>
<div id="detail" role="status" hidden></div>
<div id="keys">${keys.join(" · ")}</div>
</div>
<div id="tip" role="tooltip" hidden></div>
${diagram === null ? "" : `<section id="diagram"><h2>Network</h2><div>${styled(diagram, nonce)}</div></section>`}
<script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>
<script nonce="${nonce}">
// What some bundlers wrap functions in.
const __name = (fn) => fn;
(${showTrace})(globalThis, JSON.parse(document.getElementById("data").textContent), {
categories: ${JSON.stringify(PAGE_CATEGORIES)},
${parts.join(",\n")}
});
</script>
</body>
</html>
`;
}

/** A drawing has a style of its own, which the policy of the page must allow, too. */
function styled(diagram: string, nonce: string): string {
  return diagram.replaceAll("<style>", `<style nonce="${nonce}">`);
}

/** Text, for between tags and in attributes. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] as string);
}
