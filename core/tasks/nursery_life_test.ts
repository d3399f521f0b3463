import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  checkpoint,
  ClosedResourceError,
  currentTask,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  sleep,
  sleepForever,
} from "../mod.ts";

const CLOSED =
  'Cannot start a task in nursery "nursery" as it is closed: its block has ended, start tasks inside the function given to openNursery()';

Deno.test("startSoon() returns before any part of the child has run", async () => {
  await openNursery((nursery) => {
    let ran = false;
    const task = nursery.startSoon(() => ran = true);
    assertEquals([ran, task.state], [false, "running"]);
  });
});

Deno.test(
  "opening a nursery is no checkpoint: the body begins at once, also in a cancelled scope",
  simulated(async () => {
    let began = false;
    await moveOnAfter(0, () => {
      const left = openNursery(() => void (began = true));
      assert(began);
      return left;
    });
  }),
);

Deno.test(
  "the exit of an empty nursery is a schedule point",
  simulated(async () => {
    const order: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(() => order.push("other task"));
      await openNursery(() => {});
      order.push("left the empty one");
    });
    assertEquals(order, ["other task", "left the empty one"]);
  }),
);

Deno.test(
  "the parent goes on when the last child has ended, whatever the order in which they end",
  simulated(async (sim) => {
    const ended: number[] = [];
    await openNursery((nursery) => {
      for (const ms of [3, 1, 2]) nursery.startSoon(() => sleep(ms).then(() => ended.push(sim.now)));
    });
    assertEquals([ended, sim.now], [[1, 2, 3], 3]);
  }),
);

Deno.test(
  "what children return is dropped, and a return of the body cancels nobody",
  simulated(async (sim) => {
    const value = await openNursery((nursery) => {
      nursery.startSoon(() => sleep(7).then(() => "of the child"));
      return "of the body";
    });
    assertEquals([value, sim.now], ["of the body", 7]);
  }),
);

Deno.test(
  "startSoon() works from a sibling nursery's task, from a callback, and from a child of a child",
  simulated(async (sim) => {
    const ran: string[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(() =>
        openNursery(async (nursery) => {
          target = nursery;
          await sleep(10);
        })
      );
      await sim.settled();
      outer.startSoon(() => void target!.startSoon(() => ran.push("from a task outside")));
      queueMicrotask(() => target!.startSoon(() => ran.push("from a callback")));
      target!.startSoon(() => openNursery(() => void target!.startSoon(() => ran.push("from below"))));
    });
    assertEquals(ran.sort(), ["from a callback", "from a task outside", "from below"]);
  }),
);

Deno.test(
  "a child started by another task belongs to the nursery: it holds it open, and its error leaves there",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(async () => {
        const error = await openNursery(async (nursery) => {
          target = nursery;
          await sleep(1);
        }).catch((error) => error);
        log.push(`${error.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, "")} at ${sim.now}`);
      });
      await sim.settled();
      const task = target!.startSoon(async () => {
        await sleep(5);
        throw new Error("spawned from outside");
      });
      assertStrictEquals(task.parentNursery, target);
      assertEquals(outer.childTasks.includes(task), false);
    });
    assertEquals(log, ["1 error: Error: spawned from outside at 5"]);
  }),
);

Deno.test(
  "a nursery is closed once the body and all children have ended, and not before",
  simulated(async () => {
    let kept: Nursery | undefined;
    await openNursery((nursery) => {
      kept = nursery;
      nursery.startSoon(async () => {
        await sleep(1);
        nursery.startSoon(() => sleep(1));
      });
    });
    assertEquals(kept!.childTasks, []);
    assertThrows(() => kept!.startSoon(() => {}), ClosedResourceError, CLOSED);
    assertThrows(() => kept!.startSoon(() => {}, { daemon: true }), ClosedResourceError, CLOSED);
    await assertRejects(() => kept!.start(() => {}), ClosedResourceError, CLOSED);
  }),
);

Deno.test("a nursery that failed or was cancelled is closed as well", async () => {
  let kept: Nursery | undefined;
  await openNursery((nursery) => {
    kept = nursery;
    throw new Error("failed");
  }).catch(() => {});
  assertThrows(() => kept!.startSoon(() => {}), ClosedResourceError, CLOSED);
  await openNursery((nursery) => {
    kept = nursery;
    nursery.cancel();
  });
  assertThrows(() => kept!.startSoon(() => {}), ClosedResourceError, CLOSED);
  kept!.cancel("harmless afterwards");
});

