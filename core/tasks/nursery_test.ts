import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  type CancelScope,
  checkpoint,
  ClosedResourceError,
  currentTask,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  originOf,
  sleep,
  sleepForever,
} from "../mod.ts";

async function failure(promise: Promise<unknown>): Promise<ErrorGroup> {
  const error = await promise.then(() => undefined, (error) => error);
  assertInstanceOf(error, ErrorGroup);
  return error;
}

const boom = (message: string) => () => Promise.reject(new Error(message));

Deno.test(
  "openNursery() keeps the tutorial's order: spawn lines, waiting line, then the children",
  simulated(async () => {
    const lines: string[] = [];
    await openNursery((nursery) => {
      lines.push("spawning 1");
      nursery.startSoon(() => lines.push("child 1"));
      lines.push("spawning 2");
      nursery.startSoon(() => lines.push("child 2"));
      lines.push("waiting");
    });
    lines.push("done");
    assertEquals(lines, ["spawning 1", "spawning 2", "waiting", "child 1", "child 2", "done"]);
  }),
);

Deno.test(
  "openNursery() waits for every child, and returns what the body returned",
  simulated(async (sim) => {
    const value = await openNursery((nursery) => {
      nursery.startSoon(() => sleep(5));
      nursery.startSoon(() => sleep(3));
      return "value";
    });
    assertEquals([value, sim.now], ["value", 5]);
  }),
);

Deno.test(
  "cancels siblings and the body when a child throws, and throws a group even for one error",
  simulated(async (sim) => {
    const ended: string[] = [];
    const group = await failure(openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } finally {
          ended.push(`sibling at ${sim.now}`);
        }
      });
      nursery.startSoon(async () => {
        await sleep(2);
        throw new Error("boom");
      }, { name: "bad" });
      try {
        await sleepForever();
      } catch (error) {
        assert(isCancelled(error) && error.source === "nursery" && error.sourceTask === 'task "bad" #3');
        ended.push("body");
        throw error;
      }
    }));
    assertEquals(group.errors.map(String), ["Error: boom"]);
    assertMatch(
      group.message,
      /^1 error: Error: boom \(in task "bad" #3, started at \/.*core\/tasks\/nursery_test.ts:\d+:\d+\)$/,
    );
    assertEquals(originOf(group.errors[0])?.task, "bad");
    assertEquals(ended.sort(), ["body", "sibling at 2"]);
  }),
);

Deno.test(
  "cancels the children when the body throws",
  simulated(async () => {
    let cancelled = false;
    const group = await failure(openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch(() => cancelled = true));
      throw new TypeError("body");
    }));
    assertEquals(group.errors.map(String), ["TypeError: body"]);
    assert(cancelled, "a child of a cancelled nursery runs to its first wait, which refuses");
  }),
);

Deno.test(
  "collects errors in the order in which they happened, also those of cleanup",
  simulated(async () => {
    const group = await failure(openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } catch {
          throw new Error("second, in cleanup");
        }
      });
      nursery.startSoon(boom("first"));
      await sleepForever().catch(() => {
        throw new Error("third, of the body");
      });
    }));
    assertEquals(group.errors.length, 3);
    assertEquals((group.errors[0] as Error).message, "first");
    assertEquals(group.find(isCancelled), undefined);
  }),
);

Deno.test(
  "groups nest, and a cancelled scope around takes only the cancellations",
  simulated(async () => {
    const group = await failure(moveOnAfter(1, () =>
      openNursery((outer) => {
        outer.startSoon(() =>
          openNursery((inner) => {
            inner.startSoon(async () => {
              await sleepForever().catch(() => {
                throw new RangeError("cleanup");
              });
            });
            inner.startSoon(() => sleepForever());
          })
        );
      })));
    assertInstanceOf(group.errors[0], ErrorGroup);
    assertEquals(group.flatten().map(String), ["RangeError: cleanup"]);
  }),
);

Deno.test(
  "exit throws no Cancelled of its own: a cancel that reaches only the waiting parent is not raised",
  simulated(async () => {
    const outcome = await moveOnAfter(1, async () => {
      await openNursery((nursery) => {
        nursery.startSoon(() => sleepForever().catch(() => {}));
      });
      return "left normally";
    });
    assertEquals(outcome, { cancelledCaught: false, value: "left normally" });
  }),
);

Deno.test(
  "nursery.cancel() ends body and children, and the nursery returns normally",
  simulated(async (sim) => {
    const value = await openNursery(async (nursery) => {
      nursery.startSoon(() => sleepForever());
      nursery.startSoon(async () => {
        await sleep(3);
        nursery.cancel("enough");
      });
      await sleepForever();
      return "not reached";
    });
    assertEquals([value as unknown, sim.now], [undefined, 3]);
  }),
);

Deno.test(
  "startSoon() works from other tasks, while draining, and in a cancelled nursery",
  simulated(async () => {
    const ran: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        nursery.startSoon(() => ran.push("while draining"));
        nursery.cancel();
        nursery.startSoon(async () => {
          ran.push("in a cancelled one, up to the first wait");
          await checkpoint();
          ran.push("not reached");
        });
      });
    });
    assertEquals(ran, ["while draining", "in a cancelled one, up to the first wait"]);
  }),
);

Deno.test(
  "a child's cancellation comes from the nursery as it was opened, not from the scopes of its spawner",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      await moveOnAfter(1, async () => {
        nursery.startSoon(() => sleep(10));
        await sleepForever();
      });
    });
    assertEquals(sim.now, 10);
  }),
);

