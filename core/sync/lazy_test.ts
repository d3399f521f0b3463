import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  CancelledElsewhereError,
  CancelScope,
  ErrorGroup,
  failAfter,
  Lazy,
  map,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../mod.ts";

Deno.test(
  "Lazy computes when first asked, once, for all who wait and all who come later",
  simulated(async (sim) => {
    let calls = 0;
    const once = new Lazy(async () => {
      calls++;
      await sleep(5);
      return { calls };
    });
    assertEquals([once.isComputed, calls], [false, 0]);
    const values: unknown[] = [];
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(async () => void values.push(await once.get()));
    });
    assertEquals(sim.now, 5);
    values.push(await once.get());
    assertEquals(calls, 1);
    assert(once.isComputed && values.length === 4 && values.every((value) => value === values[0]));
    assert((await moveOnAfter(0, () => once.get())).cancelledCaught);
  }),
);

Deno.test(
  "Lazy: if the one that computes is cancelled, the next in line computes, and nobody gets its Cancelled",
  simulated(async (sim) => {
    let calls = 0;
    const once = new Lazy(async () => {
      calls++;
      await sleep(10);
      return calls;
    });
    await openNursery((nursery) => {
      nursery.startSoon(async () => assert((await moveOnAfter(5, () => once.get())).cancelledCaught));
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(async () => {
          assertEquals(await once.get(), 2);
          assertEquals(sim.now, 15);
        });
      }
    });
    assertEquals(calls, 2);
  }),
);

Deno.test(
  "Lazy: who asks between a cancellation and the next attempt does not compute as well",
  simulated(async () => {
    let calls = 0;
    let running = 0;
    const once = new Lazy(async () => {
      calls++;
      assertEquals(++running, 1);
      try {
        await sleep(10);
      } finally {
        running--;
      }
      return calls;
    });
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => once.get()));
      nursery.startSoon(() => once.get());
      await sleep(1);
      scope.cancel();
      for (let i = 0; i < 20; i++) {
        nursery.startSoon(() => once.get());
        await Promise.resolve();
      }
    });
    assertEquals(calls, 2);
  }),
);

Deno.test(
  "Lazy: a failure is for all who wait; who asks later tries again",
  simulated(async () => {
    let calls = 0;
    const once = new Lazy(async () => {
      await sleep(1);
      if (++calls === 1) throw new TypeError("down");
      return "up";
    });
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(() => assertRejects(() => once.get(), TypeError, "down"));
    });
    assertEquals([await once.get(), calls], ["up", 2]);
    assertThrows(
      () => new Lazy(Promise.resolve(1) as never),
      TypeError,
      'Cannot make a Lazy as "compute" must be a function: received a promise: write () => work() instead of work()',
    );
  }),
);

Deno.test(
  "Lazy: a computation that needs itself fails at once, directly, by way of another, in a scope, or in a child it waits for",
  simulated(async (sim) => {
    const ways: Record<string, (get: () => Promise<unknown>) => Promise<unknown>> = {
      directly: (get) => get(),
      "later, in a scope": (get) => sleep(1).then(() => failAfter(100, get)),
      "in a child": (get) => openNursery((nursery) => void nursery.startSoon(get)),
      "in a grandchild": (get) => all([() => sleep(1), () => map([1], get)]),
      "in a start()": (get) =>
        openNursery((nursery) =>
          nursery.start(async (status) => {
            await get();
            status.started();
          })
        ),
      "in a task that waits for others": (get) => all([() => new Lazy(get).get()]),
    };
    for (const [name, way] of Object.entries(ways)) {
      const once: Lazy<unknown> = new Lazy(() => way(() => other.get()));
      const other: Lazy<unknown> = new Lazy(() => once.get());
      const begin = sim.now;
      const error = await once.get().catch((error) => error);
      const one = error instanceof ErrorGroup ? error.flatten()[0] : error;
      assertInstanceOf(one, TypeError, name);
      assertStringIncludes(
        one.message,
        "Cannot get the value of a Lazy as its computation must not wait for itself: ",
        name,
      );
      assert(sim.now - begin <= 1 && !once.isComputed, name);
    }
  }),
);

Deno.test(
  "Lazy: who is no part of the computation waits for it: another half of the task, a sibling, a task begun in it further out",
  simulated(async () => {
    const slow = () => new Lazy(() => sleep(5).then(() => "value"));
    const once = slow();
    assertEquals(await Promise.all([once.get(), once.get()]), ["value", "value"]);
    await openNursery(async (nursery) => {
      const once: Lazy<string> = new Lazy(async () => {
        nursery.startSoon(async () => void seen.push(await once.get()));
        await sleep(5);
        return "outer";
      });
      const seen: string[] = [];
      nursery.startSoon(async () => void seen.push(await once.get()));
      seen.push(await once.get());
      await sleep(1);
      assertEquals(seen, ["outer", "outer", "outer"]);
    });
    // A daemon is not waited for: it is cancelled when the computation is done.
    const withDaemon: Lazy<string> = new Lazy(() =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => withDaemon.get(), { daemon: true });
        await sleep(5);
        return "with a daemon";
      })
    );
    assertEquals(await withDaemon.get(), "with a daemon");
    // When the first has failed, it may ask again, in a computation of another.
    let calls = 0;
    const twice: Lazy<string> = new Lazy(() => calls++ === 0 ? Promise.reject(new Error("down")) : "up");
    assertEquals(await new Lazy(() => twice.get().catch(() => twice.get())).get(), "up");
  }),
);

Deno.test(
  "Lazy: what a cancelled attempt fails with, wrapped or in its cleanup, is its own; the next in line computes",
  simulated(async () => {
    const attempts: Record<string, () => Promise<unknown>> = {
      wrapped: async () => {
        await using _connection = { [Symbol.asyncDispose]: () => sleep(1) };
        await sleepForever();
      },
      "in a group": () => openNursery((nursery) => void nursery.startSoon(attempts.wrapped!)),
      "failing cleanup": () => sleepForever().catch(() => Promise.reject(new RangeError("cleanup"))),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      let calls = 0;
      const once = new Lazy<unknown>(() => calls++ === 0 ? attempt() : "value");
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          const outcome = await moveOnAfter(5, () => once.get()).catch((error) => error);
          assert(outcome.cancelledCaught || outcome instanceof RangeError, name);
        });
        nursery.startSoon(async () => assertEquals(await once.get(), "value", name));
      });
    }
  }),
);

Deno.test(
  "Lazy: a cancellation of somebody else in the computation is a failure, for all who wait",
  simulated(async () => {
    let shared!: Promise<void>;
    await moveOnAfter(1, () => shared = sleep(100));
    const once = new Lazy(() => sleep(1).then(() => shared));
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(() => assertRejects(() => once.get(), CancelledElsewhereError));
    });
    for (const compute of [function* () {}, async function* () {}]) {
      assertThrows(() => new Lazy(compute as never), TypeError, '"compute" must be a plain or async function');
    }
  }),
);

Deno.test(
  "Lazy: a computation that begins while the failed one before it is told of must not wait for itself either",
  simulated(async (sim) => {
    for (let turns = 0; turns < 10; turns++) {
      let calls = 0;
      const once: Lazy<number> = new Lazy(async () => {
        if (++calls === 1) throw new Error("first");
        await sleep(1);
        return await once.get();
      });
      const first = once.get().catch((error) => error);
      for (let i = 0; i < turns; i++) await null;
      const error = await once.get().catch((error) => error);
      if (calls === 2) assertInstanceOf(error, TypeError);
      else assertEquals(error, await first);
    }
    assert(sim.now > 0, "some came in time");
  }),
);
