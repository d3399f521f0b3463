import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { startSystemTask } from "../lowlevel.ts";
import {
  currentTime,
  moveOnAfter,
  openNursery,
  run,
  RunFinishedError,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../mod.ts";

Deno.test("startSystemTask() outlives nurseries and scopes, and ends, with its cleanup, after the main task", async () => {
  const log: string[] = [];
  const value = await run(async () => {
    await moveOnAfter(1, () =>
      openNursery(async () => {
        startSystemTask(async () => {
          try {
            await sleepForever();
          } finally {
            await shielded(() => sleep(1));
            log.push("ended");
          }
        });
        await sleepForever();
      }));
    await sleep(1);
    log.push("main");
    return 42;
  });
  assertEquals([value, ...log], [42, "main", "ended"]);
});

Deno.test("startSystemTask(): a failure cancels the run, which fails with that error itself", async () => {
  let cancelled = false;
  const boom = new RangeError("boom");
  const error = await assertRejects(() =>
    run(async () => {
      startSystemTask(async () => {
        await sleep(1);
        throw boom;
      }, { name: "flusher" });
      try {
        await sleepForever();
      } finally {
        cancelled = true;
      }
    })
  );
  assertEquals([error === boom, cancelled], [true, true]);
});

Deno.test("startSystemTask(): no error is lost when the main task fails as well", async () => {
  const error = await assertRejects(
    () =>
      run(async () => {
        startSystemTask(async () => {
          try {
            await sleepForever();
          } catch {
            throw new RangeError("cleanup");
          }
        });
        await sleep(1);
        throw new TypeError("main");
      }),
    TypeError,
    "main",
  );
  assertEquals(suppressedErrors(error).map(String), ["RangeError: cleanup"]);
});

Deno.test("startSystemTask() has none of the caller's async-local values, and can be started by others of its kind", async () => {
  const storage = new AsyncLocalStorage<number>();
  const seen: unknown[] = [];
  await run(async () => {
    storage.run(7, () => {
      startSystemTask(() => {
        seen.push(storage.getStore());
        startSystemTask(() => void seen.push("inner"));
      });
    });
    await sleep(1);
  });
  assertEquals(seen, [undefined, "inner"]);
});

Deno.test("startSystemTask() is refused outside a run, and when the main task has ended", async () => {
  assertThrows(() => startSystemTask(() => {}), TypeError, "must be in a run");
  // @ts-expect-error a promise is no function
  await run(() => assertThrows(() => startSystemTask(Promise.resolve()), TypeError, '"fn" must be a function'));
  let late: unknown;
  await run(async () => {
    startSystemTask(async () => {
      try {
        await sleepForever();
      } finally {
        try {
          startSystemTask(() => {});
        } catch (error) {
          late = error;
        }
      }
    });
    await sleep(1);
  });
  assert(late instanceof RunFinishedError);
});

Deno.test(
  "a simulation ends its system tasks with its body",
  simulated(async () => {
    let ticks = 0;
    startSystemTask(async () => {
      while (true) {
        await sleep(1_000);
        ticks++;
      }
    });
    await sleep(3_500);
    assertEquals([ticks, currentTime()], [3, 3_500]);
  }),
);
