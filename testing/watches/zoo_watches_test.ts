import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BrokenResourceError,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
} from "../../core/mod.ts";
import { openTcpStream, serveTcp } from "../../net/mod.ts";
import { buggify, Campaign, simulate, simulated, type Simulation } from "../mod.ts";

// Bugs that no assertion about one result finds: each is found by its watch, and its correct twin is not.

/** What a simulation reports at the end of its body. */
function reportOf(body: (sim: Simulation) => unknown): Promise<readonly string[]> {
  return simulate(async (sim) => {
    await body(sim);
    return sim.report();
  });
}

const about = (lines: readonly string[], word: string) => lines.filter((line) => line.includes(word));

/** A producer that is faster than its consumer. */
async function produce(capacity: number): Promise<void> {
  const [send, receive] = openMemoryChannel<number>(capacity, { name: "results" });
  await moveOnAfter(10_000, () =>
    openNursery((nursery) => {
      nursery.startSoon(async () => {
        for (let i = 0;; i++) {
          await send.send(i);
          await sleep(10);
        }
      });
      nursery.startSoon(async () => {
        while (true) {
          await receive.receive();
          await sleep(1_000);
        }
      });
    }));
}

Deno.test("an unbounded queue is seen to grow, one with a bound is not", async () => {
  assertEquals(about(await reportOf(() => produce(Infinity)), "only grew"), ['only grew: channel "results": 0 → 990']);
  assertEquals(about(await reportOf(() => produce(10)), "only grew"), []);
});

Deno.test("a channel that nobody reads is seen to grow, one that is read is not", async () => {
  const fill = (reads: boolean) =>
    reportOf(async () => {
      const [send, receive] = openMemoryChannel<number>(Infinity, { name: "results" });
      for (let i = 0; i < 1_000; i++) {
        await send.send(i);
        await sleep(10);
        if (reads) await receive.receive();
      }
    });
  assertEquals(about(await fill(false), "only grew"), ['only grew: channel "results": 0 → 1000']);
  assertEquals(about(await fill(true), "only grew"), []);
});

Deno.test("a task that starves is named, with the one that takes all; with a fair lock nobody waits long", async () => {
  const lines = await reportOf(async () => {
    // Not fair: who has it last gets it again, as others only look for it now and then.
    const [send, receive] = openMemoryChannel<string>(1, { name: "db" });
    await send.send("permit");
    await moveOnAfter(50_000, () =>
      openNursery((nursery) => {
        nursery.startSoon(async () => {
          while (true) {
            const permit = await receive.receive();
            await sleep(1_000);
            send.trySend(permit);
          }
        }, { name: "hog" });
        nursery.startSoon(async () => {
          await sleep(1);
          const lock = new Lock({ name: "turnstile" });
          using _ = await lock.acquire();
          nursery.startSoon(async () => {
            using _ = await lock.acquire();
          }, { name: "victim" });
          await sleep(100_000);
        }, { name: "holder" });
      }));
  });
  assertMatch(about(lines, "longest wait")[0] ?? "", /task "victim" #4 waited 49\.99\ds for acquire lock "turnstile"/);
});

/** Clients of a server that refuses them. */
async function clients(sim: Simulation, backoff: (attempt: number) => number): Promise<readonly string[]> {
  sim.net.host("api");
  sim.net.host("shop");
  await moveOnAfter(20_000, () =>
    sim.net.host("shop").run(() =>
      openNursery((nursery) => {
        for (let i = 0; i < 20; i++) {
          nursery.startSoon(async () => {
            for (let attempt = 0;; attempt++) {
              await openTcpStream("api", 80).catch((error) => {
                if (!(error instanceof BrokenResourceError)) throw error;
              });
              await sleep(backoff(attempt));
            }
          });
        }
      })
    ));
  return sim.report();
}

Deno.test("a retry storm is seen by its rate; retries that back off are not", async () => {
  const storm = await simulate((sim) => clients(sim, () => 20));
  assertMatch(about(storm, "rate:")[0] ?? "", /^rate: connects of shop: 1000 → 1000 a second/);
  const calm = await simulate((sim) => clients(sim, (attempt) => 1_000 * 2 ** attempt * (0.5 + sim.random())));
  const [line] = about(calm, "rate:");
  assert(line === undefined || /→ (20|2\d|3\d) a second, at t=0ms/.test(line), line);
});

/** A cache whose entry is made anew by everybody who finds it missing, or by one for all. */
async function expire(sim: Simulation, once: boolean): Promise<readonly string[]> {
  sim.net.host("db").startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(1)), { port: 1 }));
  sim.net.link("test", "db", { latency: 50 });
  let loading: Promise<void> | null = null;
  const lock = new Lock();
  const load = async () => {
    await using stream = await openTcpStream("db", 1);
    await stream.receiveSome();
  };
  let fresh = false;
  await openNursery((nursery) => {
    for (let i = 0; i < 100; i++) {
      nursery.startSoon(async () => {
        if (!once) return await load();
        using _ = await lock.acquire();
        if (!fresh) await load();
        fresh = true;
      });
    }
  });
  loading = null;
  void loading;
  return sim.report();
}

Deno.test("a thundering herd is seen by its rate; one that loads for all is not", async () => {
  assertEquals(about(await simulate((sim) => expire(sim, false)), "rate:"), [
    "rate: connects of test: 100 → 100 a second, at t=0ms",
  ]);
  assertEquals(about(await simulate((sim) => expire(sim, true)), "rate:"), []);
});

