/**
 * What is drawn of a trace. These functions are put into the page as text: they use nothing but their arguments.
 *
 * A row has the life of its task in the background, in another colour where it has no wait: there it runs, or awaits what
 * the library does not know. Above that a thin line for each scope, and below it the waits.
 */

import type { PageCanvas } from "../base/page_dom.ts";

/** A record of a trace: see `PageData`. */
export interface PageRecord {
  readonly index: number;
  readonly row: number;
  readonly category: number;
  readonly name: string;
  /** What is said of it, by what that is. */
  readonly words: readonly (readonly [key: string, value: string])[];
  /** What stands on it: its name, and what it is for. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly level: number;
  /** The row and the moment of what has started or woken it, or -1. */
  readonly from: number;
  readonly at: number;
  /** Of a task: from when to when it had no wait, one after the other. */
  readonly gaps: readonly (readonly [start: number, end: number])[];
}

/** A row, where it is now: from `y`, so high. */
export interface PlacedRow {
  readonly row: number;
  readonly y: number;
  readonly height: number;
  readonly scopes: number;
}

/** All that is drawn. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  /** How far down it is scrolled. */
  readonly top: number;
  /** What is shown, in nanoseconds. */
  readonly from: number;
  readonly to: number;
  /** Those that are to be seen, by their rows. */
  readonly rows: readonly PlacedRow[];
  readonly rowAt: ReadonlyMap<number, PlacedRow>;
  readonly recordsOf: readonly (readonly PageRecord[])[];
  readonly arrows: readonly PageRecord[];
  readonly ticks: readonly { readonly at: number }[];
  readonly sizes: Sizes;
  /** By category, and by what else is drawn. */
  readonly colours: Readonly<Record<string, string>>;
  readonly categories: readonly string[];
  readonly hidden: ReadonlySet<string>;
  /** Those that are not looked for are pale; `null`: none. */
  readonly found: ReadonlySet<number> | null;
  readonly hovered: PageRecord | null;
  readonly selected: PageRecord | null;
}

/** In pixels. */
export interface Sizes {
  readonly padding: number;
  readonly lane: number;
  readonly scope: number;
  /** The width of a letter. */
  readonly letter: number;
}

/** Where a record is within its row: from `y`, so high. */
export function placeOf(
  record: PageRecord,
  row: PlacedRow,
  { sizes, categories }: { readonly sizes: Sizes; readonly categories: readonly string[] },
): { readonly y: number; readonly height: number } {
  const top = row.y + sizes.padding;
  const category = categories[record.category];
  if (category === "running") return { y: top, height: row.height - 2 * sizes.padding };
  if (category === "scope") return { y: top + record.level * sizes.scope, height: sizes.scope - 1 };
  return { y: top + row.scopes * sizes.scope + record.level * sizes.lane, height: sizes.lane - 1 };
}

