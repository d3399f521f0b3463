/**
 * The monitor in a terminal, as a pure machine: what a key does, and what the screen shows.
 *
 * Everything that comes from the program is cleaned of control characters first: names are other people's text, and a
 * terminal obeys.
 */

import {
  ageText,
  alarmOf,
  bytesText,
  detailsOf,
  type Tab,
  tabsOf,
  type View,
  viewOf,
  type ViewOptions,
  type ViewRow,
} from "./_view.ts";
import type { Snapshot } from "./_wire.ts";

/** What somebody looks at. */
export interface ScreenState extends ViewOptions {
  /** The row that is chosen, by its key. */
  readonly chosen: string;
  /** Where it is, for when it has gone. */
  readonly index: number;
  /** Whether the filter is being typed. */
  readonly typing: boolean;
  /** Whether the chosen row is shown in full. */
  readonly details: boolean;
  /** The first line of the details that is shown. */
  readonly scrolled: number;
  readonly paused: boolean;
  /** Which row shall be cancelled, if the answer is yes; `null` if nothing was asked. */
  readonly asked: ViewRow | null;
  /** What the last thing that was done has come to. */
  readonly said: string;
}

/** What a key asks for that is not about the screen. */
export type Wish = { readonly kind: "quit" } | { readonly kind: "cancel"; readonly row: ViewRow } | null;

/** How large the terminal is. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Lines above and below the table. */
const HEAD = 4;
const FOOT = 1;
const COLOURS: Readonly<Record<string, number>> = {
  time: 34,
  lock: 33,
  channel: 35,
  task: 90,
  network: 36,
  other: 33,
  running: 32,
};
/** How wide columns are: what is left is shared by those with a share. */
const WIDTHS: Readonly<Record<Tab, readonly (readonly [least: number, share: number])[]>> = {
  tasks: [[16, 2], [16, 3], [10, 0], [11, 0], [0, 2], [0, 1]],
  waits: [[16, 2], [16, 3], [10, 0], [11, 0], [0, 2]],
  groups: [[7, 0], [12, 2], [12, 2], [10, 0], [0, 2]],
  resources: [[16, 2], [8, 0], [10, 5]],
  operations: [[20, 4], [24, 0]],
  loop: [[12, 0], [14, 0], [20, 1]],
  findings: [[12, 0], [16, 0], [20, 1]],
};
const HELP = "1-7 tabs  ↑↓ choose  Enter stack  ←→ fold  / filter  i library  p pause  c cancel  q quit";

/** What is looked at first. */
export function firstState(): ScreenState {
  return {
    tab: "tasks",
    filter: "",
    internal: false,
    folded: new Set(),
    chosen: "",
    index: 0,
    typing: false,
    details: false,
    scrolled: 0,
    paused: false,
    asked: null,
    said: "",
  };
}

/** What a key does. Keys are named as `keysIn()` does. */
export function press(state: ScreenState, key: string, snapshot: Snapshot | null): readonly [ScreenState, Wish] {
  if (key === "ctrl-c") return [state, { kind: "quit" }];
  if (state.asked !== null) {
    const row = state.asked;
    if (key === "y") return [{ ...state, asked: null, said: "" }, { kind: "cancel", row }];
    return [{ ...state, asked: null, said: "not cancelled" }, null];
  }
  if (state.typing) return [typed(state, key), null];
  const quiet = { ...state, said: "" };
  const rows = snapshot === null ? [] : viewOf(snapshot, state).rows;
  const index = indexOf(state, rows);
  const tabs = tabsOf();
  const go = (to: number): ScreenState => {
    const at = Math.max(Math.min(to, rows.length - 1), 0);
    return { ...quiet, index: at, chosen: rows[at]?.key ?? "", scrolled: 0 };
  };
  switch (key) {
    case "q":
      return [quiet, { kind: "quit" }];
    case "up":
      return [state.details ? scroll(quiet, -1) : go(index - 1), null];
    case "down":
      return [state.details ? scroll(quiet, 1) : go(index + 1), null];
    case "pageup":
      return [state.details ? scroll(quiet, -10) : go(index - 20), null];
    case "pagedown":
      return [state.details ? scroll(quiet, 10) : go(index + 20), null];
    case "home":
      return [go(0), null];
    case "end":
      return [go(rows.length - 1), null];
    case "enter":
      return [{ ...go(index), details: !state.details && rows.length > 0 }, null];
    case "escape":
      return [{ ...quiet, details: false, filter: state.details ? state.filter : "" }, null];
    case "/":
      return [{ ...quiet, typing: true, details: false }, null];
    case "i":
      return [{ ...quiet, internal: !state.internal }, null];
    case "p":
      return [{ ...quiet, paused: !state.paused }, null];
    case "left":
    case "right": {
      const row = rows[index];
      if (row === undefined) return [quiet, null];
      const folded = new Set(state.folded);
      if (key === "left") folded.add(row.key);
      else folded.delete(row.key);
      return [{ ...go(index), folded }, null];
    }
    case "c": {
      const row = rows[index];
      if (row === undefined || row.task === 0) return [{ ...quiet, said: "there is no task to cancel here" }, null];
      if (snapshot?.settings.allowCancel !== true) {
        return [{ ...quiet, said: "the monitor was opened without { allowCancel: true }" }, null];
      }
      return [{ ...go(index), asked: row }, null];
    }
    default: {
      const tab = tabs[Number(key) - 1]?.[0];
      return [tab === undefined ? quiet : { ...quiet, tab, chosen: "", index: 0, details: false, scrolled: 0 }, null];
    }
  }
}

