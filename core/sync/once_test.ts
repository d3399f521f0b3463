import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, moveOnAfter, Once, openNursery, sleep } from "../mod.ts";

Deno.test(
  "Once computes when first asked, once, for all who wait and all who come later",
  simulated(async (sim) => {
    let calls = 0;
    const once = new Once(async () => {
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
  "Once: if the one that computes is cancelled, the next in line computes, and nobody gets its Cancelled",
  simulated(async (sim) => {
    let calls = 0;
    const once = new Once(async () => {
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
  "Once: who asks between a cancellation and the next attempt does not compute as well",
  simulated(async () => {
    let calls = 0;
    let running = 0;
    const once = new Once(async () => {
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
  "Once: a failure is for all who wait; who asks later tries again",
  simulated(async () => {
    let calls = 0;
    const once = new Once(async () => {
      await sleep(1);
      if (++calls === 1) throw new TypeError("down");
      return "up";
    });
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(() => assertRejects(() => once.get(), TypeError, "down"));
    });
    assertEquals([await once.get(), calls], ["up", 2]);
    assertThrows(
      () => new Once(Promise.resolve(1) as never),
      TypeError,
      'Cannot make a Once as "compute" must be a function: received a promise: write () => work() instead of work()',
    );
  }),
);
