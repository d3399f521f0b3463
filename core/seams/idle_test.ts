import { assert, assertEquals, assertThrows } from "@std/assert";
import { onIdle } from "./idle.ts";
import { checkpoint, Event, openNursery, run, sleep } from "../mod.ts";

Deno.test("onIdle() calls back each time the last task comes to wait, until it is stopped", () =>
  run(async () => {
    const log: string[] = [];
    const stopA = onIdle(() => log.push("a"));
    const stopB = onIdle(() => log.push("b"));
    await sleep(0.1);
    assertEquals(log, ["a", "b"]);
    stopA();
    stopA();
    await sleep(0.1);
    assertEquals(log, ["a", "b", "b"]);
    stopB();
    await sleep(0.1);
    assertEquals(log, ["a", "b", "b"]);
    // Once more, after all had stopped.
    const stopC = onIdle(() => log.push("c"));
    await sleep(0.1);
    stopC();
    assertEquals(log, ["a", "b", "b", "c"]);
  }));

Deno.test("onIdle() is not called while some task runs", () =>
  run(() =>
    openNursery(async (nursery) => {
      let rests = 0;
      const event = new Event();
      nursery.startSoon(async () => {
        for (let i = 0; i < 10; i++) await Promise.resolve();
        assertEquals(rests, 0);
        event.set();
      });
      const stop = onIdle(() => rests++);
      await event.wait();
      stop();
      await checkpoint();
      assertEquals(rests, 0);
    })
  ));

Deno.test("runs are told apart", async () => {
  let rests = 0;
  const other = run(() => sleep(0.1));
  await run(async () => {
    onIdle(() => rests++);
    await other;
    assertEquals(rests, 0);
    await sleep(0.1);
  });
  assert(rests > 0);
});

Deno.test("a callback of onIdle() that throws harms no wait, is reported once, and called no more", async () => {
  const { error } = console;
  const reports: unknown[] = [];
  // deno-lint-ignore no-console -- where it is reported
  console.error = (report) => void reports.push(report);
  let calls = 0;
  try {
    await run(async () => {
      onIdle(() => {
        calls++;
        throw new RangeError("fault");
      });
      await sleep(0.1);
      await sleep(0.1);
    });
  } finally {
    // deno-lint-ignore no-console -- where it is reported
    console.error = error;
  }
  assertEquals(calls, 1);
  assertEquals(reports.map(String), [
    "Error: Cannot go on with a callback of onIdle() as it threw: it is called no more",
  ]);
});

Deno.test("onIdle() refuses what is no function", () => {
  assertThrows(
    () => onIdle("rest" as never),
    TypeError,
    'Cannot listen for idleness as "callback" must be a function: received "rest"',
  );
});
