import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  checkpoint,
  DeadlockError,
  Event,
  isCancelled,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  Semaphore,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { fetch, openTcpStream, serveHttp, serveTcp } from "../../net/mod.ts";
import { knobsOf } from "../driver/knobs.ts";
import { explore, ExploreError, simulate, simulated, type Simulation } from "../mod.ts";
import { formatReplay, parseReplay } from "../explorer/replay_string.ts";
import { shrink } from "../explorer/shrink.ts";

/** Fails only if the second task goes on between the two steps of the first. */
async function twoWithdrawals(): Promise<void> {
  let balance = 100;
  const withdraw = async (before: number) => {
    for (let i = 0; i < before; i++) await checkpoint();
    const seen = balance;
    if (seen < 60) return;
    await checkpoint();
    balance = seen - 60;
    taken++;
  };
  let taken = 0;
  await openNursery((nursery) => {
    nursery.startSoon(() => withdraw(0), { name: "A" });
    nursery.startSoon(() => withdraw(2), { name: "B" });
  });
  if (taken !== 1) throw new RangeError(`${taken} withdrawals of 60 from 100 succeeded`);
}

const failed = (result: Promise<unknown>): Promise<ExploreError> =>
  result.then(() => {
    throw new Error("it did not fail");
  }, (error) => {
    assertInstanceOf(error, ExploreError, `${error?.stack}`);
    return error;
  });

Deno.test("a failure tells what failed, in which order the tasks went on and where, and how to run it again", async () => {
  const error = await failed(explore(twoWithdrawals));
  assertEquals(
    error.message.replaceAll(/\S*explore_test\.ts:\d+:\d+/g, "PLACE"),
    `Cannot accept the body as it must hold under every schedule: RangeError: 2 withdrawals of 60 from 100 succeeded
  in run 4 of 200 (seed 0); the smallest schedule found has 1 switch from one task to another
    main #1  begins, to nursery "nursery", 2 children at PLACE
    A #2     begins, to yield at PLACE
    B #3     begins, ends
    A #2     goes on after yield at PLACE, ends
    main #1  goes on after nursery "nursery", 2 children at PLACE, ends
  to run it again: deno test … -- --sim=replay:0/2.2.3, or { replay: "0/2.2.3" }`,
  );
  assertInstanceOf(error.cause, Error);
  assertEquals(error.replay, "0/2.2.3");
});

Deno.test("a campaign is the same each time, and a replay is the run it names", async () => {
  const trace: string[] = [];
  const body = async (sim: Simulation) => {
    trace.push("run");
    await openNursery((nursery) => {
      for (const name of "abc") {
        nursery.startSoon(async () => {
          for (let i = 0; i < 3; i++) {
            trace.push(`${name}${i}`);
            await (sim.random() < 0.5 ? checkpoint() : sleep(1));
          }
        });
      }
    });
    assert(trace.slice(trace.lastIndexOf("run")).join(" ").indexOf("c2") > 0);
    const mine = trace.slice(trace.lastIndexOf("run")).join("");
    assert(!/b2.*a1/.test(mine), "b is done before a has begun its second step");
  };
  const first = await failed(explore(body, { seed: 7 }));
  const firstTrace = trace.splice(0);
  const second = await failed(explore(body, { seed: 7 }));
  assertEquals(second.message, first.message);
  assertEquals(trace, firstTrace);
  trace.length = 0;
  const replayed = await failed(explore(body, { replay: first.replay as string }));
  assertEquals(replayed.replay, first.replay);
  const last = firstTrace.slice(firstTrace.lastIndexOf("run"));
  assertEquals(trace.slice(0, last.length), last);
});

Deno.test("the first run is that of a plain simulation, and fails with its error as it is", async () => {
  const fault = new RangeError("always");
  const error = await explore(() => Promise.reject(fault)).catch((error) => error);
  assertEquals(error, fault);
  assertInstanceOf(await explore(() => sleepForever()).catch((error) => error), DeadlockError);
  const left = await explore(() => void setInterval(() => {}, 5)).catch((error) => error);
  assertStringIncludes(left.message, "left 1 thing behind");
});

Deno.test("a body without a choice runs once", async () => {
  let runs = 0;
  const report = await explore(async () => {
    runs++;
    await sleep(5);
  });
  assertEquals([report.runs, runs], [1, 1]);
  assertEquals((await explore(twoWithdrawals, { runs: 2 })).runs, 2);
});