Deno.test("startSoon() refuses what is no function, and a closed nursery, before any effect", async () => {
  let kept: Nursery | undefined;
  await openNursery((nursery) => {
    kept = nursery;
    assertThrows(
      () => nursery.startSoon(Promise.resolve() as never),
      TypeError,
      'Cannot start a task as "fn" must be a function: received a promise: write () => work() instead of work()',
    );
    assertThrows(
      () => nursery.startSoon(async function* () {} as never),
      TypeError,
      'Cannot start a task as "fn" must be a plain or async function: received a generator function',
    );
    assertThrows(() => nursery.startSoon(undefined as never), TypeError, "received undefined");
    assertEquals(nursery.childTasks.length, 0);
  }, { name: "servers" });
  const message =
    'Cannot start a task in nursery "servers" as it is closed: its block has ended, start tasks inside the function given to openNursery()';
  assertThrows(() => kept?.startSoon(() => {}), ClosedResourceError, message);
  await assertRejects(() => kept!.start(() => {}), ClosedResourceError, message);
  await assertRejects(
    () => openNursery(5 as never),
    TypeError,
    'Cannot open a nursery as "body" must be a function: received 5',
  );
});

Deno.test(
  "a daemon does not keep the nursery open, and its cleanup is awaited",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } catch (error) {
          assert(isCancelled(error) && error.reason === "only daemon tasks are left");
          nursery.startSoon(() => sleep(5));
          log.push(`cancelled at ${sim.now}`);
          throw error;
        }
      }, { daemon: true });
      nursery.startSoon(() => sleep(3));
    });
    assertEquals([log[0], sim.now], ["cancelled at 3", 8]);
  }),
);

Deno.test(
  "an error of a daemon fails the nursery, also one of its cleanup",
  simulated(async () => {
    const early = await failure(openNursery(async (nursery) => {
      nursery.startSoon(boom("daemon"), { daemon: true });
      await sleepForever();
    }));
    assertEquals(early.errors.map(String), ["Error: daemon"]);
    const late = await failure(openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleepForever().catch(() => {});
        throw new Error("cleanup");
      }, { daemon: true });
    }));
    assertEquals(late.errors.map(String), ["Error: cleanup"]);
  }),
);

Deno.test(
  "a daemon started when only daemons are left is cancelled at its first wait",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } finally {
          nursery.startSoon(async () => {
            log.push("ran");
            await sleepForever();
          }, { daemon: true });
        }
      }, { daemon: true });
    });
    assertEquals(log, ["ran"]);
  }),
);

Deno.test(
  "childTasks lists those that have not ended, oldest first, without scopes of the body",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(5), { name: "a" });
      nursery.startSoon(() => sleep(1), { name: "b" });
      nursery.startSoon(() => sleep(9), { name: "c" });
      await moveOnAfter(2, () => sleepForever());
      assertEquals(nursery.childTasks.map(({ name }) => name), ["a", "c"]);
      assertEquals(nursery.parentTask, currentTask());
      await sim.settled();
    });
  }),
);

Deno.test("a thrown value that is no Error is kept", async () => {
  const group = await failure(openNursery((nursery) => {
    nursery.startSoon(() => Promise.reject("text"));
  }));
  assertEquals(group.errors, ["text"]);
  assertEquals(group.message, "1 error: thrown string text");
});

Deno.test("100,000 children end, and are cancelled", async () => {
  let ended = 0;
  const done = new Event();
  await openNursery(async (nursery) => {
    for (let i = 0; i < 100_000; i++) nursery.startSoon(() => done.wait().finally(() => ended++));
    await checkpoint();
    nursery.cancel();
  });
  assertEquals(ended, 100_000);
  assertEquals(done.statistics().tasksWaiting, 0);
});

Deno.test(
  "nested 5,000 deep, nurseries and scopes are cancelled from the top, and an error comes up from the bottom",
  simulated(async () => {
    const dig = (depth: number, bottom: () => Promise<unknown>): Promise<unknown> =>
      depth === 0
        ? bottom()
        : openNursery((nursery) => void nursery.startSoon(() => moveOnAfter(Infinity, () => dig(depth - 1, bottom))));
    const outcome = await moveOnAfter(1, async () => {
      await dig(2_500, sleepForever);
      await checkpoint();
    });
    assert(outcome.cancelledCaught);
    const group = await failure(dig(2_500, boom("bottom")) as Promise<unknown>);
    assertEquals(group.flatten().map(String), ["Error: bottom"]);
  }),
);

Deno.test("an endless loop of empty nurseries or scopes does not starve the event loop", async () => {
  for (
    const once of [() => openNursery(() => {}), () => moveOnAfter(1_000, () => {}), () => sleep(0), () => checkpoint()]
  ) {
    let turned = false;
    setTimeout(() => turned = true, 0);
    while (!turned) await once();
  }
});

Deno.test("tasks that wake each other, and a loop that swallows its cancellation, do not starve the event loop", async () => {
  let turned = false;
  setTimeout(() => turned = true, 0);
  let [ping, pong] = [new Event(), new Event()];
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      while (!turned) {
        await ping.wait();
        ping = new Event();
        pong.set();
      }
      pong.set();
    });
    nursery.startSoon(async () => {
      while (!turned) {
        ping.set();
        await pong.wait();
        pong = new Event();
      }
      ping.set();
    });
  });
  turned = false;
  setTimeout(() => turned = true, 0);
  await moveOnAfter(0, async (_scope: CancelScope) => {
    while (!turned) await sleep(1).catch(() => {});
  });
});

Deno.test("openNursery() under the default run works in a script", async () => {
  const name = await openNursery(() => currentTask().name);
  assertStrictEquals(name, "main");
});
