import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelledElsewhereError,
  checkpoint,
  currentTask,
  ErrorGroup,
  moveOnAfter,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
  type Task,
} from "../mod.ts";

// What a `Task` promises beyond its plain uses, which are in task_test.ts.

Deno.test(
  "join() by several tasks gives all of them the value, in the order in which they asked",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      const task = nursery.startSoon(() => sleep(3).then(() => "value"));
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => log.push(`${name} ${await task.join()} ${sim.now}`));
      }
    });
    assertEquals(log, ["a value 3", "b value 3", "c value 3"]);
  }),
);

Deno.test(
  "join() by several tasks gives all of them the same error",
  simulated(async () => {
    const error = new RangeError("shared");
    const seen: unknown[] = [];
    await openNursery(async (watchers) => {
      await openNursery((nursery) => {
        const task = nursery.startSoon(async () => {
          await sleep(1);
          throw error;
        });
        for (const _ of "ab") watchers.startSoon(() => task.join().catch((error) => seen.push(error)));
      }).catch(() => {});
    });
    assertEquals(seen.length, 2);
    for (const one of seen) assertStrictEquals(one, error);
  }),
);

Deno.test(
  "join() of a task that has ended is still a checkpoint: it yields, and refuses in a cancelled scope",
  simulated(async () => {
    const order: string[] = [];
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => "value");
      await sleep(1);
      nursery.startSoon(() => order.push("other task"));
      await task.join();
      order.push("joined");
      const outcome = await moveOnAfter(0, () => task.join());
      assert(outcome.cancelledCaught);
    });
    assertEquals(order, ["other task", "joined"]);
  }),
);

Deno.test(
  "join() of a task that failed or was cancelled earlier throws its error, each time",
  simulated(async () => {
    const error = new Error("failed");
    let failed: Task | undefined;
    await openNursery((nursery) => {
      failed = nursery.startSoon(() => Promise.reject(error));
    }).catch(() => {});
    for (const _ of "ab") assertStrictEquals(await failed!.join().catch((error) => error), error);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      await sleep(1);
      task.cancel("why");
      await sleep(1);
      for (const _ of "ab") {
        const failure = await task.join().catch((error) => error);
        assertInstanceOf(failure, CancelledElsewhereError);
        assertEquals(String(failure.cause), 'Cancelled: Cancelled as cancel() was called in task "main" #1: why');
      }
    });
  }),
);

Deno.test(
  "join() that nobody awaits ends in silence when the task is cancelled, before or after",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      task.join();
      await sleep(1);
      task.cancel();
      await sleep(1);
      task.join();
      await sim.settled();
      assertEquals(task.state, "cancelled");
    });
  }),
);

Deno.test(
  "join() of oneself is refused also from a scope or a nursery's body inside the task",
  simulated(async () => {
    await openNursery((nursery) => {
      nursery.startSoon(() =>
        moveOnAfter(10, () =>
          openNursery(async () => {
            const error = await assertRejects(() => currentTask().join(), TypeError);
            assertEquals(
              error.message,
              'Cannot join task "me" #2 as it would wait for itself: join it from another task',
            );
          })), { name: "me" });
    });
  }),
);

Deno.test(
  "task.cancel() before the task has begun lets it run to its first wait",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        log.push("begun");
        await checkpoint();
        log.push("not reached");
      }).cancel();
    });
    assertEquals(log, ["begun"]);
  }),
);

Deno.test(
  "task.cancel() is idempotent: the first reason stays, and an ended task stays as it is",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      const done = nursery.startSoon(() => "value");
      await sleep(1);
      task.cancel("first");
      task.cancel("second");
      done.cancel("too late");
      const error = await task.join().catch((error) => error);
      assertEquals([error.cause.reason, done.state, await done.join()], ["first", "done", "value"]);
    });
  }),
);

Deno.test(
  "task.cancel() of oneself takes effect at the next wait",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        currentTask().cancel("enough");
        log.push("goes on");
        await checkpoint().catch((error) => log.push(error.message));
      }, { name: "me" });
    });
    assertEquals(log, ["goes on", 'Cancelled as cancel() was called in task "me" #2: enough']);
  }),
);

Deno.test(
  "a task that swallows its cancellation and returns is done, with its value",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever().catch(() => "swallowed"));
      await sleep(1);
      task.cancel();
      assertEquals([await task.join(), task.state], ["swallowed", "done"]);
    });
  }),
);

Deno.test(
  "a cancelled task with failures below fails with those alone",
  simulated(async () => {
    const error = await openNursery(async (nursery) => {
      const task = nursery.startSoon(() =>
        openNursery((inner) => {
          inner.startSoon(() => sleepForever());
          inner.startSoon(() => sleepForever().catch(() => Promise.reject(new Error("below"))));
        })
      );
      await sleep(1);
      task.cancel();
      const joined = await shielded(() => task.join().catch((error) => error));
      assertEquals((joined.value as ErrorGroup).errors.map(String), ["Error: below"]);
      assertEquals(task.state, "failed");
    }).catch((error) => error);
    assert(error instanceof ErrorGroup);
    assertEquals(error.flatten().map(String), ["Error: below"]);
  }),
);

Deno.test(
  "state is running until everything in the task has ended, then says how it ended",
  simulated(async () => {
    const tasks: Record<string, Task> = {};
    await openNursery(async (nursery) => {
      tasks.done = nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => sleep(5))));
      tasks.cancelled = nursery.startSoon(() => sleepForever().finally(() => shielded(() => sleep(5))));
      tasks.failed = nursery.startSoon(() => sleep(9).then(() => Promise.reject(new Error("x"))));
      tasks.taken = nursery.startSoon(() => sleepForever());
      await sleep(1);
      tasks.cancelled.cancel();
      await sleep(1);
      assertEquals(Object.values(tasks).map(({ state }) => state), ["running", "running", "running", "running"]);
    }).catch(() => {});
    assertEquals(Object.entries(tasks).map(([how, { state }]) => `${how} ${state}`), [
      "done done",
      "cancelled cancelled",
      "failed failed",
      "taken cancelled",
    ]);
  }),
);

