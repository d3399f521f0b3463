// deno-lint-ignore-file no-console -- it looks at what is printed
/**
 * Laws over everything exported that returns a promise: K3, nobody's process ends by a wait that nobody awaits; K4,
 * nobody is kept from their turn. The names come from `deno doc`; see `_recipe.ts` for how each is called.
 */

import { assert, assertEquals, AssertionError, assertMatch } from "@std/assert";
import { CancelScope, isCancelled, moveOnAfter } from "../../mod.ts";
import { ENTRIES, promisedNames, readDoc } from "../promised_names.ts";
import { type AnyRecipe, call, turns, withKit } from "./_recipe.ts";
import { withoutUnhandled } from "./_unhandled.ts";
import { EXCEPTIONS, exportedName, RECIPES } from "./_table.ts";

Deno.test("everything exported that returns a promise has a recipe, or a reason for having none", async () => {
  const names = promisedNames(await readDoc(...ENTRIES));
  assert(names.length > 150);
  const served = new Set(Object.keys(RECIPES).map(exportedName));
  const excepted = (name: string) => EXCEPTIONS.some(([names]) => names.test(name));
  assertEquals(names.filter((name) => !served.has(name) && !excepted(name)), [], "without a recipe");
  assertEquals(names.filter((name) => served.has(name) && excepted(name)), [], "with a recipe, and a reason for none");
  assertEquals([...served].filter((name) => !names.includes(name)), [], "recipes for what is not exported");
  assertEquals(EXCEPTIONS.filter(([regex]) => !names.some((name) => regex.test(name))), [], "reasons for nothing");
});

Deno.test("the list has functions, methods, inherited members and callbacks that promise something, and nothing else", () => {
  const of = (name: string) => ({ kind: "typeRef", repr: name });
  const union = { kind: "union", value: [of("void"), of("Promise")] };
  const method = (name: string, returnType: ReturnType<typeof of>) => ({ name, returnType });
  const symbols = [
    { name: "wait", declarations: [{ kind: "function", def: { returnType: of("Promise") } }] },
    { name: "peek", declarations: [{ kind: "function", def: { returnType: of("number") } }] },
    {
      name: "make",
      declarations: [{
        kind: "function",
        def: { returnType: { kind: "fnOrConstructor", value: { tsType: of("Promise") } } },
      }],
    },
    {
      name: "Base",
      declarations: [{
        kind: "interface",
        def: {
          methods: [method("receive", of("Promise")), method("close", of("void"))],
          extends: [of("AsyncIterable")],
        },
      }],
    },
    {
      name: "Derived",
      declarations: [{
        kind: "class",
        def: {
          methods: [{ name: "send", functionDef: { returnType: union } }, {
            name: "secret",
            accessibility: "private",
            functionDef: { returnType: of("Promise") },
          }],
          extends: "Base",
        },
      }],
    },
    {
      name: "Prompt",
      declarations: [{
        kind: "interface",
        def: { methods: [method("receive", of("void"))], extends: [of("Base")] },
      }],
    },
    {
      name: "Options",
      declarations: [{
        kind: "interface",
        def: { properties: [{ name: "onError", tsType: { kind: "fnOrConstructor", value: { tsType: union } } }] },
      }],
    },
  ];
  assertEquals(promisedNames({ nodes: { "mod.ts": { symbols } } }), [
    "Base.[Symbol.asyncIterator]",
    "Base.receive",
    "Derived.[Symbol.asyncIterator]",
    "Derived.receive",
    "Derived.send",
    "Options.onError",
    "Prompt.[Symbol.asyncIterator]",
    "make",
    "wait",
  ]);
});

type Way = (recipe: AnyRecipe, made: unknown, name: string) => Promise<void>;

/** Runs a block that forgets something, which it may well fail with. */
async function forgetful(body: (scope: CancelScope) => unknown): Promise<void> {
  let failure: unknown;
  try {
    await new CancelScope().run(async (scope) => {
      try {
        await body(scope);
      } catch (error) {
        failure = error;
      }
    });
  } catch { /* an error that names what was forgotten */ }
  if (failure instanceof AssertionError) throw failure;
}

