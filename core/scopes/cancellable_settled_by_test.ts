// deno-lint-ignore-file no-console -- it looks at what is printed
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  cancellable,
  CancelScope,
  currentTask,
  DeadlockError,
  moveOnAfter,
  openNursery,
  sleep,
  taskTree,
} from "../mod.ts";
import { currentRun } from "../lowlevel.ts";
import { openWaits } from "../internal.ts";

/** A reply that other code of the run gives, as the client of a broker does. */
class Reply {
  readonly #settle = Promise.withResolvers<string>();
  readonly promise = this.#settle.promise;
  asked = 0;

  give(text: string): void {
    this.#settle.resolve(text);
  }
}

Deno.test(
  'cancellable({ settledBy: "run" }) is in the tree by its label, counts as a wait, and lets virtual time go on',
  simulated(async (sim) => {
    const reply = new Reply();
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(
        () => cancellable(reply.promise, { label: "reply of stock", settledBy: "run" }),
        { name: "order" },
      );
      nursery.startSoon(() => sleep(60_000).then(() => reply.give("in stock")));
      await sleep(1);
      const [order] = taskTree().root.children;
      assertEquals(order!.waits.map(({ kind, label }) => `${kind} ${label}`), ["promise reply of stock"]);
      assertEquals(openWaits(task), 1);
      assertEquals(await task.join(), "in stock");
    });
    assertEquals(sim.now, 60_000);
  }),
);

Deno.test("what only the run could settle, and nobody in it can, is a deadlock at once", async () => {
  const error = await assertRejects(
    () =>
      simulate(async () => {
        await sleep(5);
        await cancellable(new Promise(() => {}), { label: "reply of stock", settledBy: "run" });
      }),
    DeadlockError,
  );
  assertStringIncludes(error.message, "(t=5ms)");
  assertStringIncludes(error.message, "promise reply of stock");
});

Deno.test('cancellable({ settledBy: "host" }) is an operation of the host while somebody waits, and no longer', async () => {
  const operations = () => currentRun().statistics().hostOperations;
  await simulate(async (sim) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const answer = cancellable(promise, { label: "digest", settledBy: "host" });
    assertEquals(operations(), ["digest"]);
    // The host answers when nothing else moves: virtual time stands still meanwhile.
    void crypto.subtle.digest("SHA-256", new Uint8Array(1)).then(() => resolve("digest"));
    assertEquals([await answer, sim.now, operations()], ["digest", 0, []]);
  });
  const outcome = await moveOnAfter(1, () => cancellable(new Promise(() => {}), { settledBy: "host" }));
  assert(outcome.cancelledCaught);
  assertEquals(operations().includes("promise"), false);
});

for (const settledBy of [undefined, "run", "host", "network"] as const) {
  const called = { ...settledBy === undefined ? undefined : { settledBy } };

  Deno.test(
    `cancellable() gives the value, the error, and Cancelled as such, settled by ${settledBy ?? "nobody known"}`,
    simulated(async (sim) => {
      const after = <T>(ms: number, settle: () => T | Promise<T>): Promise<T> =>
        new Promise<void>((resolve) => void setTimeout(resolve, ms)).then(settle);
      if (settledBy !== "host" && settledBy !== "network") {
        assertEquals(await cancellable(after(3, () => 5), called), 5);
        await assertRejects(() => cancellable(after(3, () => Promise.reject(new RangeError("x"))), called), RangeError);
        assertEquals(sim.now, 6);
      }
      assertEquals(await cancellable(Promise.resolve(5), called), 5);
      const outcome = await new CancelScope().run(async (scope) => {
        void Promise.resolve().then(() => scope.cancel());
        await cancellable(new Promise(() => {}), called);
      });
      assert(outcome.cancelledCaught);
    }),
  );

  Deno.test(
    `onAbandoned gets what comes after the wait was cancelled, once, settled by ${settledBy ?? "nobody known"}`,
    simulated(async (sim) => {
      const got: unknown[] = [];
      const { promise, resolve } = Promise.withResolvers<string>();
      const outcome = await new CancelScope().run(async (scope) => {
        void Promise.resolve().then(() => scope.cancel());
        await cancellable(promise, {
          ...called,
          onAbandoned: async (value) => {
            await sleep(1);
            got.push(value, sim.now, currentTask().name);
          },
        });
      });
      assert(outcome.cancelledCaught);
      assertEquals(got, []);
      await sleep(10);
      resolve("late");
      await sleep(10);
      assertEquals(got, ["late", 11, "main"]);
    }, { leaks: "ignore" }),
  );
}