Deno.test("what is granted in order stays in order under every schedule", async () => {
  const { runs } = await explore(async () => {
    const [lock, semaphore] = [new Lock(), new Semaphore(1)];
    const [send, receive] = openMemoryChannel<number>(0);
    const order: string[] = [];
    const got: number[] = [];
    await openNursery(async (nursery) => {
      {
        using _1 = await lock.acquire();
        using _2 = await semaphore.acquire();
        for (const name of ["first", "second"]) {
          nursery.startSoon(async () => {
            using _ = await lock.acquire();
            order.push(`lock ${name}`);
          });
          nursery.startSoon(async () => {
            using _ = await semaphore.acquire();
            order.push(`semaphore ${name}`);
          });
          await sleep(1);
        }
      }
      nursery.startSoon(async () => {
        for (let i = 0; i < 3; i++) await send.send(i);
        send.close();
      });
      for await (const item of receive) got.push(item);
    });
    for (const what of ["lock", "semaphore"]) {
      assert(order.indexOf(`${what} first`) < order.indexOf(`${what} second`), order.join());
    }
    assertEquals(got, [0, 1, 2]);
  }, { runs: 10_000 });
  assertEquals(runs, 10_000);
});

Deno.test("no code takes a step after its deadline, and time is exact, under every schedule", async () => {
  await explore(async (sim) => {
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(async () => {
          let steps = 0;
          const outcome = await moveOnAfter(10, async () => {
            for (;;) {
              await sleep(5);
              steps++;
            }
          });
          assert(outcome.cancelledCaught);
          assertEquals([steps, sim.now], [1, 10]);
        });
      }
    });
  }, { runs: 300 });
});

Deno.test("a run that another does not repeat is called that, with the step at which it parted", async () => {
  let runs = 0;
  const error = await failed(explore(async () => {
    const odd = runs++ === 3;
    await openNursery((nursery) => {
      for (const name of ["left", "right"]) {
        nursery.startSoon(async () => {
          await checkpoint();
          if (odd) await checkpoint();
        }, { name });
      }
    });
    assert(!odd);
  }));
  assertEquals(error.replay, null);
  assert(
    /not reproducible: (step \d+ resumed .*, not |the same schedule did not fail)/.test(error.message),
    error.message,
  );
  assertStringIncludes(error.message, "variables of the module");
});

Deno.test("with option cancel a random task is cancelled, never the main one, or one of those that are named", async () => {
  const cancelled = new Set<string>();
  const body = async () => {
    await openNursery((nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          try {
            await sleep(5);
            await sleep(5);
          } catch (error) {
            if (isCancelled(error)) cancelled.add(name);
            throw error;
          }
        }, { name });
      }
    });
  };
  await explore(body, { runs: 100, cancel: true });
  assertEquals([...cancelled].sort(), ["a", "b"]);
  cancelled.clear();
  await explore(body, { runs: 100, cancel: ["b"] });
  assertEquals([...cancelled], ["b"]);
});

Deno.test("with option time timers are a little late, never early, and a replay is late in the same way", async () => {
  const body = async (sim: Simulation) => {
    let woken = 0;
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleep(1_000);
        assert(sim.now >= 1_000 && sim.now <= 1_010);
        woken = sim.now;
      }, { name: "sooner" });
      nursery.startSoon(async () => {
        await sleep(1_005);
        assert(woken > 0, `the later one was first at ${sim.now}`);
      }, { name: "later" });
    });
  };
  await explore(body, { runs: 50 });
  const error = await failed(explore(body, { runs: 200, time: 0.01 }));
  const again = await failed(explore(body, { time: 0.01, replay: error.replay as string }));
  assertEquals((again.cause as Error).message, (error.cause as Error).message);
});

Deno.test("connections in memory are explored as well", async () => {
  const orders = new Set<string>();
  await explore(async (sim) => {
    const order: string[] = [];
    sim.background.startSoon(() =>
      serveTcp(async (stream) => {
        const first = await stream.receiveSome(1);
        order.push(String.fromCharCode(first![0]!));
      }, { port: 80, maxConnections: 5 })
    );
    await sim.settled();
    await openNursery((nursery) => {
      for (const name of "xyz") {
        nursery.startSoon(async () => {
          await using stream = await openTcpStream("localhost", 80);
          await stream.sendAll(new TextEncoder().encode(name));
          await stream.receiveSome(1);
        });
      }
    });
    orders.add(order.join(""));
  }, { runs: 100 });
  assert(orders.size > 3, [...orders].join());
});

Deno.test("a task that waits for a foreign promise is explored too, and a settled() waits for all", async () => {
  await explore(async (sim) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const go = new Event();
    let done = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await promise;
        await checkpoint();
        done++;
      });
      nursery.startSoon(async () => {
        await go.wait();
        resolve();
        done++;
      });
      go.set();
      await sim.settled();
      assertEquals(done, 2);
    });
  }, { runs: 20, foreignGrace: 1 });
});

Deno.test("cancelling the scope around explore() ends it, and nothing stays patched", async () => {
  const { setTimeout: before, Date: date } = globalThis;
  const outcome = await moveOnAfter(20, () =>
    explore(async () => {
      await openNursery((nursery) => {
        for (let i = 0; i < 2; i++) nursery.startSoon(() => checkpoint());
      });
      await new Promise((resolve) => before(resolve, 5));
    }, { runs: 10_000 }));
  assert(outcome.cancelledCaught);
  assertEquals([globalThis.setTimeout === before, globalThis.Date === date], [true, true]);
});

