import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { hostImmediate } from "../../core/internal.ts";
import { ErrorGroup, Event, openNursery, shielded, sleep, sleepForever } from "../../core/mod.ts";
import { beginHostOperation } from "../../core/lowlevel.ts";
import { simulate, type Simulation } from "../mod.ts";

// What a simulation fails with when several things have failed: all of them, the root cause first.

/** The first words of what a simulation fails with. */
async function failuresOf(body: (sim: Simulation) => unknown): Promise<string[]> {
  const error = await assertRejects(() => simulate(body));
  const all = error instanceof ErrorGroup ? error.errors : [error];
  return all.map((one) => `${(one as Error).name}: ${(one as Error).message.replace(/\(t=0ms\):[^]*/, "")}`);
}

const stuck = () => shielded(() => new Event({ name: "never" }).wait());
const DEADLOCK = "DeadlockError: Cannot go on as nothing can ever wake up ";

Deno.test("a stray error whose cleanup gets stuck comes before the deadlock", async () => {
  const failures = await failuresOf(async () => {
    Promise.reject(new RangeError("stray"));
    try {
      await sleep(5);
    } finally {
      await stuck();
    }
  });
  assertEquals(failures, ["RangeError: stray", DEADLOCK]);
});

Deno.test("what cleanup throws after a deadlock comes after it", async () => {
  const failures = await failuresOf(async () => {
    try {
      await new Event().wait();
    } finally {
      // deno-lint-ignore no-unsafe-finally -- as cleanup may
      throw new TypeError("cleanup");
    }
  });
  assertEquals(failures, [DEADLOCK, "TypeError: cleanup"]);
});

Deno.test("a child that fails comes before the deadlock of those that are cancelled for it", async () => {
  const failures = await failuresOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => Promise.reject(new RangeError("child")));
      nursery.startSoon(stuck);
    })
  );
  assertEquals(failures, ["RangeError: child", DEADLOCK]);
});

Deno.test("a child that fails comes before what goes wrong in the cleanup of its siblings", async () => {
  const error = await assertRejects(() =>
    simulate(() =>
      openNursery((nursery) => {
        nursery.startSoon(() => Promise.reject(new RangeError("child")));
        nursery.startSoon(() => sleepForever().finally(() => void Promise.reject(new TypeError("stray"))));
      })
    ), ErrorGroup);
  const [first, second] = error.errors;
  assertInstanceOf(first, ErrorGroup);
  assertEquals([first.errors[0], second].map((one) => (one as Error).message), ["child", "stray"]);
});

Deno.test("a body that throws comes before the deadlock of its background", async () => {
  const failures = await failuresOf((sim) => {
    sim.background.startSoon(stuck);
    throw new RangeError("body");
  });
  assertEquals(failures, ["RangeError: body", DEADLOCK]);
});

Deno.test("a failure that was handled before does not come before the deadlock", async () => {
  const failures = await failuresOf(async () => {
    await openNursery(() => {
      throw new RangeError("handled");
    }).catch(() => {});
    try {
      await new Event().wait();
    } finally {
      // deno-lint-ignore no-unsafe-finally -- as cleanup may
      throw new TypeError("cleanup");
    }
  });
  assertEquals(failures, [DEADLOCK, "TypeError: cleanup"]);
});

Deno.test("an error that nobody can catch fails the simulation also while the last operation of the host ends", async () => {
  const failures = await failuresOf(() => {
    const operation = beginHostOperation("late");
    let turns = 5;
    const count = (): void => {
      if (--turns > 0) return void hostImmediate(count);
      operation.end();
      Promise.reject(new RangeError("late"));
    };
    hostImmediate(count);
  });
  assertEquals(failures, ["RangeError: late"]);
});
