import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelledElsewhereError,
  CancelScope,
  checkpoint,
  ErrorGroup,
  isCancelled,
  moveOnAfter,
  sleepForever,
} from "../mod.ts";

/** Catches what a wait throws. */
async function caught(wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait;
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test(
  "the outermost cancelled scope catches",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      inner.cancel();
      outer.cancel();
      await inner.run(() => checkpoint());
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && outer.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "the outer scope catches even if it is cancelled while the error of the inner one unwinds",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      await inner.run(async () => {
        try {
          inner.cancel();
          await checkpoint();
        } finally {
          outer.cancel();
        }
      });
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "raising the inner shield while an outer cancellation unwinds does not make the inner scope catch it",
  simulated(async () => {
    const inner = new CancelScope();
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      await inner.run(async () => {
        try {
          outer.cancel();
          await checkpoint();
        } finally {
          inner.shield = true;
        }
      });
      throw new Error("not reached");
    });
    assert(outcome.cancelledCaught && outer.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "a saved Cancelled thrown again later is eaten by any scope that is cancelled, and fails one that is not",
  simulated(async () => {
    let saved: unknown;
    await moveOnAfter(1, async () => {
      saved = await caught(sleepForever());
      await checkpoint();
    });
    assert(isCancelled(saved));
    const outcome = await moveOnAfter(Infinity, (scope) => {
      scope.cancel();
      throw saved;
    });
    assert(outcome.cancelledCaught);
    const failure = await caught(moveOnAfter(Infinity, () => {
      throw saved;
    }));
    assertInstanceOf(failure, CancelledElsewhereError);
    assertStrictEquals(failure.cause, saved);
  }),
);

Deno.test(
  "an error that is no cancellation leaves a cancelled scope untouched",
  simulated(async () => {
    const error = new TypeError("mine");
    const scope = new CancelScope();
    const thrown = await caught(scope.run(() => {
      scope.cancel();
      throw error;
    }));
    assertStrictEquals(thrown, error);
    assert(!scope.cancelledCaught);
  }),
);

Deno.test(
  "a scope strips the cancellations out of groups, and keeps the shape of the rest",
  simulated(async () => {
    const scope = new CancelScope();
    const thrown = await caught(scope.run(async () => {
      scope.cancel();
      const cancelled = await caught(checkpoint());
      throw new ErrorGroup([
        cancelled,
        new ErrorGroup([new TypeError("kept"), cancelled]),
        new ErrorGroup([cancelled]),
      ]);
    }));
    assertInstanceOf(thrown, ErrorGroup);
    assertEquals(thrown.errors.length, 1);
    assertInstanceOf(thrown.errors[0], ErrorGroup);
    assertEquals(thrown.flatten().map(String), ["TypeError: kept"]);
    assert(scope.cancelledCaught);
  }),
);

Deno.test(
  "a scope absorbs a group of nothing but cancellations, an AggregateError and a SuppressedError too",
  simulated(async () => {
    for (
      const wrap of [
        (error: unknown) => new ErrorGroup([error, new ErrorGroup([error])]),
        (error: unknown) => new AggregateError([error]),
        (error: unknown) => new SuppressedError(error, error),
      ]
    ) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        throw wrap(await caught(checkpoint()));
      });
      assert(outcome.cancelledCaught);
    }
  }),
);

Deno.test(
  "a scope keeps the real error of a SuppressedError, on either side",
  simulated(async () => {
    const real = new TypeError("real");
    for (const swap of [false, true]) {
      const thrown = await caught(moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        const cancelled = await caught(checkpoint());
        throw swap ? new SuppressedError(real, cancelled) : new SuppressedError(cancelled, real);
      }));
      assertStrictEquals(thrown, real);
    }
  }),
);

Deno.test(
  "an error of undefined thrown in a cancelled scope is not lost",
  simulated(async () => {
    let thrown: unknown = "nothing";
    await moveOnAfter(Infinity, (scope) => {
      scope.cancel();
      return Promise.reject(undefined);
    }).catch((error) => thrown = error);
    assertStrictEquals(thrown, undefined);
  }),
);

Deno.test(
  "cancelledCaught is that of the scope which caught, in every constellation of three scopes",
  simulated(async () => {
    // Cancelled scopes, outermost first, and shields; the third column says which one catches.
    const rows: [cancelled: string, shields: string, catches: number][] = [
      ["100", "000", 0],
      ["010", "000", 1],
      ["001", "000", 2],
      ["110", "000", 0],
      ["011", "000", 1],
      ["111", "000", 0],
      ["101", "000", 0],
      ["111", "001", 2],
      ["111", "010", 1],
      ["101", "010", 2],
      ["011", "001", 2],
      ["010", "010", 1],
      ["001", "111", 2],
    ];
    for (const [cancelled, shields, catches] of rows) {
      const scopes = [0, 1, 2].map((at) => new CancelScope({ shield: shields[at] === "1" }));
      const [outer, middle, inner] = scopes as [CancelScope, CancelScope, CancelScope];
      await outer.run(() =>
        middle.run(() =>
          inner.run(async () => {
            scopes.forEach((scope, at) => cancelled[at] === "1" && scope.cancel());
            await sleepForever();
          })
        )
      );
      assertEquals(
        scopes.map(({ cancelledCaught }) => cancelledCaught),
        [0, 1, 2].map((at) => at === catches),
        cancelled,
      );
      assertEquals(scopes.map(({ cancelCalled }) => cancelCalled), [...cancelled].map((flag) => flag === "1"));
    }
  }),
);

