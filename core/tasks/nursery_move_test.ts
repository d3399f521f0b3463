import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentEffectiveDeadline,
  currentTask,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  type Task,
  type TaskStatus,
} from "../mod.ts";

// What `nursery.start()` does with a task and everything below it; its plain uses are in nursery_start_test.ts.

/** Starts a nursery in a task of its own, for others to start tasks in; it ends when it is cancelled. */
async function elsewhere(outer: Nursery, settled: () => Promise<void>): Promise<Nursery> {
  let target: Nursery | undefined;
  outer.startSoon(() =>
    openNursery(async (nursery) => {
      target = nursery;
      await sleepForever();
    })
  );
  await settled();
  return target!;
}

Deno.test(
  "after started(), the caller's scopes reach nothing of the task; the nursery's reach all of it",
  simulated(async (sim) => {
    const log: string[] = [];
    const watch = (name: string) => sleepForever().finally(() => log.push(`${name} ended at ${sim.now}`));
    await openNursery(async (outer) => {
      const target = await elsewhere(outer, () => sim.settled());
      await moveOnAfter(5, async () => {
        await target.start((status) =>
          openNursery(async (inner) => {
            inner.startSoon(() => watch("spawned before"));
            await moveOnAfter(1_000, async () => {
              await sleep(1);
              status.started();
              inner.startSoon(() => watch("spawned after"));
              await watch("in a scope opened before");
            });
          })
        );
        await watch("caller");
      });
      await sleep(5);
      target.cancel();
    });
    assertEquals(log.sort(), [
      "caller ended at 5",
      "in a scope opened before ended at 10",
      "spawned after ended at 10",
      "spawned before ended at 10",
    ]);
  }),
);

Deno.test(
  "until started(), the caller's deadline and shield hold for the task, afterwards the nursery's",
  simulated(async (sim) => {
    const deadlines: number[] = [];
    await openNursery(async (outer) => {
      const target = await elsewhere(outer, () => sim.settled());
      target.cancelScope.deadline = 70;
      await moveOnAfter(5, () =>
        target.start(async (status) => {
          deadlines.push(currentEffectiveDeadline());
          status.started();
          deadlines.push(currentEffectiveDeadline());
          await moveOnAfter(20, () => void deadlines.push(currentEffectiveDeadline()));
        }));
      target.cancel();
    });
    assertEquals(deadlines, [5, 70, 20]);
  }),
);

Deno.test(
  "a scope that the task opened keeps its deadline across the move",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      await nursery.start(async (status) => {
        const outcome = await moveOnAfter(10, async () => {
          await sleep(4);
          status.started();
          await sleepForever();
        });
        assertEquals([outcome.cancelledCaught, sim.now], [true, 10]);
      });
      assertEquals(sim.now, 4);
    });
  }),
);

Deno.test(
  "a shutdown of the nursery is seen by a task that moves into it",
  simulated(async (sim) => {
    await openNursery(async (outer) => {
      const target = await elsewhere(outer, () => sim.settled());
      target.cancelScope.shutdown();
      const seen: boolean[] = [];
      await target.start((status) => {
        seen.push(shutdownRequested());
        status.started();
        seen.push(shutdownRequested());
      });
      assertEquals(seen, [false, true]);
      target.cancel();
    });
  }),
);

Deno.test(
  "the task runs on after started() up to its next wait, and only then does the caller go on",
  simulated(async () => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const value = await nursery.start<string>(async (status) => {
        log.push("starting");
        status.started("value");
        log.push("still running");
        await checkpoint();
      });
      log.push(`caller got ${value}`);
    });
    assertEquals(log, ["starting", "still running", "caller got value"]);
  }),
);

Deno.test(
  "a task that moves into a cancelled nursery runs on up to its next wait",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      const target = await elsewhere(outer, () => sim.settled());
      const value = await target.start<number>(async (status) => {
        target.cancel("closing");
        status.started(1);
        log.push("still running");
        await checkpoint().catch((error) => log.push(error.message));
      }, { name: "newcomer" });
      log.push(`caller got ${value}`);
    });
    assertEquals(log.sort(), [
      'Cancelled as cancel() was called in task "newcomer" #3: closing',
      "caller got 1",
      "still running",
    ]);
  }),
);

Deno.test(
  "a nursery that fails during a start-up does not touch the task before it moves",
  simulated(async (sim) => {
    const log: string[] = [];
    const error = await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        throw new Error("sibling");
      });
      await shielded(() =>
        nursery.start(async (status) => {
          await sleep(3);
          log.push(`undisturbed at ${sim.now}`);
          status.started();
          await sleep(3);
          log.push("not reached");
        })
      );
      log.push(`caller at ${sim.now}`);
    }).catch((error) => error);
    assertEquals(log, ["undisturbed at 3", "caller at 3"]);
    assertEquals(error.errors.map(String), ["Error: sibling"]);
  }),
);

Deno.test(
  "start() that is cancelled waits for the task's cleanup, and throws what comes of it",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const outcome = await moveOnAfter(1, () =>
        nursery.start(async () => {
          try {
            await sleepForever();
          } finally {
            await shielded(() => sleep(4));
          }
        }));
      assertEquals([outcome.cancelledCaught, sim.now], [true, 5]);
      await assertRejects(
        () =>
          moveOnAfter(1, () => nursery.start(() => sleepForever().finally(() => Promise.reject(new Error("cleanup"))))),
        Error,
        "cleanup",
      );
      assert(!nursery.cancelScope.cancelCalled);
    });
  }),
);

