import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import * as copy from "../kernel/cancelled.ts?second-copy";
import {
  BrokenResourceError,
  BusyResourceError,
  Cancelled,
  CancelScope,
  checkpoint,
  ClosedResourceError,
  DeadlockError,
  EndOfChannel,
  ErrorGroup,
  failAfter,
  isCancelled,
  isErrorGroup,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  RunFinishedError,
  sleep,
  sleepForever,
  TooSlowError,
} from "../mod.ts";
import * as own from "./errors.ts";
import { makeCancelled } from "../kernel/cancelled.ts";

/** A folder around this one may have the same name. */
const CORE = new URL("../", import.meta.url).pathname;

Deno.test("every error class sets its name, and takes a message and a cause", () => {
  const classes = {
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    DeadlockError,
    EndOfChannel,
    RunFinishedError,
    TooSlowError,
  };
  for (const [name, Class] of Object.entries(classes)) {
    const cause = new TypeError("cause");
    const error = new Class("what happened", { cause });
    assertInstanceOf(error, Error);
    assertEquals([error.name, error.message, String(error)], [name, "what happened", `${name}: what happened`]);
    assertStrictEquals(error.cause, cause);
    assert(!isCancelled(error) && !isErrorGroup(error));
  }
});

Deno.test("Cancelled says what caused it, who and why, in its message and its fields", () => {
  const texts = {
    deadline: "Cancelled as the deadline passed",
    explicit: "Cancelled as cancel() was called",
    nursery: "Cancelled as its nursery ended it",
    signal: "Cancelled as a signal arrived",
    shutdown: "Cancelled as the grace of a shutdown ran out",
  } as const;
  for (const [source, text] of Object.entries(texts) as [keyof typeof texts, string][]) {
    const bare = makeCancelled(source);
    assertEquals([bare.name, bare.message, bare.source], ["Cancelled", text, source]);
    assertEquals([bare.reason, bare.sourceTask, bare.cause], [undefined, undefined, undefined]);
    const full = makeCancelled(source, "enough", 'task "worker" #2');
    assertEquals([full.message, full.reason, full.sourceTask], [
      `${text} in task "worker" #2: enough`,
      "enough",
      'task "worker" #2',
    ]);
  }
});

Deno.test("Cancelled shows any reason as text, and has an error as its cause", () => {
  const error = new RangeError("too far");
  const cancelled = makeCancelled("explicit", error);
  assertStrictEquals(cancelled.cause, error);
  assertEquals(cancelled.message, "Cancelled as cancel() was called: RangeError: too far");
  assertEquals(makeCancelled("explicit", null).message, "Cancelled as cancel() was called: null");
  assertEquals(makeCancelled("explicit", Symbol("s")).message, "Cancelled as cancel() was called: Symbol(s)");
  assertEquals(
    makeCancelled("explicit", Object.create(null)).message,
    "Cancelled as cancel() was called: a reason that cannot be shown as text",
  );
});

Deno.test("Cancelled cannot be made by users, in no way", () => {
  const Class = Cancelled as unknown as new (...args: unknown[]) => Error;
  for (const args of [[], ["message"], [Symbol("key"), "explicit"]]) {
    assertThrows(
      () => new Class(...args),
      TypeError,
      'Cannot construct "Cancelled" as only a cancel scope makes it: call scope.cancel(reason)',
    );
  }
});

Deno.test("isCancelled() is false for whatever else can be thrown", () => {
  for (const thrown of [undefined, null, "Cancelled", 1, {}, new Error("Cancelled"), () => {}]) {
    assert(!isCancelled(thrown), String(thrown));
  }
  assert(!isCancelled(new ErrorGroup([makeCancelled("explicit")])), "a group of cancellations is none itself");
});

Deno.test(
  "a Cancelled made by a second copy of the package is recognised, and absorbed by a cancelled scope",
  simulated(async () => {
    const foreign = copy.makeCancelled("explicit", "from the copy");
    assert(copy.Cancelled as unknown !== Cancelled && foreign instanceof Cancelled);
    assert(isCancelled(foreign) && copy.isCancelled(makeCancelled("explicit")));
    for (const thrown of [foreign, new ErrorGroup([foreign]), new SuppressedError(foreign, foreign)]) {
      const outcome = await moveOnAfter(Infinity, (scope) => {
        scope.cancel();
        throw thrown;
      });
      assert(outcome.cancelledCaught);
    }
  }),
);

Deno.test(
  "provenance: deadline, cancel(), a failing child, a failing body, each says so",
  simulated(async () => {
    const seen: unknown[][] = [];
    const note = (error: unknown) => {
      assertInstanceOf(error, Cancelled);
      seen.push([error.source, error.sourceTask, error.message]);
      throw error;
    };
    await moveOnAfter(1, () => sleepForever().catch(note));
    await new CancelScope().run(async (scope) => {
      scope.cancel();
      await checkpoint().catch(note);
    });
    await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch(note));
      nursery.startSoon(() => Promise.reject(new TypeError("broken")), { name: "child" });
    }).catch(() => {});
    await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().catch(note));
      throw new TypeError("body");
    }).catch(() => {});
    assertEquals(seen, [
      ["deadline", undefined, "Cancelled as the deadline passed"],
      ["explicit", 'task "main" #1', 'Cancelled as cancel() was called in task "main" #1'],
      ["nursery", 'task "child" #3', 'Cancelled as its nursery ended it in task "child" #3: TypeError: broken'],
      ["nursery", 'task "main" #1', 'Cancelled as its nursery ended it in task "main" #1: TypeError: body'],
    ]);
  }),
);