Deno.test("a swallowed cancellation fails after 1,000 refusals; one that is thrown on does not", async () => {
  const loop = (swallow: boolean) =>
    simulate(() =>
      moveOnAfter(10, async () => {
        while (true) {
          try {
            await sleep(3);
          } catch (error) {
            if (!swallow) throw error;
          }
        }
      })
    );
  const error = await assertRejects(() => loop(true), Error);
  assertMatch(
    error.message,
    /task "main" #1 goes on although it was cancelled at t=10ms .*1000 waits.*zoo_watches_test\.ts/s,
  );
  await loop(false);
});

Deno.test("a timer that is left is a leak with its place; one that is cleared is none", async () => {
  const error = await assertRejects(() => simulate(() => void setInterval(() => {}, 1_000)), Error);
  assertMatch(error.message, /timer: setInterval\(1000\) at .*zoo_watches_test\.ts:\d+/);
  await simulate(() => clearInterval(setInterval(() => {}, 1_000)));
});

Deno.test("a task that runs past its cancellation is reported, one that ends is not", async () => {
  const stop = (linger: number) =>
    reportOf(async () => {
      await moveOnAfter(1_000, () =>
        openNursery((nursery) =>
          nursery.startSoon(async () => {
            try {
              await sleep(Infinity);
            } finally {
              if (linger > 0) await shielded(() => sleep(linger));
            }
          }, { name: "worker" })
        ));
    });
  assertEquals(about(await stop(5_000), "ran past").length, 1);
  assertStringIncludes(about(await stop(5_000), "ran past")[0]!, 'ran past its cancellation: task "worker" #2, for 5s');
  assertEquals(about(await stop(0), "ran past"), []);
});

Deno.test("what must always hold is looked at after each step, and fails the simulation with its label", async () => {
  let balance = 100;
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      balance = 100;
      sim.always(() => balance >= 0, "balance >= 0");
      await openNursery((nursery) => {
        for (let i = 0; i < 2; i++) {
          nursery.startSoon(async () => {
            if (balance < 60) return;
            await sleep(10);
            balance -= 60;
            await sleep(10);
            balance += 60;
          });
        }
      });
    }), Error);
  assertMatch(error.message, /Cannot go on as "balance >= 0" must always hold: it did not at t=10ms near a step of/);
  const thrown = await assertRejects(() =>
    simulate((sim) => {
      sim.always(() => {
        throw new RangeError("no");
      }, "never throws");
    }), Error);
  assert(thrown.cause instanceof RangeError);
  await simulate(async (sim) => {
    sim.always(() => true, "fine");
    await sleep(1);
  });
});

Deno.test("a campaign fails for what was never met in any of its runs, and names it", async () => {
  const campaign = new Campaign({ reach: ["retry", "fallback"] });
  for (let seed = 0; seed < 10; seed++) {
    await simulate((sim) => {
      sim.sometimes(sim.random() > 2, "impossible");
      sim.sometimes(sim.random() < 0.5, "likely");
      sim.reached("retry");
    }, { seed, campaign });
  }
  assertEquals(campaign.runs, 10);
  assertEquals(campaign.counts().get("retry"), 10);
  const error = await assertRejects(async () => await campaign.check(), Error);
  assertMatch(
    error.message,
    /met in one of its 10 runs: met in 0 are\n {2}"fallback", never reached\n {2}"impossible", asked 10 times at .*zoo/,
  );
  await assertRejects(() => simulate(() => {}, { campaign: {} as never }), TypeError, '"campaign" must be a Campaign');
});

Deno.test("buggify() is false outside, on in some seeds, and the same each time", async () => {
  assertEquals(buggify("x", 1), false);
  const answers = async () => {
    const all: boolean[] = [];
    for (let seed = 0; seed < 100; seed++) {
      all.push(await simulate((sim) => sim.buggify("x", 1) && buggify("x", 1), { seed }));
    }
    return all;
  };
  const first = await answers();
  const on = first.filter(Boolean).length;
  assert(on > 10 && on < 45, `${on}`);
  assertEquals(await answers(), first);
});

Deno.test("each failure carries seed, time, and the end of the log, where nothing compares it", async () => {
  const boom = new Error("boom");
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      sim.net.host("db").startSoon(() => serveTcp(() => sleep(1), { port: 7 }));
      using _ = await openTcpStream("db", 7);
      await sleep(12_500);
      throw boom;
    }, { seed: 7 }), Error);
  assert(error === boom);
  assertEquals(Object.keys(error), []);
  const { message, name } = error.cause as Error;
  assertEquals(name, "Simulation");
  assertStringIncludes(message, "seed 7, ended at t=12.5s");
  assertStringIncludes(message, "    0.000s test:40001→db:7 connect, deliver 0.000s");
  const caused = await assertRejects(
    () => simulate(() => Promise.reject(new Error("outer", { cause: new Error("inner") })), { seed: 8 }),
    Error,
  );
  assertEquals((caused.cause as Error).message, "inner");
  assertStringIncludes(((caused.cause as Error).cause as Error).message, "seed 8");
  const frozen = Object.freeze(new Error("frozen"));
  assertEquals(await simulate(() => Promise.reject(frozen)).catch((error) => error), frozen);
});

Deno.test(
  "a simulation without anything conspicuous reports nothing",
  simulated((sim) => assertEquals(sim.report(), [])),
);
