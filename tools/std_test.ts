// deno-lint-ignore-file no-throw-literal -- what is no error is thrown, too
/**
 * What our tests rely on of `@std`. These run over the stand-ins where JSR cannot be reached, and over the real
 * packages elsewhere (`deno task test --std=DIR tools/std_test.ts`): what passes on both is the same on both.
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  AssertionError,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { abortable, deadline, delay, MuxAsyncIterator, pooledMap, retry } from "@std/async";

/** Whether a function fails as an assertion does. */
function fails(fn: () => unknown): boolean {
  try {
    fn();
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
  return false;
}

class Point {
  constructor(readonly x: number) {}
}

Deno.test("@std/assert: assertEquals() compares deeply", () => {
  const cyclic = (): unknown => {
    const object: Record<string, unknown> = {};
    object["self"] = object;
    return object;
  };
  const same: readonly (readonly [unknown, unknown])[] = [
    [NaN, NaN],
    [[1, { a: "b" }], [1, { a: "b" }]],
    [new Map([[{ k: 1 }, 2]]), new Map([[{ k: 1 }, 2]])],
    [new Set([1, [2]]), new Set([1, [2]])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Point(1), new Point(1)],
    [cyclic(), cyclic()],
  ];
  for (const [a, b] of same) assert(!fails(() => assertEquals(a, b)), Deno.inspect([a, b]));
  const different: readonly (readonly [unknown, unknown])[] = [
    [1, "1"],
    [null, undefined],
    [[1, 2], [2, 1]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Set([1]), new Set([2])],
    [new Date(5), new Date(6)],
    [new Uint8Array([1, 2]), new Uint8Array([2, 1])],
    [new Point(1), { x: 1 }],
    [new Error("x"), new Error("y")],
    [() => {}, () => {}],
  ];
  for (const [a, b] of different) assert(fails(() => assertEquals(a, b)), Deno.inspect([a, b]));
});

Deno.test("@std/assert: the others say yes and no", () => {
  assert(fails(() => assert(0)));
  assertEquals([fails(() => assertStrictEquals({}, {})), fails(() => assertStrictEquals(NaN, NaN))], [true, false]);
  assertEquals(fails(() => assertStrictEquals(0, -0)), true);
  assertEquals([fails(() => assertMatch("abc", /b/)), fails(() => assertMatch("abc", /^b/))], [false, true]);
  assertEquals(fails(() => assertStringIncludes("abc", "bc")), false);
  assertEquals(fails(() => assertStringIncludes("abc", "cb")), true);
  assertEquals([fails(() => assertInstanceOf([], Array)), fails(() => assertInstanceOf({}, Map))], [false, true]);
  assertEquals(new AssertionError("x", { cause: 1 }).cause, 1);
});

Deno.test("@std/assert: assertThrows() and assertRejects() want the class and the text, and give the error", async () => {
  const error = new RangeError("out of range");
  const thrower = () => {
    throw error;
  };
  assertStrictEquals(assertThrows(thrower), error);
  assertStrictEquals(assertThrows(thrower, RangeError, "of range"), error);
  assert(fails(() => assertThrows(() => {})));
  assert(fails(() => assertThrows(thrower, TypeError)));
  assert(fails(() => assertThrows(thrower, RangeError, "other")));
  const rejecter = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(rejecter, RangeError, "of range"), error);
  await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError);
  await assertRejects(() => assertRejects(rejecter, TypeError), AssertionError);
  // To throw is not to reject.
  await assertRejects(() => assertRejects(thrower as () => Promise<never>), AssertionError);
  // Without a class anything counts, with one only errors.
  assertEquals(
    assertThrows(() => {
      throw "text";
    }),
    "text",
  );
  assert(fails(() =>
    assertThrows(() => {
      throw "text";
    }, Error)
  ));
});

Deno.test("@std/async: what is aborted fails with the reason of its signal", async () => {
  const reason = new RangeError("enough");
  const aborted = AbortSignal.abort(reason);
  const never = new Promise<never>(() => {});
  assertStrictEquals(await assertRejects(() => delay(1_000, { signal: aborted })), reason);
  assertStrictEquals(await assertRejects(() => abortable(never, aborted)), reason);
  const controller = new AbortController();
  const waiting = delay(60_000, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals(await abortable(Promise.resolve(1), new AbortController().signal), 1);
  assertEquals((await assertRejects(() => deadline(never, 0)) as Error).name, "TimeoutError");
  assertEquals(await deadline(Promise.resolve(2), 60_000, { signal: new AbortController().signal }), 2);
});

Deno.test("@std/async: retry() counts its attempts, and tells the last error", async () => {
  let calls = 0;
  const options = { minTimeout: 0, maxTimeout: 1, multiplier: 1, jitter: 0 };
  const result = await retry(() => {
    if (++calls < 3) throw new Error(`attempt ${calls}`);
    return calls;
  }, options);
  assertEquals(result, 3);
  const error = await assertRejects(() =>
    retry(() => Promise.reject(new RangeError("always")), { ...options, maxAttempts: 2 })
  );
  assert(error instanceof Error);
  assertEquals(error.name, "RetryError");
  assertInstanceOf(error.cause, RangeError);
});

Deno.test("@std/async: pooledMap() keeps the order, and tells all errors at the end", async () => {
  let running = 0;
  let most = 0;
  const results = pooledMap(2, [3, 1, 2], async (n) => {
    most = Math.max(most, ++running);
    await delay(n);
    running--;
    return n * 2;
  });
  assertEquals([await Array.fromAsync(results), most], [[6, 2, 4], 2]);
  const failing = pooledMap(3, [1, 2, 3], (n) => n === 2 ? Promise.resolve(n) : Promise.reject(new Error(`${n}`)));
  const error = await assertRejects(() => Array.fromAsync(failing), AggregateError);
  assertEquals(error.message, "Cannot complete the mapping as an error was thrown from an item");
  assertEquals(error.errors.map(String), ["Error: 1", "Error: 3"]);
});

Deno.test("@std/async: MuxAsyncIterator gives the values of all", async () => {
  const mux = new MuxAsyncIterator<number>();
  for (const start of [0, 10]) {
    mux.add((async function* () {
      for (let i = start; i < start + 3; i++) yield await Promise.resolve(i);
    })());
  }
  assertEquals((await Array.fromAsync(mux)).sort((a, b) => a - b), [0, 1, 2, 10, 11, 12]);
});
