/**
 * O3 and O4: a span for a task, from its start to its end, with the waits in it that were long.
 *
 *     aroundTask: the span is made, and active while the task is started: the task inherits that, and what it begins
 *     a wait ends: an event of the span, if the wait was long
 *     taskExited: the span says how the task has ended, ends itself, and is forgotten
 *
 * Who has failed is said with the error itself, so that exporters find its class and cause.
 */

import { isError, outside, plainPlace, read, textOf } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { TaskOutcome } from "../../core/lowlevel.ts";
import type { OtelModules, OtelSpan } from "./modules.ts";
import type { Teller } from "./_teller.ts";

/** A time as OpenTelemetry takes it; `undefined` for now, on its own clock. */
export type Time = [seconds: number, nanoseconds: number] | undefined;

/** Code 2 is that of errors. */
const ERROR = 2;
/** So many waits of a task are told. A tracer keeps each of them until the span ends, and a task may go on for days. */
const MOST_WAITS = 100;
/** Who makes the spans. */
export const SCOPE = "@trefoil/io";

/** The span of a task that goes on, and is seen by somebody. */
export class TaskSpan {
  readonly span: OtelSpan;
  /** How many waits it has; those beyond the most are counted only. */
  waits = 0;

  constructor(span: OtelSpan) {
    this.span = span;
  }
}

/** See the header. */
export class TaskSpans {
  readonly #trace: NonNullable<OtelModules["trace"]>;
  readonly #context: NonNullable<OtelModules["context"]>;
  readonly #wanted: (task: Task) => boolean;
  readonly #teller: Teller;
  readonly #open = new Map<Task, TaskSpan>();

  constructor(
    { trace, context }: Required<Omit<OtelModules, "metrics">>,
    wanted: (task: Task) => boolean,
    teller: Teller,
  ) {
    this.#trace = trace;
    this.#context = context;
    this.#wanted = wanted;
    this.#teller = teller;
  }

  /** That of a task, if it has one. */
  of(task: Task): TaskSpan | undefined {
    return this.#open.get(task);
  }

  /** The tasks that have one. */
  tasks(): IterableIterator<Task> {
    return this.#open.keys();
  }

  /** Starts a task, in a span if it is to have one. */
  around(task: Task, start: () => void, time: Time): void {
    let started = false;
    const once = (): void => {
      if (started) return;
      started = true;
      start();
    };
    const inner = this.#teller.try("a tracer", () => this.#begin(task, time));
    if (inner !== undefined) this.#teller.try("a context manager", () => this.#context.with(inner, once));
    once();
  }

  /** The context of a task that has a span. */
  #begin(task: Task, time: Time): unknown {
    // An instrument that was added to a run twice is asked twice.
    if (this.#open.has(task) || !this.#wanted(task)) return undefined;
    const outer = this.#context.active();
    // Asked for each time, as a provider may have come since: it knows those that it has.
    const tracer = this.#trace.getTracer(SCOPE);
    const options = time === undefined ? {} : { startTime: time };
    const span = tracer.startSpan(task.name, { attributes: attributesOf(task), ...options }, outer);
    // Nobody sees what is not recorded, but the spans in it have to be told the same.
    if (span.isRecording()) this.#open.set(task, new TaskSpan(span));
    return this.#trace.setSpan(outer, span);
  }

  /** A wait of a task was long. */
  waited(own: TaskSpan, attributes: Record<string, string | number>, time: Time): void {
    if (++own.waits > MOST_WAITS) return;
    this.#teller.try("a span", () => void own.span.addEvent("wait", attributes, time));
  }

  /** A task has ended; without an outcome nobody knows how, as it is watched no more. */
  ended(task: Task, outcome: TaskOutcome | null, time: Time): void {
    const own = this.#open.get(task);
    if (own === undefined) return;
    this.#open.delete(task);
    const { span, waits } = own;
    this.#teller.try("a span", () => {
      if (waits > MOST_WAITS) span.setAttribute("trefoil.waits.left_out", waits - MOST_WAITS);
      if (outcome?.state === "failed") tellFailure(span, outcome.error, time);
      else if (outcome?.state === "cancelled") tellCancellation(span, outcome.error, time);
    });
    // Whatever has become of the rest. Exporters begin their work here. In a simulation that must not be a part of it:
    // their timers would be leaks, and their requests would go to a network in memory.
    this.#teller.try("a span", () => time === undefined ? span.end() : outside(() => span.end(time)));
  }
}

function attributesOf(task: Task): Record<string, string | number> {
  const attributes: Record<string, string | number> = { "trefoil.task.id": task.id };
  const { parentNursery, spawnSite } = task;
  if (parentNursery !== null) attributes["trefoil.nursery"] = parentNursery.name;
  const [, file, line, column] = /^(.*):(\d+):(\d+)$/.exec(spawnSite ?? "") ?? [];
  if (file === undefined) return attributes;
  attributes["code.file.path"] = plainPlace(file);
  attributes["code.line.number"] = Number(line);
  attributes["code.column.number"] = Number(column);
  return attributes;
}

function tellFailure(span: OtelSpan, error: unknown, time: Time): void {
  span.setStatus({ code: ERROR, message: textOf(error) });
  span.recordException(canBeRead(error) ? error : textOf(error), time);
}

/** Whether it is an error of which a tracer can read what it looks for. */
function canBeRead(error: unknown): error is Error {
  return isError(error) && ["name", "message", "stack"].every((key) => typeof read(error, key) === "string");
}

function tellCancellation(span: OtelSpan, cancelled: unknown, time: Time): void {
  const source = String(read(cancelled, "source"));
  span.setAttribute("trefoil.cancelled.source", source);
  span.addEvent("cancelled", { source, message: String(read(cancelled, "message")) }, time);
}
