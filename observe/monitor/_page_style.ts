/** How the page of the monitor looks, in light and dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #fbfbfa; --panel: #ffffff; --line: #dfe1e4; --text: #1d2125; --soft: #646b73; --accent: #2f6f4f;
  --bad: #b3261e; --bad-back: #fdeceb; --chosen: #e6f0ea;
  --time: #3b6ea8; --lock: #a85a1a; --channel: #7a4ca0; --task: #5f6b76; --network: #2b7d6f; --other: #8a6d1f; --running: #2f7d3b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #15181b; --panel: #1c2024; --line: #31373d; --text: #e6e8ea; --soft: #98a1aa; --accent: #7fc79f;
    --bad: #ff8a80; --bad-back: #3a1f1f; --chosen: #24382d;
    --time: #82b1e8; --lock: #eba467; --channel: #c79bea; --task: #a6b1bb; --network: #6fcabb; --other: #d9ba63; --running: #85d192;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; background: var(--back); color: var(--text);
  font: 13px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center; padding: 10px 16px;
  background: var(--panel); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 16px; font-weight: 650; color: var(--accent); }
h1 span { color: var(--soft); font-weight: 400; }
#numbers { display: flex; flex-wrap: wrap; gap: 6px 22px; }
.tile { display: grid; align-content: start; min-width: 64px; }
.tile .name { color: var(--soft); font-size: 11px; }
.tile .value { font-size: 15px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile.bad .value { color: var(--bad); }
.tile svg { width: 64px; height: 14px; }
.tile polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
#notice, #alarm { margin: 0; padding: 8px 16px; }
#notice { background: var(--chosen); }
#alarm { background: var(--bad-back); color: var(--bad); font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: 8px 16px; justify-content: space-between; padding: 8px 16px; }
#tabs, .tools { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; }
button, input { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 5px; }
button { padding: 3px 9px; cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--soft); }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.tab[aria-selected=true] { background: var(--accent); border-color: var(--accent); color: var(--back); font-weight: 600; }
input[type=search] { padding: 3px 8px; width: 150px; }
#saved { color: var(--soft); max-width: 260px; }
main { flex: 1; min-height: 0; display: flex; flex-direction: column; gap: 8px; padding: 0 16px 12px; }
.table { flex: 1; min-height: 0; display: flex; flex-direction: column; background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
#body { flex: 1; overflow: auto; }
#spacer { position: relative; }
.row { display: flex; align-items: center; height: 26px; padding: 0 10px; gap: 12px; white-space: nowrap;
  border-bottom: 1px solid color-mix(in srgb, var(--line) 45%, transparent); }
#window .row { cursor: default; }
#window .row:hover, .row.chosen { background: var(--chosen); }
.row.head { color: var(--soft); font-size: 11px; border-bottom: 1px solid var(--line); flex: none; }
.row.old .pill { outline: 1px solid var(--bad); }
.tasks .row.old .c2, .waits .row.old .c2 { color: var(--bad); font-weight: 600; }
.cell { overflow: hidden; text-overflow: ellipsis; flex: 1 1 0; min-width: 0; font-variant-numeric: tabular-nums; }
.tasks .c0, .waits .c0 { flex: 2 1 0; } .tasks .c1, .waits .c1 { flex: 3 1 0; }
.tasks .c2, .tasks .c3, .waits .c2, .waits .c3, .groups .c0, .groups .c3 { flex: 0 0 84px; }
.tasks .c4, .waits .c4, .groups .c4 { flex: 2.4 1 0; } .tasks .c5 { flex: 1.2 1 0; }
.groups .c1 { flex: 2 1 0; } .groups .c2 { flex: 2 1 0; }
.resources .c0 { flex: 1.5 1 0; } .resources .c1 { flex: 0 0 70px; } .resources .c2 { flex: 4 1 0; }
.operations .c0 { flex: 4 1 0; }
.loop .c0, .findings .c0 { flex: 0 0 110px; } .loop .c1, .findings .c1 { flex: 0 0 120px; } .loop .c2, .findings .c2 { flex: 6 1 0; }
#window .c4, #window .c5 { color: var(--soft); font-family: ui-monospace, monospace; font-size: 12px; }
.indent { display: inline-block; }
.fold { width: 16px; padding: 0; border: 0; background: none; color: var(--soft); font-size: 11px; }
.pill { padding: 1px 8px; border-radius: 9px; font-size: 12px; }
.pill.time { color: var(--time); background: color-mix(in srgb, var(--time) 14%, transparent); }
.pill.lock { color: var(--lock); background: color-mix(in srgb, var(--lock) 16%, transparent); }
.pill.channel { color: var(--channel); background: color-mix(in srgb, var(--channel) 14%, transparent); }
.pill.task { color: var(--task); background: color-mix(in srgb, var(--task) 14%, transparent); }
.pill.network { color: var(--network); background: color-mix(in srgb, var(--network) 14%, transparent); }
.pill.other { color: var(--other); background: color-mix(in srgb, var(--other) 16%, transparent); }
.pill.running { color: var(--running); background: color-mix(in srgb, var(--running) 14%, transparent); }
#left-out { margin: 0; padding: 4px 10px; color: var(--soft); }
#left-out:empty { display: none; }
#details { flex: none; max-height: 40%; overflow: auto; padding: 8px 12px; background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; }
#details .tools { float: right; }
#details pre { margin: 0; font: 12px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
#cancel { color: var(--bad); border-color: var(--bad); }
@media (max-width: 700px) {
  .tasks .c3, .tasks .c5, .waits .c3, .tasks .c4, .waits .c4, .groups .c4, .head .c4 { display: none; }
  .tile svg { display: none; } .tile { min-width: 0; } #numbers { gap: 4px 14px; }
}
`;
