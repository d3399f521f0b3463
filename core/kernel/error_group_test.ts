import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import * as copy from "./error_group.ts?second-copy";
import {
  checkpoint,
  ErrorGroup,
  failAfter,
  handleErrors,
  isCancelled,
  isErrorGroup,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../mod.ts";

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

Deno.test(
  "handleErrors() never handles a cancellation, alone or in a group",
  simulated(async () => {
    let handled = 0;
    const outcome = await moveOnAfter(1, () =>
      handleErrors(() =>
        openNursery(async (nursery) => {
          nursery.startSoon(() => sleepForever().finally(() => Promise.reject(new TypeError("cleanup"))));
          await sleepForever();
        }), [[() => true, (group) => void (handled += group.flatten().length)]]));
    assert(outcome.cancelledCaught);
    assertEquals(handled, 1);
    const alone = await moveOnAfter(1, () => handleErrors(() => sleepForever(), [[() => true, () => void handled++]]));
    assertEquals([alone.cancelledCaught, handled], [true, 1]);
  }),
);

Deno.test(
  "handleErrors() throws on the cancellation of a group whose other errors it handled",
  simulated(async () => {
    const seen: string[] = [];
    const outcome = await moveOnAfter(0, async () => {
      const cancelled = await checkpoint().catch((error) => error);
      const left = await handleErrors(() => {
        throw new ErrorGroup([cancelled, new TypeError("t")]);
      }, [[Error, (group) => void seen.push(...group.flatten().map(String))]]).catch((error) => error);
      assert(isErrorGroup(left));
      assertEquals(left.errors, [cancelled]);
      throw left;
    });
    assertEquals([outcome.cancelledCaught, seen], [true, ["TypeError: t"]]);
  }),
);

Deno.test(
  "handleErrors() awaits its handlers, one after the other, in the order given",
  simulated(async (sim) => {
    const log: string[] = [];
    await handleErrors(() => Promise.reject(tree()), [
      [RangeError, async () => {
        await sleep(5);
        log.push(`ranges at ${sim.now}`);
      }],
      [TypeError, () => void log.push(`types at ${sim.now}`)],
    ]);
    assertEquals(log, ["ranges at 5", "types at 5"]);
  }),
);

Deno.test("handleErrors() and split() refuse what is no function, before they do anything", async () => {
  await assertRejects(
    () => handleErrors(Promise.resolve() as never, []),
    TypeError,
    'Cannot handle errors as "body" must be a function: received a promise: write () => work() instead of work()',
  );
  assertThrows(
    () => tree().split("TypeError" as never),
    TypeError,
    'Cannot match errors as "match" must be an error class or a function: received string',
  );
});

Deno.test("ErrorGroup.split() keeps message, cause, stack and class of what it divides", () => {
  const cause = new Error("cause");
  const plain = new AggregateError([new TypeError("x"), new RangeError("y")], "from Promise.any", { cause });
  const group = new ErrorGroup([plain], "mine", { cause });
  const [types, rest] = group.split(TypeError);
  for (const [part, leaf] of [[types, "TypeError: x"], [rest, "RangeError: y"]] as const) {
    assertInstanceOf(part, ErrorGroup);
    assertEquals([part.message, part.stack], ["mine", group.stack]);
    assertStrictEquals(part.cause, cause);
    const inner = part.errors[0] as AggregateError;
    assert(inner instanceof AggregateError && !isErrorGroup(inner));
    assertEquals([inner.message, inner.stack, inner.errors.map(String)], [plain.message, plain.stack, [leaf]]);
    assertStrictEquals(inner.cause, cause);
  }
});

Deno.test("the stack of a part begins with the message of the part, and not with that of the whole", async () => {
  const group = new ErrorGroup([new TypeError("one\ntwo"), new RangeError("three")]);
  const [types] = group.split(TypeError);
  assertEquals(types!.stack, group.stack!.replace(group.message, "1 error: TypeError: one\ntwo"));
  const error = await assertRejects(() =>
    failAfter(1_000, () =>
      openNursery((nursery) => {
        nursery.startSoon(() => sleepForever());
        nursery.startSoon(() => Promise.reject(new TypeError("one\ntwo")));
      })), ErrorGroup);
  assert(error.stack!.startsWith(`ErrorGroup: ${error.message}\n    at `), error.stack);
});

Deno.test("ErrorGroup.split() leaves the original alone, and shares subtrees that stay whole", () => {
  const whole = new ErrorGroup([new RangeError("b")]);
  const group = new ErrorGroup([new TypeError("a"), whole]);
  const [types, rest] = group.split(TypeError);
  assertEquals([types?.message, rest?.message], ["1 error: TypeError: a", "1 error: (1 error: RangeError: b)"]);
  assertStrictEquals(rest?.errors[0], whole);
  assertEquals(group.errors.length, 2);
  assertStrictEquals(group.split(ErrorGroup)[0], group);
  assertStrictEquals(group.split(SyntaxError)[1], group);
});

Deno.test("ErrorGroup.split() asks a predicate about inner groups as a whole, too", () => {
  const [inner, rest] = tree().split((error) => isErrorGroup(error) && error.message === "inner");
  assertEquals(inner?.flatten().map(String), ["RangeError: b", "TypeError: c"]);
  assertEquals(rest?.flatten().map(String), ["TypeError: a"]);
});

Deno.test("ErrorGroup holds whatever was thrown, and a copy of the list it was given", () => {
  let list: unknown[] = ["text", undefined, Object.create(null)];
  const group = new ErrorGroup(list.values());
  list.length = 0;
  assertEquals(group.errors.length, 3);
  assertEquals(
    group.message,
    "3 errors: thrown string text; thrown undefined undefined; an object that cannot be looked at",
  );
  assertStrictEquals(group.find((error) => error === "text"), "text");
  const given = new ErrorGroup(list = ["x"]);
  list.push("y");
  assertEquals(given.errors, ["x"]);
});

Deno.test("isErrorGroup() recognises the group of a second copy of the package", () => {
  const foreign = new copy.ErrorGroup([new TypeError("a")]);
  assert(copy.ErrorGroup as unknown !== ErrorGroup && isErrorGroup(foreign) && foreign instanceof ErrorGroup);
  for (const other of [undefined, null, new AggregateError([]), { errors: [] }]) assert(!isErrorGroup(other));
  assertEquals(new ErrorGroup([foreign, new RangeError("b")]).flatten().map(String), ["TypeError: a", "RangeError: b"]);
});

Deno.test("isCancelled() of leaves: find() and subgroup() take any predicate", () => {
  assertEquals(tree().find(isCancelled), undefined);
  assertEquals(tree().subgroup(isCancelled), null);
});

Deno.test("an uncaught group prints all its errors", () => {
  const text = Deno.inspect(tree());
  for (const part of ["outer", "TypeError: a", "inner", "RangeError: b", "TypeError: c"]) {
    assert(text.includes(part), part);
  }
});

Deno.test("the message of a group of groups that are long lists the inner errors without their places, and whole", async () => {
  const child = () =>
    openNursery((inner) => {
      for (const name of ["first worker", "second worker"]) {
        inner.startSoon(() => Promise.reject(new TypeError("no such user")), { name });
      }
    });
  const error = await openNursery((nursery) => void nursery.startSoon(child)).catch((error) => error);
  assertEquals(error.message, "1 error: (2 errors: TypeError: no such user; TypeError: no such user)");
  const nested = await openNursery((nursery) => void nursery.startSoon(() => Promise.reject(error))).catch((e) => e);
  assertEquals(nested.message, `1 error: (${error.message})`);
});

Deno.test("the message of a group does not call a task by the name that all have who have none", async () => {
  const error = await openNursery((nursery) => void nursery.startSoon(() => Promise.reject(new Error("x"))))
    .catch((error) => error);
  assertMatch(error.message, /^1 error: Error: x \(in task "task" #\d+, started at .*error_group_test\.ts:\d+:\d+\)$/);
});

Deno.test("an error that reaches a nursery with and without a cancellation around it is one error", async () => {
  const mine = new RangeError("Mine");
  const error = await moveOnAfter(Infinity, (scope) =>
    openNursery((nursery) => {
      nursery.startSoon(() => Promise.reject(mine));
      nursery.startSoon(async () => {
        const cancelled = await sleepForever().catch((error) => error);
        throw new SuppressedError(cancelled, mine);
      });
      nursery.startSoon(() => scope.cancel());
    })).catch((error) => error);
  assert(error instanceof ErrorGroup);
  assertEquals(error.errors, [mine]);
});
