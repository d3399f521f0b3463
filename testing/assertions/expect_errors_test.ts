import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledElsewhereError, ErrorGroup, moveOnAfter, openNursery, sleep, sleepForever } from "../../core/mod.ts";
import { type ErrorExpectation, expectErrors, type ExpectErrorsOptions, simulate, simulated } from "../mod.ts";

const fail = (...errors: unknown[]) => Promise.reject(new ErrorGroup(errors));

async function complaint(
  action: Promise<unknown> | (() => unknown),
  expected: readonly ErrorExpectation[],
  options?: ExpectErrorsOptions,
): Promise<string> {
  return (await assertRejects(() => expectErrors(action, expected, options), Error)).message;
}

Deno.test("errors match by class, predicate, message, pattern and cause, in any order", async () => {
  const [a, b, c] = [
    new TypeError("no number"),
    new RangeError("too far", { cause: new Error("root") }),
    "a thrown string",
  ];
  const found = await expectErrors(fail(a, b, c), [
    (error) => error === c,
    { type: RangeError, message: /far$/, cause: { message: "root" } },
    TypeError,
  ]);
  assertEquals(found.length, 3);
  assertStrictEquals(found[0], c);
  assertStrictEquals(found[1], b);
  assertStrictEquals(found[2], a);
  await expectErrors(() => fail(a), [{ message: "no number" }]);
});

Deno.test("the best matching is found, where the first that comes along is none", async () => {
  await expectErrors(fail(new TypeError("t"), new Error("e")), [Error, TypeError]);
  await expectErrors(fail(new TypeError("t"), new Error("e")), [TypeError, Error]);
  const [x, y, z] = ["x", "y", "z"].map((name) => new Error(name));
  await expectErrors(fail(x, y, z), [{ message: /[xyz]/ }, { message: /[xy]/ }, { message: "x" }]);
});

Deno.test("groups in groups are matched as groups, or taken apart with flatten", async () => {
  const nested = () =>
    fail(new TypeError("t"), new ErrorGroup([new RangeError("r"), new ErrorGroup([new Error("e")])]));
  await expectErrors(nested, [{ group: [{ group: [Error] }, RangeError] }, TypeError]);
  await expectErrors(nested, [{ group: [{ group: [Error] }, RangeError], message: /^2 errors/ }, TypeError]);
  await expectErrors(nested, [Error, RangeError, TypeError], { flatten: true });
});

Deno.test("a single error will do with allowSingle, if one is expected", async () => {
  const single = () => Promise.reject(new TypeError("t"));
  await expectErrors(single, [TypeError], { allowSingle: true });
  assertEquals(
    await complaint(single, [TypeError]),
    "Cannot accept the failure as it must be an ErrorGroup (option allowSingle): a single error was thrown\n  ✓ TypeError: t",
  );
});

Deno.test("with ignoreCancelled, cancellations are passed over", async () => {
  let cancelled: unknown;
  await moveOnAfter(0, () =>
    sleep(1).catch((error) => {
      cancelled = error;
      throw error;
    }));
  await expectErrors(fail(cancelled, new TypeError("t")), [TypeError], { ignoreCancelled: true });
  const text = await complaint(fail(cancelled, new TypeError("t")), [RangeError], { ignoreCancelled: true });
  assertEquals(text.split("\n").at(2), "  ├─ – Cancelled: Cancelled as the deadline passed");
});

Deno.test("a failure shows the tree with a mark for each error, and what nothing matched", async () => {
  assertEquals(
    await complaint(
      fail(new TypeError("no number"), new ErrorGroup([new RangeError("too far"), new Error("else")]), "text"),
      [TypeError, { group: [RangeError, { message: /gone/ }] }, { type: SyntaxError, cause: Error }],
    ),
    [
      "Cannot accept the failure as it must consist of TypeError, group [RangeError, an error with message /gone/], " +
      "SyntaxError caused by Error: received",
      "  ErrorGroup",
      "  ├─ ✓ TypeError: no number",
      "  ├─ ✗ ErrorGroup",
      "  │  ├─ ✓ RangeError: too far",
      "  │  └─ ✗ Error: else",
      "  └─ ✗ thrown string text",
      "  nothing matches group [RangeError, an error with message /gone/]",
      "  nothing matches SyntaxError caused by Error",
    ].join("\n"),
  );
  assertEquals(
    await complaint(fail(new TypeError("t"), new ErrorGroup([new Error("")])), [TypeError], { flatten: true }),
    "Cannot accept the failure as it must consist of TypeError: received\n  ErrorGroup\n  ├─ ✓ TypeError: t\n  └─ ErrorGroup\n     └─ ✗ Error",
  );
  assertEquals(
    await complaint(() => Promise.reject(new TypeError("t")), [(error) => error === 5, { message: "x" }]),
    'Cannot accept the failure as it must consist of an error for which the predicate holds, an error with message "x": received\n' +
      '  ✗ TypeError: t\n  nothing matches an error for which the predicate holds\n  nothing matches an error with message "x"',
  );
});

