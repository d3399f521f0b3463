/** What is said of a thing in a trace, in the file for other viewers and in our own page. */

import { labelOf } from "../../core/internal.ts";
import type { WaitReason } from "../../core/lowlevel.ts";
import type { Slice } from "./_records.ts";

/** What a wait is for, roughly: gives its colour. */
const CATEGORIES: readonly (readonly [kinds: RegExp, category: string])[] = [
  [/^(?:sleep|rate limit|yield)/, "time"],
  [/^(?:acquire|barrier|condition|event|parked|pool|lazy)/, "lock"],
  [/channel|watch|^(?:select|next item|demand|results)/, "channel"],
  [/^(?:nursery|join task|run|forgotten)/, "task"],
  [/^(?:accept|connect|TLS|receive|send|read|write|take from|end sending|client|value of)|WebSocket|stream/, "network"],
];

/** A task and a scope are of their own. */
export function categoryOf({ type, name }: Slice): string {
  return type === "wait" ? CATEGORIES.find(([kinds]) => kinds.test(name))?.[1] ?? "other" : type;
}

/** What is told of a slice. */
export function argsOf({ type, task, name, detail, how, at, end }: Slice): Readonly<Record<string, unknown>> {
  const ended = how === "" ? {} : { how };
  if (type === "task") return { id: task, ...detail === "" ? {} : { started: detail }, ...ended };
  if (type === "scope") return { ...detail as object, ...ended };
  const text = typeof detail === "string" ? detail : labelOf(detail as WaitReason);
  // They are counted now, and not when it waited for them.
  const label = name === "nursery" && how !== "" ? text.replace(/, \d+ child(?:ren)?$/, "") : text;
  return {
    ...label === "" ? {} : { for: label },
    // How long it took from being woken to going on, in microseconds.
    ...how === "" ? {} : { by: how, scheduledFor: us(end - at) },
  };
}

/** Nanoseconds as the Trace Event Format has times: in microseconds. */
export function us(ns: number): number {
  return ns / 1_000;
}
