/**
 * Snapshots as tables, for the page and for the terminal.
 *
 * The page gets these functions as their text (`String(fn)`), all of `VIEW` together. So they use each other, what every
 * engine has, and nothing else of this module.
 */

import type { GroupRow, Snapshot, TaskRow, WaitRow } from "./_wire.ts";

/** What can be looked at. */
export type Tab = "tasks" | "waits" | "groups" | "resources" | "operations" | "loop" | "findings";

/** How a table is looked at. */
export interface ViewOptions {
  readonly tab: Tab;
  /** Rows have this in them, in whatever case. */
  readonly filter: string;
  /** Whether tasks of the library are shown. */
  readonly internal: boolean;
  /** What is below these tasks is not shown: `run:task`. */
  readonly folded: ReadonlySet<string>;
}

/** A row of a table. */
export interface ViewRow {
  /** The same thing has the same one in the next snapshot. */
  readonly key: string;
  readonly cells: readonly string[];
  /** How deep it is in a tree. */
  readonly depth: number;
  /** Whether there is something below it. */
  readonly folds: boolean;
  /** What kind of thing it waits for: it has a colour. */
  readonly tone: string;
  /** Whether it has been waiting for long, without a deadline. */
  readonly old: boolean;
  /** The run and the task that it is about; 0 for none. */
  readonly run: number;
  readonly task: number;
  readonly frames: readonly string[];
}

/** A table. */
export interface View {
  readonly columns: readonly string[];
  /** The column that has a colour; -1 for none. */
  readonly toned: number;
  readonly rows: readonly ViewRow[];
  /** What is not among the rows, in words; empty if nothing is left out. */
  readonly leftOut: string;
}

/** What there is to look at, in the order of the tabs. */
export function tabsOf(): readonly (readonly [tab: Tab, title: string])[] {
  return [
    ["tasks", "Tasks"],
    ["waits", "Longest waits"],
    ["groups", "Groups"],
    ["resources", "Channels, locks, limiters"],
    ["operations", "Host operations"],
    ["loop", "Blocked loop"],
    ["findings", "Findings"],
  ];
}

