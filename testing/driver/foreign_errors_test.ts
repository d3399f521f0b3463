// deno-lint-ignore-file no-console -- reports are printed
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import vm from "node:vm";
import { ErrorGroup, isErrorGroup, openNursery, sleep, sleepForever } from "../../core/mod.ts";
import { suspend, type WaitReason } from "../../core/lowlevel.ts";
import { trackOpen } from "./leaks.ts";
import { expectErrors, memoryStreamPair, simulate, type SimulateOptions, sweepCancel } from "../mod.ts";

// What others throw may be anything. It comes out as it went in, and no report of it fails.

const thrower = {
  get(): never {
    throw new RangeError("a trap");
  },
};

/** A group in a group, and so on. */
function deep(depth: number): unknown {
  let error: unknown = new Error("innermost");
  for (let i = 0; i < depth; i++) error = new AggregateError([error], "");
  return error;
}

function deepGroup(depth: number): ErrorGroup {
  let error = new ErrorGroup([new Error("innermost")], "x");
  for (let i = 0; i < depth; i++) error = new ErrorGroup([error], "x");
  return error;
}

function chain(key: "cause" | "suppressed", depth: number): unknown {
  let error: unknown = new Error("innermost");
  for (let i = 0; i < depth; i++) {
    error = key === "cause" ? new Error("", { cause: error }) : new SuppressedError(new Error(""), error);
  }
  return error;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable(new Error("revoked"), {});
  revoke();
  return proxy;
}

function trapped(target: object): unknown {
  const trap = (): never => {
    throw new RangeError("a trap");
  };
  return new Proxy(target, {
    get: trap,
    has: trap,
    getPrototypeOf: trap,
    ownKeys: trap,
    getOwnPropertyDescriptor: trap,
  });
}

function cyclic(): AggregateError {
  const errors: unknown[] = [];
  const error = new AggregateError(errors, "cyclic", { cause: errors });
  error.errors.push(error);
  return error;
}

function cyclicGroup(): ErrorGroup {
  const error = new ErrorGroup([new Error("member")]);
  try {
    (error.errors as unknown[]).push(error);
  } catch {
    Object.defineProperty(error, "errors", { value: [error] });
  }
  return error;
}

const VALUES: Record<string, () => unknown> = {
  "undefined": () => undefined,
  "null": () => null,
  "a number": () => 0,
  "a string": () => "text",
  "a symbol": () => Symbol("x"),
  "a function": () => () => {},
  "an object without prototype": () => Object.create(null),
  "a frozen error": () => Object.freeze(new TypeError("frozen")),
  "a revoked proxy": revoked,
  "a proxy whose traps throw": () => trapped(new Error("x")),
  "a proxy of a group whose traps throw": () => trapped(new ErrorGroup([new Error("x")])),
  "a message that throws": () => Object.defineProperty(new Error("x"), "message", thrower),
  "a name that throws": () => Object.defineProperty(new Error("x"), "name", thrower),
  "a stack that throws": () => Object.defineProperty(new Error("x"), "stack", thrower),
  "a cause that throws": () => Object.defineProperty(new Error("x"), "cause", thrower),
  "a then that throws": () => Object.defineProperty(new Error("x"), "then", thrower),
  "a then of its own": () => Object.assign(new Error("x"), { then: (resolve: () => void) => resolve() }),
  "a message that is no string": () => Object.defineProperty(new Error("x"), "message", { value: Symbol("x") }),
  "members that throw": () => Object.defineProperty(new AggregateError([]), "errors", thrower),
  "a deep aggregate": () => deep(50_000),
  "a deep group": () => deepGroup(5_000),
  "a deep chain of causes": () => chain("cause", 50_000),
  "a deep chain of suppressed errors": () => chain("suppressed", 50_000),
  "a cycle": cyclic,
  "a cycle of groups": cyclicGroup,
  "an error of another realm": () => vm.runInNewContext("new TypeError('x')"),
  "an aggregate of another realm": () => vm.runInNewContext("new AggregateError([new TypeError('x')])"),
};

const QUIET: SimulateOptions = { leaks: "ignore" };

/** Runs something in silence. */
async function silently<T>(fn: () => Promise<T>): Promise<T> {
  const { warn, error } = console;
  console.warn = console.error = () => {};
  try {
    return await fn();
  } finally {
    console.warn = warn;
    console.error = error;
  }
}

