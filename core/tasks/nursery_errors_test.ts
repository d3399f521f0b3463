import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  ErrorGroup,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
} from "../mod.ts";

/** The group with which a nursery fails. */
async function failure(promise: Promise<unknown>): Promise<ErrorGroup> {
  const error = await promise.then(() => undefined, (error) => error);
  assertInstanceOf(error, ErrorGroup);
  return error;
}

/** A child that fails at some time, whether or not it is cancelled meanwhile. */
const failing = (ms: number, message: string) => () =>
  shielded(async () => {
    await sleep(ms);
    throw new Error(message);
  });

Deno.test(
  "errors leave in the order in which they happened, not in that of the spawns",
  simulated(async (sim) => {
    const group = await failure(openNursery(async (nursery) => {
      nursery.startSoon(failing(30, "third"));
      nursery.startSoon(failing(10, "first"));
      nursery.startSoon(failing(40, "fourth"));
      await failing(20, "second, of the body")();
    }));
    assertEquals(group.errors.map(String), [
      "Error: first",
      "Error: second, of the body",
      "Error: third",
      "Error: fourth",
    ]);
    assertEquals(
      group.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, ""),
      "4 errors: Error: first; Error: second, of the body; Error: third; Error: fourth",
    );
    assertEquals(sim.now, 40);
  }),
);

Deno.test(
  "errors of children that fail while the nursery drains are collected, too",
  simulated(async () => {
    const group = await failure(openNursery((nursery) => {
      nursery.startSoon(failing(2, "late"));
      nursery.startSoon(failing(1, "early"));
      return "value";
    }));
    assertEquals(group.errors.map(String), ["Error: early", "Error: late"]);
  }),
);

Deno.test(
  "one failure among a hundred siblings leaves alone: their cancellations are no errors",
  simulated(async () => {
    const error = new TypeError("one");
    const group = await failure(openNursery(async (nursery) => {
      for (let i = 0; i < 100; i++) nursery.startSoon(() => sleepForever());
      nursery.startSoon(async () => {
        await sleep(1);
        throw error;
      });
      await sleepForever();
    }));
    assertEquals(group.errors.length, 1);
    assertStrictEquals(group.errors[0], error);
    assertEquals(group.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, ""), "1 error: TypeError: one");
  }),
);

Deno.test(
  "the Cancelled of siblings names the failing child and its error; the body's failure names its task",
  simulated(async () => {
    const seen: unknown[][] = [];
    const watch = async () => {
      try {
        await sleepForever();
      } catch (error) {
        if (isCancelled(error)) seen.push([error.source, error.sourceTask, error.reason, error.message]);
        throw error;
      }
    };
    const boom = new RangeError("boom");
    await failure(openNursery((nursery) => {
      nursery.startSoon(watch);
      nursery.startSoon(failingWith(boom), { name: "bad child" });
    }));
    await failure(openNursery(async (nursery) => {
      nursery.startSoon(watch);
      await sleep(1);
      throw boom;
    }));
    assertEquals(seen, [
      [
        "nursery",
        'task "bad child" #3',
        boom,
        'Cancelled as its nursery ended it in task "bad child" #3: RangeError: boom',
      ],
      ["nursery", 'task "main" #1', boom, 'Cancelled as its nursery ended it in task "main" #1: RangeError: boom'],
    ]);
  }),
);

const failingWith = (error: unknown) => async () => {
  await sleep(1);
  throw error;
};

Deno.test(
  "a child that fails before its first wait, or throws synchronously, fails the nursery like any other",
  simulated(async () => {
    const group = await failure(openNursery((nursery) => {
      nursery.startSoon(() => {
        throw new Error("sync");
      });
      nursery.startSoon(() => Promise.reject(new Error("async")));
    }));
    assertEquals(group.errors.map(String), ["Error: sync", "Error: async"]);
  }),
);

