import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  CancelScope,
  ClosedResourceError,
  map,
  moveOnAfter,
  openNursery,
  openPool,
  type PoolOptions,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../mod.ts";

interface Thing {
  readonly id: number;
  close(): void;
}

/** A pool of numbered things, and what happened to them. */
function things(
  options: Partial<PoolOptions<Thing>> = {},
): { log: string[]; pool: ReturnType<typeof openPool<Thing>> } {
  const log: string[] = [];
  let last = 0;
  const pool = openPool<Thing>({
    open: async () => {
      const id = ++last;
      await sleep(1);
      log.push(`open ${id}`);
      return { id, close: () => void log.push(`close ${id}`) };
    },
    ...options,
  });
  return { log, pool };
}

Deno.test(
  "Pool.use() opens at most max, serves in line, and takes what was used last first",
  simulated(async (sim) => {
    const { log, pool } = things({ max: 2 });
    const order: string[] = [];
    await map([0, 1, 2, 3, 4], (n) =>
      pool.use(async ({ id }) => {
        order.push(`${n} gets ${id} at ${sim.now}`);
        await sleep(10);
      }));
    assertEquals(order, ["0 gets 1 at 1", "1 gets 2 at 1", "2 gets 1 at 11", "3 gets 2 at 11", "4 gets 1 at 21"]);
    assertEquals(pool.statistics(), { inUse: 0, idle: 2, tasksWaiting: 0, opened: 2 });
    assertEquals(await pool.use(({ id }) => id), 1);
    await pool.close();
    assertEquals(log, ["open 1", "open 2", "close 2", "close 1"]);
  }),
);

Deno.test(
  "Pool throws away what failed or was cancelled in use, unless keep says that it is good",
  simulated(async () => {
    const { log, pool } = things({ max: 1, keep: (error) => error instanceof RangeError });
    await assertRejects(() => pool.use(() => Promise.reject(new TypeError("broken"))), TypeError, "broken");
    await assertRejects(() => pool.use(() => Promise.reject(new RangeError("no such row"))), RangeError);
    assert((await moveOnAfter(5, () => pool.use(() => sleepForever()))).cancelledCaught);
    assertEquals(await pool.use(({ id }) => id), 3);
    assertEquals(log, ["open 1", "close 1", "open 2", "close 2", "open 3"]);
    await pool.close();
  }),
);

Deno.test(
  "Pool: a failure to open is that of its user, and the next in line tries",
  simulated(async () => {
    let attempts = 0;
    const { pool } = things({
      max: 1,
      open: async () => {
        await sleep(1);
        if (++attempts < 3) throw new RangeError(`attempt ${attempts}`);
        return { id: 7, close() {} };
      },
    });
    const outcomes = await map([1, 2, 3], () => pool.use(({ id }) => id).catch(String));
    assertEquals(outcomes, ["RangeError: attempt 1", "RangeError: attempt 2", 7]);
    assertEquals(pool.statistics(), { inUse: 0, idle: 1, tasksWaiting: 0, opened: 1 });
    await pool.close();
  }),
);

Deno.test(
  "Pool: a user that is cancelled while it waits or opens leaves no place taken",
  simulated(async () => {
    const { pool } = things({ max: 1 });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => pool.use(() => sleep(20)));
      await sleep(5);
      await moveOnAfter(5, () => pool.use(() => {}));
      assertEquals(pool.statistics().tasksWaiting, 0);
    });
    const fresh = things({ max: 1 });
    const scope = new CancelScope({ timeout: 0 });
    await scope.run(() => fresh.pool.use(() => {}));
    assertEquals(fresh.pool.statistics().inUse, 0);
    await all([() => pool.close(), () => fresh.pool.close()]);
  }),
);

Deno.test(
  "Pool: one that was granted its place as it is cancelled passes it on",
  simulated(async () => {
    const { pool } = things({ max: 1 });
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        pool.use(async () => {
          await sleep(10);
          // It is woken when this returns, and cancelled before it runs.
          queueMicrotask(() => scope.cancel());
        })
      );
      await sleep(2);
      nursery.startSoon(() => scope.run(() => pool.use(() => sleepForever())));
      await sleep(1);
      nursery.startSoon(() => pool.use(() => sleep(1)));
    });
    assertEquals(pool.statistics().inUse, 0);
    await pool.close();
  }),
);

Deno.test(
  "Pool closes what is idle for too long, at its time, and nothing keeps a timer after that",
  simulated(async (sim) => {
    const { log, pool } = things({ idle: 1_000 });
    const times: number[] = [];
    await all([() => pool.use(() => sleep(10)), () => pool.use(() => sleep(500))]);
    assertEquals(pool.statistics().idle, 2);
    for (let i = 0; i < 2; i++) {
      await sleep(sim.now < 1_011 ? 1_011 - sim.now : 490);
      times.push(log.filter((line) => line.startsWith("close")).length);
    }
    assertEquals(times, [1, 2]);
    await pool.close();
  }),
);

Deno.test(
  "Pool checks what was idle, with for how long, and replaces what fails",
  simulated(async () => {
    const seen: number[] = [];
    let good = true;
    const { log, pool } = things({
      check: async (_, idleFor) => {
        seen.push(idleFor);
        await sleep(1);
        if (!good) throw new Error("ping");
        return good;
      },
    });
    await pool.use(() => {});
    await sleep(100);
    await pool.use(() => {});
    good = false;
    assertEquals(await pool.use(({ id }) => id), 2);
    assertEquals([seen, log], [[100, 0], ["open 1", "close 1", "open 2"]]);
    await pool.close();
  }),
);

