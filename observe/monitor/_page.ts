/**
 * The page of the monitor: one file, without anything to load. There is nothing of the program in it; that comes with
 * the snapshots, for those who have the token.
 */

import { monitorPage, SCRIPT } from "./_page_script.ts";
import { STYLE } from "./_page_style.ts";
import { VIEW } from "./_view.ts";

/** The page, and the policy that goes with it: its own script and style, and answers of the monitor, nothing else. */
export function pageOf(): { readonly html: string; readonly policy: string } {
  const { nonce, policy } = policyOf(["connect-src 'self'", "img-src data:"]);
  return { html: htmlOf(nonce), policy };
}

/** The policy of a page that may do what is listed, and run the script and have the style that know the nonce. */
export function policyOf(allowed: readonly string[]): { readonly nonce: string; readonly policy: string } {
  const nonce = crypto.randomUUID();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    ...allowed,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { nonce, policy: policy.join("; ") };
}

function htmlOf(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trefoil monitor</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header>
<h1>Trefoil <span>monitor</span></h1>
<div id="numbers"></div>
</header>
<p id="notice" role="status" hidden></p>
<p id="alarm" role="alert" hidden></p>
<nav>
<div id="tabs" role="tablist"></div>
<div class="tools">
<input id="filter" type="search" placeholder="filter (/)" aria-label="filter">
<label><input id="internal" type="checkbox"> tasks of the library</label>
<button id="pause">Pause</button>
<button id="trace" title="records for 5 seconds, and saves a page that shows it">Record a trace</button>
<button id="tree" title="saves the tree of tasks with the places of all waits">Save the tree</button>
<span id="saved" role="status"></span>
</div>
</nav>
<main>
<div id="table" class="table" role="table">
<div id="head" class="row head" role="row"></div>
<div id="body"><div id="spacer"><div id="window"></div></div></div>
<p id="left-out">Waiting for the first snapshot …</p>
</div>
<aside id="details" hidden>
<div class="tools"><button id="cancel" hidden>Cancel this task</button><span id="details-notice" role="status"></span>
<button id="close" aria-label="close">✕</button></div>
<pre id="details-text"></pre>
</aside>
</main>
<script nonce="${nonce}">"use strict";
${scriptOf()}</script>
</body>
</html>
`;
}

/** Bundlers may have put calls of \`__name\` into functions, to keep their names. */
function scriptOf(): string {
  const functions = [...VIEW, ...SCRIPT].map(String).join("\n");
  // An end of the script within a text of it would end it.
  return `const __name = (fn) => fn;\n${functions.replaceAll("</", "<\\/")}\n${monitorPage.name}(globalThis);\n`;
}
