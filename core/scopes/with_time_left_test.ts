import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  failAfter,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  timeLeft,
  TooSlowError,
  withTimeLeft,
} from "../mod.ts";

Deno.test(
  "timeLeft() is the time until the earliest deadline, up to the nearest shield",
  simulated(async () => {
    assertEquals(timeLeft(), Infinity);
    await moveOnAfter(100, async () => {
      await sleep(10);
      assertEquals(timeLeft(), 90);
      await moveOnAfter(1_000, () => assertEquals(timeLeft(), 90));
      await moveOnAfter(20, () => assertEquals(timeLeft(), 20));
      await shielded(() => assertEquals(timeLeft(), Infinity));
      await openNursery((nursery) => void nursery.startSoon(() => assertEquals(timeLeft(), 90)));
    });
  }),
);

Deno.test(
  "timeLeft() is never negative: 0 once the time has passed, or the scope is cancelled",
  simulated(async () => {
    await moveOnAfter(5, async (scope) => {
      await sleep(10).catch(() => {});
      assertEquals(timeLeft(), 0);
      scope.deadline = -1_000;
      assertEquals(timeLeft(), 0);
    });
    await new CancelScope().run((scope) => {
      scope.cancel();
      assertEquals(timeLeft(), 0);
    });
  }),
);

Deno.test(
  "withTimeLeft() limits a function to the time that a text says; without one there is no limit",
  simulated(async (sim) => {
    const error = await assertRejects(() => withTimeLeft("25", () => sleep(1_000)), TooSlowError);
    assert(error.message.includes("25ms had passed"));
    assertEquals(sim.now, 25);
    assertEquals(await withTimeLeft("25", () => timeLeft()), 25);
    assertEquals(await withTimeLeft("0", () => timeLeft()), 0);
    assertEquals(await withTimeLeft("999999999999", () => timeLeft()), 999_999_999_999);
    for (const none of [null, undefined]) assertEquals(await withTimeLeft(none, () => timeLeft()), Infinity);
    await moveOnAfter(7, async () => assertEquals(await withTimeLeft("25", () => timeLeft()), 7));
    const value = await withTimeLeft("25", (scope) => {
      scope.deadline = Infinity;
      return sleep(30).then(() => "extended");
    });
    assertEquals(value, "extended");
  }),
);

Deno.test(
  "over two hops each side has what the one before it had left, and is cancelled one way after it",
  simulated(async (sim) => {
    const WAY = 8;
    const log: [string, number, number][] = [];
    /** Serves a call in a place of its own, and is told nothing of the caller but what the message says. */
    const call = (name: string, next: () => Promise<unknown>) => {
      const left = timeLeft();
      const header = left === Infinity ? null : String(Math.floor(left));
      sim.background.startSoon(async () => {
        await sleep(WAY);
        await withTimeLeft(header, async () => {
          log.push([name, sim.now, timeLeft()]);
          await next();
        }).catch(() => log.push([`${name} ends`, sim.now, 0]));
      });
      return sleep(10_000);
    };
    await failAfter(100, () => call("stock", () => call("price", () => sleep(10_000))))
      .catch(() => log.push(["caller ends", sim.now, 0]));
    await sleep(1_000);
    assertEquals(log, [
      ["stock", 8, 100],
      ["price", 16, 100],
      ["caller ends", 100, 0],
      ["stock ends", 108, 0],
      ["price ends", 116, 0],
    ]);
  }),
);

Deno.test("withTimeLeft() refuses what is no time, before it calls the function", async () => {
  let calls = 0;
  const texts = ["", " 5", "5 ", "-1", "1.5", "1e3", "0x10", "1234567890123", "Infinity", "NaN", "٣", "5\n", "5, 6"];
  for (const text of texts) {
    await assertRejects(
      () => withTimeLeft(text, () => calls++),
      RangeError,
      'Cannot limit the time as "text" must be milliseconds, one to twelve digits: received "',
      text,
    );
  }
  await assertRejects(() => withTimeLeft(5 as never, () => calls++), TypeError, "received 5");
  await assertRejects(() => withTimeLeft("5", 5 as never), TypeError);
  assertEquals(calls, 0);
});
