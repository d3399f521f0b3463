import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { failAfter, Lock, openNursery, sleep, sleepForever, type TaskTree, taskTree, TooSlowError } from "../mod.ts";
import { awaitedAt, framesText } from "./awaited_at.ts";

/** Without the lines, so that this file may change. */
const plain = (frames: readonly string[]) => frames.map((frame) => frame.replace(/^(.*) \(.*\)$/, "$1"));

/** The frames of one promise, by their names. */
async function framesOf(promise: Promise<unknown>): Promise<readonly string[]> {
  const [frames = []] = await awaitedAt([promise]);
  return plain(frames).map((frame) => frame.replace(/^.*awaited_at_test\.ts.*$/, "here"));
}

Deno.test("A: the functions that would go on are found, innermost first, and as often as one asks", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const inner = async () => await promise;
  const outer = async () => {
    await inner();
  };
  const done = outer();
  for (let n = 0; n < 3; n++) assertEquals(await framesOf(promise), ["inner", "outer"]);
  resolve();
  await done;
  assertEquals(await framesOf(promise), []);
});

Deno.test("A: what joins promises is shown; what nobody awaits, or several do, has no place", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = async () => void await Promise.all([Promise.resolve(), promise]);
  const done = all();
  assertEquals(await framesOf(promise), ["Promise.all (index 1)", "all"].map((name) => name.replace(/ \(.*/, "")));
  const second = (async () => await promise)();
  assertEquals(await framesOf(promise), []);
  assertEquals(await framesOf(new Promise(() => {})), []);
  resolve();
  await Promise.all([done, second]);
});

Deno.test("A: looking changes nothing: neither what the promise settles with, nor when, nor whether it is handled", async () => {
  const order: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const waits = (async () => order.push(await promise))();
  const looks = awaitedAt([promise]).then(() => order.push("looked"));
  resolve("value");
  await Promise.all([waits, looks]);
  assertEquals(order, ["value", "looked"]);
  reject();
  const failing = Promise.withResolvers<void>();
  const handled = failing.promise.catch((error) => error);
  await awaitedAt([failing.promise]);
  failing.reject("why");
  assertEquals(await handled, "why");
});

Deno.test("A: a program with stacks of its own, or with none to change, gets what can be had", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const waits = async () => await promise;
  const done = waits();
  const own = () => "mine";
  Error.prepareStackTrace = own;
  try {
    await framesOf(promise);
    assert(Error.prepareStackTrace === own);
  } finally {
    delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  }
  await framesOf(promise);
  assert(!("prepareStackTrace" in Error) || Error.prepareStackTrace === undefined);
  resolve();
  await done;
});

Deno.test("A: frames in a few words have no folders", () => {
  assertEquals(
    framesText(["load (/app/src/db.ts:1:2)", "/app/main.ts:3:4", "Promise.all (index 1)"]),
    "load (db.ts:1:2) < main.ts:3:4 < Promise.all (index 1)",
  );
  assertEquals(framesText(["a (https://x.y/z/a.ts:1:2)", "b", "c", "d"]), "a (a.ts:1:2) < b < c < …");
});

Deno.test(
  "A1: the tree with places shows where each task waits; without, it costs and says nothing",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    async function query(): Promise<void> {
      using _ = await lock.acquire();
    }
    let tree!: TaskTree;
    using _held = await lock.acquire();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => await query(), { name: "worker" });
      nursery.startSoon(() => sleepForever(), { name: "returns its wait" });
      await sleep(1);
      tree = await taskTree({ places: true });
      assertEquals(taskTree().root.children[0]!.waits[0]!.frames, []);
      nursery.cancel();
    });
    const [worker, other] = tree.root.children;
    assertEquals(plain(worker!.waits[0]!.frames)[0], "query");
    assertEquals(other!.waits[0]!.frames, []);
    assertMatch(
      `${tree}`,
      /worker #2: acquire lock "db" held by task "main" #1 \(since t=0ms\) at query \(awaited_at_test\.ts:\d+:\d+\)/,
    );
  }),
);

Deno.test(
  "E1: an error of a timeout says where each wait was awaited, and nothing else about it changes",
  simulated(async (sim) => {
    const loadUser = async () => {
      await sleep(60_000);
    };
    const error = await failAfter(50, () => loadUser()).catch((error) => error);
    assert(error instanceof TooSlowError);
    assertEquals([plain(error.waits[0]!.frames)[0], sim.now], ["loadUser", 50]);
    assertStringIncludes(error.message, 'sleep until t=60s in task "main" #1 at loadUser (awaited_at_test.ts:');
  }),
);

Deno.test(
  "E1: waits that are to be shown end in the order in which they would have ended, and before anything later",
  simulated(async () => {
    const order: string[] = [];
    const waitsAs = (name: string) => async () => {
      try {
        await sleepForever();
      } finally {
        order.push(name);
      }
    };
    const outcome = failAfter(10, () =>
      openNursery((nursery) => {
        for (const name of ["a", "b", "c"]) nursery.startSoon(waitsAs(name));
      }));
    await outcome.catch(() => order.push("error"));
    assertEquals(order.at(-1), "error");
    assertEquals([...order].sort(), ["a", "b", "c", "error"]);
  }),
);