Deno.test(
  "a group thrown before started() comes out as it is, with no group around it",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const error = await nursery.start(() =>
        openNursery(async (inner) => {
          inner.startSoon(() => Promise.reject(new TypeError("below")));
          await sleepForever();
        })
      ).catch((error) => error);
      assertInstanceOf(error, ErrorGroup);
      assertEquals(error.errors.map(String), ["TypeError: below"]);
      const group = new ErrorGroup([new Error("mine")], "as it is", { cause: "why" });
      assertStrictEquals(await nursery.start(() => Promise.reject(group)).catch((error) => error), group);
    });
  }),
);

Deno.test(
  "an error after the move leaves through the nursery, not through the caller of start()",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(async () => {
        const error = await openNursery(async (nursery) => {
          target = nursery;
          await sleepForever();
        }).catch((error) => error);
        log.push(error.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, ""));
      });
      await sim.settled();
      await target!.start(async (status) => {
        status.started();
        await sleep(1);
        throw new Error("later");
      });
      await sleep(2);
      log.push("caller goes on");
    });
    assertEquals(log, ["1 error: Error: later", "caller goes on"]);
  }),
);

Deno.test(
  "a pending start that fails lets the nursery close",
  simulated(async (sim) => {
    let target: Nursery | undefined;
    await openNursery(async (outer) => {
      const holder = outer.startSoon(() =>
        openNursery((nursery) => (target = nursery, nursery.startSoon(() => sleep(1))))
      );
      await sim.settled();
      const starting = target!.start(async () => {
        await sleep(5);
        throw new Error("no");
      });
      await assertRejects(() => starting, Error, "no");
      await holder.join();
      assertEquals(sim.now, 5);
      await assertRejects(() => target!.start(() => {}), Error, "is closed");
    });
  }),
);

Deno.test(
  "started() may be called by whoever has the status: a task below, or a callback",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const below = await nursery.start<string>((status) =>
        openNursery((inner) => {
          inner.startSoon(async () => {
            await sleep(2);
            status.started("from below");
          });
          inner.startSoon(() => sleep(5));
        })
      );
      assertEquals([below, sim.now], ["from below", 2]);
      let status: TaskStatus | undefined;
      const release = new Event();
      queueMicrotask(() => queueMicrotask(() => status!.started()));
      assertEquals(
        await nursery.start((given) => {
          status = given;
          return release.wait();
        }),
        undefined,
      );
      release.set();
    });
  }),
);

Deno.test(
  "start() inside a starting task moves the inner one with the outer one, or on its own",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const value = await nursery.start<string>(async (outer) => {
        const inner = await nursery.start<string>(async (status) => {
          await sleep(1);
          status.started("inner");
          await sleep(10);
        });
        await sleep(1);
        outer.started(`outer after ${inner}`);
      });
      assertEquals([value, sim.now], ["outer after inner", 2]);
    });
    assertEquals(sim.now, 11);
  }),
);

Deno.test(
  "a starting task is no child yet, of no nursery; it becomes one by started()",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      let task: Task | undefined;
      await nursery.start(async (status) => {
        task = currentTask();
        await sleep(1);
        assertEquals([task.parentNursery, nursery.childTasks], [null, []]);
        status.started();
        assertEquals(nursery.childTasks, [task]);
        await sleep(1);
      }, { name: "server" });
      assertStrictEquals(task!.parentNursery, nursery);
      assertEquals([task!.name, task!.state], ["server", "running"]);
      await task!.join();
      assertEquals([nursery.childTasks, task!.state, sim.now], [[], "done", 2]);
      assertStrictEquals(task!.parentNursery, nursery);
    });
  }),
);

Deno.test(
  "start() that is cancelled, with a task that refuses to end, waits until it does",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const scope = new CancelScope({ timeout: 2 });
      const outcome = await scope.run(() =>
        nursery.start<string>(async (status) => {
          await shielded(() => sleep(6));
          status.started("too late to move");
          assert(isCancelled(await checkpoint().catch((error) => error)));
        })
      );
      assertEquals([outcome.value, sim.now], ["too late to move", 6]);
      assertEquals(nursery.childTasks, []);
    });
  }),
);

Deno.test(
  "a scope that ends without awaiting a start() in it cancels the task, waits for it, and fails",
  simulated(async (sim) => {
    let ended = -1;
    await openNursery(async (nursery) => {
      const error = await assertRejects(() =>
        moveOnAfter(100, () => {
          nursery.start(() => sleepForever().finally(() => shielded(() => sleep(3))).finally(() => ended = sim.now), {
            name: "forgotten",
          });
        }), TypeError);
      assertEquals(ended, 3);
      assertMatch(
        error.message,
        /^Cannot leave a scope as everything that is opened in it must have ended: nursery.start\(\) of task "forgotten" #2 \(opened at .*nursery_move_test.ts:\d+:\d+\) was still open, and cancelled \(an "await" is missing\)$/,
      );
    });
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a late started(), when start() has failed already, changes nothing: the nursery waits for its children as before",
  simulated(async (sim) => {
    let late: TaskStatus | undefined;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(5));
      const error = await assertRejects(
        () => nursery.start((status) => void (late = status), { name: "hasty" }),
        TypeError,
      );
      assertEquals(
        error.message,
        'Cannot start task "hasty" #3 as it ended before it called status.started(): call it once the task is ready',
      );
      late!.started();
      assertEquals(nursery.childTasks.length, 1);
    });
    assertEquals(sim.now, 5);
  }),
);