Deno.test(
  "Pool.close() refuses those that wait and come later, and waits for what is in use",
  simulated(async (sim) => {
    const { log, pool } = things({ max: 1 });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => pool.use(() => sleep(50)));
      await sleep(5);
      nursery.startSoon(() => assertRejects(() => pool.use(() => {}), ClosedResourceError, "it was closed"));
      await sleep(1);
      await pool.close();
      assertEquals([sim.now, log], [51, ["open 1", "close 1"]]);
      await assertRejects(() => pool.use(() => {}), ClosedResourceError);
      await pool.close();
    });
  }),
);

Deno.test(
  "Pool: no error of closing is lost, and one that hangs is given up",
  simulated(async (sim) => {
    let last = 0;
    const open = () => ({ id: ++last, close: () => Promise.reject(new RangeError(`close ${last--}`)) });
    const failing = openPool({ open });
    await all([() => failing.use(() => sleep(1)), () => failing.use(() => sleep(1))]);
    const error = await assertRejects(() => failing.close(), RangeError, "close 2");
    assertEquals(suppressedErrors(error).map(String), ["RangeError: close 1"]);
    const both = await assertRejects(
      () => openPool({ open }).use(() => Promise.reject(new TypeError("use"))),
      TypeError,
    );
    assertEquals(suppressedErrors(both).length, 1);

    const before = sim.now;
    const hanging = openPool({ open: () => 1, close: () => new Promise(() => {}) });
    await hanging.use(() => {});
    await hanging.close();
    assertEquals(sim.now - before, 5_000);
  }),
);

Deno.test(
  "Pool: await using ends it in a cancelled scope as well, quietly",
  simulated(async () => {
    let closed = 0;
    const outcome = await moveOnAfter(5, async () => {
      await using pool = openPool({ open: () => ({ [Symbol.asyncDispose]: () => Promise.resolve(void closed++) }) });
      await pool.use(() => {});
      await sleepForever();
    });
    assertEquals([outcome.cancelledCaught, closed], [true, 1]);
  }),
);

Deno.test("openPool() and use() refuse bad arguments before any effect", async () => {
  const open = () => 1;
  // @ts-expect-error no function
  assertThrows(() => openPool({ open: 1 }), TypeError, '"open" must be a function');
  for (const name of ["close", "check", "keep"]) {
    assertThrows(() => openPool({ open, [name]: 1 }), TypeError, `"${name}" must be a function`);
  }
  assertThrows(() => openPool({ open, max: 0 }), RangeError, '"max" must be >= 1');
  assertThrows(() => openPool({ open, max: NaN }), RangeError, '"max"');
  assertThrows(() => openPool({ open, idle: -1 }), RangeError, '"idle" must be >= 0');
  await using pool = openPool({ open });
  // @ts-expect-error no function
  await assertRejects(() => pool.use(1), TypeError, '"fn" must be a function');
});

Deno.test(
  "Pool: of many uses with cancellations and failures at random, never more than max are open, none that was cut off is used again, and all are closed",
  simulated(async (sim) => {
    const MAX = 5;
    const USES = 20_000;
    interface Connection {
      readonly id: number;
      state: "idle" | "in use" | "cut off" | "closed";
    }
    let opened = 0;
    let open = 0;
    let most = 0;
    const faults: string[] = [];
    const counts = { returned: 0, failed: 0, cancelled: 0 };
    const all: Connection[] = [];
    await using pool = openPool<Connection>({
      max: MAX,
      idle: 50,
      async open() {
        await sleep(sim.random() < 0.3 ? 1 : 0);
        if (sim.random() < 0.02) throw new RangeError("cannot open");
        most = Math.max(most, ++open);
        const connection: Connection = { id: ++opened, state: "idle" };
        all.push(connection);
        return connection;
      },
      async close(connection) {
        if (connection.state === "closed" || connection.state === "in use") faults.push(`closed: ${connection.state}`);
        connection.state = "closed";
        if (sim.random() < 0.5) await sleep(1);
        open--;
      },
      check: async () => {
        if (sim.random() < 0.1) await sleep(1);
        return sim.random() > 0.02;
      },
    });
    const use = () =>
      pool.use(async (connection) => {
        if (connection.state !== "idle") faults.push(`given out: ${connection.state}`);
        connection.state = "in use";
        let well = false;
        try {
          await sleep(Math.floor(sim.random() * 3));
          if (sim.random() < 0.05) throw new RangeError("failed");
          well = true;
        } finally {
          connection.state = well ? "idle" : "cut off";
        }
      });
    let left = USES;
    const user = async () => {
      while (left-- > 0) {
        const outcome = await moveOnAfter(sim.random() < 0.2 ? Math.floor(sim.random() * 8) : Infinity, use)
          .catch((error) => error);
        if (outcome instanceof RangeError) counts.failed++;
        else if (outcome.cancelledCaught) counts.cancelled++;
        else counts.returned++;
      }
    };
    await openNursery((nursery) => {
      for (let i = 0; i < 20; i++) nursery.startSoon(user);
    });
    assertEquals([faults.slice(0, 3), most <= MAX], [[], true]);
    assertEquals(counts.returned + counts.failed + counts.cancelled, USES);
    for (const count of Object.values(counts)) assert(count > USES / 100, JSON.stringify(counts));
    await pool.close();
    assertEquals([open, all.filter(({ state }) => state !== "closed").length], [0, 0]);
    assertEquals(pool.statistics(), { inUse: 0, idle: 0, tasksWaiting: 0, opened });
  }, { maxVirtual: Infinity, maxSteps: Infinity, leaks: { timers: "error" } }),
);
