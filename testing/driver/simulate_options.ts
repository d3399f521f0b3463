/** The options of simulations: checked before anything begins, once, and complete from then on. */

import { isInstance, isObject, read, requireFunction, requireTimeout, show } from "../../core/internal.ts";
import { requireKnown, requireSeed, requireWord } from "../base/check.ts";
import { traceFolder } from "./knobs.ts";
import type { SimulateOptions } from "../time/simulation.ts";

/** Any fixed date will do; this one is easy to recognise in a log. */
const EPOCH = Date.UTC(2000, 0, 1);

/** What is taken for options that are left out. `undefined`: what that means is up to the simulation. */
const DEFAULTS = {
  seed: 0,
  start: EPOCH,
  io: "freeze",
  onForeign: "grace",
  realTimeout: 10_000,
  foreignGrace: 20,
  maxVirtual: 86_400_000,
  maxSteps: 10_000_000,
  maxStepsAtOneInstant: 100_000,
  leaks: {},
  network: undefined,
  processes: undefined,
  workers: undefined,
  grace: 0,
  instruments: [],
  schedule: undefined,
  campaign: undefined,
  picture: undefined,
  trace: undefined,
} as const satisfies Readonly<Record<keyof SimulateOptions, unknown>>;

type Given = "campaign" | "picture" | "trace" | "network" | "processes" | "workers" | "schedule";

/** The options of a simulation, all of them; `start` in milliseconds. */
export type SimulateSettings =
  & { readonly [K in Exclude<keyof SimulateOptions, Given | "start">]-?: NonNullable<SimulateOptions[K]> }
  & { readonly [K in Given]: SimulateOptions[K] | undefined }
  & { readonly start: number };

const NUMBERS = ["realTimeout", "foreignGrace", "maxVirtual", "maxSteps", "maxStepsAtOneInstant", "grace"] as const;
const LEAKS = ["timers", "hostOperations", "resources", "forgottenWaits"];
const POLICIES = ["error", "warn", "ignore"];
const ACTION = "simulate";

/** Checks what would go wrong later, or never. */
export function checkSimulateOptions(options: SimulateOptions): SimulateSettings {
  requireKnown(ACTION, options, Object.keys(DEFAULTS));
  const settings: Record<string, unknown> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof SimulateOptions)[]) {
    const value = options[name];
    if (value !== undefined) settings[name] = value;
  }
  const { seed, io, onForeign, leaks, network, processes, workers, instruments, schedule } = settings;
  requireSeed(ACTION, seed);
  for (const name of NUMBERS) requireTimeout(ACTION, name, settings[name]);
  if (io !== "freeze") {
    const quiet = read(io, "quiet");
    if (!isRecord(io) || typeof quiet !== "number" || !(quiet >= 0)) {
      const what = isRecord(io) ? `quiet ${show(quiet)}` : show(io);
      throw new RangeError(`Cannot simulate as "io" must be "freeze" or { quiet: ms }: received ${what}`);
    }
  }
  requireWord(ACTION, "onForeign", onForeign, ["grace", "wait", "error"]);
  if (network !== undefined && network !== "host" && !isRecord(network)) {
    throw new TypeError(`Cannot simulate as "network" must be a network or "host": received ${show(network)}`);
  }
  if (processes !== undefined && processes !== "host" && !isRecord(processes)) {
    throw new TypeError(`Cannot simulate as "processes" must be processes or "host": received ${show(processes)}`);
  }
  if (workers !== undefined && workers !== "host" && !isRecord(workers)) {
    throw new TypeError(`Cannot simulate as "workers" must be workers or "host": received ${show(workers)}`);
  }
  if (!Array.isArray(instruments)) {
    throw new TypeError(`Cannot simulate as "instruments" must be an array: received ${show(instruments)}`);
  }
  for (const instrument of instruments) {
    if (isRecord(instrument)) continue;
    throw new TypeError(`Cannot simulate as each of "instruments" must be an object: received ${show(instrument)}`);
  }
  if (settings.campaign !== undefined && typeof read(settings.campaign, "note") !== "function") {
    throw new TypeError(`Cannot simulate as "campaign" must be a Campaign: received ${show(settings.campaign)}`);
  }
  if (settings.picture !== undefined) requireFunction(ACTION, "picture", settings.picture);
  const trace = traceFolder() ?? settings.trace;
  if (trace !== undefined && (typeof trace !== "string" || trace === "")) {
    throw new TypeError(`Cannot simulate as "trace" must be the path of a folder: received ${show(trace)}`);
  }
  if (schedule !== undefined) requireFunction(ACTION, "schedule", schedule);
  if (isRecord(leaks)) {
    requireKnown('simulate with option "leaks"', leaks, LEAKS);
    for (const policy of Object.values(leaks)) requireWord(ACTION, "leaks", policy, POLICIES);
  } else requireWord(ACTION, "leaks", leaks, POLICIES);
  return { ...settings, trace, start: epochOf(settings.start) } as SimulateSettings;
}

/** Whether something can have options, methods or hooks: a function, which is most likely a class, is not meant. */
function isRecord(value: unknown): value is object {
  return isObject(value) && typeof value !== "function";
}

function epochOf(start: unknown): number {
  if (typeof start !== "string" && typeof start !== "number" && !isInstance(start, Date)) {
    throw new TypeError(`Cannot simulate as "start" must be a date: received ${show(start)}`);
  }
  const epoch = new Date(start).getTime();
  if (Number.isNaN(epoch)) throw new RangeError(`Cannot simulate as "start" must be a date: received ${show(start)}`);
  return epoch;
}
