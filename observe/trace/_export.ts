/**
 * A trace in the Trace Event Format, which ui.perfetto.dev and chrome://tracing show.
 *
 * Each task is a thread, of 64 numbers: what does not lie within what is around it goes to the next of them. A wait is
 * named by its kind alone, as viewers give colours by names; what it is for is among its arguments. The ends of a flow
 * must lie within slices, so the one at the end of a wait is a nanosecond before it.
 */

import { lanesOf, tracksOf } from "./_lanes.ts";
import { type Entry, type Flow, type Slice, TICK, type TrackOf } from "./_records.ts";

/** Lanes of one task. */
const LANES = 64;
/** More tasks than this share tracks. */
const MOST_TRACKS = 500;
const PROCESS = 1;

/** An event of the format. */
export type TraceEvent = Readonly<Record<string, unknown>> & { readonly ph: string; readonly ts?: number };

/** All events, in the order of time. */
export function eventsOf(entries: readonly Entry[], tracks: readonly TrackOf[]): TraceEvent[] {
  const order = tracksOf(inTreeOrder(tracks), MOST_TRACKS);
  const threadOf = new Map(tracks.map((track) => [track.id, ((order.get(track) ?? 0) + 1) * LANES]));
  const slices = entries.filter(isSlice);
  const laneOf = new Map<Slice, number>();
  for (const [, own] of Map.groupBy(slices, ({ task }) => threadOf.get(task) ?? 0)) {
    for (const [slice, lane] of lanesOf(own)) laneOf.set(slice, Math.min(lane, LANES - 1));
  }
  const at = (task: number, lane = 0): { pid: number; tid: number } => ({
    pid: PROCESS,
    tid: (threadOf.get(task) ?? 0) + lane,
  });
  const whole = new Set(slices.flatMap(({ type, task }) => type === "task" ? [task] : []));
  const ends = new Map(tracks.map(({ id, end }) => [id, end]));
  const events: TraceEvent[] = [];
  let flows = 0;
  let operations = 0;
  for (const entry of entries) {
    switch (entry.type) {
      case "task":
      case "scope":
      case "wait": {
        const { name, category: cat, start: ts, end, args } = entry;
        const dur = round(end - ts);
        events.push({ ph: "X", name, cat, ts, dur, args, ...at(entry.task, laneOf.get(entry)) });
        break;
      }
      case "flow":
        // What one end of it was in may have been dropped.
        if (whole.has(entry.from) && laneOf.has(entry.to)) events.push(...ofFlow(entry, ++flows));
        break;
      case "instant":
        events.push({ ph: "i", s: "t", name: entry.name, ts: entry.at, args: entry.args, ...at(entry.task) });
        break;
      case "operation": {
        const same = { cat: "host", name: entry.label, id: ++operations, pid: PROCESS, tid: 0 };
        events.push({ ph: "b", ts: entry.start, ...same }, { ph: "e", ts: entry.end, ...same });
        break;
      }
      case "count":
        events.push({ ph: "C", name: "tasks", ts: entry.at, args: { tasks: entry.tasks }, pid: PROCESS, tid: 0 });
    }
  }
  events.sort((a, b) => (a.ts as number) - (b.ts as number));
  return [...metadata(), ...events];

  function ofFlow({ kind, from, at: when, to }: Flow, id: number): TraceEvent[] {
    const same = { name: kind, cat: "flow", id };
    const ts = Math.min(when, ends.get(from) as number);
    const arrives = kind === "wake" ? round(Math.max(to.end - TICK, to.start)) : to.start;
    return [
      { ph: "s", ts: Math.min(ts, arrives), ...same, ...at(from) },
      { ph: "f", bp: "e", ts: arrives, ...same, ...at(to.task, laneOf.get(to)) },
    ];
  }

  function metadata(): TraceEvent[] {
    const lanes = new Map<number, number>();
    for (const [slice, lane] of laneOf) {
      const thread = threadOf.get(slice.task) ?? 0;
      lanes.set(thread, Math.max(lanes.get(thread) ?? 0, lane));
    }
    const named = new Map<number, string>();
    for (const { id, name } of tracks) {
      const thread = threadOf.get(id) as number;
      if (!named.has(thread)) named.set(thread, tracks.length > MOST_TRACKS ? name : `${name} #${id}`);
    }
    return [
      { ph: "M", name: "process_name", pid: PROCESS, tid: 0, args: { name: "run" } },
      ...[...named].flatMap(([thread, name]) =>
        Array.from({ length: (lanes.get(thread) ?? 0) + 1 }, (_, lane): TraceEvent[] => {
          const same = { ph: "M", pid: PROCESS, tid: thread + lane };
          return [
            { ...same, name: "thread_name", args: { name: lane === 0 ? name : `${name} (also)` } },
            { ...same, name: "thread_sort_index", args: { sort_index: thread + lane } },
          ];
        }).flat()
      ),
    ];
  }
}

function isSlice(entry: Entry): entry is Slice {
  return entry.type === "task" || entry.type === "scope" || entry.type === "wait";
}

/** The tasks as the tree has them: below the one that owns them, oldest first. */
function inTreeOrder(tracks: readonly TrackOf[]): TrackOf[] {
  const ids = new Set(tracks.map(({ id }) => id));
  const children = Map.groupBy(tracks, ({ parent }) => parent !== null && ids.has(parent) ? parent : -1);
  const found: TrackOf[] = [];
  const open = [...children.get(-1) ?? []].sort((a, b) => b.id - a.id);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    open.push(...[...children.get(next.id) ?? []].sort((a, b) => b.id - a.id));
  }
  return found;
}

function round(us: number): number {
  return Math.round(us * 1_000) / 1_000;
}
