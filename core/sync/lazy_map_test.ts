import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { all, LazyMap, map, moveOnAfter, openNursery, sleep } from "../mod.ts";

/** Computes a number for each key, in 10 ms; says how often it did. */
function counted(
  options?: ConstructorParameters<typeof LazyMap>[1],
): { map: LazyMap<string, number>; calls: string[] } {
  const calls: string[] = [];
  const compute = async (key: string): Promise<number> => {
    const n = calls.push(key);
    await sleep(10);
    return n;
  };
  return { map: new LazyMap(compute, options), calls };
}

Deno.test(
  "LazyMap.get() computes once for all that ask at the same time, each key by itself",
  simulated(async (sim) => {
    const { map: cache, calls } = counted();
    assertEquals(await map(["a", "b", "a", "a"], (key) => cache.get(key)), [1, 2, 1, 1]);
    assertEquals([calls, sim.now, cache.size], [["a", "b"], 10, 2]);
  }),
);

Deno.test(
  "LazyMap.get() computes anew when the time of a value is over, to the millisecond",
  simulated(async () => {
    const { map: cache, calls } = counted({ ttl: 100 });
    await cache.get("a");
    await sleep(99);
    await cache.get("a");
    assertEquals(calls.length, 1);
    await sleep(1);
    assertEquals(await all([() => cache.get("a"), () => cache.get("a")]), [2, 2]);
    assertEquals(calls.length, 2);
  }),
);

Deno.test(
  "LazyMap keeps no key whose computation failed or was given up, and tries again",
  simulated(async () => {
    let fail = true;
    const cache = new LazyMap(async (key: string) => {
      await sleep(1);
      if (fail) throw new RangeError(key);
      return key;
    });
    const outcomes = await map(["a", "a"], (key) => cache.get(key).catch(String));
    assertEquals([outcomes, cache.size], [["RangeError: a", "RangeError: a"], 0]);
    assert((await moveOnAfter(0, () => cache.get("b"))).cancelledCaught);
    assertEquals(cache.size, 0);
    fail = false;
    assertEquals([await cache.get("a"), cache.size], ["a", 1]);
  }),
);

Deno.test(
  "LazyMap: if the task that computes is cancelled, the next in line computes",
  simulated(async (sim) => {
    const { map: cache, calls } = counted();
    await openNursery((nursery) => {
      nursery.startSoon(() => moveOnAfter(5, () => cache.get("a")));
      nursery.startSoon(async () => assertEquals(await cache.get("a"), 2));
    });
    assertEquals([calls, sim.now], [["a", "a"], 15]);
  }),
);

Deno.test(
  "LazyMap makes room by what was asked for longest ago, and never by what is being computed",
  simulated(async () => {
    const { map: cache, calls } = counted({ max: 2 });
    for (const key of ["a", "b", "a", "c", "a", "b"]) await cache.get(key);
    assertEquals(calls, ["a", "b", "c", "b"]);
    calls.length = 0;
    cache.clear();
    await map(["x", "y", "z", "x", "y", "z"], (key) => cache.get(key));
    assertEquals(calls, ["x", "y", "z"]);
  }),
);

Deno.test(
  "LazyMap.delete() forgets what is under way as well: those that wait get it, later calls compute anew",
  simulated(async () => {
    const { map: cache, calls } = counted();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => assertEquals(await cache.get("a"), 1));
      await sleep(1);
      assertEquals([cache.delete("a"), cache.delete("a")], [true, false]);
      nursery.startSoon(async () => assertEquals(await cache.get("a"), 2));
    });
    assertEquals([calls, await cache.get("a")], [["a", "a"], 2]);
  }),
);

Deno.test(
  "LazyMap refuses a computation that waits for itself, and bad arguments",
  simulated(async () => {
    const cache: LazyMap<string, unknown> = new LazyMap((key: string) => cache.get(key));
    await assertRejects(() => cache.get("a"), TypeError, "must not wait for itself");
    assertEquals(cache.size, 0);
    // @ts-expect-error no function
    assertThrows(() => new LazyMap(1), TypeError, '"compute" must be a function');
    assertThrows(() => new LazyMap(() => 1, { ttl: -1 }), RangeError, '"ttl" must be >= 0');
    assertThrows(() => new LazyMap(() => 1, { max: 0 }), RangeError, '"max" must be >= 1');
    assertThrows(() => new LazyMap(() => 1, { max: 1.5 }), RangeError, '"max"');
  }),
);