function typed(state: ScreenState, key: string): ScreenState {
  if (key === "enter") return { ...state, typing: false };
  if (key === "escape") return { ...state, typing: false, filter: "" };
  if (key === "backspace") return { ...state, filter: [...state.filter].slice(0, -1).join("") };
  return [...key].length === 1 ? { ...state, filter: state.filter + key, chosen: "", index: 0 } : state;
}

function scroll(state: ScreenState, by: number): ScreenState {
  return { ...state, scrolled: Math.max(state.scrolled + by, 0) };
}

/** Where the chosen row is now; where it was, if it has gone. */
function indexOf({ chosen, index }: ScreenState, rows: readonly ViewRow[]): number {
  const found = rows.findIndex(({ key }) => key === chosen);
  return found >= 0 ? found : Math.max(Math.min(index, rows.length - 1), 0);
}

/** The screen in lines: as many as the terminal has rows. */
export function screenOf(
  snapshot: Snapshot,
  state: ScreenState,
  { size, before, notice }: {
    readonly size: Size;
    /** The snapshot before this one, for what is counted in a second. */
    readonly before: Snapshot | null;
    /** What is wrong with the connection; empty if nothing is. */
    readonly notice: string;
  },
): readonly string[] {
  const { columns } = size;
  const view = viewOf(snapshot, state);
  const space = Math.max(size.rows - HEAD - FOOT, 1);
  const warning = notice !== "" ? notice : alarmOf(snapshot);
  const head = [
    fit(numbersText(snapshot, before), columns),
    warning === "" ? "" : style(fit(warning, columns), 31, 1),
    tabsText(snapshot, state, columns),
  ];
  const body = state.details ? detailLines(snapshot, state, view) : null;
  const lines = body === null
    ? tableLines(view, state, { columns, space })
    : ["", ...body.slice(Math.min(state.scrolled, Math.max(body.length - space, 0))).map((line) => fit(line, columns))];
  const shown = [...lines, ...Array<string>(space + 1).fill("")].slice(0, space + 1);
  return [...head, ...shown, footText(state, view, columns)].slice(0, size.rows);
}

/** A snapshot as text, for what is no terminal. */
export function textOfSnapshot(snapshot: Snapshot): string {
  const lines = [numbersText(snapshot, null)];
  const alarm = alarmOf(snapshot);
  if (alarm !== "") lines.push(alarm);
  for (const [tab, title] of tabsOf()) {
    const view = viewOf(snapshot, { ...firstState(), tab, internal: true });
    if (view.rows.length === 0) continue;
    lines.push("", title);
    for (const { cells, depth } of view.rows) {
      lines.push(`  ${"  ".repeat(depth)}${cells.filter((cell) => cell !== "").map(clean).join("  ")}`);
    }
    if (view.leftOut !== "") lines.push(`  ${view.leftOut}`);
  }
  return lines.join("\n");
}

function numbersText({ numbers, at }: Snapshot, before: Snapshot | null): string {
  const seconds = before === null ? 0 : (at - before.at) / 1_000;
  const rate = (now: number, then: number): string => `${Math.max(Math.round((now - then) / seconds), 0)}/s`;
  return [
    `${numbers.tasks} tasks`,
    `${numbers.running} running`,
    ...before === null || seconds <= 0 ? [] : [
      `waits ${rate(numbers.waitsEnded, before.numbers.waitsEnded)}`,
      `spawns ${rate(numbers.tasksStarted, before.numbers.tasksStarted)}`,
    ],
    `lag ${ageText(numbers.lag)} (worst ${ageText(numbers.worstLag)})`,
    `heap ${bytesText(numbers.heap)}`,
    `rss ${bytesText(numbers.rss)}`,
    `${numbers.hostOperations} host operations`,
  ].join("  ");
}

function tabsText(snapshot: Snapshot, { tab }: ScreenState, columns: number): string {
  let left = columns;
  return tabsOf().map(([name, title], index) => {
    const found = name === "findings" && snapshot.findings.length > 0 ? ` ${snapshot.findings.length}` : "";
    const text = fit(`${index + 1} ${title}${found}  `, Math.min([...`${index + 1} ${title}${found}  `].length, left));
    left -= [...text].length;
    return name === tab ? style(text, 7) : text;
  }).join("");
}