Deno.test("what is no function is refused with the words to write instead", async () => {
  const rejected = Promise.resolve();
  const wrong: [unknown, string][] = [
    [rejected, "a function: received a promise: write () => work() instead of work()"],
    [{ then() {} }, "a function: received a promise: write () => work() instead of work()"],
    [function* () {}, "a plain or async function: received a generator function"],
    [async function* () {}, "a plain or async function: received a generator function"],
    [undefined, "a function: received undefined"],
    [null, "a function: received null"],
    ["worker", 'a function: received "worker"'],
    [{}, "a function: received an object of type Object"],
  ];
  await openNursery(async (nursery) => {
    for (const [fn, found] of wrong) {
      const error = assertThrows(() => nursery.startSoon(fn as never), TypeError);
      assertEquals(error.message, `Cannot start a task as "fn" must be ${found}`);
      const rejection = await assertRejects(() => nursery.start(fn as never), TypeError);
      assertEquals(rejection.message, error.message);
      const opening = await assertRejects(() => openNursery(fn as never), TypeError);
      assertEquals(opening.message, `Cannot open a nursery as "body" must be ${found}`);
    }
    assertEquals(nursery.childTasks, []);
    assert(!nursery.cancelScope.cancelCalled);
  });
});

Deno.test(
  "the nursery's own scope holds for body and children: deadline, shield, and cancel()",
  simulated(async (sim) => {
    let child = "";
    await openNursery(async (nursery) => {
      nursery.cancelScope.deadline = 5;
      nursery.startSoon(() => sleepForever().catch((error) => child = `${error.source} at ${sim.now}`));
      await sleepForever();
    });
    assertEquals(child, "deadline at 5");
    const outcome = await moveOnAfter(1, () =>
      openNursery((nursery) => {
        nursery.cancelScope.shield = true;
        nursery.startSoon(() => sleep(10));
      }));
    assertEquals([outcome.cancelledCaught, sim.now], [false, 15]);
  }),
);

Deno.test(
  "nursery.cancel() keeps its first reason, and is a cancellation by hand of its scope",
  simulated(async () => {
    let seen: unknown;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleepForever().catch((error) => seen = error));
      await sleep(1);
      nursery.cancel("first");
      nursery.cancel("second");
      assert(nursery.cancelScope.cancelCalled);
    });
    assert(isCancelled(seen));
    assertEquals(seen.message, 'Cancelled as cancel() was called in task "main" #1: first');
  }),
);

Deno.test(
  "scopes opened around the nursery hold for children, those opened in the body do not",
  simulated(async (sim) => {
    const log: string[] = [];
    await moveOnAfter(10, () =>
      openNursery(async (nursery) => {
        await moveOnAfter(1, async () => {
          nursery.startSoon(() => sleepForever().finally(() => log.push(`child ended at ${sim.now}`)));
          await sleepForever();
        });
        log.push(`body goes on at ${sim.now}`);
      }));
    assertEquals(log, ["body goes on at 1", "child ended at 10"]);
  }),
);

Deno.test(
  "a child spawned under a shield of the body is not shielded",
  simulated(async (sim) => {
    await moveOnAfter(3, () =>
      openNursery(async (nursery) => {
        await moveOnAfter(1, (scope) => {
          scope.shield = true;
          nursery.startSoon(() => sleepForever());
        });
      }));
    assertEquals(sim.now, 3);
  }),
);

Deno.test("a nursery knows its name and the task that opened it", async () => {
  await openNursery(async (outer) => {
    assertEquals([outer.name, outer.parentTask], ["nursery", currentTask()]);
    const task = outer.startSoon(() => openNursery((inner) => [inner.name, inner.parentTask], { name: "inner" }));
    assertEquals(await task.join(), ["inner", task]);
  });
});

Deno.test(
  "the body of a nursery runs in the task that opened it, and its error is that task's",
  simulated(async () => {
    const before = currentTask();
    const error = await openNursery(async () => {
      assertStrictEquals(currentTask(), before);
      await checkpoint();
      assertStrictEquals(currentTask(), before);
      throw new Error("body");
    }).catch((error) => error);
    assert(error instanceof ErrorGroup);
    assertStrictEquals(currentTask(), before);
  }),
);

Deno.test(
  "10,000 children fail at once, and every error arrives, in order",
  simulated(async () => {
    const go = new Event();
    const error = await openNursery(async (nursery) => {
      for (let i = 0; i < 10_000; i++) {
        nursery.startSoon(async () => {
          await go.wait();
          throw i;
        });
      }
      await sleep(1);
      go.set();
    }).catch((error) => error);
    assertEquals(error.errors.length, 10_000);
    assert((error.errors as number[]).every((value, index) => value === index));
    assertEquals(
      error.message,
      "10000 errors: thrown number 0; thrown number 1; thrown number 2; thrown number 3; thrown number 4; and 9995 more",
    );
  }),
);