/** What a promise is rejected with; the object itself, whatever it is. */
function reasonOf(promise: Promise<unknown>): Promise<{ readonly reason: unknown } | null> {
  return promise.then(() => null, (reason) => ({ reason }));
}

Deno.test("a simulation fails with what its body throws, and the same object, whatever it is", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    for (const wait of [false, true]) {
      const value = make();
      const outcome = await reasonOf(simulate(async () => {
        if (wait) await sleep(1);
        throw value;
      }));
      assert(outcome !== null && Object.is(outcome.reason, value), name);
    }
  }
});

Deno.test("what is thrown where nobody can catch it fails the simulation, whatever it is", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    const value = make();
    const places: Record<string, () => unknown> = {
      timer: () =>
        void setTimeout(() => {
          throw value;
        }, 1),
      immediate: () =>
        void setImmediate(() => {
          throw value;
        }),
      rejection: () => void Promise.reject(value),
      // A promise that is rejected anew with it.
      background: () => {},
    };
    for (const [place, act] of Object.entries(places)) {
      const outcome = await silently(() =>
        reasonOf(simulate(async (sim) => {
          act();
          if (place === "background") {
            sim.background.startSoon(() => {
              throw value;
            });
          }
          await sleep(5);
        }, QUIET))
      );
      assert(outcome !== null, `${name}, ${place}`);
      const { reason } = outcome;
      const members = isErrorGroup(reason) && reason !== value ? reason.errors : [reason];
      assert(members.some((member) => Object.is(member, value)), `${name}, ${place}`);
    }
  }
});

Deno.test("two of them together come as a group that can be shown", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    const [first, second] = [make(), new Error("second")];
    const outcome = await silently(() =>
      reasonOf(simulate(async () => {
        setTimeout(() => {
          throw second;
        }, 1);
        await sleep(1).catch(() => {});
        throw first;
      }, QUIET))
    );
    assert(isErrorGroup(outcome?.reason), name);
    assertStrictEquals(outcome.reason.errors.length, 2);
    assertEquals(typeof outcome.reason.message, "string");
  }
});

Deno.test("expectErrors() looks at each of them, alone and in groups, and its complaint can be read", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    const value = make();
    const inGroup = () => Promise.reject(new ErrorGroup([value, new Error("beside")]));
    const isValue = (error: unknown) => Object.is(error, value);
    const found = await expectErrors(inGroup, [isValue, { message: "beside" }]);
    assert(Object.is(found[0], value), name);
    await expectErrors(() => Promise.reject(value), [isValue], { allowSingle: true, flatten: false }).catch((error) => {
      // A group is compared by its members.
      assert(isErrorGroup(value), `${name}: ${error}`);
    });
    for (
      const expected of [
        [{ type: SyntaxError, message: /x/, cause: { message: "y" } }],
        [{ group: [RangeError], message: /z/ }],
        { group: [SyntaxError, SyntaxError], message: "no such message" },
      ] as const
    ) {
      for (const flatten of [false, true]) {
        for (const action of [inGroup, () => Promise.reject(value)]) {
          const error = await expectErrors(action, expected, { flatten, ignoreCancelled: true }).then(
            () => null,
            (error) => error,
          );
          assert(error.message.startsWith("Cannot accept the failure as it must consist of "), `${name}: ${error}`);
          assert(error.message.length < 50_000, name);
        }
      }
    }
  }
});

Deno.test("a sweep tells each of them as its finding", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    const value = make();
    for (const where of ["scenario", "after"]) {
      let disturbed = false;
      const error = await sweepCancel(
        () =>
          sleep(1).catch((cancelled) => {
            disturbed = true;
            throw where === "scenario" ? value : cancelled;
          }),
        {
          after: () => {
            if (where === "after" && disturbed) throw value;
          },
          only: "before:1",
        },
      ).then(() => null, (error) => error);
      assertEquals([name, error?.name], [name, "SweepError"]);
      assert(Object.is(error.cause, value), name);
    }
    const undisturbed = await reasonOf(sweepCancel(() => Promise.reject(value)));
    assert(Object.is(undisturbed?.reason, value), name);
  }
});

