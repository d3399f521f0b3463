import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  type TaskStatus,
} from "../mod.ts";

Deno.test(
  "start() waits for started() and returns its value; the task goes on in the nursery",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const value = await nursery.start<string>(async (status) => {
        await sleep(2);
        status.started("ready");
        await sleep(5);
      }, { name: "server" });
      assertEquals([value, sim.now], ["ready", 2]);
      assertEquals(nursery.childTasks.map(({ name, parentNursery }) => [name, parentNursery === nursery]), [[
        "server",
        true,
      ]]);
    });
    assertEquals(sim.now, 7);
  }),
);

Deno.test(
  "start() throws the error of a task that fails before started(), as it is, and leaves the nursery alone",
  simulated(async () => {
    const error = new TypeError("no");
    await openNursery(async (nursery) => {
      const thrown = await nursery.start(async () => {
        await sleep(1);
        throw error;
      }).catch((error) => error);
      assertStrictEquals(thrown, error);
      assert(!nursery.cancelScope.cancelCalled);
    });
  }),
);

Deno.test(
  "start() refuses a task that ends before started(), also one that swallowed a cancellation",
  simulated(async () => {
    const message = (id: number) =>
      `Cannot start task "quick" #${id} as it ended before it called status.started(): call it once the task is ready`;
    await openNursery(async (nursery) => {
      await assertRejects(() => nursery.start(() => {}, { name: "quick" }), TypeError, message(2));
      const outcome = await moveOnAfter(
        1,
        () =>
          assertRejects(
            () => nursery.start(() => sleepForever().catch(() => {}), { name: "quick" }),
            TypeError,
            message(3),
          ),
      );
      assert(!outcome.cancelledCaught);
    });
  }),
);

Deno.test(
  "start() returns the value even if the task crashes right after started(); the nursery fails",
  simulated(async () => {
    let value = 0;
    const error = await openNursery(async (nursery) => {
      value = await nursery.start<number>((status) => {
        status.started(7);
        throw new Error("right after");
      });
      await checkpoint();
      throw new Error("not reached");
    }).catch((error) => error);
    assertEquals(value, 7);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.errors.map(String), ["Error: right after"]);
  }),
);

Deno.test(
  "start(): the task is under the caller's scopes until started(), and under the nursery's afterwards",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const outcome = await moveOnAfter(5, () => nursery.start(() => sleepForever()));
      assert(outcome.cancelledCaught);
      assertEquals(sim.now, 5);
      await moveOnAfter(5, async () => {
        await nursery.start(async (status) => {
          status.started();
          await sleep(20);
        });
        await sleepForever();
      });
      assertEquals(sim.now, 10);
    });
    assertEquals(sim.now, 25);
  }),
);

Deno.test(
  "started() in a cancelled caller records the value and does not move the task",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      const outcome = await scope.run(() =>
        nursery.start<string>(async (status) => {
          scope.cancel();
          status.started("recorded");
          assertEquals(nursery.childTasks.length, 0);
          await shielded(() => sleep(3));
        })
      );
      assertEquals(outcome, { cancelledCaught: false, value: "recorded" });
      assertEquals(sim.now, 3);
      const failing = new CancelScope();
      await assertRejects(
        () =>
          failing.run(() =>
            nursery.start<string>((status) => {
              failing.cancel();
              status.started("recorded");
              throw new TypeError("after a started that did not move");
            })
          ),
        TypeError,
        "after a started that did not move",
      );
    });
  }),
);

Deno.test(
  "a nursery that is cancelled during start-up reaches the task only when it moves, and then all below it",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(() =>
        openNursery(async (nursery) => {
          target = nursery;
          await sleepForever();
        })
      );
      await sim.settled();
      await target!.start(async (status) => {
        target!.cancel();
        await sleep(3);
        log.push(`not cancelled until ${sim.now}`);
        await openNursery(async (inner) => {
          inner.startSoon(async () => {
            await sleepForever().catch(() => log.push(`grandchild cancelled at ${sim.now}`));
          });
          await moveOnAfter(1_000, async () => {
            await sleep(1);
            status.started();
            await sleepForever();
          });
        });
      });
      log.push("start returned");
    });
    assertEquals(log, ["not cancelled until 3", "start returned", "grandchild cancelled at 4"]);
  }),
);

Deno.test(
  "started() twice is an error, and a late one after a failed start is accepted in silence",
  simulated(async () => {
    let late: TaskStatus | undefined;
    await openNursery(async (nursery) => {
      await nursery.start((status) => {
        status.started();
        assertEquals(
          (() => {
            try {
              status.started();
            } catch (error) {
              return String(error);
            }
          })(),
          'TypeError: Cannot report task "twice" #2 as started as started() was called before: call it once',
        );
      }, { name: "twice" });
      await assertRejects(() =>
        nursery.start((status) => {
          late = status;
          throw new Error("failed");
        })
      );
      late?.started();
    });
  }),
);

Deno.test(
  "a pending start holds the nursery open",
  simulated(async (sim) => {
    let target: Nursery | undefined;
    await openNursery((outer) => {
      outer.startSoon(async () => {
        await openNursery((nursery) => {
          target = nursery;
          nursery.startSoon(() => sleep(1));
        });
        assertEquals(sim.now, 13);
      });
      outer.startSoon(async () => {
        await sim.settled();
        await target!.start(async (status) => {
          await sleep(3);
          status.started();
          await sleep(10);
        });
      });
    });
  }),
);

Deno.test(
  "start() in a cancelled scope refuses, and starts nothing",
  simulated(async () => {
    await openNursery(async (nursery) => {
      let ran = false;
      const outcome = await moveOnAfter(0, () => nursery.start(() => void (ran = true)));
      assert(outcome.cancelledCaught && !ran);
    });
  }),
);

Deno.test(
  "start({ daemon }) makes a daemon once it has moved",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      await nursery.start(async (status) => {
        await sleep(1);
        status.started();
        await sleepForever();
      }, { daemon: true });
    });
    assertEquals(sim.now, 1);
  }),
);

Deno.test(
  "task.cancel() of a task that is starting ends it; start() says that it never got ready",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const { currentTask } = await import("../mod.ts");
      await assertRejects(
        () =>
          nursery.start(async () => {
            currentTask().cancel();
            await sleepForever();
          }, { name: "suicidal" }),
        TypeError,
        'Cannot start task "suicidal" #2 as it ended before it called status.started()',
      );
    });
  }),
);

Deno.test(
  "a Cancelled of the caller comes out of start() and is caught by the caller's scope",
  simulated(async () => {
    let seen: unknown;
    await openNursery(async (nursery) => {
      const outcome = await moveOnAfter(2, () =>
        nursery.start(async () => {
          try {
            await sleepForever();
          } catch (error) {
            seen = error;
            throw error;
          }
        }));
      assert(outcome.cancelledCaught && isCancelled(seen));
    });
  }),
);

Deno.test(
  "a task that is up and running under a shield moves, although its caller is cancelled: neither waits for the other",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const stop = new Event();
      const outcome = await moveOnAfter(1, async () => {
        try {
          const value = await nursery.start<string>((status) =>
            shielded(async () => {
              await sleep(2);
              status.started("up");
              await stop.wait();
              log.push(`stopped at ${sim.now}`);
            })
          );
          log.push(`${value} at ${sim.now}`);
          await checkpoint();
        } finally {
          stop.set();
        }
      });
      assert(outcome.cancelledCaught);
    });
    assertEquals(log, ["up at 2", "stopped at 2"]);
  }),
);
