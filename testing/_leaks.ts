/** What a simulation has left behind when its body has returned. */

import { currentTask } from "../core/mod.ts";
import { ambientDriver } from "./_ambient.ts";
import type { LeakKind, LeakPolicies, LeakPolicy } from "./leaks.ts";
import { withoutStack } from "./_report.ts";
import type { Site } from "./_sites.ts";

/** One thing that should not be there any more. */
export interface Leak {
  /** The kind, as the report calls it. */
  readonly kind: LeakKind;
  /** Which one. */
  readonly label: string;
  /** Where it was made, and by which task. */
  readonly site: Site | null;
  readonly task: string;
}

/** Something that has to be closed before the simulation ends. */
export interface Tracked {
  /** It is closed. Harmless when repeated. */
  close(): void;
}

const UNTRACKED: Tracked = { close() {} };

/**
 * Notes that something was opened which somebody has to close; a leak if it is open when the simulation ends. Outside
 * a simulation it does nothing.
 */
export function trackOpen(label: string): Tracked {
  return prepareTracking()(label);
}

/** `trackOpen()` for what is open only later, and perhaps in another context: the place is that of this call. */
export function prepareTracking(): (label: string) => Tracked {
  const driver = ambientDriver();
  if (driver === null) return () => UNTRACKED;
  const site = driver.takeSite();
  const task = currentTask().name;
  return (label) => {
    const leak: Leak = { kind: "resources", label, site, task };
    driver.open.add(leak);
    return { close: () => void driver.open.delete(leak) };
  };
}

/** What loses a `Promise.race()` is a wait that nobody awaits, too, and does no harm: its scope cancels it. */
const DEFAULTS: Required<LeakPolicies> = {
  timers: "error",
  hostOperations: "error",
  resources: "error",
  forgottenWaits: "warn",
};

/** As a report calls them. */
const NAMES: Record<LeakKind, string> = {
  timers: "timer",
  hostOperations: "operation of the host",
  resources: "not closed",
  forgottenWaits: "wait that nobody awaited",
};

/**
 * Throws one error for all leaks that are errors, a line each, and prints those to be warned of.
 *
 * @throws {Error} If there are any.
 */
export function judgeLeaks(leaks: readonly Leak[], policy: LeakPolicy | LeakPolicies): void {
  if (leaks.length === 0) return;
  const policyFor = (kind: LeakKind): LeakPolicy =>
    typeof policy === "string" ? policy : policy[kind] ?? DEFAULTS[kind];
  const warned = leaks.filter(({ kind }) => policyFor(kind) === "warn");
  // deno-lint-ignore no-console -- this is what was asked for
  if (warned.length > 0) console.warn(`The simulation's body ${report(warned)}`);
  const fatal = leaks.filter(({ kind }) => policyFor(kind) === "error");
  if (fatal.length > 0) throw withoutStack(new Error(`Cannot end the simulation as its body ${report(fatal)}`));
}

function report(leaks: readonly Leak[]): string {
  const lines = leaks.map(({ kind, label, site, task }) => {
    const place = `${site ?? ""}`;
    return `  ${NAMES[kind]}: ${label}${place === "" ? "" : ` at ${place}`}${task === "" ? "" : `, task "${task}"`}`;
  });
  const count = leaks.length === 1 ? "1 thing" : `${leaks.length} things`;
  return `left ${count} behind (option leaks):\n${lines.join("\n")}`;
}