Deno.test(
  "undefined and null can be thrown, by a child and by the body",
  simulated(async () => {
    assertEquals((await failure(openNursery((n) => void n.startSoon(() => Promise.reject())))).errors, [undefined]);
    assertEquals((await failure(openNursery(() => Promise.reject(null)))).errors, [null]);
  }),
);

Deno.test(
  "one error object counts once, on however many ways it comes: from two children, through those who join, from the body",
  simulated(async () => {
    const error = new Error("shared");
    const group = await failure(openNursery((nursery) => {
      for (const _ of "ab") nursery.startSoon(() => shielded(failingWith(error)));
    }));
    assertEquals(group.errors, [error]);
    const joined = await failure(openNursery(async (nursery) => {
      const task = nursery.startSoon(failingWith(error));
      for (const _ of "abc") nursery.startSoon(() => task.join());
      await task.join();
    }));
    assertEquals(joined.errors, [error]);
    assertEquals(
      (await failure(openNursery((nursery) => {
        for (const _ of "ab") nursery.startSoon(failingWith("down"));
      }))).errors,
      ["down"],
      "the second is cancelled before it throws",
    );
  }),
);

Deno.test(
  "a group thrown by a child stays one error, with its own message and cause",
  simulated(async () => {
    const inner = new ErrorGroup([new Error("a"), new Error("b")], "two at once", { cause: "why" });
    const group = await failure(openNursery((nursery) => void nursery.startSoon(failingWith(inner))));
    assertEquals(group.errors.length, 1);
    assertStrictEquals(group.errors[0], inner);
    assertEquals(inner.cause, "why");
  }),
);

Deno.test(
  "nested nurseries give nested groups, one level for each",
  async () => {
    const nested = () =>
      openNursery((outer) => {
        outer.startSoon(() =>
          openNursery((middle) => {
            middle.startSoon(() => openNursery((inner) => void inner.startSoon(failingWith(new Error("deep")))));
          })
        );
      });
    // Without places: a long path to this file would have the message cut.
    const group = await failure(run(nested, { handleSignals: false, spawnSites: 0 }));
    const [middle] = group.errors as ErrorGroup[];
    const [inner] = middle!.errors as ErrorGroup[];
    assertEquals(inner!.errors.map(String), ["Error: deep"]);
    assertEquals(
      group.message.replace(/ \(in (an unnamed )?task[^)]*\)/g, ""),
      "1 error: (1 error: (1 error: Error: deep))",
    );
  },
);

Deno.test(
  "an error passes the cancelled scope around a nursery, and no Cancelled comes with it",
  simulated(async () => {
    const scope = new CancelScope({ timeout: 1 });
    const group = await failure(scope.run(() =>
      openNursery((outer) => {
        outer.startSoon(() => sleepForever());
        outer.startSoon(() =>
          openNursery(async (inner) => {
            inner.startSoon(() => sleepForever());
            inner.startSoon(() => sleepForever().finally(() => Promise.reject(new RangeError("cleanup"))));
            await sleepForever();
          })
        );
      })
    ));
    assertEquals(group.flatten().map(String), ["RangeError: cleanup"]);
    assert(scope.cancelledCaught, "it has stripped cancellations, though an error passed");
  }),
);

Deno.test(
  "cancellations hidden in AggregateError and SuppressedError are absorbed, what else is in them stays",
  simulated(async () => {
    const outcome = await moveOnAfter(1, () =>
      openNursery((nursery) => {
        nursery.startSoon(() => Promise.any([sleepForever(), sleepForever()]));
      }));
    assert(outcome.cancelledCaught);
    const group = await failure(openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await using _resource = {
          [Symbol.asyncDispose]: () => Promise.reject(new Error("dispose")),
        };
        await sleepForever();
      });
      await sleep(1);
      nursery.cancel();
    }));
    assertEquals(group.errors.map(String), ["Error: dispose"]);
  }),
);

