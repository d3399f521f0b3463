/** What a simulation has left behind when its body has returned. */

import { taskText, withoutFrames } from "../../core/internal.ts";
import { currentTask } from "../../core/mod.ts";
import { ambientDriver } from "./ambient.ts";
import { ambientIncarnation } from "./incarnation.ts";
import type { LeakKind, LeakPolicies, LeakPolicy } from "../time/leaks.ts";
import type { Leak } from "./leak.ts";
import type { Site } from "./sites.ts";

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
  const site = givenSite ?? driver.takeSite();
  const current = currentTask();
  const task = taskText(current);
  const incarnation = ambientIncarnation();
  return (label) => {
    if (incarnation?.dead) return UNTRACKED;
    // Only now those wait for whom the task works: it may have been faster than they.
    const onBehalfOf = site === null ? [] : driver.callersOf(current);
    const leak: Leak = { kind: "resources", label, site, task, onBehalfOf };
    driver.open.add(leak);
    const tracked: Tracked = {
      close() {
        driver.open.delete(leak);
        disown?.();
      },
    };
    // What was open on a host that has crashed is not open any more.
    const disown = incarnation?.own(tracked);
    return tracked;
  };
}

/** Where what is opened now was asked for, if that was earlier. Written by `askedForAt()`. */
let givenSite: Site | null = null;

/** Calls a function that opens what was asked for at a place that is on the stack no more. */
export function askedForAt<T>(site: Site | null, open: () => T): T {
  const outer = givenSite;
  givenSite = site;
  try {
    return open();
  } finally {
    givenSite = outer;
  }
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
  const warned = leaks.filter(({ kind }) => policyFor(kind, policy) === "warn");
  if (warned.length > 0) warn(`The simulation's body ${report(warned)}`);
  const fatal = fatalLeaks(leaks, policy);
  if (fatal !== "") throw withoutFrames(new Error(`Cannot end the simulation as its body ${fatal}`));
}

/** The leaks that are errors, in words: for the end of a sentence; empty if there are none. */
export function fatalLeaks(leaks: readonly Leak[], policy: LeakPolicy | LeakPolicies): string {
  const fatal = leaks.filter(({ kind }) => policyFor(kind, policy) === "error");
  return fatal.length === 0 ? "" : report(fatal);
}

/** Prints the leaks of a simulation that has failed anyway. */
export function warnOfLeaks(leaks: readonly Leak[], policy: LeakPolicy | LeakPolicies): void {
  const shown = leaks.filter(({ kind }) => policyFor(kind, policy) !== "ignore");
  if (shown.length > 0) warn(`The simulation has failed, and its body ${report(shown)}`);
}

function policyFor(kind: LeakKind, policy: LeakPolicy | LeakPolicies): LeakPolicy {
  return typeof policy === "string" ? policy : policy[kind] ?? DEFAULTS[kind];
}

function warn(text: string): void {
  // deno-lint-ignore no-console -- this is what was asked for
  console.warn(text);
}

function report(leaks: readonly Leak[]): string {
  const lines = leaks.slice(0, MOST_LINES).map((leak) => {
    const { place, task } = whereabouts(leak);
    return `  ${NAMES[leak.kind]}: ${leak.label}${place === "" ? "" : ` at ${place}`}${task === "" ? "" : `, ${task}`}`;
  });
  if (leaks.length > MOST_LINES) lines.push(`  and ${leaks.length - MOST_LINES} more`);
  const count = leaks.length === 1 ? "1 thing" : `${leaks.length} things`;
  return `left ${count} behind (option leaks):\n${lines.join("\n")}`;
}

/** Leaks that are shown; the rest is counted. */
const MOST_LINES = 100;

/** The first place outside this library, and whose it is. */
function whereabouts({ site, task, onBehalfOf = [] }: Leak): { readonly place: string; readonly task: string } {
  for (const one of [{ site, task }, ...onBehalfOf]) {
    const place = `${one.site ?? ""}`;
    if (place !== "") return { place, task: one.task };
  }
  return { place: "", task };
}
