/**
 * Takes a snapshot of a program. One walk over the tasks of each run gives everything; the places of waits, which are
 * dear, are asked for at most 200 times: of the longest waits, and of one wait of each group.
 */

import {
  awaitedAt,
  cancellationOf,
  hostDate,
  hostNow,
  isDefaultRun,
  isForeign,
  kindOf,
  labelOf,
  lookAtRun,
  operationsIn,
  ownerOf,
  plainPlace,
  read,
  resourceOf,
  type SeenWait,
  textOf,
} from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { HasStatistics } from "../has_statistics.ts";
import type { Program, WatchedRun } from "./_program.ts";
import type {
  GroupRow,
  LongWaitRow,
  Numbers,
  OperationRow,
  ResourceRow,
  RunRow,
  Snapshot,
  TaskRow,
  WaitRow,
} from "./_wire.ts";

/** What a snapshot is taken with. */
export interface SnapshotSettings {
  readonly interval: number;
  readonly oldAfter: number;
  readonly allowCancel: boolean;
  readonly maxTasks: number;
  readonly watch: ReadonlyMap<string, HasStatistics>;
}

/** So many of the longest waits are told, each with its place; and so many groups, resources and operations. */
const MOST_WAITS = 100;
const MOST_GROUPS = 200;
const MOST_RESOURCES = 100;
const MOST_OPERATIONS = 200;
/** Places of groups. */
const MOST_GROUP_PLACES = 100;
/** Characters of a text that is not the library's. */
const MOST_CHARACTERS = 200;

/** A run as it was seen. */
interface SeenRun {
  readonly watched: WatchedRun;
  readonly now: number;
  readonly tasks: readonly Task[];
  readonly waits: readonly SeenWait[];
  readonly waitsOf: ReadonlyMap<Task, readonly SeenWait[]>;
}

/** Takes a snapshot now; it takes a microtask more. */
export async function snapshotOf(program: Program, settings: SnapshotSettings): Promise<Snapshot> {
  const began = hostNow();
  const runs = lookAtAll(program);
  const oldest = runs.flatMap((run) => run.waits.map((wait) => ({ run, wait, age: run.now - wait.since })))
    .sort((a, b) => b.age - a.age);
  const groups = groupsOf(runs);
  const longest = oldest.filter(({ wait }) => !isIdle(wait)).slice(0, MOST_WAITS);
  const asked = [
    ...new Set([
      ...longest.map(({ wait }) => wait),
      ...groups.slice(0, MOST_GROUP_PLACES).flatMap(({ oldest }) => oldest ?? []),
    ]),
  ];
  const places = await awaitedAt(asked.map(({ promise }) => promise));
  const framesOf = new Map(asked.map((wait, index) => [wait, places[index] as readonly string[]]));
  const all = sum(runs, ({ tasks }) => tasks.length);
  const rows: TaskRow[] = [];
  for (const run of runs) {
    if (rows.length >= settings.maxTasks) break;
    rows.push(...treeOf(run, framesOf, settings.maxTasks - rows.length));
  }
  const numbers = numbersOf(program, runs);
  const snapshot = {
    at: hostDate(),
    numbers,
    runs: runs.map(rowOfRun),
    tasks: rows,
    tasksLeftOut: all - rows.length,
    groups: groups.slice(0, MOST_GROUPS).map(({ oldest, ...group }): GroupRow => ({
      ...group,
      frames: oldest === null ? [] : framesOf.get(oldest) ?? [],
    })),
    groupsLeftOut: Math.max(groups.length - MOST_GROUPS, 0),
    waits: longest.map(({ run, wait }): LongWaitRow => ({
      run: run.watched.id,
      task: wait.task.id,
      name: short(wait.task.name),
      ...rowOfWait(wait, framesOf),
    })),
    resources: resourcesOf(runs, settings.watch),
    operations: operationsOf(runs),
    findings: program.findings,
    settings: {
      interval: settings.interval,
      oldAfter: settings.oldAfter,
      allowCancel: settings.allowCancel,
    },
  };
  return { ...snapshot, took: hostNow() - began };
}

