/**
 * W3, W4, W5: what is conspicuous at a look at all tasks, or at two in a row. Pure, but for the places of waits, which
 * are asked for in between.
 */

import { framesText, isForeign, kindOf, labelOf, type SeenWait, taskText, waitText } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { Finding } from "./finding.ts";

/** What was seen at one look. The last two are for the next one. */
export interface Look {
  /** When it was, in milliseconds on the run's clock. */
  readonly now: number;
  readonly tasks: readonly Task[];
  readonly waits: readonly SeenWait[];
  /** How often each task went on since the look before. */
  readonly wakes: ReadonlyMap<Task, { readonly count: number }>;
  /** Since when tasks have been without a wait of ours, and have not gone on. */
  readonly idle: Map<Task, number>;
  /** Waits that nobody awaited. */
  readonly unawaited: Set<Promise<unknown>>;
}

/** What is too much. */
export interface Limits {
  readonly taskAge: number;
  readonly waitAge: number;
  readonly holdAge: number;
  readonly foreignAge: number;
  readonly wakes: number;
}

/** Waits that last for as long as they do: for time, for tasks, for the outside world to begin, for something to do. */
const PATIENT =
  /^(?:sleep|nursery|join task|run|accept|forgotten await|yield|receive signal|receive from channel|change of watch|demand|serve|wait for)/;
/** So many places are asked for, of the oldest waits. */
const MOST = 200;

/** The findings, once it is known where the waits in `asked` are awaited. */
export interface Found {
  readonly asked: readonly SeenWait[];
  done(places: readonly (readonly string[])[]): Finding[];
}

/** Compares a look with the one before. */
export function findings(look: Look, before: Look | null, limits: Limits): Found {
  const { now, tasks } = look;
  // The newest are seen first.
  const waits = [...look.waits].reverse().sort((a, b) => a.since - b.since);
  const asked = waits.slice(0, MOST);
  return {
    asked,
    done(places) {
      const frames = new Map(asked.map((wait, index) => [wait, places[index] ?? []]));
      return [
        ...tasks.flatMap((task) => ofTask(task, now, limits)),
        ...waits.flatMap((wait) => ofWait(wait, now, { limits, frames: frames.get(wait) ?? [] })),
        ...ofForeign(look, before, limits),
        ...ofForgotten(look, before, frames),
        ...ofWakes(look, before, limits),
      ];
    },
  };
}

function ofTask(task: Task, now: number, { taskAge }: Limits): Finding[] {
  const { startedAt, parentNursery } = task;
  const amount = now - startedAt;
  // The main task is as old as the run.
  if (amount <= taskAge || parentNursery === null) return [];
  const message = `${taskText(task)} has been running for ${amount} ms`;
  return [{ kind: "old task", message, task: task.name, frames: [], amount }];
}

function ofWait(
  { task: waiting, reason, since, deadline, endsAtShutdown }: SeenWait,
  now: number,
  { limits: { waitAge, holdAge }, frames }: { readonly limits: Limits; readonly frames: readonly string[] },
): Finding[] {
  const amount = now - since;
  const { name: task } = waiting;
  const kind = kindOf(reason);
  const where = frames.length === 0 ? "" : ` at ${framesText(frames)}`;
  const says = `${taskText(waiting)} has been waiting for ${amount} ms: ${waitText(kind, labelOf(reason))}${where}`;
  if (kind === "acquire lock" && amount > holdAge) {
    return [{
      kind: "held lock",
      message: `${says}; whoever holds it should let go before it waits`,
      task,
      frames,
      amount,
    }];
  }
  if (kind === "send on channel" && amount > holdAge) {
    return [{ kind: "full channel", message: `${says}; nobody receives, or not fast enough`, task, frames, amount }];
  }
  if (amount <= waitAge || deadline !== Infinity || endsAtShutdown || PATIENT.test(kind)) return [];
  return [{ kind: "old wait", message: `${says}, and no deadline ends it: use failAfter()`, task, frames, amount }];
}

/** Tasks that neither wait for something of ours nor go on. */
function ofForeign(look: Look, before: Look | null, { foreignAge }: Limits): Finding[] {
  const waiting = new Set(look.waits.filter(({ reason }) => !isForeign(reason)).map(({ task }) => task));
  return look.tasks.flatMap((task): Finding[] => {
    if (waiting.has(task) || look.wakes.has(task)) return [];
    const since = before?.idle.get(task) ?? look.now;
    look.idle.set(task, since);
    const amount = look.now - since;
    if (amount <= foreignAge) return [];
    const message =
      `${taskText(task)} has been awaiting something for ${amount} ms that this library does not know: wrap ` +
      "it in cancellable(), and in hostOperation()";
    return [{ kind: "foreign promise", message, task: task.name, frames: [], amount }];
  });
}

/** Waits that nobody awaits, at two looks, while their tasks are at something else. */
function ofForgotten(
  look: Look,
  before: Look | null,
  frames: ReadonlyMap<SeenWait, readonly string[]>,
): Finding[] {
  const awaited = new Set([...frames].filter(([, places]) => places.length > 0).map(([{ task }]) => task));
  return [...frames].flatMap(([{ task, reason, since, promise }, places]): Finding[] => {
    // A task whose function returns a wait awaits it as well, and there is no place for that: it is at nothing else.
    if (places.length > 0 || !awaited.has(task)) return [];
    look.unawaited.add(promise);
    if (before?.unawaited.has(promise) !== true) return [];
    const { spawnSite } = task;
    const started = spawnSite === undefined ? "" : ` (started at ${spawnSite})`;
    const message =
      `nobody awaits a wait of ${taskText(task)}${started}: ${waitText(kindOf(reason), labelOf(reason))}; an ` +
      "await is missing";
    return [{ kind: "forgotten wait", message, task: task.name, frames: [], amount: look.now - since }];
  });
}

function ofWakes(look: Look, before: Look | null, { wakes: limit }: Limits): Finding[] {
  if (before === null) return [];
  const seconds = (look.now - before.now) / 1_000;
  if (!(seconds > 0)) return [];
  return [...look.wakes].flatMap(([task, { count: wakes }]): Finding[] => {
    const amount = Math.round(wakes / seconds);
    if (amount <= limit) return [];
    const message = `${taskText(task)} went on ${amount} times in a second: one that polls should wait for an event`;
    return [{ kind: "self-waking", message, task: task.name, frames: [], amount }];
  });
}