Deno.test("simulated() explores with option runs", async () => {
  const error = await failed(simulated(twoWithdrawals, { runs: 50 })());
  assertEquals(error.replay, "0/2.2.3");
  await simulated(twoWithdrawals, { runs: 1 })();
});

Deno.test("sim.random() has a stream of its own for each name", async () => {
  const draw = (order: (string | undefined)[]) =>
    simulate((sim) => {
      const drawn: Record<string, number[]> = {};
      for (const name of order) (drawn[`${name}`] ??= []).push(sim.random(name));
      return drawn;
    }, { seed: 3 });
  const one = await draw(["a", "a", undefined, "b"]);
  const other = await draw(["b", undefined, "a", "c", "a"]);
  assertEquals([one.a, one.b, one.undefined], [other.a, other.b, other.undefined]);
  assertEquals(new Set([...one.a!, ...one.b!, ...one.undefined!, ...other.c!]).size, 5);
});

Deno.test("explore() checks its arguments", async () => {
  for (
    const [options, Class, text] of [
      [{ runs: 0 }, RangeError, '"runs" must be a whole number >= 1: received 0'],
      [{ cancel: "a" }, TypeError, '"cancel" must be true, false or names of tasks: received "a"'],
      [{ time: -1 }, RangeError, '"time" must be a finite number >= 0: received -1'],
      [{ replay: "x y" }, RangeError, '"replay" must be the text that a failure has shown'],
      [{ replay: 5 }, TypeError, '"replay" must be the text that a failure has shown'],
      [{ schedule: () => {} }, TypeError, 'with option "schedule"'],
      [{ speed: 3 }, TypeError, "its options must be among"],
      [null, TypeError, '"options" must be an object'],
    ] as const
  ) {
    await assertRejects(() => explore(() => {}, options as never), Class, text);
  }
  await assertRejects(() => explore(5 as never), TypeError, '"body" must be a function');
  assertThrows(() => simulated(() => {}, { runs: 0 }), RangeError, '"runs" must be a whole number >= 1');
});

Deno.test("a replay text is read as it was written, and what is none is refused", () => {
  for (const text of ["0", "-5/2.2.3", "zz/2.1.3.1/4.10_a", "3.h/2.2.3"]) {
    assertEquals(formatReplay(parseReplay(text)), text);
  }
  for (const text of ["", "/", "0/", "0/2", "0/2.2", "0/2.2.", "0/2.2.3/", "0/2.2_", "0/a b.2.3", "0/2.2.3.4.5"]) {
    assertThrows(() => parseReplay(text), RangeError, "Cannot explore as");
  }
});

Deno.test("the command line says runs, seed, replay and trace", () => {
  const args = ["a", "--sim=runs:500", "--sim=seed:-7", "--sim=replay:0/2.2.3", "--sim=trace:a b/c:d", "--simple"];
  assertEquals(knobsOf(args), { runs: 500, seed: -7, replay: "0/2.2.3", trace: "a b/c:d" });
  for (const arg of ["--sim", "--sim=", "--sim=runs", "--sim=runs:many", "--sim=speed:3", "--sim=trace:"]) {
    assertThrows(() => knobsOf([arg]), TypeError, `received "${arg}"`);
  }
});

Deno.test("shrinking keeps what fails, drops all that it can, and stops at its limits", async () => {
  const list = Array.from({ length: 40 }, (_, i) => i);
  let runs = 0;
  const limits = { runs: 400, time: Infinity, now: () => 0 };
  const needs = (...needed: number[]) => (items: readonly number[]) => {
    runs++;
    return Promise.resolve(needed.every((one) => items.includes(one)));
  };
  for (const needed of [[], [0], [39], [3, 17], [0, 20, 39]]) {
    runs = 0;
    assertEquals(await shrink(list, needs(...needed), limits), needed);
    assert(runs <= 100, `${runs} runs`);
  }
  runs = 0;
  assert((await shrink(list, needs(3, 17), { ...limits, runs: 4 })).length < 40);
  assertEquals(runs, 4);
});

Deno.test("a service over HTTP is explored: a lost update between two requests is found", async () => {
  const error = await failed(explore(async (sim) => {
    let stock = 1;
    let sold = 0;
    const host = sim.net.host("shop");
    host.startSoon(() =>
      serveHttp(async () => {
        if (stock === 0) return new Response("none", { status: 409 });
        await checkpoint(); // stands for a query
        stock--;
        sold++;
        return new Response("sold");
      }, { port: 80 })
    );
    await sim.settled();
    await openNursery((nursery) => {
      for (let i = 0; i < 2; i++) {
        nursery.startSoon(async () => {
          for (let n = 0; n < 8 * i; n++) await checkpoint();
          const response = await fetch("http://shop/");
          await response.text();
        }, { name: `customer ${i}` });
      }
    });
    assertEquals(sold, 1);
  }, { runs: 300 }));
  assert(error.replay !== null, error.message);
});
