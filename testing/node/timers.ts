/**
 * `node:timers` and `node:timers/promises` in simulated time, also what was imported from them by name, and the
 * `setTimeout` that a module took hold of when it was loaded.
 *
 * None of those can be replaced. But each call of them asks whether mock timers are in force (Deno 2.9: those of
 * `node:test`), and what is in their place here answers for code of a simulation alone. The library's own timers are
 * taken from the same module and have to stay real, so `core` says of each call that it is its own.
 */

import timers from "node:timers";
import type { TimerKind } from "../driver/timers.ts";
import type { Any } from "./_modules.ts";

/** How `node:timers` is told of its mocks. */
const DOOR = Symbol.for("Deno.internal.node.mockTimers");

/** What stands in for the host's timers, for the calling code. */
interface TimersOfCaller {
  timer(kind: TimerKind, ms: number, callback: Any, args: readonly unknown[]): unknown;
  immediate(callback: Any, args: readonly unknown[]): unknown;
}

/** What is asked at each call. */
interface Door {
  /** The timers of the calling code; `null` if those are the host's. */
  find(): TimersOfCaller | null;
  /** Clears what is not the host's; returns whether it was. */
  clear(handle: unknown): boolean;
  delayOf(ms: unknown, kind: TimerKind): number;
}

/** Lets `node:timers` ask, where it has such a door; the function returned ends that. */
export function patchTimers({ find, clear, delayOf }: Door): () => void {
  const setMocks = (timers as Any)?.[DOOR] as ((mocks: object | null) => void) | undefined;
  if (setMocks === undefined) return () => {};
  /** While the host's own is called from here. */
  let passing = false;
  const pass = (handle: unknown): void => {
    passing = true;
    try {
      timers.clearTimeout(handle as Any);
      timers.clearImmediate(handle as Any);
    } finally {
      passing = false;
    }
  };
  const set = (kind: TimerKind, callback: Any, ms: unknown, args: readonly unknown[]) =>
    find()!.timer(kind, delayOf(ms, kind), callback, args);
  setMocks({
    _apiEnabled: () => !passing && find() !== null,
    _setTimeout: (callback: Any, ms: unknown, args: readonly unknown[], immediate: boolean) =>
      immediate ? find()!.immediate(callback, args) : set("timeout", callback, ms, args),
    _setInterval: (callback: Any, ms: unknown, args: readonly unknown[]) => set("interval", callback, ms, args),
    _clearTimer(handle: unknown) {
      if (!clear(handle)) pass(handle);
    },
  });
  return () => setMocks(null);
}