/** The numbers alone. */
export function numbersOf(program: Program, runs: readonly SeenRun[] = lookAtAll(program)): Numbers {
  const { heapUsed, rss } = memory();
  return {
    tasks: sum(runs, ({ tasks }) => tasks.length),
    running: sum(runs, ({ tasks, waitsOf }) => tasks.filter((task) => !waitsOf.has(task)).length),
    waits: sum(runs, ({ waits }) => waits.length),
    hostOperations: sum(runs, ({ watched }) => watched.run.statistics().hostOperations.length),
    ...program.counts,
    lag: program.lag("second"),
    worstLag: program.lag("minute"),
    heap: heapUsed,
    rss,
    uptime: hostNow() - program.openedAt,
  };
}

/** How many waits of each kind there are. */
export function waitsByKind(program: Program): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { run } of program.runs) {
    for (const { reason } of lookAtRun(run).waits) {
      const kind = short(kindOf(reason));
      found.set(kind, (found.get(kind) ?? 0) + 1);
    }
  }
  return found;
}

function lookAtAll(program: Program): readonly SeenRun[] {
  return program.runs.map(lookAt).filter((run) => !isEmpty(run));
}

function lookAt(watched: WatchedRun): SeenRun {
  const { tasks, waits: seen } = lookAtRun(watched.run);
  // The newest are seen first.
  const waits = seen.toReversed();
  return { watched, now: watched.run.clock.now(), tasks, waits, waitsOf: Map.groupBy(waits, ({ task }) => task) };
}

/** There is always a run for code outside any: it is shown if there is something in it. */
function isEmpty({ watched, tasks, waits }: SeenRun): boolean {
  return isDefaultRun(watched.run) && tasks.length <= 1 && waits.length === 0;
}

/** Waits of tasks for their children say nothing: it is the children that matter. */
function isIdle({ reason }: SeenWait): boolean {
  return kindOf(reason) === "nursery";
}

/** The tasks in the order of the tree: the oldest first, each followed by what is below it; at most so many. */
function treeOf(run: SeenRun, framesOf: ReadonlyMap<SeenWait, readonly string[]>, most: number): TaskRow[] {
  const known = new Set(run.tasks);
  const children = Map.groupBy(run.tasks, (task) => {
    const owner = ownerOf(task);
    return owner !== null && known.has(owner) ? owner : null;
  });
  const rows: TaskRow[] = [];
  const open = newestFirst(children.get(null)).map((task) => ({ task, depth: 0 }));
  for (let next = open.pop(); next !== undefined && rows.length < most; next = open.pop()) {
    const { task, depth } = next;
    rows.push(rowOfTask(run, task, { depth, framesOf }));
    for (const child of newestFirst(children.get(task))) open.push({ task: child, depth: depth + 1 });
  }
  return rows;
}

function newestFirst(tasks: readonly Task[] = []): Task[] {
  return [...tasks].sort((a, b) => b.id - a.id);
}

function rowOfTask(
  { watched, waitsOf }: SeenRun,
  task: Task,
  { depth, framesOf }: { readonly depth: number; readonly framesOf: ReadonlyMap<SeenWait, readonly string[]> },
): TaskRow {
  const { id, name, internal, startedAt, spawnSite } = task;
  return {
    run: watched.id,
    id,
    name: short(name),
    depth,
    internal,
    cancelled: cancellationOf(task) !== null,
    startedAt,
    site: spawnSite === undefined ? "" : plainPlace(spawnSite),
    waits: (waitsOf.get(task) ?? []).map((wait) => rowOfWait(wait, framesOf)),
  };
}

function rowOfWait(
  wait: SeenWait,
  framesOf: ReadonlyMap<SeenWait, readonly string[]>,
): WaitRow {
  const { reason, since, deadline } = wait;
  return {
    kind: short(kindOf(reason)),
    label: short(labelOf(reason)),
    since,
    deadline: deadline === Infinity ? null : deadline,
    holder: holderOf(wait),
    frames: framesOf.get(wait) ?? [],
  };
}

function holderOf({ reason }: SeenWait): { id: number; name: string } | null {
  try {
    const holder = reason.holder?.() ?? null;
    return holder === null ? null : { id: Number(holder.id), name: short(String(holder.name)) };
  } catch {
    // Of the user's.
    return null;
  }
}

