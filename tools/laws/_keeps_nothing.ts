// deno-lint-ignore-file no-console
/**
 * The program of `keeps_nothing_test.ts`: makes many calls upon each long-lived thing, and says how many bytes each
 * call has left behind. One line of JSON for each recipe and way of calling.
 */

import { moveOnAfter } from "../../mod.ts";
import { type AnyRecipe, call, turns, withKit } from "./_recipe.ts";
import { isMeasured, type Part, PARTS, RECIPES } from "./_table.ts";

/** How often what is long-lived is called at a time; what is slow, less often. */
const CALLS = 1_000;
const SLOW_CALLS = 60;
const MOST_MEASUREMENTS = 8;

/** Which of the recipes, and how many bytes a call may leave behind. */
const [first, last, enough] = Deno.args.map(Number) as [number, number, number];

/** Bytes on the heap of which nobody has let go. */
async function heap(): Promise<number> {
  // Finalizers, and what the host does when a promise is gone, need turns of their own.
  for (let i = 0; i < 2; i++) {
    await turns(2);
    (globalThis as unknown as { gc(): void }).gc();
  }
  return Deno.memoryUsage().heapUsed;
}

/**
 * Bytes that a call leaves behind, on the average; the least of several measurements, as the host warms up meanwhile.
 */
async function bytesPerCall(calls: number, once: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < calls / 4; i++) await once();
  let least = Infinity;
  for (let i = 0; i < MOST_MEASUREMENTS && least >= enough; i++) {
    const before = await heap();
    for (let i = 0; i < calls; i++) await once();
    least = Math.min(least, Math.round((await heap() - before) / calls));
  }
  return least;
}

async function measure(name: string, recipe: AnyRecipe, part: Part): Promise<void> {
  if (!isMeasured(recipe, part)) return;
  const how = recipe[part] as (made: unknown) => unknown;
  const bytes = await withKit(recipe, async (kit) => {
    const made = await recipe.open(kit);
    const once = part === "waiting"
      ? () =>
        moveOnAfter(Infinity, async (scope) => {
          const waits = call(how, made, name);
          // What takes steps first has to get to its wait.
          await turns(1);
          scope.cancel();
          await waits;
        })
      : () => call(how, made, name);
    const calls = recipe.slow ? SLOW_CALLS : CALLS;
    return await bytesPerCall(calls, part === "refused" ? () => once().catch(() => {}) : once);
  });
  console.log(JSON.stringify({ name, part, bytes }));
}

// Whether somebody sees them is another law's question.
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
for (const [name, recipe] of Object.entries(RECIPES).slice(first, last)) {
  for (const part of PARTS) {
    try {
      await measure(name, recipe, part);
    } catch (error) {
      console.log(JSON.stringify({ name, part, error: String(error) }));
    }
  }
}
