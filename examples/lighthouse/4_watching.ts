// deno-lint-ignore-file no-console
/** Run it: deno run --allow-net examples/lighthouse/4_watching.ts localhost:8000 example.com:443 */
import { currentTime, openNursery, openWatch, sleepUntil, type WatchSender } from "@trefoil/io";
import type { State } from "./1_one_check.ts";
import { parseTarget, type Target } from "./2_many_at_once.ts";
import { check } from "./3_when_things_fail.ts";

/** What is known of each target, by its name. */
export type States = ReadonlyMap<string, State>;

/** How to watch. */
export interface WatchOptions {
  /** How often a target is checked, in milliseconds. */
  readonly every?: number;
  /** How a target is checked. */
  readonly check?: (target: Target) => Promise<State>;
  /** Called when a target has changed; `before` is undefined at first. The target is not checked before it returns. */
  readonly onChange?: (name: string, state: State, before?: State) => unknown;
}

/** Watches all targets, and keeps their latest states up to date. Goes on until it is cancelled. */
export async function watchAll(
  targets: readonly Target[],
  states: WatchSender<States>,
  options: WatchOptions = {},
): Promise<void> {
  const { every = 10_000, check: look = check, onChange } = options;
  const watch = async (target: Target) => {
    for (let next = currentTime();; next = Math.max(next + every, currentTime())) {
      await sleepUntil(next);
      const state = await look(target);
      const before = states.value.get(target.name);
      if (state === before) continue;
      states.update((all) => new Map(all).set(target.name, state));
      await onChange?.(target.name, state, before);
    }
  };
  await openNursery((nursery) => {
    for (const target of targets) nursery.startSoon(() => watch(target), { name: target.name });
  });
}

/** Waits until all targets are up. */
export async function untilAllUp(targets: readonly Target[], options?: WatchOptions): Promise<void> {
  const [states, seen] = openWatch<States>(new Map());
  await openNursery(async (nursery) => {
    nursery.startSoon(() => watchAll(targets, states, options), { daemon: true });
    await seen.waitFor((all) => targets.every(({ name }) => all.get(name) === "up"));
  });
}

if (import.meta.main) {
  await untilAllUp(Deno.args.map(parseTarget), { onChange: (name, state) => console.log(`${name} is ${state}`) });
}