interface Group extends Omit<GroupRow, "frames"> {
  readonly oldest: SeenWait | null;
}

/** The largest first. */
function groupsOf(runs: readonly SeenRun[]): Group[] {
  const found = new Map<string, { -readonly [K in keyof Group]: Group[K] }>();
  for (const { tasks, waitsOf, now } of runs) {
    for (const task of tasks) {
      const name = short(task.name.replace(/\d+/g, "N"));
      for (const wait of waitsOf.get(task) ?? [null]) {
        const kind = wait === null ? "" : short(kindOf(wait.reason));
        const age = now - (wait?.since ?? task.startedAt);
        const key = `${kind}\n${name}`;
        const group = found.get(key);
        if (group === undefined) found.set(key, { name, kind, count: 1, longest: age, oldest: wait });
        else {
          group.count++;
          if (age > group.longest) Object.assign(group, { longest: age, oldest: wait });
        }
      }
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count || b.longest - a.longest);
}

/** What is watched, and everything that somebody waits for. */
function resourcesOf(runs: readonly SeenRun[], watch: SnapshotSettings["watch"]): ResourceRow[] {
  const waiting = new Map<HasStatistics, { count: number; readonly wait: SeenWait }>();
  for (const wait of runs.flatMap(({ waits }) => waits)) {
    const resource = read(wait.reason, "resource") as HasStatistics | undefined;
    if (resource === undefined) continue;
    const seen = waiting.get(resource);
    if (seen === undefined) waiting.set(resource, { count: 1, wait });
    else seen.count++;
  }
  const watched = [...watch].map(([name, resource]): ResourceRow => ({
    name: short(name),
    waiting: waiting.get(resourceOf(resource) as HasStatistics)?.count ?? 0,
    statistics: statisticsOf(resource),
  }));
  const named = new Set([...watch.values()].map(resourceOf));
  const others = [...waiting].filter(([resource]) => !named.has(resource)).slice(0, MOST_RESOURCES)
    .map(([resource, { count, wait }]): ResourceRow => ({
      name: short(
        `${kindOf(wait.reason)} ${labelOf(wait.reason)}`.trim().replace(/^(?:acquire|send on|receive from) /, ""),
      ),
      waiting: count,
      statistics: statisticsOf(resource),
    }));
  return [...watched, ...others.sort((a, b) => b.waiting - a.waiting)];
}

/** The numbers of a resource, as far as JSON can say them. */
function statisticsOf(resource: HasStatistics): unknown {
  try {
    const json = JSON.stringify(resource.statistics(), (_, value) => {
      if (typeof value === "bigint") return String(value);
      if (typeof value === "number" && !Number.isFinite(value)) return String(value);
      return typeof value === "string" ? short(value) : value;
    });
    return json === undefined ? null : JSON.parse(json);
  } catch (error) {
    return { error: short(textOf(error)) };
  }
}

/** The oldest first. */
function operationsOf(runs: readonly SeenRun[]): OperationRow[] {
  return runs.flatMap(({ watched, now }) =>
    operationsIn(watched.run).map(({ label, since }): OperationRow => ({ label: short(label), age: now - since }))
  ).sort((a, b) => b.age - a.age).slice(0, MOST_OPERATIONS);
}

function rowOfRun({ watched, now, tasks, waits, waitsOf }: SeenRun): RunRow {
  const stuck = tasks.every((task) => waitsOf.has(task)) &&
    watched.run.statistics().hostOperations.length === 0 &&
    waits.every(({ reason, deadline }) => reason.untilTime !== true && !isForeign(reason) && deadline === Infinity);
  return { run: watched.id, now, tasks: tasks.length, stuck };
}

/** What this process takes, in bytes, where the host says so. */
function memory(): { heapUsed: number; rss: number } {
  const { process } = globalThis as { process?: { memoryUsage?(): { heapUsed: number; rss: number } } };
  try {
    return process?.memoryUsage?.() ?? { heapUsed: 0, rss: 0 };
  } catch {
    return { heapUsed: 0, rss: 0 };
  }
}

function short(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