function tableLines(
  view: View,
  state: ScreenState,
  { columns, space }: { readonly columns: number; readonly space: number },
): string[] {
  const widths = widthsOf(WIDTHS[state.tab], columns);
  const index = indexOf(state, view.rows);
  const first = Math.max(Math.min(index - Math.floor(space / 2), view.rows.length - space), 0);
  const head = view.columns.map((name, at) => fit(name, widths[at] as number)).join("");
  const rows = view.rows.slice(first, first + space).map((row, at) => {
    const cells = row.cells.map((text, column) => {
      const width = widths[column] as number;
      if (width === 0) return "";
      const indent = column === 0
        ? `${" ".repeat(row.depth * 2)}${row.folds ? state.folded.has(row.key) ? "▸ " : "▾ " : ""}`
        : "";
      const shown = fit(`${indent}${text}`, width - 1) + " ";
      if (first + at === index) return shown;
      if (column === view.toned) return style(shown, row.old ? 31 : COLOURS[row.tone] ?? 39);
      return column > view.toned && view.toned >= 0 && column > 2 ? style(shown, 90) : shown;
    }).join("");
    return first + at === index ? style(cells, 7) : cells;
  });
  if (view.rows.length === 0) rows.push(fit("Nothing to show here.", columns));
  return [style(head, 90), ...rows];
}

function widthsOf(wanted: readonly (readonly [least: number, share: number])[], columns: number): number[] {
  const least = wanted.reduce((sum, [width]) => sum + width, 0);
  const shares = wanted.reduce((sum, [, share]) => sum + share, 0);
  const left = Math.max(columns - least, 0);
  let open = columns;
  return wanted.map(([width, share]) => {
    const given = Math.min(width + Math.floor(left * share / shares), open);
    open -= given;
    return given;
  });
}

function detailLines(snapshot: Snapshot, state: ScreenState, view: View): string[] {
  const row = view.rows[indexOf(state, view.rows)];
  if (row === undefined) return ["It has gone."];
  const lines = row.task > 0
    ? detailsOf(snapshot, row.run, row.task)
    : [...row.cells, ...row.frames.map((frame) => `    at ${frame}`)];
  return lines.map(clean);
}

function footText(state: ScreenState, view: View, columns: number): string {
  if (state.asked !== null) {
    return style(fit(`Cancel ${state.asked.cells[0]}? y for yes, any other key for no`, columns), 31, 1);
  }
  if (state.typing) return fit(`filter: ${state.filter}█`, columns);
  const parts = [
    state.said,
    state.paused ? "paused" : "",
    state.filter === "" ? "" : `filter: ${state.filter}`,
    view.leftOut,
    HELP,
  ];
  return style(fit(parts.filter((part) => part !== "").join("  ·  "), columns), 90);
}

/** The keys in what a terminal sends. */
export function keysIn(text: string): string[] {
  const keys: string[] = [];
  // deno-lint-ignore no-control-regex -- that is what terminals send
  for (const [key] of text.matchAll(/\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[^]/gu)) keys.push(NAMES[key] ?? key);
  // Of what is left, control characters and keys without a name mean nothing here.
  return keys.filter((key) => /^(?:[a-z-]+|\P{C})$/u.test(key));
}

const NAMES: Readonly<Record<string, string>> = {
  "\x03": "ctrl-c",
  "\r": "enter",
  "\n": "enter",
  "\x1b": "escape",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[C": "right",
  "\x1bOC": "right",
  "\x1b[D": "left",
  "\x1bOD": "left",
  "\x1b[H": "home",
  "\x1b[1~": "home",
  "\x1b[F": "end",
  "\x1b[4~": "end",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
};

function style(text: string, ...codes: number[]): string {
  return `\x1b[${codes.join(";")}m${text}\x1b[0m`;
}

/** A text without what a terminal would obey. */
export function clean(text: string): string {
  // Control characters, and those that turn the direction of writing.
  return text.replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "�");
}

/** A text in so many columns: cut, or filled up. */
function fit(text: string, columns: number): string {
  let width = 0;
  let shown = "";
  const cleaned = clean(text);
  for (const character of cleaned) {
    const wide = columnsOf(character);
    if (width + wide > columns) {
      // The last one makes room for the sign that there is more.
      while (width + 1 > columns && shown !== "") {
        const last = [...shown].at(-1) as string;
        shown = shown.slice(0, -last.length);
        width -= columnsOf(last);
      }
      return columns > 0 ? `${shown}…${" ".repeat(Math.max(columns - width - 1, 0))}` : "";
    }
    shown += character;
    width += wide;
  }
  return shown + " ".repeat(columns - width);
}

/** How many columns a character takes, as most terminals have it. */
function columnsOf(character: string): number {
  if (/\p{M}|\u200d|\ufe0f/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
      .test(character)
    ? 2
    : 1;
}