Deno.test(
  "a task is not thenable: an async function that returns one does not wait for it",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const task = await (async () => await Promise.resolve(nursery.startSoon(() => sleep(5))))();
      assertEquals([sim.now, task.state], [0, "running"]);
    });
  }),
);

Deno.test("ids count up from 1 within a run, the main task first", async () => {
  for (const _ of "ab") {
    await run(async () => {
      const main = currentTask();
      assertEquals([main.id, main.name, main.parentNursery, main.state], [1, "main", null, "running"]);
      await openNursery(async (nursery) => {
        const first = nursery.startSoon(() => nursery.startSoon(() => {}).id);
        const second = nursery.startSoon(() => {});
        assertEquals([first.id, second.id, await first.join()], [2, 3, 4]);
        assertEquals(await nursery.start<number>((status) => status.started(currentTask().id)), 5);
        assertStrictEquals(first.parentNursery, nursery);
      });
    }, { handleSignals: false });
  }
});

Deno.test("a task is named by its option or its function", async () => {
  await openNursery((nursery) => {
    const worker = () => {};
    class Pool {
      work() {}
    }
    const names = [worker, worker.bind(null), new Pool().work, () => {}, async function fetchAll() {}]
      .map((fn) => nursery.startSoon(fn).name);
    assertEquals(names, ["worker", "bound worker", "work", "task", "fetchAll"]);
    assertEquals(nursery.startSoon(worker, { name: "by option" }).name, "by option");
  });
});

Deno.test("spawnSite is the line and column of the call, for startSoon() and start() alike", async () => {
  const here = () => /join_test\.ts:(\d+):/.exec(new Error().stack!.split("\n")[2]!)![1];
  await run(() =>
    openNursery(async (nursery) => {
      const [task, line] = [nursery.startSoon(() => sleep(0)), here()];
      assert(task.spawnSite!.endsWith(`/core/tasks/join_test.ts:${line}:37`), task.spawnSite);
      const starting = nursery.start<Task>(async (status) => {
        status.started(currentTask());
        await sleep(1);
      });
      const started = await starting;
      assert(started.spawnSite!.endsWith(`/core/tasks/join_test.ts:${Number(line) + 2}:32`), started.spawnSite);
      assertEquals(nursery.parentTask.spawnSite, undefined);
    }), { handleSignals: false });
});

Deno.test("spawnSite is recorded for as many tasks as spawnSites says", async () => {
  for (const spawnSites of [0, 2]) {
    await run(() =>
      openNursery((nursery) => {
        const sites = Array.from({ length: 4 }, () => nursery.startSoon(() => {}).spawnSite);
        assertEquals(sites.map((site) => site !== undefined), [0, 1, 2, 3].map((index) => index < spawnSites));
      }), { handleSignals: false, spawnSites });
  }
});

Deno.test(
  "a task that waits for one that was cancelled fails, if it does not handle that, and so does its nursery",
  simulated(async () => {
    let waiting: Task | undefined;
    const group = await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      waiting = nursery.startSoon(() => task.join());
      await sleep(1);
      task.cancel("target");
      const error = await waiting.join().catch((error) => error);
      assertEquals((error as { cause: { reason: unknown } }).cause.reason, "target");
    }).catch((error) => error);
    assertEquals(waiting!.state, "failed");
    assertEquals(group.errors.map((error: Error) => error.name), ["CancelledElsewhereError"]);
  }),
);

Deno.test(
  "a cancelled task that ends with nothing but cancellations, wrapped by the language, counts as cancelled",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => Promise.any([sleepForever(), sleepForever()]));
      await sleep(1);
      task.cancel("why");
      const error = await task.join().catch((error) => error);
      assertEquals(error.cause.reason, "why");
      assertEquals(task.state, "cancelled");
    });
  }),
);

Deno.test(
  "joins that are awaited in turn never end the process: the error is told by the nursery",
  simulated(async () => {
    const group = await openNursery(async (nursery) => {
      const slow = nursery.startSoon(() => sleep(2_000));
      const failing = nursery.startSoon(() => sleep(20).then(() => Promise.reject(new Error("boom"))));
      const joins = [slow.join(), failing.join(), failing.join()];
      for (const join of joins) await join;
    }).catch((error) => error);
    assertEquals(group.errors.map(String), ["Error: boom"]);
    // Of a task that has ended, too.
    const failed = await openNursery((nursery) => nursery.startSoon(() => Promise.reject(new Error("x")))).catch(
      () => {},
    );
    assertEquals(failed, undefined);
    await sleep(1);
  }),
);

Deno.test(
  "join() of a task that waits for the caller to end is an error at the call",
  simulated(async () => {
    const seen: string[] = [];
    await openNursery(async (nursery) => {
      await nursery.startSoon(async () => {
        const parent = currentTask();
        await openNursery((inner) => {
          inner.startSoon(async () => {
            await parent.join().catch((error) => seen.push(error.message));
            await moveOnAfter(5, () =>
              openNursery((innermost) => {
                innermost.startSoon(() => parent.join().catch((error) => void seen.push(error.name)));
              }));
          }, { name: "child" });
        });
      }, { name: "parent" }).join();
    });
    assertEquals(seen, [
      'Cannot join task "parent" #2 as it waits for the joining task "child" #3 to end: join it from a task that it does not wait for',
      "TypeError",
    ]);
  }),
);
