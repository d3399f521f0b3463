/** The picture of a simulation that cannot go on: who waits for what, since when, begun where, and the cycle if there is one. */

import { kindOf, labelOf, read, waitText } from "../../core/internal.ts";
import type { Cancelled, Task, TaskTree, TaskTreeNode } from "../../core/mod.ts";
import type { WaitReason } from "../../core/lowlevel.ts";
import { shortPlace, type Site } from "./sites.ts";

/** One wait of a task, as the driver has seen it begin. */
export interface WaitRecord {
  readonly reason: WaitReason;
  readonly site: Site | null;
}

/**
 * What the driver knows of a task that has not ended. Nearly all tasks have one wait at most, so the first one is kept
 * in place; but one with 100,000 waits at a time must work, too.
 */
export class TaskRecord {
  /** How many waits are open, also for foreign promises. */
  open = 0;
  /** How many of them are for foreign promises, and the grace in which the latest of those began. Written by the ledger. */
  foreign = 0;
  foreignGrace = 0;
  /** Virtual timers that will move time for it. Written by the driver. */
  timers = 0;
  /** The grace it is restless in; 0 while it waits for something known. Written by the ledger. */
  grace = 0;
  /** Waits it has made so far, granted at once or not. */
  points = 0;
  /** The cancellation it was told of last, and when; what it has made of it. Written by `Refusals`. */
  cancellation: { readonly at: number; readonly cancelled: Cancelled } | null = null;
  refusals = 0;
  refusedAt = NaN;
  refusedBy: Cancelled | null = null;
  refusedIn = -1;
  /** The wait that ended last: near where a task is that waits for nothing known. */
  last: WaitReason | null = null;
  lastSite: Site | null = null;
  #reason: WaitReason | null = null;
  #site: Site | null = null;
  /** The others. A reason may be that of several waits. */
  #more: Map<WaitReason, (Site | null)[]> | null = null;

  begin(reason: WaitReason, site: Site | null): void {
    this.points++;
    this.open++;
    if (this.#reason === null) {
      this.#reason = reason;
      this.#site = site;
      return;
    }
    const more = this.#more ??= new Map();
    const sites = more.get(reason);
    if (sites === undefined) more.set(reason, [site]);
    else sites.push(site);
  }

  /** Whether it was open. */
  end(reason: WaitReason): boolean {
    this.last = reason;
    if (this.#reason === reason) {
      this.lastSite = this.#site;
      this.#reason = this.#site = null;
    } else {
      const sites = this.#more?.get(reason);
      if (sites === undefined) return false;
      this.lastSite = sites.shift() ?? null;
      if (sites.length === 0) this.#more?.delete(reason);
    }
    this.open--;
    return true;
  }

  /** The open waits. */
  list(): WaitRecord[] {
    const list: WaitRecord[] = this.#reason === null ? [] : [{ reason: this.#reason, site: this.#site }];
    for (const [reason, sites] of this.#more ?? []) for (const site of sites) list.push({ reason, site });
    return list;
  }
}

type Records = ReadonlyMap<Task, TaskRecord>;

/** Tasks that are shown; of a tree with more, the rest is counted. */
const MOST_LINES = 200;
/** Deeper tasks are indented no further; their level is written out. */
const DEEPEST_INDENT = 24;

/**
 * Renders the tree in columns: task, where it was started, what it waits for, since when, and where. `origin` is the
 * place of the test, for a main task of which nothing better is known.
 */
export function renderTree(tree: TaskTree, records: Records, origin: Site | null): string {
  const byId = new Map([...records].map(([task, record]) => [task.id, record]));
  const rows: string[][] = [];
  const open: { node: TaskTreeNode; prefix: string; branch: string; level: number }[] = [
    { node: tree.root, prefix: "", branch: "", level: 0 },
  ];
  let hidden = 0;
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const { node, prefix, branch, level } = item;
    if (rows.length < MOST_LINES) {
      rows.push(...rowsOf(node, `${prefix}${branch}`, byId.get(node.id), node === tree.root ? origin : null));
    } else hidden++;
    const deep = level >= DEEPEST_INDENT;
    const inner = branch === "" || deep ? prefix : prefix + (branch === "├─ " ? "│  " : "   ");
    for (let i = node.children.length - 1; i >= 0; i--) {
      const last = i === node.children.length - 1 ? "└─ " : "├─ ";
      open.push({
        node: node.children[i] as TaskTreeNode,
        prefix: inner,
        branch: deep ? `[${level + 1}] ` : last,
        level: level + 1,
      });
    }
  }
  if (hidden > 0) rows.push([`and ${hidden} more tasks`]);
  const cycle = findCycle(tree, records);
  return `${columns(rows)}${cycle === "" ? "" : `\ncycle: ${cycle}`}`;
}