Deno.test("success is a failure", async () => {
  assertEquals(
    await complaint(() => 5, [TypeError]),
    "Cannot accept the result as it must be a failure with TypeError: it succeeded",
  );
  assertEquals(
    await complaint(Promise.resolve(), []),
    "Cannot accept the result as it must be a failure with no error at all: it succeeded",
  );
});

Deno.test(
  "the errors of a nursery come out in the order of what was expected",
  simulated(async () => {
    const [first, second] = await expectErrors(
      () =>
        openNursery((nursery) => {
          nursery.startSoon(() => sleep(1).then(() => Promise.reject(new RangeError("r"))));
          nursery.startSoon(() => sleep(1).then(() => Promise.reject(new TypeError("t"))));
        }),
      [TypeError],
      { ignoreCancelled: true },
    ).catch(async (error) => {
      assertEquals(error.cause instanceof ErrorGroup, true);
      return await expectErrors(Promise.reject(error.cause), [RangeError]);
    });
    assertEquals([(first as Error).message, second], ["r", undefined]);
  }),
);

Deno.test("{ group } as the expectation says what the outermost group must be, with its message", async () => {
  const action = () => Promise.reject(new ErrorGroup([new RangeError("x")], "my group"));
  const [found] = await expectErrors(action, { group: [RangeError], message: "my group" });
  assertEquals((found as Error).message, "x");
  await expectErrors(action, { group: [RangeError], message: /group$/ });
  await expectErrors(action, { group: [RangeError] });
  const wrong = await assertRejects(() => expectErrors(action, { group: [RangeError], message: "another" }), Error);
  assertEquals(
    wrong.message,
    'Cannot accept the failure as it must consist of group [RangeError] with message "another": received\n' +
      "  ✗ ErrorGroup: my group\n  └─ ✓ RangeError: x",
  );
  const single = await assertRejects(
    () =>
      expectErrors(() => Promise.reject(new RangeError("x")), { group: [RangeError], message: "x" }, {
        allowSingle: true,
      }),
    Error,
  );
  assertEquals(
    single.message.split("\n").at(0),
    "Cannot accept the failure as it must be an ErrorGroup (option allowSingle): a single error was thrown",
  );
});

Deno.test("a cancellation of the caller passes through, also wrapped; beside real errors it does not count", async () => {
  const work = async () => {
    await using _connection = { [Symbol.asyncDispose]: () => sleep(1) };
    await sleepForever();
  };
  await simulate(async () => {
    for (const options of [{}, { ignoreCancelled: true }, { allowSingle: true }]) {
      const outcome = await moveOnAfter(5, () => expectErrors(work, [Error], options));
      assertEquals(outcome.cancelledCaught, true);
    }
    const outcome = await moveOnAfter(5, () =>
      expectErrors(() =>
        openNursery((nursery) => {
          nursery.startSoon(() =>
            sleepForever().finally(() => {
              throw new RangeError("cleanup");
            })
          );
          nursery.startSoon(work);
        }), [RangeError]));
    assertEquals(outcome.cancelledCaught ? null : (outcome.value[0] as Error).message, "cleanup");
  });
});

Deno.test("one of somebody else is an error like any other, unless it is to be passed over", async () => {
  await simulate(() =>
    openNursery(async (nursery) => {
      const other = nursery.startSoon(() => sleepForever());
      other.cancel();
      await expectErrors(() => openNursery(() => other.join()), [CancelledElsewhereError]);
    })
  );
});
