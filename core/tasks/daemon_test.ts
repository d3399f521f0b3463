import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  checkpoint,
  ErrorGroup,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  type Task,
} from "../mod.ts";

const DAEMON = { daemon: true };

Deno.test(
  "daemons run as long as the body or an ordinary child does, and end all together after them",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(() => sleepForever().finally(() => log.push(`${name} ended at ${sim.now}`)), DAEMON);
      }
      nursery.startSoon(() => sleep(5));
      await sleep(2);
    });
    assertEquals(log.sort(), ["a ended at 5", "b ended at 5", "c ended at 5"]);
  }),
);

Deno.test(
  "a daemon is told why it ends",
  simulated(async () => {
    let seen: unknown;
    await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch((error) => seen = error), DAEMON);
    });
    assert(isCancelled(seen));
    assertEquals([seen.source, seen.reason, seen.sourceTask], ["nursery", "only daemon tasks are left", undefined]);
  }),
);

Deno.test(
  "a nursery whose body starts nothing but daemons lets each run to its first wait",
  simulated(async (sim) => {
    const log: string[] = [];
    const value = await openNursery((nursery) => {
      nursery.startSoon(async () => {
        log.push("begun");
        await checkpoint();
        log.push("not reached");
      }, DAEMON);
      return "value";
    });
    assertEquals([value, ...log, sim.now], ["value", "begun", 0]);
  }),
);

Deno.test(
  "a daemon that ends by itself, early, is no event for the nursery",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleep(1).then(() => "done"), DAEMON);
      assertEquals(await task.join(), "done");
      assert(!nursery.cancelScope.cancelCalled);
      nursery.startSoon(() => sleep(5));
    });
    assertEquals(sim.now, 6);
  }),
);

Deno.test(
  "the cleanup of a daemon is waited for, also one that goes on in spite of its cancellation",
  simulated(async (sim) => {
    let kept: Nursery | undefined;
    await openNursery((nursery) => {
      kept = nursery;
      nursery.startSoon(() => sleepForever().finally(() => shielded(() => sleep(7))), DAEMON);
      nursery.startSoon(async () => {
        await sleepForever().catch(() => {});
        await shielded(() => sleep(3));
        await shielded(() => sleep(9));
      }, DAEMON);
    });
    assertEquals(sim.now, 12);
    assertEquals(kept!.cancelScope.cancelCalled, false);
  }),
);

Deno.test(
  "the end of daemons cancels nobody else: an ordinary child that one of them starts then runs to its end",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleepForever().catch(() => {});
        nursery.startSoon(() => sleep(4).then(() => log.push(`ordinary child done at ${sim.now}`)));
      }, DAEMON);
      nursery.startSoon(() => sleep(1));
    });
    assertEquals(log, ["ordinary child done at 5"]);
  }),
);

Deno.test(
  "a daemon's error fails the nursery at once, and siblings are cancelled",
  simulated(async (sim) => {
    const error = await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1).then(() => Promise.reject(new Error("heartbeat lost"))), DAEMON);
      nursery.startSoon(() => sleepForever());
      await sleepForever();
    }).catch((error) => error);
    assertInstanceOf(error, ErrorGroup);
    assertEquals([error.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, ""), sim.now], [
      "1 error: Error: heartbeat lost",
      1,
    ]);
  }),
);

Deno.test(
  "a daemon that fails in the cleanup of its own end fails the nursery, and the other daemons with it",
  simulated(async () => {
    const reasons: unknown[] = [];
    const error = await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch(() => Promise.reject(new Error("cleanup"))), DAEMON);
      nursery.startSoon(async () => {
        await shielded(() => sleep(1));
        await checkpoint().catch((error) => reasons.push(error.reason));
      }, DAEMON);
    }).catch((error) => error);
    assertEquals(error.errors.map(String), ["Error: cleanup"]);
    // The first reason stays.
    assertEquals(reasons, ["only daemon tasks are left"]);
  }),
);

Deno.test(
  "a pending start keeps daemons alive",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(() =>
        openNursery((nursery) => {
          target = nursery;
          nursery.startSoon(() => sleepForever().finally(() => log.push(`daemon ended at ${sim.now}`)), DAEMON);
          nursery.startSoon(() => sleep(1));
        })
      );
      await sim.settled();
      await target!.start(async (status) => {
        await sleep(5);
        status.started();
        await sleep(5);
      });
    });
    assertEquals(log, ["daemon ended at 10"]);
  }),
);

