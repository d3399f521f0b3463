/**
 * Looking for the place where the host keeps the async-local values of the code that runs: see `context.ts`.
 *
 * Found by behaviour, never by version: what is tried here is everything that `context.ts` relies on, as far as it
 * shows at once.
 */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

/** Reads and writes the object that carries the values. */
export interface Slot {
  readonly get: () => unknown;
  readonly set: (context: unknown) => void;
}

interface DenoInternals {
  readonly core?: {
    readonly getAsyncContext?: () => unknown;
    readonly setAsyncContext?: (context: unknown) => void;
  };
}

/** The slot, if the host has one that behaves; else `null`. */
export function findSlot(): Slot | null {
  try {
    const { Deno: deno } = globalThis as unknown as { Deno?: Record<PropertyKey, unknown> };
    const internals = deno?.[deno["internal"] as symbol] as DenoInternals | undefined;
    const { getAsyncContext: get, setAsyncContext: set } = internals?.core ?? {};
    if (typeof get !== "function" || typeof set !== "function") return null;
    return behaves({ get, set }) ? { get, set } : null;
  } catch {
    return null;
  }
}

/** Whether a slot does what the storages of the host do. */
export function behaves({ get, set }: Slot): boolean {
  const before = get();
  try {
    return tryOut(get, set);
  } finally {
    set(before);
  }
}

function tryOut(get: Slot["get"], set: Slot["set"]): boolean {
  const theirs = new AsyncLocalStorage<number>();
  const others = new AsyncLocalStorage<number>();
  const key = Symbol("probe");
  const ours = (): unknown => (get() as Record<symbol, unknown> | undefined)?.[key];
  const within = <R>(value: number, fn: () => R): R => {
    const before = get();
    set({ __proto__: null, ...before as object, [key]: value });
    try {
      return fn();
    } finally {
      set(before);
    }
  };
  /** What is seen: ours, theirs, others'. */
  const seen = (): string => `${ours()},${theirs.getStore()},${others.getStore()}`;

  const empty = seen();
  const log: string[] = [empty];
  // A storage below ours and one above it; each is there in the other, and gone after it.
  within(1, () => log.push(seen(), theirs.run(2, seen), seen()));
  theirs.run(
    2,
    () => log.push(within(1, seen), within(1, () => others.run(3, seen)), within(1, () => within(4, seen))),
  );
  log.push(seen());
  // What the host keeps for later carries ours along.
  const snapshot = theirs.run(2, () => within(1, () => AsyncLocalStorage.snapshot()));
  const resource = theirs.run(2, () => within(1, () => new AsyncResource("probe")));
  log.push(snapshot(seen), resource.runInAsyncScope(seen), within(4, () => snapshot(seen)), seen());
  resource.emitDestroy();
  // What is entered for good inside ends with ours.
  within(1, () => {
    theirs.enterWith(2);
    log.push(seen());
  });
  log.push(seen());
  const none = "undefined";
  return log.join(" ") === [
    ...[`${none},${none},${none}`, `1,${none},${none}`, `1,2,${none}`, `1,${none},${none}`],
    ...[`1,2,${none}`, "1,2,3", `4,2,${none}`, `${none},${none},${none}`],
    ...[`1,2,${none}`, `1,2,${none}`, `1,2,${none}`, `${none},${none},${none}`],
    ...[`1,2,${none}`, `${none},${none},${none}`],
  ].join(" ");
}
