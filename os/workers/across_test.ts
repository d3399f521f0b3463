import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { pack, unpack } from "./_across.ts";

const across = (thrown: unknown): unknown => unpack(structuredClone(pack(thrown)), "worker test.ts");

Deno.test("W9: an error arrives with class, name, message, stack, fields and cause", () => {
  class Special extends TypeError {
    override readonly name = "Special";
    readonly code = "E1";
    readonly limit = 7n;
    readonly nothing = null;
    readonly ignored = { deep: true };
  }
  const error = across(new Special("no", { cause: new RangeError("why") })) as TypeError & Record<string, unknown>;
  assertInstanceOf(error, TypeError);
  assertEquals([error.name, error.message], ["Special", "no"]);
  assertEquals([error["code"], error["limit"], error["nothing"]], ["E1", 7n, null]);
  assert(!("ignored" in error));
  assertInstanceOf(error.cause, RangeError);
  assertStringIncludes(error.stack!, "across_test.ts");
  assert(error.stack!.endsWith("\n    at worker test.ts"), error.stack);
  assertEquals(Object.keys(error).includes("stack"), false);
});

Deno.test("W9: classes of the language, the web and Deno are restored", () => {
  const errors = [
    new SyntaxError("a"),
    new DOMException("a", "DataError"),
    new Deno.errors.NotFound("a"),
    new AggregateError([1], "a"),
    new SuppressedError(new RangeError("e"), new RangeError("s"), "a"),
  ];
  for (const error of errors) {
    const there = across(error) as Error;
    assertEquals(Object.getPrototypeOf(there), Object.getPrototypeOf(error));
    assertEquals([there.name, there.message], [error.name, error.message]);
  }
  const suppressed = across(errors[4]) as SuppressedError;
  assertInstanceOf(suppressed.error, RangeError);
  assertEquals((suppressed.suppressed as Error).message, "s");
});

Deno.test("W9: the errors of a group arrive, whatever its class", () => {
  class Group extends Error {
    readonly errors = [new RangeError("one"), "two", new Error("three", { cause: "four" })];
  }
  const group = across(new Group("several")) as Error & { errors: unknown[] };
  assertInstanceOf(group.errors[0], RangeError);
  assertEquals(group.errors[1], "two");
  assertEquals((group.errors[2] as Error).cause, "four");
});

Deno.test("W9: a chain of causes ends at depth 8, also where it is a circle", () => {
  let chain = new Error("0");
  for (let n = 1; n < 20; n++) chain = new Error(`${n}`, { cause: chain });
  const circle = new Error("circle");
  circle.cause = circle;
  for (const error of [chain, circle]) {
    let depth = 0;
    for (let each = across(error); each instanceof Error; each = each.cause) depth++;
    assertEquals(depth, 8);
  }
});

Deno.test("W9: what is no error arrives cloned, or as text", () => {
  assertEquals(across({ status: 404 }), { status: 404 });
  assertEquals(across("text"), "text");
  assertEquals(across(undefined), undefined);
  assertEquals(across(Symbol("s")), "Symbol(s)");
  assertEquals(across(parseInt), "function parseInt() { [native code] }");
});

Deno.test("W9: an error that resists is told of all the same", () => {
  const hostile = new Proxy(new Error("x"), {
    get() {
      throw new Error("no");
    },
  });
  assertEquals(across(hostile), "a thrown value that cannot be looked at");
  class Loud extends Error {
    constructor() {
      super("loud");
      Object.defineProperty(this, "message", { get: () => "computed" });
    }
  }
  assertEquals((across(new Loud()) as Error).message, "computed");
});
