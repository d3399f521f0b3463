import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { moveOnAfter, openNursery, run, sleep } from "../mod.ts";
import { beginHostOperation, currentRun, hostOperation } from "../lowlevel.ts";

const QUIET = { handleSignals: false };
const inFlight = () => currentRun().statistics().hostOperations;

Deno.test("hostOperation() returns the very promise, and accounts for it until it settles, well or badly", async () => {
  await run(async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const failing = Promise.withResolvers<never>();
    assertStrictEquals(hostOperation("read", promise), promise);
    assertStrictEquals(hostOperation("connect", failing.promise), failing.promise);
    assertEquals(inFlight(), ["read", "connect"]);
    resolve("bytes");
    assertEquals(await promise, "bytes");
    assertEquals(inFlight(), ["connect"]);
    failing.reject(new Error("refused"));
    await assertRejects(() => failing.promise, Error, "refused");
    assertEquals(inFlight(), []);
  }, QUIET);
});

Deno.test("hostOperation() leaves a rejection to whoever has the promise: it is neither handled nor doubled", async () => {
  const unhandled: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", listener);
  try {
    await run(async () => {
      const error = new Error("seen once");
      await assertRejects(() => hostOperation("op", Promise.reject(error)), Error, "seen once");
      await new Promise((resolve) => setImmediate(resolve));
    }, QUIET);
  } finally {
    removeEventListener("unhandledrejection", listener);
  }
  assertEquals(unhandled, []);
});

Deno.test("hostOperation() refuses what is no promise", () => {
  for (const [value, type] of [[1, "number"], [undefined, "undefined"], [() => {}, "function"]]) {
    const error = assertThrows(() => hostOperation("op", value as never), TypeError);
    assertEquals(
      error.message,
      `Cannot account for host operation "op" as "promise" must be a promise: received ${type}`,
    );
  }
  assertEquals(inFlight(), []);
});

Deno.test("beginHostOperation() counts until end(), which is harmless when repeated, in any order", async () => {
  await run(() => {
    const operations = ["a", "b", "c"].map((label) => beginHostOperation(label));
    assertEquals(operations.map(({ label }) => label), ["a", "b", "c"]);
    operations[1]!.end();
    operations[1]!.end();
    assertEquals(inFlight(), ["a", "c"]);
    operations[0]!.end();
    operations[2]!.end();
    assertEquals(inFlight(), []);
  }, QUIET);
});

Deno.test("operations are counted in the run in which they began", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await Promise.all([
    run(async () => {
      await hostOperation("mine", promise);
    }, QUIET),
    run(() => assertEquals(inFlight(), []), QUIET),
    run(() => {
      resolve();
    }, QUIET),
  ]);
});

Deno.test(
  "an operation belongs to the run, not to the scope: it is in flight until it is over, whoever gave up on it",
  simulated(async (sim) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => hostOperation("abandoned", promise));
      setImmediate(() => setImmediate(resolve));
      const outcome = await moveOnAfter(0, () => void hostOperation("in a cancelled scope", promise));
      assertEquals([outcome.cancelledCaught, inFlight()], [false, ["in a cancelled scope", "abandoned"]]);
      await sleep(1);
      assertEquals([inFlight(), sim.now], [[], 1]);
    });
  }),
);
