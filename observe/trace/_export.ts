/**
 * A trace in the Trace Event Format, which ui.perfetto.dev and chrome://tracing show.
 *
 * Each task is a thread, of 64 numbers: what does not lie within what is around it goes to the next of them. A wait is
 * named by its kind alone, as viewers give colours by names; what it is for is among its arguments. The ends of a flow
 * must lie within slices, so the one at the end of a wait is a nanosecond before it.
 */

import { inTreeOrder, lanesOf, MOST_TRACKS, tracksOf } from "./_lanes.ts";
import { type Entry, isSlice, NOBODY, type Slice, type TrackOf } from "./_records.ts";
import { argsOf, categoryOf, us } from "./_words.ts";

/** Lanes of one task. */
const LANES = 64;
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
  const whole = new Set(slices.flatMap(({ type, task }) => type === "task" ? [task] : []));
  const ends = new Map(tracks.map(({ id, end }) => [id, end]));
  const at = (task: number, lane = 0): { pid: number; tid: number } => ({
    pid: PROCESS,
    tid: (threadOf.get(task) ?? 0) + lane,
  });
  const events: TraceEvent[] = [];
  let flows = 0;
  let operations = 0;
  for (const entry of entries) {
    if (entry.type === "instant") {
      events.push({ ph: "i", s: "t", name: entry.name, ts: us(entry.at), args: entry.args, ...at(entry.task) });
    } else if (entry.type === "operation") {
      const same = { cat: "host", name: entry.label, id: ++operations, pid: PROCESS, tid: 0 };
      events.push({ ph: "b", ts: us(entry.start), ...same }, { ph: "e", ts: us(entry.end), ...same });
    } else {
      const { name, start, end, task } = entry;
      const here = at(task, laneOf.get(entry));
      events.push({
        ph: "X",
        name,
        cat: categoryOf(entry),
        ts: us(start),
        dur: us(end - start),
        args: argsOf(entry),
        ...here,
      });
      // What one end of it was in may have been dropped.
      if (entry.from !== NOBODY && whole.has(entry.from)) events.push(...flowTo(entry, ++flows));
      if (entry.tasksAtStart > 0) events.push(count(start, entry.tasksAtStart));
      // One that goes on is still among them.
      if (entry.tasksAtStart > 0 && entry.how !== "") events.push(count(end, entry.tasksAtEnd));
    }
  }
  events.sort((a, b) => (a.ts as number) - (b.ts as number));
  return [...metadata(), ...events];

  function flowTo(slice: Slice, id: number): TraceEvent[] {
    const isWake = slice.type === "wait";
    const name = !isWake ? "spawn" : slice.how === "cancel" ? "cancel" : "wake";
    const same = { name, cat: "flow", id };
    const arrives = isWake ? Math.max(slice.end - 1, slice.start) : slice.start;
    const ts = us(Math.min(slice.at, ends.get(slice.from) as number, arrives));
    return [
      { ph: "s", ts, ...same, ...at(slice.from) },
      { ph: "f", bp: "e", ts: us(arrives), ...same, ...at(slice.task, laneOf.get(slice)) },
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

function count(ts: number, tasks: number): TraceEvent {
  return { ph: "C", name: "tasks", ts: us(ts), args: { tasks }, pid: PROCESS, tid: 0 };
}
