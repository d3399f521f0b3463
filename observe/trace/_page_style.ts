/** How the page of a trace looks, by day and by night. Colours are told apart also by those who see few of them. */

export const STYLE = `
:root { color-scheme: light dark; --page: #fff; --ink: #1d232b; --soft: #66717e; --line: #e6eaee; --edge: #cfd6dd; --strong: #fff;
  --veil: #ffffffb0; --life: #f0f2f5; --running: #bfe3be; --scope: #8995a3; --time: #ced5dd; --task: #e4e1f1; --lock: #d1450b; --channel: #2f75c0;
  --network: #0f8a83; --other: #a6589a; --host: #5d6b7a; --deadline: #b97d00; --cancel: #c2184f; --spawn: #3f8f4b; --wake: #3b4654; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --ink: #e4e8ed; --soft: #98a3af; --line: #232a32; --edge: #37404a;
  --strong: #0e1216; --veil: #14181db8; --life: #1f262e; --running: #2f6a3c; --scope: #7c8896; --time: #3c4754; --task: #3a3654; --lock: #ff7a3d;
  --channel: #62a5ea; --network: #35b8ae; --other: #cf8cc2; --host: #8b98a6; --deadline: #e8b04a; --cancel: #ff6b98;
  --spawn: #6cc27a; --wake: #b9c3cf; } }
* { box-sizing: border-box; }
body { margin: 0; font: 13px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); }
#trace { display: flex; flex-direction: column; height: 100vh; }
#trace.short { height: auto; max-height: 85vh; } #trace.short #plot { flex: 0 1 auto; } #space { min-height: 100%; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px; padding: 8px 12px 6px; }
h1 { font-size: 15px; margin: 0 auto 0 0; max-width: 60ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
button, input { font: inherit; color: inherit; background: transparent; border: 1px solid var(--edge); border-radius: 4px; padding: 2px 8px; }
button { cursor: pointer; } button:hover { border-color: var(--soft); }
:focus-visible { outline: 2px solid var(--channel); outline-offset: 1px; }
#search { width: 22ch; } #found { color: var(--soft); min-width: 10ch; }
#notes, #many { margin: 0; padding: 0 12px 4px; color: var(--deadline); list-style: none; }
#legend { display: flex; flex-wrap: wrap; gap: 2px 4px; padding: 0 12px 6px; }
#legend button { border-color: transparent; padding: 0 6px; color: var(--soft); white-space: nowrap; }
#legend button[aria-pressed="false"] { text-decoration: line-through; opacity: 0.55; }
#legend button::before { content: ""; display: inline-block; width: 12px; height: 10px; margin-right: 5px; border-radius: 2px; background: var(--own); }
#legend .scope::before { height: 3px; vertical-align: 3px; }
#legend .spawn::before, #legend .wake::before { height: 2px; vertical-align: 3px; }
#legend .deadline::before, #legend .cancel::before { width: 8px; height: 8px; transform: rotate(45deg); border-radius: 0; }
.running { --own: var(--running); } .scope { --own: var(--scope); } .time { --own: var(--time); } .task { --own: var(--task); }
.lock { --own: var(--lock); } .channel { --own: var(--channel); } .network { --own: var(--network); } .other { --own: var(--other); }
.host { --own: var(--host); } .deadline { --own: var(--deadline); } .cancel { --own: var(--cancel); }
.spawn { --own: var(--spawn); } .wake { --own: var(--wake); }
#trace { --names: min(220px, 28vw); }
#overview { width: calc(100% - var(--names)); height: 44px; margin-left: var(--names); cursor: crosshair; touch-action: none; }
#axis { width: calc(100% - var(--names)); height: 22px; margin-left: var(--names); border-bottom: 1px solid var(--edge); flex: none; }
#plot { position: relative; flex: 1; min-height: 60px; overflow-x: hidden; overflow-y: auto; scrollbar-width: thin; }
#sheet { position: sticky; top: 0; display: flex; overflow: hidden; }
#names { position: relative; width: var(--names); flex: none; overflow: hidden; border-right: 1px solid var(--edge); }
.name { position: absolute; left: 0; right: 0; display: flex; align-items: center; padding-right: 8px; overflow: hidden; white-space: nowrap;
  font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; border-bottom: 1px solid var(--line); }
.name.picked { background: var(--line); font-weight: 600; }
#canvas { flex: 1; min-width: 0; height: 100%; cursor: default; touch-action: none; } #canvas.dragged { cursor: grabbing; }
#tip, #detail { font-size: 12px; } #tip { position: fixed; z-index: 1; max-width: 60ch; padding: 6px 10px; pointer-events: none;
  background: var(--page); border: 1px solid var(--edge); border-radius: 5px; box-shadow: 0 3px 14px #0004; }
#detail { padding: 6px 12px; border-top: 1px solid var(--edge); max-height: 30vh; overflow: auto; flex: none; }
#tip strong, #detail strong { padding-left: 7px; border-left: 5px solid var(--own); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 10px; margin: 3px 0 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
#keys { color: var(--soft); font-size: 12px; padding: 3px 12px; border-top: 1px solid var(--edge); flex: none; }
kbd { font: 11px ui-monospace, monospace; border: 1px solid var(--edge); border-radius: 3px; padding: 0 3px; }
[hidden] { display: none !important; }
#diagram { padding: 8px 12px 24px; } #diagram h2 { font-size: 14px; } #diagram > div { overflow-x: auto; }
`;