Deno.test("hooks of memory streams that throw any of them fail their operation, or the test", async () => {
  for (const [name, make] of Object.entries(VALUES)) {
    const value = make();
    const hook = () => {
      throw value;
    };
    await simulate(async () => {
      const [a, b] = memoryStreamPair({ hooks: { beforeSend: hook, beforeReceive: hook } });
      const outcomes = [await reasonOf(a.sendAll(new Uint8Array(1))), await reasonOf(a.receiveSome())];
      assert(outcomes.every((outcome) => outcome !== null && Object.is(outcome.reason, value)), name);
      a.close();
      b.close();
    });
    const outcome = await silently(() =>
      reasonOf(simulate(async () => {
        const [a, b] = memoryStreamPair({ hooks: { closed: hook } });
        a.close();
        b.close();
        await sleep(1);
      }))
    );
    const reason = outcome?.reason;
    const members = isErrorGroup(reason) && reason !== value ? reason.errors : [reason];
    assert(outcome !== null && members.every((member) => Object.is(member, value)), name);
  }
});

/** Reasons of waits whose parts throw, or are something else than they should be. */
const REASONS: Record<string, WaitReason> = {
  "a holder that throws": {
    kind: "odd",
    holder: () => {
      throw new RangeError("no holder");
    },
  },
  "a holder that is no task": { kind: "odd", holder: () => trapped({}) as never },
  "a holder that is no function": { kind: "odd", holder: 5 as never },
  "a label that throws": {
    kind: "odd",
    label: () => {
      throw trapped({});
    },
  },
  "a label that is no string": { kind: "odd", label: () => Symbol("label") as never },
  "a getter that throws": Object.defineProperty({ kind: "odd" }, "label", thrower),
  "a kind that throws": Object.defineProperty({}, "kind", thrower) as never,
  "a holder that is a getter that throws": Object.defineProperty({ kind: "odd" }, "holder", thrower),
};

Deno.test("a wait whose reason throws is reported all the same: in a deadlock, a limit, a leak, a sweep", async () => {
  for (const [name, reason] of Object.entries(REASONS)) {
    const wait = () => suspend(reason, () => {}, () => true);
    const deadlock = await reasonOf(simulate(() =>
      openNursery((nursery) => {
        nursery.startSoon(wait, { name: "odd one" });
        nursery.startSoon(() => sleepForever());
      })
    ));
    assert(/nothing can ever wake up/.test((deadlock?.reason as Error).message), `${name}: ${deadlock?.reason}`);
    assert((deadlock?.reason as Error).message.includes("odd one"), `${name}: ${deadlock?.reason}`);
    const limit = await reasonOf(simulate(() =>
      openNursery((nursery) => {
        nursery.startSoon(wait);
        nursery.startSoon(async () => {
          while (true) await sleep(1_000);
        });
      }), { maxVirtual: 5_000 }));
    assert(/more virtual time/.test((limit?.reason as Error).message), name);
    const leak = await reasonOf(simulate(() => void wait(), { leaks: "error" }));
    assert(/wait that nobody awaited/.test((leak?.reason as Error).message), `${name}: ${leak?.reason}`);
    const sweep = await reasonOf(sweepCancel((_: undefined, sim) => {
      sim.background.startSoon(() => {});
      return suspend(reason, (waker) => void setTimeout(() => waker.wake(undefined), 1), () => {
        throw new RangeError("abort");
      });
    }));
    assert(/it failed with RangeError: abort/.test((sweep?.reason as Error).message), `${name}: ${sweep?.reason}`);
  }
});

Deno.test("a stack that somebody else formats spoils no report", async () => {
  const { prepareStackTrace } = Error as { prepareStackTrace?: unknown };
  for (
    const prepare of [
      (_: unknown, frames: unknown) => frames,
      () => {
        throw new RangeError("no stack");
      },
    ]
  ) {
    const outcome = await reasonOf(simulate(() => {
      trackOpen("thing");
      setInterval(() => {}, 1_000);
      (Error as { prepareStackTrace?: unknown }).prepareStackTrace = prepare;
      return sleep(1);
    })).finally(() => (Error as { prepareStackTrace?: unknown }).prepareStackTrace = prepareStackTrace);
    assert(/left 2 things behind/.test((outcome?.reason as Error).message), String(outcome?.reason));
  }
});
