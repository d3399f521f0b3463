/**
 * A: wherever a task waits, one can see where: the async function of the user's that awaits the wait is among the frames
 * of `taskTree({ places: true })`. Over everything exported that waits. A reaction that the library puts on the promise
 * of a wait hides it, and fails here.
 */

import { assert, assertEquals } from "@std/assert";
import { CancelScope, taskTree, type TaskTreeNode, type TaskTreeWait } from "../../mod.ts";
import { turns, withKit } from "./_recipe.ts";
import { RECIPES } from "./_table.ts";

/** Those that cannot be seen, and why. */
const HIDDEN: readonly (readonly [names: RegExp, why: string])[] = [];

function* waitsOf(node: TaskTreeNode): Generator<TaskTreeWait> {
  yield* node.waits;
  for (const child of node.children) yield* waitsOf(child);
}

const named = new Set<string>();

for (const [name, recipe] of Object.entries(RECIPES)) {
  if (typeof recipe.waiting !== "function" || recipe.where !== undefined) continue;
  named.add(name);
  Deno.test(`A1: where it is awaited: ${name}`, () =>
    withKit(recipe, async (kit) => {
      const made = await recipe.open(kit);
      const wait = recipe.waiting as (made: unknown) => unknown;
      const scope = new CancelScope();
      async function theUser(): Promise<void> {
        await wait(made);
      }
      const waiting = scope.run(() => theUser());
      await turns();
      const tree = await taskTree({ places: true });
      const all = [...waitsOf(tree.root)];
      const seen = all.some(({ frames }) => frames.some((frame) => frame.startsWith("theUser (")));
      scope.cancel();
      await waiting;
      const hidden = HIDDEN.some(([names]) => names.test(name));
      assertEquals(seen, !hidden, JSON.stringify(all, null, 1));
      // Nothing of the library's own.
      for (const { frames } of all) {
        assert(!frames.some((frame) => /\/(?:core|net|os)\/\w+\/\w+(?<!_test)\.ts/.test(frame)));
      }
    }));
}

Deno.test("each exception is for something", () => {
  assertEquals(HIDDEN.filter(([names]) => ![...named].some((name) => names.test(name))), []);
  assert(named.size > 80, `${named.size}`);
});