/** Calls it in all the ways there are, and forgets about them. */
function callAll(recipe: AnyRecipe, made: unknown, name: string): void {
  for (const part of [recipe.alone ?? recipe.ready, recipe.waiting]) {
    if (typeof part === "function") void call(part as never, made, name);
  }
}

/** Ways of never looking at a promise again, with the parts of a recipe that they need. */
const FORGOTTEN: Readonly<Record<string, { readonly needs: "waiting" | "close" | "ready"; readonly way: Way }>> = {
  "its scope is cancelled": {
    needs: "waiting",
    way: (recipe, made, name) =>
      forgetful(async (scope) => {
        void call(recipe.waiting as never, made, name);
        await turns();
        scope.cancel();
        await turns();
      }),
  },
  "its scope is cancelled at once": {
    needs: "ready",
    way: (recipe, made, name) =>
      forgetful((scope) => {
        callAll(recipe, made, name);
        scope.cancel();
      }),
  },
  "its task is cancelled": {
    needs: "waiting",
    way: (recipe, made, name) =>
      withKit({ ...recipe, where: "bare" }, async ({ nursery }) => {
        const task = nursery.startSoon(async () => {
          void call(recipe.waiting as never, made, name);
          await turns();
        });
        await turns(1);
        task.cancel();
        await task.join().catch(() => {});
      }),
  },
  "its scope was cancelled before": {
    needs: "ready",
    way: (recipe, made, name) =>
      forgetful(async (scope) => {
        scope.cancel();
        callAll(recipe, made, name);
        await turns();
      }),
  },
  "its block ends": {
    needs: "waiting",
    way: (recipe, made, name) =>
      warnedOf(() =>
        forgetful(async (scope) => {
          const inner = forgetful(() => void call(recipe.waiting as never, made, name));
          await turns();
          scope.cancel();
          await inner;
        })
      ),
  },
  "its own side closes": {
    needs: "close",
    way: (recipe, made, name) =>
      forgetful(async (scope) => {
        void call(recipe.waiting as never, made, name);
        await turns();
        await (recipe.close as (made: unknown) => unknown)(made);
        await turns();
        scope.cancel();
      }),
  },
  "its own side had closed": {
    needs: "close",
    way: (recipe, made, name) =>
      forgetful(async () => {
        await (recipe.close as (made: unknown) => unknown)(made);
        callAll(recipe, made, name);
        await turns();
      }),
  },
};

/** Does something of which nothing is printed but what was forgotten. */
async function warnedOf(body: () => Promise<void>): Promise<void> {
  const printed: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => void printed.push(text);
  try {
    await body();
  } finally {
    console.warn = warn;
  }
  for (const line of printed) assertMatch(line, /^Trefoil: a (?:wait|block) was forgotten: /);
}

for (const [name, recipe] of Object.entries(RECIPES)) {
  for (const [when, { needs, way }] of Object.entries(FORGOTTEN)) {
    if (typeof recipe[needs] !== "function") continue;
    if (needs === "close" && typeof recipe.waiting !== "function") continue;
    Deno.test(
      `K3: ${name}, which nobody awaits, does not end the process when ${when}`,
      () =>
        withoutUnhandled(() =>
          withKit(recipe, async (kit) => {
            await way(recipe, await recipe.open(kit), name);
          })
        ),
    );
  }
}

for (const [name, recipe] of Object.entries(RECIPES)) {
  const { waiting, refused } = recipe;
  if (typeof waiting !== "function" && refused === undefined) continue;
  Deno.test(`the recipe of ${name} does what it says: it waits, and is refused`, () =>
    withoutUnhandled(() =>
      withKit(recipe, async (kit) => {
        const made = await recipe.open(kit);
        let settled = false;
        if (refused !== undefined) {
          await call(refused, made, name).then(() => assert(false, "it was not refused"), () => {});
        }
        if (typeof waiting !== "function") return;
        await forgetful(async (scope) => {
          const settle = () => void (settled = true);
          call(waiting, made, name).then(settle, settle);
          await turns(12);
          assert(!settled, "it does not wait");
          scope.cancel();
        });
      })
    ));
}

