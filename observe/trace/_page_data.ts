/**
 * A trace as its page wants it: rows, and records of numbers, with each text once.
 *
 * All that can be worked out beforehand is: in which row and on which level something lies, what is said of it. The page
 * draws, and nothing else.
 */

import { inTreeOrder, levelsOf, type Span } from "./_lanes.ts";
import { type Entry, isSlice, NOBODY, type Slice, type TrackOf } from "./_records.ts";
import type { Snapshot } from "./_snapshot.ts";
import { argsOf, categoryOf, us } from "./_words.ts";

/** A row of the page: a task, or several of one name, or the operations of the host. */
export interface PageRow {
  readonly name: string;
  /** How far below the main task it is. */
  readonly depth: number;
  /** How many levels its waits need, and its scopes. */
  readonly lanes: number;
  readonly scopes: number;
}

/**
 * What the page is given. A record has these numbers: row, category, name (one of `strings`), start and end in
 * nanoseconds, level, and the row and the moment of what has started or woken it (or -1 and 0); then pairs of `strings`,
 * what else there is to say.
 */
export interface PageData {
  readonly title: string;
  readonly notes: readonly string[];
  /** What is shown at first, in nanoseconds. */
  readonly from: number;
  readonly to: number;
  readonly strings: readonly string[];
  readonly rows: readonly PageRow[];
  readonly records: readonly (readonly number[])[];
}

/** What a record can be; a category is its place in here. */
export const PAGE_CATEGORIES = [
  "running",
  "scope",
  "time",
  "lock",
  "channel",
  "task",
  "network",
  "other",
  "host",
  "deadline",
  "cancel",
] as const;

/** More would take long to draw, and nobody looks at so many: the last ones are shown. */
export const MOST_RECORDS = 20_000;
/** Waits of one task at one time, and scopes within each other, that get a level of their own. */
const MOST_LEVELS = 12;

/** Puts it together. */
export function pageDataOf({ entries, tracks, dropped }: Snapshot, title: string): PageData {
  const shown = entries.slice(-MOST_RECORDS);
  const strings = new Strings();
  const hasHost = shown.some(({ type }) => type === "operation");
  const rows: { name: string; depth: number; lanes: number; scopes: number }[] = [];
  if (hasHost) rows.push({ name: "operations of the host", depth: 0, lanes: 0, scopes: 0 });
  const shares = rowsOf(tracks);
  const rowOfTask = new Map<number, number>();
  for (const { tasks: [first, ...others], depth } of shares) {
    const name = others.length === 0 ? `${first.name} #${first.id}` : `${first.name} ×${others.length + 1}`;
    for (const { id } of [first, ...others]) rowOfTask.set(id, rows.length);
    rows.push({ name, depth, lanes: 0, scopes: 0 });
  }
  const rowOf = (task: number): number => rowOfTask.get(task) ?? -1;
  const levels = new Map<Entry, number>();
  const place = (kind: Entry["type"], field: "lanes" | "scopes"): void => {
    const spans = shown.filter((entry): entry is Entry & Span => entry.type === kind);
    for (const [row, own] of Map.groupBy(spans, (entry) => isSlice(entry) ? rowOf(entry.task) : 0)) {
      for (const [span, level] of levelsOf(own, MOST_LEVELS)) {
        levels.set(span, level);
        rows[row]![field] = Math.max(rows[row]![field], level + 1);
      }
    }
  };
  place("operation", "lanes");
  place("scope", "scopes");
  place("wait", "lanes");
  const pack = (entry: Entry, row: number, more: Partial<Slice> & Readonly<Record<"category", string>>): number[] => {
    const { category, name = "", start = 0, end = 0, from = NOBODY, at = 0 } = more;
    const source = rowOf(from);
    const index = (PAGE_CATEGORIES as readonly string[]).indexOf(category);
    const said = Object.entries(wordsOf(entry)).flatMap((pair) => pair.map((text) => strings.indexOf(text)));
    const origin = source < 0 ? [-1, 0] : [source, Math.min(at, end)];
    return [row, index, strings.indexOf(name), start, end, levels.get(entry) ?? 0, ...origin, ...said];
  };
  const records = shown.map((entry): number[] => {
    if (entry.type === "operation") {
      return pack(entry, 0, { category: "host", name: entry.label, start: entry.start, end: entry.end });
    }
    if (entry.type === "instant") {
      const { name, at, task } = entry;
      return pack(entry, rowOf(task), { category: name, name, start: at, end: at });
    }
    return pack(entry, rowOf(entry.task), {
      ...entry,
      category: entry.type === "task" ? "running" : categoryOf(entry),
    });
  });
  const left = entries.length - shown.length;
  const starts = records.map((record) => record[3] as number);
  const ends = records.map((record) => record[4] as number);
  return {
    title,
    notes: [
      ...(left === 0 ? [] : [`${left} older records are left out: a page shows ${MOST_RECORDS}`]),
      ...(dropped === 0 ? [] : [`${dropped} records had to go before: see the recorder's "capacity"`]),
    ],
    // Before the first end of those that are left, most is missing.
    from: left + dropped > 0 ? least(ends) : least(starts),
    to: ends.reduce((a, b) => Math.max(a, b), 0),
    strings: strings.all,
    rows,
    records,
  };
}

