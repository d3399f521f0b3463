import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { ErrorGroup, handleErrors, isErrorGroup, moveOnAfter, openNursery, sleepForever } from "./mod.ts";

const tree = () =>
  new ErrorGroup([new TypeError("a"), new ErrorGroup([new RangeError("b"), new TypeError("c")], "inner")], "outer");

Deno.test("ErrorGroup.split() gives both parts the shape of the tree", () => {
  const [types, rest] = tree().split(TypeError);
  assertEquals(types?.flatten().map(String), ["TypeError: a", "TypeError: c"]);
  assertEquals([types?.message, (types?.errors[1] as Error).message], ["outer", "inner"]);
  assertEquals(rest?.flatten().map(String), ["RangeError: b"]);
  assertInstanceOf(rest?.errors[0], ErrorGroup);
  const [none, all] = tree().split(SyntaxError);
  assertEquals([none, all?.flatten().length], [null, 3]);
  const [everything, nothing] = tree().split(Error);
  assertEquals([everything?.flatten().length, nothing], [3, null]);
});

Deno.test("ErrorGroup finds, filters and flattens by class or predicate", () => {
  const group = tree();
  assertEquals(group.find(RangeError)?.message, "b");
  assertEquals(group.find((error) => (error as Error).message === "c")?.toString(), "TypeError: c");
  assertEquals(group.find(SyntaxError), undefined);
  assertEquals(group.subgroup(RangeError)?.flatten().length, 1);
  assertEquals(group.subgroup(SyntaxError), null);
  assert(group instanceof AggregateError && isErrorGroup(group));
});

Deno.test("ErrorGroup lists its errors in its message, shortly, however deep it is", () => {
  assertEquals(new ErrorGroup([new Error("x"), new TypeError("")]).message, "2 errors: Error: x; TypeError");
  assertEquals(new ErrorGroup([1, 2, 3, 4, 5, 6].map(String)).message.endsWith("; and 1 more"), true);
  let group = new ErrorGroup([new Error("bottom")]);
  for (let depth = 0; depth < 3_000; depth++) group = new ErrorGroup([group]);
  assert(group.message.length < 200);
  assertEquals(group.flatten().length, 1);
  assertThrows(
    () => new ErrorGroup([]),
    RangeError,
    'Cannot make an ErrorGroup as "errors" must hold at least one error: received none',
  );
});

Deno.test("handleErrors() hands each error to the first handler that matches, once, as a group", async () => {
  const log: string[] = [];
  const result = await handleErrors(() => Promise.reject(tree()), [
    [TypeError, (group) => void log.push(`types ${group.flatten().length}`)],
    [Error, (group) => void log.push(`rest ${group.flatten().map(String)}`)],
    [Error, () => void log.push("not reached")],
  ]);
  assertEquals([result, log], [undefined, ["types 2", "rest RangeError: b"]]);
  assertEquals(await handleErrors(() => 5, []), 5);
});

Deno.test("handleErrors() throws what nobody handles, and what handlers throw", async () => {
  const single = new RangeError("single");
  assertStrictEquals(
    await handleErrors(() => Promise.reject(single), [[TypeError, () => {}]]).catch((error) => error),
    single,
  );
  const rest = await handleErrors(() => Promise.reject(tree()), [[TypeError, () => {}]]).catch((error) => error);
  assertEquals(rest.flatten().map(String), ["RangeError: b"]);
  const failed = await handleErrors(() => Promise.reject(tree()), [[TypeError, () => {
    throw new SyntaxError("handler");
  }]]).catch((error) => error);
  assertEquals(failed.flatten().map(String), ["SyntaxError: handler", "RangeError: b"]);
});

Deno.test("handleErrors() never handles a cancellation, alone or in a group", async () => {
  let handled = 0;
  const outcome = await moveOnAfter(1, () =>
    handleErrors(() =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => sleepForever().finally(() => Promise.reject(new TypeError("cleanup"))));
        await sleepForever();
      }), [[() => true, (group) => void (handled += group.flatten().length)]]));
  assert(outcome.cancelledCaught);
  assertEquals(handled, 1);
});

Deno.test("an uncaught group prints all its errors", () => {
  const text = Deno.inspect(tree());
  for (const part of ["outer", "TypeError: a", "inner", "RangeError: b", "TypeError: c"]) {
    assert(text.includes(part), part);
  }
});
