/**
 * One process from its start to its end, with everything that belongs to it: what feeds it, what reads it, who waits
 * for it.
 *
 *     STARTED ──ready──▶ RUNNING ──exit──▶ DRAINING ──▶ OVER
 *        └──────────────────┴── cancelled, or something of ours fails ──▶ ENDING: `Child.end()` ──▶ OVER, with the error
 *
 * All in one nursery. Those that read are daemons that end last: while the process is being ended they go on, as one
 * that says goodbye at length would otherwise stop at a full pipe, and be killed for it. Those that feed it end when it
 * has exited.
 */

import { checkpoint, isErrorGroup, isOnlyCancelled, openNursery, shielded, untilShutdown } from "../../core/mod.ts";
import { beginHostOperation, type ProcessStatus, suspend } from "../../core/lowlevel.ts";
import { withSuppressed } from "../../core/internal.ts";
import type { Child } from "./_child.ts";
import { type Captured, outputError } from "./_errors.ts";
import { feed } from "./_feed.ts";
import type { OutputTo } from "./_plan.ts";
import { ProcessImpl } from "./_process.ts";
import { Pump } from "./_pump.ts";
import { OutputTooLong, type Sink, sinkFor } from "./_sinks.ts";

/** What has become of a process. */
export interface Supervised extends Captured {
  readonly status: ProcessStatus;
  readonly leftOpen: readonly ("stdout" | "stderr")[];
}

/** What a caller has to say. */
export interface Supervision {
  /** What is done between the start and the wait for the exit: says that the process is ready. */
  readonly begun?: (process: ProcessImpl) => void | Promise<void>;
  /** Puts something around a sink. */
  readonly wrap?: (sink: Sink) => Sink;
}

/**
 * The exit codes of what a signal from outside has ended, or made end, by the signals: a process of the same terminal,
 * or of the same service, gets what this program gets.
 */
const FROM_OUTSIDE: Readonly<Record<number, string>> = { 129: "SIGHUP", 130: "SIGINT", 143: "SIGTERM" };
/** How long the same signal may take to reach this program, in milliseconds. Mostly it is here first. */
const MOMENT = 100;

/** Stays with a process until it is over; ends it if it must not go on. */
export async function supervise(child: Child, { begun, wrap = (sink) => sink }: Supervision = {}): Promise<Supervised> {
  const { plan, host, input, patience } = child;
  const pumps = (["stdout", "stderr"] as const).flatMap((name) => {
    const [stream, to] = [host[name], plan[name]];
    if (stream === null || to === "pipe") return [];
    const sink = wrap(sinkFor(name, to as Exclude<OutputTo, "pipe">, plan));
    return [new Pump(name, { stream, sink, patience, drain: plan.drain })];
  });
  const resultOf = (name: "stdout" | "stderr") => pumps.find((pump) => pump.name === name)?.sink.result ?? null;
  try {
    const status = await openNursery(async (nursery) => {
      const reading = pumps.map((pump) =>
        nursery.startSoon(() => pump.run(), { name: `read ${pump.name} of "${plan.name}"`, daemon: "last" })
      );
      const { stdin } = host;
      const feeding = stdin === null || input === null
        ? null
        : nursery.startSoon(() => feed(stdin, input), { name: `feed "${plan.name}"` });
      const process = new ProcessImpl(child);
      let status: ProcessStatus;
      try {
        await begun?.(process);
        status = await exitOf(child);
      } catch (error) {
        return await endBecause(error, process);
      }
      feeding?.cancel("the process has exited");
      for (const pump of pumps) pump.exited();
      for (const task of reading) await task.join();
      return status;
    }, { name: plan.name });
    const leftOpen = pumps.filter((pump) => pump.leftOpen).map(({ name }) => name);
    return { status, leftOpen, stdout: resultOf("stdout"), stderr: resultOf("stderr") };
  } catch (error) {
    const first = firstOf(error);
    if (!(first instanceof OutputTooLong)) throw first;
    throw outputError(plan, first.pipe, { stdout: resultOf("stdout"), stderr: resultOf("stderr") });
  } finally {
    // Also of those that have not begun.
    host.stdin?.close();
    for (const pump of pumps) host[pump.name]?.close();
  }
}

async function exitOf(child: Child): Promise<ProcessStatus> {
  const { onShutdown } = child.plan;
  if (onShutdown !== undefined) {
    const outcome = await untilShutdown(() => child.wait());
    if (outcome.cancelledCaught) child.kill(onShutdown);
  }
  const status = await child.wait();
  const signal = FROM_OUTSIDE[status.code];
  // If this program got it as well, the run is about to be cancelled: then that is what has happened, and no failure.
  if (signal !== undefined && !child.hasSent(signal)) await moment(child);
  return status;
}

/** Waits for what comes from outside at the same time. */
function moment({ inMemory, patience }: Child): Promise<void> {
  if (inMemory) return checkpoint();
  let stop = (): unknown => undefined;
  const operation = beginHostOperation("signal from outside");
  return suspend<void>({ kind: "wait for", label: "a signal from outside" }, (waker) => {
    stop = patience.after(MOMENT, () => {
      operation.end();
      waker.wake();
    });
  }, () => {
    stop();
    operation.end();
    return true;
  });
}

/** Ends the process as the block around it is cancelled, or has failed; throws that, or what else went wrong. */
async function endBecause(error: unknown, process: ProcessImpl): Promise<never> {
  try {
    await shielded(() => process.endUnderShield());
  } catch (second) {
    // The cancellation is noticed again by the next wait; a failure is not.
    throw isOnlyCancelled(error) ? withSuppressed(second, [error]) : withSuppressed(error, [second]);
  }
  throw error;
}

/** What a nursery of ours was left by, itself: the first failure, with the others beside it. */
export function firstOf(error: unknown): unknown {
  if (!isErrorGroup(error)) return error;
  const [first, ...others] = error.errors.filter((each) => !isOnlyCancelled(each));
  return withSuppressed(first, others);
}
