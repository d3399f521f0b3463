/** The options of simulations, checked before anything begins. */

import { isInstance, isObject, read, show } from "../../core/internal.ts";
import { requireMilliseconds, requireOptions, requireWord } from "../base/check.ts";
import type { SimulateOptions } from "../time/simulate.ts";

/** Any fixed date will do; this one is easy to recognise in a log. */
const EPOCH = Date.UTC(2000, 0, 1);

/** A complete list: the compiler says what is missing. */
const KNOWN: Readonly<Record<keyof SimulateOptions, true>> = {
  seed: true,
  start: true,
  io: true,
  onForeign: true,
  realTimeout: true,
  foreignGrace: true,
  maxVirtual: true,
  maxSteps: true,
  maxStepsAtOneInstant: true,
  leaks: true,
  network: true,
  processes: true,
  grace: true,
  instruments: true,
  schedule: true,
};

const LEAKS = ["timers", "hostOperations", "resources", "forgottenWaits"];
const POLICIES = ["error", "warn", "ignore"];

/** Checks what would go wrong later, or never; returns the date to begin at. */
export function checkSimulateOptions(options: SimulateOptions): number {
  const action = "simulate";
  requireOptions(action, options, Object.keys(KNOWN));
  const { seed, start, io = "freeze", onForeign, leaks, network, processes, instruments, grace, ...numbers } = options;
  if (seed !== undefined && typeof seed !== "number") {
    throw new TypeError(`Cannot simulate as "seed" must be a number: received ${show(seed)}`);
  }
  if (seed !== undefined && !Number.isInteger(seed)) {
    throw new RangeError(`Cannot simulate as "seed" must be a whole number: received ${seed}`);
  }
  for (const name of ["realTimeout", "foreignGrace", "maxVirtual", "maxSteps", "maxStepsAtOneInstant"] as const) {
    if (numbers[name] !== undefined) requireMilliseconds(action, name, numbers[name]);
  }
  if (io !== "freeze") {
    const quiet = read(io, "quiet");
    if (!isObject(io) || typeof quiet !== "number" || !(quiet >= 0)) {
      const what = isObject(io) ? `quiet ${show(quiet)}` : show(io);
      throw new RangeError(`Cannot simulate as "io" must be "freeze" or { quiet: ms }: received ${what}`);
    }
  }
  requireWord(action, "onForeign", onForeign, ["grace", "wait", "error"]);
  if (network !== undefined && network !== "host" && !isObject(network)) {
    throw new TypeError(`Cannot simulate as "network" must be a network or "host": received ${show(network)}`);
  }
  if (grace !== undefined) requireMilliseconds(action, "grace", grace);
  if (processes !== undefined && processes !== "host" && !isObject(processes)) {
    throw new TypeError(`Cannot simulate as "processes" must be processes or "host": received ${show(processes)}`);
  }
  if (instruments !== undefined && !Array.isArray(instruments)) {
    throw new TypeError(`Cannot simulate as "instruments" must be an array: received ${show(instruments)}`);
  }
  if (isObject(leaks)) {
    requireOptions('simulate with option "leaks"', leaks, LEAKS);
    for (const policy of Object.values(leaks)) requireWord(action, "leaks", policy, POLICIES);
  } else requireWord(action, "leaks", leaks, POLICIES);
  return epochOf(start);
}

function epochOf(start: unknown): number {
  if (start === undefined) return EPOCH;
  if (typeof start !== "string" && typeof start !== "number" && !isInstance(start, Date)) {
    throw new TypeError(`Cannot simulate as "start" must be a date: received ${show(start)}`);
  }
  const epoch = new Date(start).getTime();
  if (Number.isNaN(epoch)) throw new RangeError(`Cannot simulate as "start" must be a date: received ${show(start)}`);
  return epoch;
}