interface Row {
  readonly id: number;
  readonly parent: number | null;
  readonly depth: number;
  /** One after the other. */
  readonly tasks: [TrackOf, ...TrackOf[]];
}

/**
 * The rows of tasks, as the tree has them. Tasks of one name below one parent share a row, as long as each begins when
 * the one before is over: a server has a row for every connection it has at one time, and not for each it ever had.
 */
function rowsOf(tracks: readonly TrackOf[]): Row[] {
  const rows: Row[] = [];
  const ofTask = new Map<number, Row>();
  /** By parent and name. */
  const alike = new Map<string, Row[]>();
  // A task begins before its children.
  for (const track of [...tracks].sort((a, b) => a.start - b.start || a.id - b.id)) {
    const above = track.parent === null ? undefined : ofTask.get(track.parent);
    const key = `${above?.id} ${track.name}`;
    const others = alike.get(key) ?? [];
    alike.set(key, others);
    let row = others.find(({ tasks }) => (tasks.at(-1) as TrackOf).end <= track.start);
    if (row === undefined) {
      row = { id: rows.length, parent: above?.id ?? null, depth: (above?.depth ?? -1) + 1, tasks: [track] };
      rows.push(row);
      others.push(row);
    } else row.tasks.push(track);
    ofTask.set(track.id, row);
  }
  return inTreeOrder(rows);
}

/** What is said of it beside its name and times. */
function wordsOf(entry: Entry): Readonly<Record<string, string>> {
  if (entry.type === "operation") return {};
  if (entry.type === "instant") {
    return Object.fromEntries(Object.entries(entry.args).map(([key, value]) => [key, timed(key, value)]));
  }
  const { id: _, by, scheduledFor, ...args } = argsOf(entry);
  return {
    ...Object.fromEntries(Object.entries(args).map(([key, value]) => [key, timed(key, value)])),
    ...(by === undefined ? {} : { "woken by": `${by}` }),
    ...(typeof scheduledFor !== "number" || scheduledFor < us(MOMENT) ? {} : { "went on after": `${scheduledFor} µs` }),
  };
}

/** Shorter is no time: things at one instant are kept apart by nanoseconds. */
const MOMENT = 1_000;

function timed(key: string, value: unknown): string {
  return key === "deadline" ? `t=${value}ms` : `${value}`;
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), numbers[0] ?? 0);
}

/** Each text once. */
class Strings {
  readonly all: string[] = [];
  readonly #known = new Map<string, number>();

  indexOf(text: string): number {
    let index = this.#known.get(text);
    if (index === undefined) this.#known.set(text, index = this.all.push(text) - 1);
    return index;
  }
}
