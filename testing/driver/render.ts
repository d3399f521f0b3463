/**
 * The picture of a simulation that cannot go on: who waits for what, since when, begun where, and the cycle if there is
 * one.
 */

import { bareTask, formatTime, treeLines } from "../../core/internal.ts";
import type { Task, TaskTree, TaskTreeNode } from "../../core/mod.ts";
import { findCycle } from "./cycle.ts";
import type { TaskRecord } from "./record.ts";
import { shortPlace, type Site } from "./sites.ts";
import { describeReason } from "./words.ts";

/** Tasks that are shown; of a tree with more, the rest is counted. */
const MOST_LINES = 200;

/**
 * Renders the tree in columns: task, where it was started, what it waits for, since when, and where. `origin` is the
 * place of the test, for a main task of which nothing better is known.
 */
export function renderTree(tree: TaskTree, records: ReadonlyMap<Task, TaskRecord>, origin: Site | null): string {
  const byId = new Map([...records].map(([task, record]) => [task.id, record]));
  const rows: string[][] = [];
  let hidden = 0;
  for (const { node, branch } of treeLines(tree.root, ({ children }) => children)) {
    if (rows.length >= MOST_LINES) hidden++;
    else rows.push(...rowsOf(node, branch, byId.get(node.id), node === tree.root ? origin : null));
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
  const { waits, spawnSite, cancelled, deadline, state } = node;
  const task = [`  ${branch}${bareTask(node)}`, spawnSite === undefined ? "" : shortPlace(spawnSite)];
  const notes = `${cancelled ? ", being cancelled" : ""}${
    deadline === Infinity ? "" : `, deadline t=${formatTime(deadline)}`
  }`;
  const request = record?.requests[0];
  if (waits.length === 0 && request !== undefined) {
    return [[...task, `${request.label}${notes}`, "", `${request.site ?? ""}`]];
  }
  if (waits.length === 0) {
    const doing = state !== "running"
      ? state
      : record !== undefined && record.timers > 0
      ? "awaiting a timer"
      : record !== undefined && record.answers > 0
      ? "awaiting the answer to what a socket has sent"
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