/** Draws the rows, and what is in them. */
export function paintRows(canvas: PageCanvas, scene: Scene, place: typeof placeOf): void {
  const { width, height, top, from, to, rows, recordsOf, ticks, sizes, colours, categories, hidden, found } = scene;
  const scale = width / (to - from);
  const colour = (name: string): string => colours[name] ?? "";
  canvas.clearRect(0, 0, width, height);
  canvas.fillStyle = colour("line");
  for (const { at } of ticks) canvas.fillRect(Math.round((at - from) * scale), 0, 1, height);
  for (const row of rows) canvas.fillRect(0, row.y + row.height - top - 1, width, 1);
  canvas.textBaseline = "middle";
  for (const row of rows) {
    // Of what begins and ends within one pixel, one is drawn.
    const drawn = new Map<number, number>();
    const moments: PageRecord[] = [];
    for (const record of recordsOf[row.row] ?? []) {
      const { start, end, category, level } = record;
      const name = categories[category] as string;
      if (end < from || start > to || hidden.has(name)) continue;
      if (name === "deadline" || name === "cancel") {
        moments.push(record);
        continue;
      }
      const x = Math.max(-2, (start - from) * scale);
      const right = Math.min(width + 2, (end - from) * scale);
      const key = category * 100 + level;
      if (right - x < 1 && found === null && drawn.get(key) === Math.round(right)) continue;
      drawn.set(key, Math.round(right));
      const at = place(record, row, scene);
      const y = at.y - top;
      canvas.globalAlpha = found === null || found.has(record.index) || name === "running" ? 1 : 0.15;
      canvas.fillStyle = colour(name === "running" ? "life" : name);
      // A gap between neighbours, where there is room for it.
      const gap = right - x > 3 && name !== "running" ? 0.5 : 0;
      canvas.fillRect(x, y, Math.max(1, right - x - gap), at.height);
      canvas.fillStyle = colour(name);
      let last = -1;
      for (const [start, end] of record.gaps) {
        const [a, b] = [Math.max(-2, (start - from) * scale), Math.min(width + 2, (end - from) * scale)];
        if (b < a || b - a < 1 && Math.round(b) === last) continue;
        last = Math.round(b);
        canvas.fillRect(a, y, Math.max(0.5, b - a), at.height);
      }
      if (record === scene.hovered || record === scene.selected) {
        canvas.strokeStyle = colour("ink");
        canvas.lineWidth = 1.5;
        canvas.strokeRect(x, y, Math.max(1, right - x), at.height);
      }
      const letters = Math.floor((right - Math.max(0, x) - 8) / sizes.letter);
      if (letters < 3 || name === "scope" || name === "running") continue;
      canvas.fillStyle = colour(name === "time" || name === "task" ? "ink" : "strong");
      const { text } = record;
      canvas.fillText(
        text.length <= letters ? text : `${text.slice(0, letters - 1)}…`,
        Math.max(0, x) + 4,
        y + at.height / 2 + 0.5,
      );
    }
    for (const record of moments) {
      const name = categories[record.category] as string;
      const x = (record.start - from) * scale;
      const middle = row.y + row.height / 2 - top;
      const large = record === scene.hovered || record === scene.selected ? 6 : name === "deadline" ? 4.5 : 3.5;
      canvas.globalAlpha = found === null || found.has(record.index) ? 1 : 0.15;
      canvas.fillStyle = colour(name);
      canvas.fillRect(x - 0.75, row.y + sizes.padding - top, 1.5, row.height - 2 * sizes.padding);
      canvas.beginPath();
      canvas.moveTo(x, middle - large);
      canvas.lineTo(x + large, middle);
      canvas.lineTo(x, middle + large);
      canvas.lineTo(x - large, middle);
      canvas.closePath();
      canvas.fill();
    }
    canvas.globalAlpha = 1;
  }
}

/** Draws arrows: from those who have started, woken or cancelled something to that. */
export function paintArrows(canvas: PageCanvas, scene: Scene, place: typeof placeOf): void {
  const { width, height, top, from, to, rowAt, colours, categories, hovered, selected } = scene;
  const scale = width / (to - from);
  for (const record of scene.arrows) {
    const source = rowAt.get(record.from);
    const target = rowAt.get(record.row);
    if (source === undefined || target === undefined) continue;
    const isSpawn = categories[record.category] === "running";
    const x0 = (record.at - from) * scale;
    const x1 = ((isSpawn ? record.start : record.end) - from) * scale;
    const y0 = source.y + source.height / 2 - top;
    const { y, height: high } = place(record, target, scene);
    const y1 = y + (isSpawn ? Math.min(high, 14) : high) / 2 - top;
    if (Math.max(x0, x1) < 0 || Math.min(x0, x1) > width || Math.max(y0, y1) < 0 || Math.min(y0, y1) > height) continue;
    const picked = hovered ?? selected;
    // Also those to the children of a task.
    const isSpecial = record === picked ||
      isSpawn && picked?.row === source.row && categories[picked.category] === "running";
    const isCancel = record.words.some(([key, value]) => key === "woken by" && value.startsWith("cancel"));
    const colour = colours[isSpawn ? "spawn" : isCancel ? "cancel" : "wake"] ?? "";
    canvas.globalAlpha = isSpecial ? 1 : 0.6;
    canvas.strokeStyle = canvas.fillStyle = colour;
    canvas.lineWidth = isSpecial ? 2 : 1;
    const bend = Math.max(10, Math.min(60, Math.abs(x1 - x0) / 2));
    canvas.beginPath();
    canvas.moveTo(x0, y0);
    canvas.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1 - 4, y1);
    canvas.stroke();
    canvas.beginPath();
    canvas.moveTo(x1, y1);
    canvas.lineTo(x1 - 6, y1 - 3.5);
    canvas.lineTo(x1 - 6, y1 + 3.5);
    canvas.closePath();
    canvas.fill();
    canvas.globalAlpha = 1;
  }
}