Deno.test(
  "a Cancelled from elsewhere that leaves a child is a failure of the nursery",
  simulated(async () => {
    let saved: unknown;
    await moveOnAfter(1, () => sleepForever().catch((error) => saved = error));
    assert(isCancelled(saved));
    let sibling = "";
    const group = await failure(openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch((error) => sibling = error.source));
      nursery.startSoon(failingWith(saved));
    }));
    assertEquals(sibling, "nursery");
    assertEquals(group.errors.map((error) => (error as Error).name), ["CancelledElsewhereError"]);
    assertStrictEquals((group.errors[0] as Error).cause, saved);
  }),
);

Deno.test(
  "a Cancelled from elsewhere that ends the body is a failure of the nursery",
  simulated(async () => {
    let sibling = "";
    let reason: unknown;
    try {
      await openNursery(async (nursery) => {
        const task = nursery.startSoon(() => sleepForever());
        nursery.startSoon(() => sleepForever().catch((error) => sibling = error.source));
        await checkpoint();
        task.cancel("elsewhere");
        await task.join();
      });
    } catch (error) {
      reason = ((error as ErrorGroup).errors[0] as { cause: { reason: unknown } }).cause.reason;
    }
    assertEquals([sibling, reason], ["nursery", "elsewhere"]);
  }),
);

Deno.test(
  "exit throws no Cancelled of its own: in a cancelled scope an empty nursery is left normally",
  simulated(async () => {
    const outcome = await moveOnAfter(0, () => openNursery(() => "no wait in here"));
    assertEquals(outcome, { cancelledCaught: false, value: "no wait in here" });
  }),
);

Deno.test(
  "a cancel while the parent waits is left to the children: caught if one of them throws it, else by nobody",
  simulated(async (sim) => {
    const throwing = await moveOnAfter(1, () => openNursery((n) => void n.startSoon(() => sleepForever())));
    assert(throwing.cancelledCaught);
    const swallowing = await moveOnAfter(1, async () => {
      await openNursery((n) => void n.startSoon(() => sleepForever().catch(() => {})));
      const left = sim.now;
      await checkpoint().catch(() => {});
      return left;
    });
    assertEquals(swallowing, { cancelledCaught: false, value: 2 });
  }),
);

Deno.test(
  "a child that spawns during cleanup: the new one runs to its first wait, and its errors count",
  simulated(async () => {
    const log: string[] = [];
    const group = await failure(openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } finally {
          nursery.startSoon(async () => {
            log.push("begun in a cancelled nursery");
            await checkpoint().catch(() => {
              throw new Error("of the late one");
            });
          });
        }
      });
      await sleep(1);
      nursery.cancel();
    }));
    assertEquals(log, ["begun in a cancelled nursery"]);
    assertEquals(group.errors.map(String), ["Error: of the late one"]);
  }),
);

Deno.test(
  "a nursery that failed while its own scope was cancelled still throws",
  simulated(async () => {
    let target: Nursery | undefined;
    const group = await failure(openNursery(async (nursery) => {
      target = nursery;
      nursery.startSoon(() => sleepForever().catch(() => Promise.reject(new Error("cleanup"))));
      await sleep(1);
      nursery.cancel();
      await sleepForever();
    }));
    assertEquals(group.errors.map(String), ["Error: cleanup"]);
    assert(target!.cancelScope.cancelledCaught);
  }),
);

Deno.test(
  "failing children, joined or not, leave no unhandled rejection",
  simulated(async (sim) => {
    const unhandled: unknown[] = [];
    const listener = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      unhandled.push(event.reason);
    };
    addEventListener("unhandledrejection", listener);
    try {
      const group = await failure(openNursery(async (nursery) => {
        nursery.startSoon(() => Promise.reject(new Error("at once")));
        nursery.startSoon(failing(5, "later"));
        for (let i = 0; i < 10; i++) nursery.startSoon(() => sleepForever());
        await shielded(() => sleep(10));
      }));
      assertEquals(group.errors.map(String), ["Error: at once", "Error: later"]);
      // One turn of the event loop: rejections are reported at its end.
      await sim.settled();
      assertEquals(unhandled, []);
    } finally {
      removeEventListener("unhandledrejection", listener);
    }
  }),
);
