import { assertEquals, assertRejects } from "@std/assert";
import { currentTime, moveOnAfter, openNursery } from "../../core/mod.ts";
import { memoryStreamPair, simulated, trickle } from "../mod.ts";

Deno.test(
  "trickle() sends so many bytes at a time, at exact times, and the rest last",
  simulated(() =>
    openNursery(async (nursery) => {
      const [a, b] = memoryStreamPair();
      using _ = b;
      nursery.startSoon(async () => {
        await trickle(a, new Uint8Array([1, 2, 3, 4, 5]), { size: 2, every: 10 });
        a.close();
      });
      const got: [number, ...number[]][] = [];
      for await (const chunk of b) got.push([currentTime(), ...chunk]);
      assertEquals(got, [[0, 1, 2], [10, 3, 4], [20, 5]]);
    })
  ),
);

Deno.test(
  "a cancelled trickle() has sent a beginning",
  simulated(async () => {
    const [a, b] = memoryStreamPair();
    using _a = a;
    using _b = b;
    const outcome = await moveOnAfter(2, () => trickle(a, new Uint8Array([1, 2, 3, 4, 5])));
    assertEquals([outcome.cancelledCaught, await b.receiveSome()], [true, new Uint8Array([1, 2])]);
    assertEquals((await moveOnAfter(0, () => trickle(a, new Uint8Array(0)))).cancelledCaught, true);
  }),
);

Deno.test("trickle() checks its arguments before any effect", async () => {
  const stream = { sendAll: () => Promise.reject(new Error("not reached")) };
  const bytes = new Uint8Array(1);
  await assertRejects(() => trickle(stream, "text" as never), TypeError, 'Cannot send as "bytes" must be a Uint8Array');
  await assertRejects(
    () => trickle(stream, bytes, { size: 0 }),
    RangeError,
    'Cannot trickle as "size" must be a whole number >= 1: received 0',
  );
  await assertRejects(
    () => trickle(stream, bytes, { every: NaN }),
    RangeError,
    'Cannot trickle as "every" must be >= 0: received NaN',
  );
});