/** For what tasks wait over the time, as stacks, so that what most do stands out; and which part of it is shown. */
export function paintOverview(
  canvas: PageCanvas,
  { width, height, loads, most, view, colours, categories, order }: {
    readonly width: number;
    readonly height: number;
    /** For each column of pixels, how many tasks there are in each category. */
    readonly loads: readonly (readonly number[])[];
    readonly most: number;
    /** From and to, in pixels. */
    readonly view: readonly [number, number];
    readonly colours: Readonly<Record<string, string>>;
    readonly categories: readonly string[];
    /** Those that are shown, from the bottom up. */
    readonly order: readonly number[];
  },
): void {
  canvas.clearRect(0, 0, width, height);
  const column = width / Math.max(1, loads.length);
  for (const [index, load] of loads.entries()) {
    let y = height;
    for (const category of order) {
      const share = load[category] as number;
      if (share === 0) continue;
      const high = share / most * (height - 2);
      canvas.fillStyle = colours[categories[category] as string] ?? "";
      canvas.fillRect(index * column, y - high, column + 0.5, high);
      y -= high;
    }
  }
  const [left, right] = view;
  canvas.fillStyle = colours["veil"] ?? "";
  canvas.fillRect(0, 0, left, height);
  canvas.fillRect(right, 0, width - right, height);
  canvas.strokeStyle = colours["ink"] ?? "";
  canvas.lineWidth = 1;
  canvas.strokeRect(left + 0.5, 0.5, Math.max(2, right - left - 1), height - 1);
}

/**
 * How many things there are of each category, in each of so many parts of the time; a part of one counts as that part.
 */
export function loadsOf(
  records: readonly PageRecord[],
  { from, to, parts, counted }: {
    readonly from: number;
    readonly to: number;
    readonly parts: number;
    /** The categories, by their numbers. */
    readonly counted: readonly number[];
  },
): number[][] {
  const size = counted.reduce((a, b) => Math.max(a, b), 0) + 1;
  const loads = Array.from({ length: parts }, () => new Array<number>(size).fill(0));
  // Whole parts by their differences, so that a long one takes no longer than a short one.
  const steps = Array.from({ length: parts + 1 }, () => new Array<number>(size).fill(0));
  const scale = parts / Math.max(1, to - from);
  for (const { category, start, end } of records) {
    if (!counted.includes(category)) continue;
    const a = Math.max(0, (start - from) * scale);
    const b = Math.min(parts, (end - from) * scale);
    if (b <= a) continue;
    const [first, last] = [Math.floor(a), Math.min(parts - 1, Math.floor(b))];
    if (first === last) loads[first]![category]! += b - a;
    else {
      loads[first]![category]! += first + 1 - a;
      loads[last]![category]! += b - last;
      steps[first + 1]![category]! += 1;
      steps[last]![category]! -= 1;
    }
  }
  const open = new Array<number>(size).fill(0);
  for (let part = 0; part < parts; part++) {
    for (let category = 0; category < size; category++) {
      open[category]! += steps[part]![category]!;
      loads[part]![category]! += open[category]!;
    }
  }
  return loads;
}

/** When something that has begun and ended had no wait, of which those are given in the order of their beginnings. */
export function gapsOf(
  { start, end }: { readonly start: number; readonly end: number },
  waits: readonly { readonly start: number; readonly end: number }[],
): [start: number, end: number][] {
  const gaps: [number, number][] = [];
  let until = start;
  for (const wait of waits) {
    if (wait.end <= until || wait.start >= end) continue;
    if (wait.start > until) gaps.push([until, wait.start]);
    until = wait.end;
  }
  if (until < end) gaps.push([until, end]);
  return gaps;
}