Deno.test(
  "after an inner scope has caught, an outer one that was cancelled behind its shield gets the next wait",
  simulated(async () => {
    const log: string[] = [];
    const outer = new CancelScope();
    const outcome = await outer.run(async () => {
      const inner = await new CancelScope({ shield: true }).run(async (inner) => {
        outer.cancel();
        inner.cancel();
        await checkpoint();
      });
      log.push(`inner ${inner.cancelledCaught}`);
      await checkpoint();
      log.push("not reached");
    });
    assert(outcome.cancelledCaught);
    assertEquals(log, ["inner true"]);
  }),
);

Deno.test(
  "a scope cancelled while an outer cancellation unwinds through it does not catch it",
  simulated(async () => {
    const inner = new CancelScope();
    const outcome = await new CancelScope().run(async (outer) => {
      await inner.run(async () => {
        try {
          outer.cancel();
          await checkpoint();
        } finally {
          inner.cancel();
        }
      });
    });
    assertEquals([outcome.cancelledCaught, inner.cancelledCaught, inner.cancelCalled], [true, false, true]);
  }),
);

Deno.test(
  "a scope that is cancelled and shielded while an outer cancellation unwinds catches it",
  simulated(async () => {
    const inner = new CancelScope();
    const log: string[] = [];
    const outcome = await new CancelScope().run(async (outer) => {
      await inner.run(async () => {
        try {
          outer.cancel();
          await checkpoint();
        } finally {
          inner.cancel();
          inner.shield = true;
        }
      });
      log.push("between");
      await checkpoint();
    });
    assertEquals([outcome.cancelledCaught, inner.cancelledCaught, log], [true, true, ["between"]]);
  }),
);

Deno.test(
  "a swallowed cancellation does not make a later error one: it passes, and the flag stays down",
  simulated(async () => {
    const error = new RangeError("later");
    const scope = new CancelScope({ timeout: 1 });
    const thrown = await caught(scope.run(async () => {
      await caught(sleepForever());
      throw error;
    }));
    assertStrictEquals(thrown, error);
    assertEquals([scope.cancelCalled, scope.cancelledCaught], [true, false]);
  }),
);

Deno.test(
  "a group without a cancellation leaves a cancelled scope as the same object",
  simulated(async () => {
    for (const error of [new ErrorGroup([new TypeError("x")]), new AggregateError([1]), new SuppressedError(1, 2)]) {
      const scope = new CancelScope();
      const thrown = await caught(scope.run((scope) => {
        scope.cancel();
        throw error;
      }));
      assertStrictEquals(thrown, error);
      assert(!scope.cancelledCaught);
    }
  }),
);

Deno.test(
  "stripping keeps message, cause and class, in AggregateError and SuppressedError at any depth",
  simulated(async () => {
    const cause = new Error("cause");
    const real = new TypeError("real");
    const thrown = await caught(moveOnAfter(0, async () => {
      const cancelled = await caught(checkpoint());
      const suppressed = new SuppressedError(cancelled, new SuppressedError(real, cancelled, "inner"), "outer");
      throw new AggregateError([cancelled, new ErrorGroup([suppressed, cancelled], "group")], "all", { cause });
    }));
    assertInstanceOf(thrown, AggregateError);
    assert(!(thrown instanceof ErrorGroup));
    assertEquals([thrown.message, thrown.errors.length], ["all", 1]);
    assertStrictEquals(thrown.cause, cause);
    const group = thrown.errors[0];
    assertInstanceOf(group, ErrorGroup);
    assertEquals(group.message, "group");
    assertStrictEquals(group.errors[0], real);
  }),
);

Deno.test(
  "both sides of a SuppressedError stay when both hold real errors",
  simulated(async () => {
    const thrown = await caught(moveOnAfter(0, async () => {
      const cancelled = await caught(checkpoint());
      throw new SuppressedError(
        new ErrorGroup([new TypeError("a"), cancelled]),
        new ErrorGroup([cancelled, new RangeError("b")]),
        "both",
      );
    }));
    assertInstanceOf(thrown, SuppressedError);
    assertEquals(thrown.message, "both");
    assertEquals([thrown.error.flatten().map(String), thrown.suppressed.flatten().map(String)], [
      ["TypeError: a"],
      ["RangeError: b"],
    ]);
  }),
);

Deno.test(
  "a scope that is not cancelled strips nothing: the cancellations pass to the one that is",
  simulated(async () => {
    const error = new TypeError("kept");
    let seen: unknown;
    const thrown = await caught(moveOnAfter(0, async () => {
      const cancelled = await caught(checkpoint());
      const group = new ErrorGroup([cancelled, error]);
      seen = await caught(new CancelScope({ shield: true }).run(() => Promise.reject(group)));
      assertStrictEquals(seen, group);
      throw seen;
    }));
    assertInstanceOf(thrown, ErrorGroup);
    assertEquals(thrown.errors, [error]);
  }),
);
