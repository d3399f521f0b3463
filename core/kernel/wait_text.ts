/** Waits in words. A label is made by a function of the user's, perhaps, which may throw. */

import { textOf } from "../base/foreign.ts";
import type { Site } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";
import type { PendingWait } from "../errors/errors.ts";
import { framesText } from "./awaited_at.ts";
import type { OpenWait, StatusNode } from "./node.ts";
import { walk } from "./status.ts";
import type { WaitReason } from "./wait_reason.ts";

/** The kind of wait. */
export function kindOf(reason: WaitReason): string {
  return asText(() => reason.kind, "kind");
}

/** Which object is waited for. */
export function labelOf(reason: WaitReason): string {
  return asText(() => typeof reason.label === "function" ? reason.label() : reason.label ?? "", "label");
}

function asText(ask: () => unknown, what: string): string {
  try {
    return String(ask());
  } catch (error) {
    return `(its ${what} threw ${textOf(error)})`;
  }
}

/**
 * The reason of a wait for an operation of the host, by the name of that. Its first word says what is done, and what
 * follows is to what: a kind that named files and peers would be as many kinds as there are of those.
 */
export function hostReason(operation: string): WaitReason {
  const [, kind = operation, label = ""] = /^(\S+) (.*)$/s.exec(operation) ?? [];
  return { kind, label };
}

/** A wait in a few words. */
export function waitText(kind: string, label: string): string {
  return label === "" ? kind : `${kind} ${label}`;
}

/** What was waited for when a time ran out, for the end of a sentence; empty if that was nothing. */
export function waitedFor(waits: readonly PendingWait[]): string {
  const list = waits.map(({ task, id, kind, label, frames, startedAt }) => {
    const started = startedAt === undefined ? "" : `, started at ${framesText([startedAt])}`;
    const where = frames.length === 0 ? started : ` at ${framesText(frames)}`;
    return `${waitText(kind, label)} in ${taskText({ name: task, id })}${where}`;
  });
  // In one line, as the host's report of an uncaught error repeats what comes after the first.
  return list.length === 0 ? "" : `; it waited for ${list.join(", ")}`;
}

/** More are not listed. */
const MOST = 8;

/** A wait that is pending. */
export interface PendingBelow extends Omit<PendingWait, "frames" | "startedAt"> {
  /** Where the task was started. */
  readonly site: Site | null;
  readonly promise: Promise<unknown>;
}

/** What is waited for below a node, oldest first, as far as a cancellation of the node reaches. */
export function waitsBelow(root: StatusNode): readonly PendingBelow[] {
  const found: { node: StatusNode; waiter: OpenWait }[] = [];
  walk(root, (node) => {
    if (node.shield && node !== root) return false;
    for (let waiter = node.waiters; waiter !== null; waiter = waiter.next) {
      // Those wait for the others.
      if (["nursery", "forgotten await"].includes(kindOf(waiter.reason))) continue;
      found.push({ node, waiter });
    }
    return true;
  });
  // The walk meets the newest first.
  found.reverse().sort((a, b) => a.waiter.since - b.waiter.since);
  return found.slice(0, MOST).map(({ node, waiter: { reason, since, promise } }) => ({
    task: node.task.name,
    id: node.task.id,
    kind: kindOf(reason),
    label: labelOf(reason),
    since,
    site: node.task.site,
    promise,
  }));
}