/** A length of time in a few characters. */
export function ageText(ms: number): string {
  if (!(ms >= 0)) return "0 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor(ms / 1_000) % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Bytes in a few characters. */
export function bytesText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** A place in a few characters: the innermost, without its folders. */
export function placeText(frames: readonly string[]): string {
  return frames.slice(0, 2).map((frame) => frame.replace(/(^|\()[^()\s]*\//, "$1")).join(" < ");
}

/** What is waited for, roughly. */
export function toneOf(kind: string): string {
  if (kind === "") return "running";
  if (/^(?:sleep|rate limit)/.test(kind)) return "time";
  if (/^(?:acquire|barrier|condition|event|parked|pool|lazy|lock)/.test(kind)) return "lock";
  if (/channel|watch|broadcast|select/.test(kind)) return "channel";
  if (/^(?:nursery|join|run|forgotten)/.test(kind)) return "task";
  if (/accept|connect|read|write|receive|send|tcp|tls|http|udp|socket|resolve|request/.test(kind)) return "network";
  return "other";
}

/** A wait in a few words. */
export function doingText(wait: WaitRow): string {
  return wait.label === "" ? wait.kind : `${wait.kind} ${wait.label}`;
}

/** A deadline in a few words. */
export function deadlineText(deadline: number | null, now: number): string {
  if (deadline === null) return "none";
  return deadline > now ? `in ${ageText(deadline - now)}` : "now";
}

/** The time of each run. */
export function timesOf(snapshot: Snapshot): (run: number) => number {
  const times = new Map(snapshot.runs.map(({ run, now }) => [run, now]));
  return (run) => times.get(run) ?? 0;
}

/** The waits of a task that say most: not those for its children, if there are others. */
export function mainWaits(task: TaskRow): readonly WaitRow[] {
  const waits = task.waits.filter(({ kind }) => kind !== "nursery");
  return waits.length > 0 ? waits : task.waits;
}

/** The table of a tab. */
export function viewOf(snapshot: Snapshot, options: ViewOptions): View {
  const view = tableOf(snapshot, options);
  const wanted = options.filter.trim().toLowerCase();
  if (wanted === "") return view;
  const has = (text: string) => text.toLowerCase().includes(wanted);
  return { ...view, rows: view.rows.filter(({ cells, frames }) => cells.some(has) || frames.some(has)) };
}

/** The table of a tab, with everything. */
export function tableOf(snapshot: Snapshot, { tab, filter, internal, folded }: ViewOptions): View {
  const nowOf = timesOf(snapshot);
  const plain = { depth: 0, folds: false, tone: "", old: false, run: 0, task: 0, frames: [] };
  const { oldAfter } = snapshot.settings;
  const isOld = (age: number, deadline: number | null, tone: string) =>
    age > oldAfter && deadline === null && tone !== "time" && tone !== "task";
  const since = (at: number) => `${ageText(snapshot.at - at)} ago`;
  switch (tab) {
    case "tasks": {
      const rows: ViewRow[] = [];
      // What is deeper than this is folded away.
      let limit = Infinity;
      snapshot.tasks.forEach((task, index) => {
        if (task.depth > limit) return;
        limit = Infinity;
        const key = `${task.run}:${task.id}`;
        const folds = (snapshot.tasks[index + 1]?.depth ?? 0) > task.depth;
        // With a filter, everything is looked through.
        if (folds && folded.has(key) && filter.trim() === "") limit = task.depth;
        if (task.internal && !internal) return;
        const waits = mainWaits(task);
        const [first] = waits;
        const tone = toneOf(first === undefined ? "" : first.kind);
        const age = nowOf(task.run) - (first === undefined ? task.startedAt : first.since);
        const deadline = waits.reduce<number | null>(
          (least, wait) => wait.deadline === null ? least : Math.min(least ?? Infinity, wait.deadline),
          null,
        );
        const doing = first === undefined ? "running, or awaits something foreign" : waits.map(doingText).join(" + ");
        rows.push({
          ...plain,
          key,
          folds,
          depth: task.depth,
          tone,
          old: first !== undefined && isOld(age, deadline, tone),
          run: task.run,
          task: task.id,
          frames: first === undefined ? [] : first.frames,
          cells: [
            `${task.name} #${task.id}`,
            task.cancelled ? `${doing} (being cancelled)` : doing,
            ageText(age),
            first === undefined ? "" : deadlineText(deadline, nowOf(task.run)),
            first === undefined ? "" : placeText(first.frames),
            placeText(task.site === "" ? [] : [task.site]),
          ],
        });
      });
      const more = snapshot.tasksLeftOut;
      return {
        columns: ["task", "doing", "for", "deadline", "awaited at", "started at"],
        toned: 1,
        rows,
        leftOut: more === 0 ? "" : `${more} more tasks are not shown here: see Groups`,
      };
    }
    case "waits":
      return {
        columns: ["task", "waits for", "for", "deadline", "awaited at"],
        toned: 1,
        rows: snapshot.waits.map((wait, index) => {
          const now = nowOf(wait.run);
          const tone = toneOf(wait.kind);
          return {
            ...plain,
            key: `${wait.run}:${wait.task}:${index}`,
            tone,
            old: isOld(now - wait.since, wait.deadline, tone),
            run: wait.run,
            task: wait.task,
            frames: wait.frames,
            cells: [
              `${wait.name} #${wait.task}`,
              doingText(wait),
              ageText(now - wait.since),
              deadlineText(wait.deadline, now),
              placeText(wait.frames),
            ],
          };
        }),
        leftOut: "",
      };
    case "groups":
      return {
        columns: ["count", "tasks named", "doing", "longest", "awaited at"],
        toned: 2,
        rows: snapshot.groups.map((group: GroupRow) => ({
          ...plain,
          key: `${group.kind}\n${group.name}`,
          tone: toneOf(group.kind),
          frames: group.frames,
          cells: [
            String(group.count),
            group.name,
            group.kind === "" ? "running, or awaits something foreign" : group.kind,
            ageText(group.longest),
            placeText(group.frames),
          ],
        })),
        leftOut: snapshot.groupsLeftOut === 0 ? "" : `${snapshot.groupsLeftOut} smaller groups are not shown`,
      };
    case "resources":
      return {
        columns: ["what", "waiting", "numbers"],
        toned: -1,
        rows: snapshot.resources.map((resource, index) => ({
          ...plain,
          key: `${index}:${resource.name}`,
          old: resource.waiting > 0,
          cells: [
            resource.name,
            String(resource.waiting),
            typeof resource.statistics === "object" && resource.statistics !== null
              ? Object.entries(resource.statistics).map(([name, value]) =>
                `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
              ).join(", ")
              : String(resource.statistics),
          ],
        })),
        leftOut: "",
      };
    case "operations":
      return {
        columns: ["operation", "for"],
        toned: -1,
        rows: snapshot.operations.map((operation, index) => ({
          ...plain,
          key: `${index}:${operation.label}`,
          cells: [operation.label, ageText(operation.age)],
        })),
        leftOut: snapshot.numbers.hostOperations > snapshot.operations.length
          ? `${snapshot.numbers.hostOperations - snapshot.operations.length} newer ones are not shown`
          : "",
      };
    default: {
      const ofLoop = tab === "loop";
      const found = snapshot.findings.filter(({ kind }) =>
        (kind === "blocked loop" || kind === "busy machine") === ofLoop
      );
      return {
        columns: ["when", "what", "says"],
        toned: -1,
        rows: found.map((finding, index) => ({
          ...plain,
          key: `${finding.at}:${index}`,
          old: finding.kind !== "busy machine",
          frames: finding.frames,
          cells: [since(finding.at), finding.kind, finding.message],
        })),
        leftOut: "",
      };
    }
  }
}

/** A task in lines: what it waits for, where, and who waits for whom from there. */
export function detailsOf(snapshot: Snapshot, run: number, id: number): readonly string[] {
  const now = timesOf(snapshot)(run);
  const tasks = new Map(snapshot.tasks.filter((task) => task.run === run).map((task) => [task.id, task]));
  const task = tasks.get(id);
  if (task === undefined) return ["This task has ended, or is not among those shown."];
  const lines = [
    `${task.name} #${task.id}${task.cancelled ? ", being cancelled" : ""}`,
    `started ${ageText(now - task.startedAt)} ago${task.site === "" ? "" : ` at ${task.site}`}`,
  ];
  if (task.waits.length === 0) lines.push("It runs, or awaits a promise that the library does not know.");
  for (const wait of task.waits) {
    lines.push(
      "",
      `${doingText(wait)}, for ${ageText(now - wait.since)}; deadline: ${deadlineText(wait.deadline, now)}`,
    );
    for (const frame of wait.frames) lines.push(`    at ${frame}`);
  }
  // Who holds what it waits for, and what that one waits for.
  const seen = new Set([id]);
  for (let next = task.waits.find(({ holder }) => holder !== null)?.holder ?? null; next !== null;) {
    const holder = tasks.get(next.id);
    const doing = holder === undefined
      ? "is not among those shown"
      : holder.waits.length === 0
      ? "runs, or awaits something foreign"
      : mainWaits(holder).map(doingText).join(" + ");
    lines.push("", `which is held by ${next.name} #${next.id}: ${doing}`);
    for (const frame of holder?.waits[0]?.frames ?? []) lines.push(`    at ${frame}`);
    if (seen.has(next.id)) {
      lines.push("", "These wait for each other: a deadlock.");
      break;
    }
    seen.add(next.id);
    next = holder?.waits.find((wait) => wait.holder !== null)?.holder ?? null;
  }
  return lines;
}

/** What the program is in, if that is bad; empty if it is not. */
export function alarmOf(snapshot: Snapshot): string {
  const stuck = snapshot.runs.filter((run) => run.stuck);
  if (stuck.length === 0) return "";
  return "Every task waits, and no timer, deadline or operation is pending that could end a wait. If no callback of the " +
    "program does, this is a deadlock.";
}

/** All of this, for the page. */
export const VIEW: readonly ((...args: never[]) => unknown)[] = [
  tabsOf,
  ageText,
  bytesText,
  placeText,
  toneOf,
  doingText,
  deadlineText,
  timesOf,
  mainWaits,
  viewOf,
  tableOf,
  detailsOf,
  alarmOf,
];