Deno.test(
  "a daemon that gets ready when nothing else is left in the nursery is cancelled as it moves in",
  simulated(async (sim) => {
    let ended = -1;
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      const holder = outer.startSoon(() =>
        openNursery((nursery) => {
          target = nursery;
          nursery.startSoon(() => sleep(1));
        })
      );
      await sim.settled();
      const value = await target!.start<string>(async (status) => {
        await sleep(3);
        status.started("ready");
        await sleepForever().finally(() => ended = sim.now);
      }, DAEMON);
      assertEquals(value, "ready");
      await holder.join();
    });
    assertEquals([ended, sim.now], [3, 3]);
  }),
);

Deno.test(
  "a daemon that another nursery starts in this one's body is not this one's",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      await openNursery(async (inner) => {
        inner.startSoon(() => sleep(2));
        await outer.start(async (status) => {
          assertEquals(inner.childTasks.length, 1);
          status.started();
          await sleep(5);
          log.push(`done at ${sim.now}`);
        }, DAEMON);
      });
      await sleep(10);
    });
    assertEquals(log, ["done at 5"]);
  }),
);

Deno.test(
  "joining a daemon does not keep it alive by itself, but a child that does so keeps the nursery open",
  simulated(async (sim) => {
    let state = "";
    await openNursery((nursery) => {
      const daemon: Task<string> = nursery.startSoon(() => sleep(5).then(() => "finished"), DAEMON);
      nursery.startSoon(async () => {
        state = `${await daemon.join()} at ${sim.now}`;
      });
    });
    assertEquals(state, "finished at 5");
  }),
);

Deno.test(
  "a daemon in a nursery that is cancelled ends like any child",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleepForever().catch((error) => log.push(`${error.reason} at ${sim.now}`)), DAEMON);
      await sleep(2);
      nursery.cancel("closing");
    });
    assertEquals(log, ["closing at 2"]);
  }),
);

/**
 * A lock on a server, kept by a connection that is a daemon; the user gives it back in its cleanup, over that
 * connection.
 */
async function lockOverConnection(daemon: boolean | "last", end: (nursery: Nursery) => unknown): Promise<string[]> {
  const log: string[] = [];
  const [send, receive] = openMemoryChannel<string>(10);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      for await (const command of receive) log.push(`sent ${command}`);
    }, { daemon, name: "connection" });
    nursery.startSoon(async () => {
      await send.send("LOCK");
      try {
        await sleep(100);
      } finally {
        await shielded(async () => {
          await send.send("UNLOCK");
          await sleep(20);
        });
      }
    }, { name: "user" });
    await sleep(10);
    await end(nursery);
  }).catch((error) => void log.push(error.name));
  return log;
}

for (
  const [how, end, rest] of [
    ["cancel()", (nursery: Nursery) => nursery.cancel(), []],
    ["an error of the body", () => Promise.reject(new Error("body")), ["ErrorGroup"]],
    ["an error of another child", (nursery: Nursery) => void nursery.startSoon(() => Promise.reject("x")), [
      "ErrorGroup",
    ]],
    ["the end of everybody else", () => {}, []],
    ["a shutdown whose grace runs out", (nursery: Nursery) => nursery.cancelScope.shutdown({ grace: 5 }), []],
  ] as const
) {
  Deno.test(
    `a daemon that ends last is there for the cleanup of others when the nursery ends by ${how}`,
    simulated(async () => {
      assertEquals(await lockOverConnection("last", end), ["sent LOCK", "sent UNLOCK", ...rest]);
    }),
  );
}

Deno.test(
  "a daemon that ends last outlives the other daemons, also under a cancelled scope around the nursery",
  simulated(async (sim) => {
    const ends: string[] = [];
    const note = (name: string, cleanup: number) => async () => {
      try {
        await sleepForever();
      } finally {
        await shielded(() => sleep(cleanup));
        ends.push(`${name} ${sim.now}`);
      }
    };
    const outcome = await moveOnAfter(5, () =>
      openNursery(async (nursery) => {
        nursery.startSoon(note("last", 0), { daemon: "last" });
        nursery.startSoon(note("daemon", 7), { daemon: true });
        nursery.startSoon(note("child", 3));
        await sleepForever();
      }));
    assert(outcome.cancelledCaught);
    assertEquals(ends, ["child 8", "daemon 12", "last 12"]);
    await openNursery((nursery) => {
      nursery.startSoon(note("last", 0), { daemon: "last" });
      nursery.startSoon(note("daemon", 1), { daemon: true });
    });
    assertEquals(ends.slice(3), ["daemon 13", "last 13"]);
  }),
);