/** One row a wait; the first carries the task. */
function rowsOf(
  node: TaskTreeNode,
  branch: string,
  record: TaskRecord | undefined,
  origin: Site | null,
): string[][] {
  const { name, waits, spawnSite, cancelled, deadline, state } = node;
  const task = [`  ${branch}${name}`, spawnSite === undefined ? "" : shortPlace(spawnSite)];
  const notes = `${cancelled ? ", being cancelled" : ""}${
    deadline === Infinity ? "" : `, deadline t=${formatTime(deadline)}`
  }`;
  if (waits.length === 0) {
    const doing = state !== "running"
      ? state
      : record !== undefined && record.timers > 0
      ? "awaiting a timer"
      : "running, or awaiting a promise the library does not own";
    if (record?.last) {
      return [[...task, `${doing}${notes}`, `after ${describeReason(record.last)}`, `${record.lastSite ?? ""}`]];
    }
    return [[...task, `${doing}${notes}`, `${origin ?? ""}` === "" ? "" : `in the test at ${origin}`]];
  }
  // The tree does not know the places, the record does not know since when: what reads the same belongs together.
  const records = record?.list().map((wait) => ({ text: describeReason(wait.reason), site: wait.site })) ?? [];
  const shown = waits.slice(0, MOST_WAITS).map(({ kind, label, since }, i) => {
    const text = describeReason({ kind, label });
    const at = records.findIndex((wait) => wait.text === text);
    const site = at < 0 ? null : records.splice(at, 1)[0]?.site;
    const own = i === 0 ? task : [`  ${" ".repeat(branch.length)}`, ""];
    return [...own, `${text}${i === 0 ? notes : ""}`, `since t=${formatTime(since)}`, `${site ?? ""}`];
  });
  if (waits.length > MOST_WAITS) shown.push(["", "", `and ${waits.length - MOST_WAITS} more waits`]);
  return shown;
}

/** Waits of one task that are shown. */
const MOST_WAITS = 10;

/** Wider cells do not push the columns of all others to the right. */
const WIDEST_CELL = 56;

function columns(rows: readonly string[][]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      if (cell.length > 0) widths[i] = Math.max(widths[i] ?? 0, cell.length <= WIDEST_CELL ? cell.length : 0);
    });
  }
  return rows
    .map((row) => row.map((cell, i) => widths[i] === undefined ? "" : `${cell.padEnd(widths[i])}  `).join("").trimEnd())
    .join("\n");
}

/**
 * A cycle of tasks of which each can only go on after the next one: it wants what the next holds, or is a nursery that
 * waits for its children.
 */
function findCycle(tree: TaskTree, records: Records): string {
  const nodes = new Map<number, TaskTreeNode>();
  const list = [tree.root];
  for (let node = list.pop(); node !== undefined; node = list.pop()) {
    nodes.set(node.id, node);
    list.push(...node.children);
  }
  const edges = new Map<number, { to: number; by: string }[]>();
  for (const [task, record] of records) {
    const out: { to: number; by: string }[] = [];
    for (const { reason } of record.list()) {
      const holder = holderOf(reason);
      if (holder !== null) out.push({ to: holder, by: describeReason(reason).replace(/ held by .*$/, "") });
      else if (read(reason, "kind") === "nursery") {
        for (const child of nodes.get(task.id)?.children ?? []) out.push({ to: child.id, by: "nursery" });
      }
    }
    edges.set(task.id, out);
  }
  // Depth first, with the path at hand; a task is left for good once nothing was found beyond it.
  const finished = new Set<number>();
  for (const start of edges.keys()) {
    const path: { id: number; by: string; next: number }[] = [{ id: start, by: "", next: 0 }];
    const onPath = new Map([[start, 0]]);
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const edge = finished.has(top.id) ? undefined : edges.get(top.id)?.[top.next++];
      if (edge === undefined) {
        finished.add(top.id);
        onPath.delete(top.id);
        path.pop();
        continue;
      }
      const at = onPath.get(edge.to);
      if (at !== undefined) {
        const name = (id: number): string => nodes.get(id)?.name ?? `task ${id}`;
        const steps = path.slice(at).map(({ id, by }, i) => `${i === 0 ? "" : ` → ${by} → `}${name(id)}`);
        return `${steps.join("")} → ${edge.by} → ${name(edge.to)}`;
      }
      onPath.set(edge.to, path.length);
      path.push({ id: edge.to, by: edge.by, next: 0 });
    }
  }
  return "";
}

/** Takes the stack off an error whose message says where to look: it would only show the insides of this module. */
export function withoutStack<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** A wait in words. */
export function describeReason(reason: WaitReason): string {
  return waitText(kindOf(reason), labelOf(reason));
}

/** The number of the task that could end a wait, if it says so. */
function holderOf(reason: WaitReason): number | null {
  try {
    const id = read(reason.holder?.(), "id");
    return typeof id === "number" ? id : null;
  } catch {
    return null;
  }
}

/** A time as shown in reports: seconds when it is long. */
export function formatTime(ms: number): string {
  const [value, unit] = Math.abs(ms) < 1_000 ? [ms, "ms"] : [ms / 1_000, "s"];
  return `${Math.round(value * 1_000) / 1_000}${unit}`;
}