Deno.test(
  "a scope cancelled before it is entered does not name a task, as nobody was in it",
  simulated(async () => {
    const scope = new CancelScope();
    scope.cancel("early");
    const outcome = await scope.run(() => checkpoint());
    assert(outcome.cancelledCaught);
    assertEquals(outcome.cancelled.sourceTask, undefined);
    assertEquals(outcome.cancelled.message, "Cancelled as cancel() was called: early");
  }),
);

Deno.test(
  "a deadline never replaces the reason of a cancel, nor a cancel that of a deadline",
  simulated(async () => {
    const first = await moveOnAfter(5, async (scope) => {
      scope.cancel("by hand");
      scope.deadline = 0;
      await checkpoint();
    });
    assert(first.cancelledCaught && first.cancelled.source === "explicit");
    const second = await moveOnAfter(5, async (scope) => {
      await sleepForever().catch(() => scope.cancel("too late"));
      await checkpoint();
    });
    assert(second.cancelledCaught && second.cancelled.source === "deadline");
    assertEquals(second.cancelled.reason, undefined);
  }),
);

Deno.test(
  "the stack of an error of the library's own begins where the user's code is, and that of a Cancelled by a deadline says so",
  simulated(async () => {
    const [end] = openMemoryChannel<number>(0);
    end.close();
    const errors: Record<string, unknown> = {
      closed: await end.send(1).catch((error) => error),
      tooSlow: await failAfter(1, () => sleepForever()).catch((error) => error),
      group: await openNursery(() => Promise.reject(new Error("x"))).catch((error) => error),
      own: new ClosedResourceError("mine", { cause: 5 }),
    };
    const [send, receive] = openMemoryChannel<number>(0);
    send.close();
    receive.close();
    errors.broken = await send.send(1).catch((error) => error);
    for (const [name, error] of Object.entries(errors)) {
      const { stack = "", message } = error as Error;
      assert(stack.startsWith(`${(error as Error).name}: ${message}`), name);
      const frames = stack.split("\n").filter((line) => line.startsWith("    at "));
      assert(!frames.some((line) => line.includes(CORE) && !line.includes("errors/errors_test")), stack);
    }
    assert((errors.own as Error).stack?.includes("errors_test.ts"));
    assertEquals((errors.own as Error).cause, 5);
    const outcome = await moveOnAfter(1, () => sleepForever());
    assert(outcome.cancelledCaught);
    assertEquals(outcome.cancelled.stack, "Cancelled: Cancelled as the deadline passed\n    at <deadline>");
    const explicit = new CancelScope();
    explicit.cancel();
    const { cancelled } = await explicit.run(() => sleepForever()) as { cancelled: Cancelled };
    assert(cancelled.stack?.includes("errors_test.ts"), cancelled.stack);
    cancelled.stack = "mine";
    assertEquals(cancelled.stack, "mine");
  }),
);

Deno.test("the stack of an error of the library's own is never empty, as the host would show lines of the library", async () => {
  // Nothing of the user's is on the stack when a nursery of `run()` ends.
  const group: Error = await new Promise((resolve) => {
    setTimeout(() => {
      const running = run(() =>
        openNursery((nursery) => {
          nursery.startSoon(() => sleep(0));
          nursery.startSoon(() => Promise.reject(new Error("x")));
        })
      );
      void running.then(() => {}, resolve);
    }, 0);
  });
  assert(group instanceof ErrorGroup);
  assertEquals(
    group.stack,
    `ErrorGroup: ${group.message}\n    at <@trefoil/io> (shown by TREFOIL_STACKS=full)`,
  );
});

Deno.test("every class of errors is known across copies of the package, and what is derived from one is told apart", async () => {
  const other = await import("./errors.ts?third-copy") as typeof import("./errors.ts");
  const classes = [
    "BrokenResourceError",
    "BusyResourceError",
    "CancelledElsewhereError",
    "ClosedResourceError",
    "DeadlockError",
    "EndOfChannel",
    "RunFinishedError",
    "TooSlowError",
  ] as const;
  for (const name of classes) {
    const error = new other[name]("x");
    const Class = own[name];
    assert(other[name] as unknown !== Class && error instanceof Class && error instanceof Error, name);
    class Derived extends Class {}
    assert(new Derived("x") instanceof Derived && new Derived("x") instanceof Class, name);
    assert(!(error instanceof Derived) && !(new Error("x") instanceof Class), name);
    for (const value of [null, undefined, 1, {}, Object.create(error), new Proxy(error, {})]) {
      assert(!((value as unknown) instanceof Class), name);
    }
  }
});