Deno.test(
  "onAbandoned is not called for what was awaited, nor for an error, nor without a cancellation",
  simulated(async () => {
    const got: unknown[] = [];
    const onAbandoned = (value: unknown) => void got.push(value);
    assertEquals(await cancellable(Promise.resolve("mine"), { onAbandoned }), "mine");
    const { promise, reject } = Promise.withResolvers<string>();
    await moveOnAfter(1, () => cancellable(promise, { onAbandoned }));
    reject(new Error("late"));
    await sleep(1);
    // Within its timeout it is the value of the wait after all.
    const outcome = await moveOnAfter(1, () =>
      cancellable(
        new Promise<string>((resolve) => void setTimeout(() => resolve("in time"), 3)),
        { onAbandoned, timeout: 5 },
      ));
    assertEquals([outcome.value, got], ["in time", []]);
  }),
);

Deno.test(
  "onAbandoned is called for a wait that was refused, and when cancel() throws",
  simulated(async () => {
    const got: unknown[] = [];
    const onAbandoned = (value: unknown) => void got.push(value);
    const refused = await new CancelScope().run(async (scope) => {
      scope.cancel();
      await cancellable(Promise.resolve("refused"), { onAbandoned });
    });
    assert(refused.cancelledCaught);
    const { promise, resolve } = Promise.withResolvers<string>();
    await assertRejects(
      () =>
        moveOnAfter(1, () =>
          cancellable(promise, {
            onAbandoned,
            timeout: 2,
            cancel() {
              throw new RangeError("cannot");
            },
          })),
      RangeError,
    );
    resolve("after the error");
    await sleep(1);
    assertEquals(got, ["refused", "after the error"]);
  }),
);

Deno.test("what onAbandoned throws is printed, and ends nothing", async () => {
  const printed: string[] = [];
  const { error } = console;
  console.error = (what: unknown) => void printed.push(String(what), String((what as Error).cause));
  try {
    await simulate(async () => {
      for (
        const fail of [() => Promise.reject(new Error("async")), () => {
          throw new Error("sync");
        }]
      ) {
        const { promise, resolve } = Promise.withResolvers<void>();
        await moveOnAfter(1, () => cancellable(promise, { onAbandoned: fail }));
        resolve();
        await sleep(1);
      }
    });
  } finally {
    console.error = error;
  }
  const told = "Error: Cannot let go of what came too late as onAbandoned() threw";
  assertEquals(printed, [told, "Error: async", told, "Error: sync"]);
});

Deno.test(
  "an iterable: its items are settled by whom one says, and one that comes too late goes to onAbandoned",
  simulated(async (sim) => {
    const got: unknown[] = [];
    let give!: (result: IteratorResult<string>) => void;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise((resolve) => give = resolve) }),
    };
    const onAbandoned = (value: string) => void got.push(value);
    const options = { settledBy: "run", label: "jobs", onAbandoned, timeout: 0 } as const;
    let waits: string[] = [];
    const outcome = await moveOnAfter(20, async () => {
      setTimeout(() => give({ done: false, value: "first" }), 10);
      setTimeout(() => waits = taskTree().root.waits.map(({ kind, label }) => `${kind} ${label}`), 15);
      for await (const item of cancellable(source, options)) got.push(`looped over ${item} at ${sim.now}`);
    });
    assert(outcome.cancelledCaught);
    give({ done: false, value: "second" });
    await sleep(1);
    assertEquals(got, ["looped over first at 10", "second"]);
    assertEquals(waits, ["item jobs"]);
  }),
);

Deno.test("cancellable() refuses options that are none", async () => {
  const promise = Promise.resolve();
  await assertRejects(
    () => cancellable(promise, { settledBy: "me" as never }),
    RangeError,
    'Cannot wait as "settledBy" must be "run", "host" or "network": received "me"',
  );
  await assertRejects(() => cancellable(promise, { onAbandoned: 5 as never }), TypeError, '"onAbandoned" must be a');
});

Deno.test('cancellable({ settledBy: "network" }) is an operation of the host, or, over a network in memory, a wait of the run', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const answer = cancellable(promise, { label: "reply", settledBy: "network" });
  assertEquals(currentRun().statistics().hostOperations.filter((label) => label === "reply"), ["reply"]);
  resolve("x");
  assertEquals(await answer, "x");
  await simulate(async (sim) => {
    const late = Promise.withResolvers<string>();
    sim.background.startSoon(async () => {
      await sleep(1_000);
      late.resolve("y");
    });
    assertEquals([await cancellable(late.promise, { settledBy: "network" }), sim.now], ["y", 1_000]);
  });
});
