/**
 * The host's own timers and clocks, whatever stands in for them among the globals.
 *
 * A test that has installed fake timers and then imports this package (a setup file, `await import()`, a second copy
 * inside a simulation) would otherwise leave it with the fakes for the life of the module: every sleep hangs, long
 * after the fakes are gone. The timers are to be had from `node:timers`, which is built into Deno, Node and Bun, and is
 * where Deno's globals come from (the very same functions). For the clocks there is no such door, so they are looked
 * for behind the usual kinds of fakes: a spy on the method, another object or class in place of the global.
 *
 * Even of `node:timers` something may be in the way: mock timers that its functions ask at each call (Deno 2.9), as a
 * simulation does. So each call says that it is the library's own.
 */

import {
  clearImmediate as clearImmediateOfHost,
  clearTimeout as clearTimeoutOfHost,
  setImmediate as setImmediateOfHost,
  setTimeout as setTimeoutOfHost,
} from "node:timers";

/** The longest delay of a timer, in milliseconds, some 25 days: a longer one fires at once, on every host. */
export const LONGEST_DELAY = 2 ** 31 - 1;
/** Whether a timer of the host is called by this library right now: for what stands in for `node:timers`. */
export const ownTimerCalls = { depth: 0 };
/** `setTimeout` of the host. */
export const hostTimeout: typeof globalThis.setTimeout = own(setTimeoutOfHost);
/** `clearTimeout` of the host. */
export const hostClear: typeof globalThis.clearTimeout = own(clearTimeoutOfHost);
/** `setImmediate` of the host. */
export const hostImmediate: typeof globalThis.setImmediate = own(setImmediateOfHost);
/** `clearImmediate` of the host. */
export const hostClearImmediate: typeof globalThis.clearImmediate = own(clearImmediateOfHost);
/** `performance.now` of the host. */
export const hostNow: () => number = findNow();
/** `Date.now` of the host. */
export const hostDate: () => number = findDate();

// deno-lint-ignore no-explicit-any -- functions of every shape
function own<F extends (...args: any[]) => any>(timer: F): F {
  return ((...args) => {
    ownTimerCalls.depth++;
    try {
      return timer(...args);
    } finally {
      ownTimerCalls.depth--;
    }
  }) as F;
}

function findNow(): () => number {
  const host = globalThis as unknown as {
    readonly Performance?: abstract new () => Performance;
    readonly process?: { getBuiltinModule?(name: string): { performance: Performance } };
  };
  let { performance } = globalThis;
  // Another object in its place: a plain one, as of sinon's fake timers.
  if (host.Performance !== undefined && !(performance instanceof host.Performance)) {
    performance = host.process?.getBuiltinModule?.("node:perf_hooks").performance ?? performance;
  }
  // The method belongs to the class; a spy is a property of the object itself.
  const itsClass = Object.getPrototypeOf(performance) as Performance | null;
  return (itsClass?.now ?? performance.now).bind(performance);
}

function findDate(): () => number {
  // A copy of a date is made by the host, and so of its own class, whatever class stands in for it.
  const HostDate = structuredClone(new Date(0)).constructor as DateConstructor;
  const isSpied = !Function.prototype.toString.call(HostDate.now).includes("[native code]");
  return isSpied ? () => new HostDate().getTime() : HostDate.now;
}