Deno.test(
  "a daemon that ends last goes on no longer than its grace when the nursery is cancelled, and leaves no timer",
  simulated(async (sim) => {
    const ends: number[] = [];
    const last = () => sleepForever().finally(() => void ends.push(sim.now));
    await openNursery(async (nursery) => {
      nursery.startSoon(last, { daemon: "last", grace: 5 });
      nursery.startSoon(last, { daemon: "last", grace: 1_000 });
      nursery.startSoon(() => sleepForever().catch(() => shielded(() => sleep(20))));
      await sleep(1);
      nursery.cancel();
    });
    assertEquals([ends, sim.now], [[6, 21], 21]);
    await openNursery(async (nursery) => {
      nursery.cancel();
      nursery.startSoon(last, { daemon: "last", grace: 5 });
      await shielded(() => sleep(10));
    });
    assertEquals(ends.slice(2), [26]);
  }),
);

Deno.test(
  "a daemon that ends last can be cancelled by itself, can be started by start(), and its error counts",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever(), { daemon: "last" });
      await checkpoint();
      task.cancel();
      await sleep(1);
      assertEquals(task.state, "cancelled");
      await nursery.start((status) => {
        status.started();
        return sleepForever();
      }, { daemon: "last" });
    });
    const group = await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().finally(() => Promise.reject(new RangeError("closing"))), {
        daemon: "last",
      });
    }).catch((error) => error);
    assertEquals(group.errors.map(String), ["RangeError: closing"]);
  }),
);

Deno.test("startSoon() and start() refuse options of the wrong kind, before they start anything", async () => {
  let calls = 0;
  const count = () => void calls++;
  await openNursery(async (nursery) => {
    for (
      const [options, text] of [
        [{ daemon: "yes" }, 'Cannot start a task as "daemon" must be true, false or "last": received "yes"'],
        [{ daemon: 1 }, 'Cannot start a task as "daemon" must be true, false or "last": received 1'],
        [{ name: 5 }, 'Cannot start a task as "name" must be a string: received 5'],
        [{ daemon: "last", grace: -1 }, 'Cannot start a task as "grace" must be >= 0: received -1'],
        [{ grace: 5 }, 'Cannot start a task with "grace" as "daemon" must be "last": received undefined'],
        ["worker", 'Cannot start a task as "options" must be an object: received "worker"'],
        [null, 'Cannot start a task as "options" must be an object: received null'],
      ] as const
    ) {
      assertThrows(() => nursery.startSoon(count, options as never), Error, text);
      await assertRejects(() => nursery.start(count, options as never), Error, text);
    }
  });
  await assertRejects(
    () => openNursery(count, { name: 7 as never }),
    TypeError,
    'Cannot open a nursery as "name" must be',
  );
  assertEquals(calls, 0);
});

Deno.test(
  "all daemons of a nursery are cancelled together, for one reason, and not again whenever one of them ends",
  simulated(async () => {
    const many = 500;
    const reasons = new Set<unknown>();
    await openNursery(async (nursery) => {
      for (let i = 0; i < many; i++) {
        nursery.startSoon(() => sleepForever().catch((error) => void reasons.add(error)), DAEMON);
      }
      await sleep(1);
    });
    assertEquals(reasons.size, 1, "they end for one reason");
  }),
);

Deno.test(
  "a nursery keeps nothing of a last daemon with a grace that has ended before it",
  simulated(async () => {
    const added = EventTarget.prototype.addEventListener;
    const removed = EventTarget.prototype.removeEventListener;
    let listeners = 0;
    EventTarget.prototype.addEventListener = function (...args: Parameters<typeof added>) {
      listeners++;
      return added.apply(this, args);
    };
    EventTarget.prototype.removeEventListener = function (...args: Parameters<typeof removed>) {
      listeners--;
      return removed.apply(this, args);
    };
    try {
      await openNursery(async (nursery) => {
        for (let i = 0; i < 10; i++) {
          await nursery.startSoon(() => sleep(1), { daemon: "last", grace: 1_000 }).join();
        }
        assertEquals(listeners, 0);
      });
    } finally {
      EventTarget.prototype.addEventListener = added;
      EventTarget.prototype.removeEventListener = removed;
    }
  }),
);

Deno.test(
  "a last daemon that is started into a cancelled nursery goes on with all that it has begun",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (outer) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => sleepForever().finally(() => shielded(() => sleep(20))));
        outer.startSoon(() =>
          nursery.start(async (status) => {
            const begun = sleep(10).then(() => log.push(`begun before, ended at ${sim.now}`));
            await sleep(5);
            status.started();
            await begun;
            await sleepForever().finally(() => log.push(`ended at ${sim.now}`));
          }, { daemon: "last" })
        );
        await sleep(2);
        nursery.cancel();
      });
    });
    assertEquals(log, ["begun before, ended at 10", "ended at 22"]);
  }),
);
