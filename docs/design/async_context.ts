// deno-lint-ignore-file no-console
/**
 * How a host could carry async-local values: what entering costs in three ways, and in none. See `async_context.md`.
 *
 * Usage: deno run --allow-all --v8-flags=--expose-gc docs/design/async_context.ts
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";

interface Core {
  getAsyncContext(): object | undefined;
  setAsyncContext(context: object | undefined): void;
}

type Run = (value: object, fn: () => unknown) => unknown;

const internal = (Deno as unknown as { readonly internal: symbol }).internal;
const { core } = (Deno as unknown as Record<symbol, { readonly core: Core }>)[internal]!;

/** Calls a function with another object in the host's slot. */
function within(make: (before: object | undefined) => object, fn: () => unknown): unknown {
  const before = core.getAsyncContext();
  core.setAsyncContext(make(before));
  try {
    return fn();
  } finally {
    core.setAsyncContext(before);
  }
}

/** A frame that knows the one before it. Nothing is copied; a read walks. */
class Frame {
  constructor(readonly variable: object, readonly value: object, readonly before: object | undefined) {}
}

const storage = new AsyncLocalStorage<object>();
const variable = {};

const WAYS: Readonly<Record<string, Run>> = {
  "none": (_, fn) => fn(),
  "today": (value, fn) => storage.run(value, fn),
  // The value itself stands in the object: no object for the entry, no WeakMap.
  "a copy with the value in it": (value, fn) => within((before) => ({ __proto__: null, ...before, 1: value }), fn),
  "linked frames": (value, fn) => within((before) => new Frame(variable, value, before), fn),
};

/** Starts async functions in contexts of their own, and awaits them. */
async function many(run: Run, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => run({ i }, async () => await null)));
}

const ROUNDS = 9;
const CALLS = 200_000;

for (const count of [10_000, 100_000]) {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(WAYS)) {
      (globalThis as { gc?(): void }).gc?.();
      const before = process.cpuUsage();
      for (let i = 0; i < CALLS / count; i++) await many(run, count);
      const { user, system } = process.cpuUsage(before);
      // The first two rounds are for warming up.
      if (round > 1) (times[name] ??= []).push((user + system) / CALLS);
    }
  }
  for (const [name, values] of Object.entries(times)) {
    values.sort((a, b) => a - b);
    console.log(`${count} at a time, ${name}: ${values[values.length >> 1]!.toFixed(2)} us of CPU time a call`);
  }
}