/**
 * No law looks at more calls than this, or, after the first ones, for longer (in milliseconds): only what starves
 * others.
 */
const MOST_CALLS = 100_000;
const FIRST_CALLS = 1_000;
const LONGEST = 2_000;

/** Calls in a loop while `goOn`. */
async function loop(how: () => Promise<unknown>, goOn: () => boolean, complaint: string): Promise<void> {
  const began = performance.now();
  for (let calls = 0; goOn(); calls++) {
    await how();
    if (calls < FIRST_CALLS || (calls < MOST_CALLS && performance.now() - began < LONGEST)) continue;
    throw new Error(`${complaint} in ${calls} calls`);
  }
}

/** Calls in a loop, which a timer of the host must be able to end. */
async function untilTimer(how: () => Promise<unknown>): Promise<void> {
  let fired = false;
  const timer = setTimeout(() => void (fired = true), 1);
  try {
    await loop(how, () => !fired, "A timer of a millisecond did not fire");
  } finally {
    clearTimeout(timer);
  }
}

const swallow = (how: () => Promise<unknown>) => async (): Promise<void> => {
  try {
    await how();
  } catch { /* as a program would that is not careful */ }
};

/** A loop of calls that are all refused, for whatever reason. */
async function untilTimerRefused(how: () => Promise<unknown>): Promise<void> {
  await untilTimer(async () => {
    let refused = false;
    try {
      await how();
    } catch {
      refused = true;
    }
    assert(refused, "it was not refused");
  });
}

for (const [name, recipe] of Object.entries(RECIPES)) {
  const { ready, waiting, close, refused, uncancelled } = recipe;
  const k4 = (law_: string, body: (made: unknown) => Promise<void>) =>
    Deno.test(`K4: ${name} ${law_}`, () => withKit(recipe, async (kit) => await body(await recipe.open(kit))));
  // In a simulation, time stands still while anybody is ready.
  if (uncancelled === "host's" || uncancelled === "release" || recipe.where === "simulation") continue;
  if (typeof ready === "function") {
    k4("that is ready, in a loop, lets timers fire", (made) => untilTimer(() => call(ready, made, name)));
    if (uncancelled === undefined) {
      k4("that is ready, in a loop, is cancelled", async (made) => {
        const outcome = await moveOnAfter(
          1,
          () => loop(() => call(ready, made, name), () => true, "It was not cancelled"),
        );
        assert(outcome.cancelledCaught);
      });
    }
  }
  const either = recipe.alone ?? (typeof ready === "function" ? ready : waiting);
  if (typeof either === "function" && uncancelled === undefined) {
    k4("in a cancelled scope is refused, and lets timers fire", async (made) => {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        await untilTimerRefused(() => call(either, made, name));
        await call(either, made, name).catch((error) => {
          if (!isCancelled(error)) throw error;
        });
        return true;
      });
      assert(outcome.value);
    });
  }
  if (recipe.endless !== undefined) {
    const { endless } = recipe;
    k4("goes on for ever, lets timers fire, and is cancelled", async (made) => {
      const scope = new CancelScope();
      const timer = setTimeout(() => scope.cancel(), 1);
      const outcome = await scope.run(() => call(endless, made, name));
      clearTimeout(timer);
      assert(outcome.cancelledCaught, "It came to its end before a timer of a millisecond fired");
    });
  }
  // Errors that are passed over, as by a program that is not careful: timers fire, and deadlines are noticed.
  const passedOver = (how: (made: unknown) => unknown) => async (made: unknown): Promise<void> => {
    await untilTimer(swallow(() => call(how, made, name)));
    await moveOnAfter(
      1,
      (scope) => loop(swallow(() => call(how, made, name)), () => !scope.cancelCalled, "The deadline was not noticed"),
    );
  };
  if (typeof close === "function" && typeof either === "function") {
    k4("that was closed, in a loop, lets timers fire and deadlines pass", async (made) => {
      await close(made);
      await passedOver(either)(made);
    });
  }
  if (refused !== undefined) k4("that is refused, in a loop, lets timers fire and deadlines pass", passedOver(refused));
}
