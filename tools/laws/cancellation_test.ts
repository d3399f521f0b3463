/**
 * K1: whose cancellation is it? A cancellation from elsewhere is a failure that is seen; one's own, however it is
 * wrapped, is none. Over everything in core that runs a function of the user's.
 */

import { assert, assertEquals } from "@std/assert";
import {
  all,
  allSettled,
  any,
  asCompleted,
  type Cancelled,
  CancelledElsewhereError,
  CancelScope,
  ErrorGroup,
  failAfter,
  failAt,
  forEach,
  handleErrors,
  isCancelled,
  isOnlyCancelled,
  Lazy,
  map,
  merge,
  moveOnAfter,
  moveOnAt,
  openNursery,
  race,
  retry,
  run,
  shielded,
  sleepForever,
  type Task,
  toChannel,
  untilShutdown,
  withSignal,
} from "../../core/mod.ts";
import { secondCopy } from "../_second_copy.ts";

type Body = (scope?: CancelScope) => Promise<never>;

/** What runs a function of the user's; fails as that does, or returns the failures it reports. */
const PLACES: Readonly<Record<string, (body: Body) => Promise<unknown>>> = {
  "a nursery's body": (body) => openNursery(() => body()),
  "a child": (body) => openNursery((nursery) => void nursery.startSoon(body)),
  "a daemon": (body) =>
    openNursery(async (nursery) => {
      nursery.startSoon(body, { daemon: true });
      await sleepForever();
    }),
  "start(), before started()": (body) => openNursery((nursery) => nursery.start(() => body())),
  "start(), after started()": (body) =>
    openNursery(async (nursery) => {
      await nursery.start((status) => {
        status.started();
        return body();
      });
    }),
  "adopt()": (body) => openNursery((nursery) => nursery.adopt(() => body())),
  "join()": (body) => openNursery((nursery) => nursery.startSoon(body).join()),
  "CancelScope.run()": (body) => new CancelScope().run(() => body()),
  "shielded()": (body) => shielded((scope) => body(scope)),
  "moveOnAfter()": (body) => moveOnAfter(1e9, () => body()),
  "moveOnAt()": (body) => moveOnAt(1e12, () => body()),
  "failAfter()": (body) => failAfter(1e9, () => body()),
  "failAt()": (body) => failAt(1e12, () => body()),
  "untilShutdown()": (body) => untilShutdown(() => body()),
  "withSignal()": (body) => withSignal(new AbortController().signal, () => body()),
  "handleErrors(), whose handlers match nothing": (body) => handleErrors(() => body(), [[() => false, () => {}]]),
  "retry()": (body) => retry(() => body(), { attempts: 2, backoff: () => 0 }),
  "all()": (body) => all([() => 1, () => body()]),
  "allSettled()": async (body) => failuresOf(await allSettled([() => 1, () => body()])),
  "race()": (body) => race([() => body(), sleepForever]),
  "any()": (body) => any([() => body()]),
  "map()": (body) => map([1], () => body()),
  "map(), whose source fails": (body) => map(failingSource(body), () => 1),
  "forEach()": (body) => forEach([1, 2], () => body(), { concurrency: 1 }),
  "asCompleted()": async (body) => {
    for await (const _ of asCompleted([1], () => body()));
  },
  "merge()": async (body) => {
    for await (const _ of merge([[1], failingSource(body)]));
  },
  "Lazy.get()": (body) => new Lazy(() => body()).get(),
  "toChannel()": (body) => toChannel([1], () => body()),
  "toChannel(), whose source fails": (body) => toChannel(failingSource(body), (channel) => channel.receive()),
  "nested blocks": (body) =>
    openNursery((nursery) =>
      void nursery.startSoon(() => moveOnAfter(1e9, () => openNursery((inner) => void inner.startSoon(body))))
    ),
};

async function* failingSource(body: Body): AsyncGenerator<number> {
  yield await body();
}

/** The failures of `allSettled()`, thrown: they are what it tells. */
function failuresOf(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const errors = outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason] : []);
  if (errors.length > 0) throw new ErrorGroup(errors);
}

/** Ways of wrapping a cancellation; `other` is an error beside it. */
const WRAPPED: Readonly<Record<string, (cancelled: unknown) => unknown>> = {
  "as it is": (cancelled) => cancelled,
  "in a group": (cancelled) => new ErrorGroup([cancelled]),
  "in an AggregateError": (cancelled) => new AggregateError([cancelled, cancelled]),
  "in a SuppressedError": (cancelled) => new SuppressedError(cancelled, cancelled),
  "in all of them": (cancelled) =>
    new ErrorGroup([new SuppressedError(cancelled, new AggregateError([cancelled])), cancelled]),
};

/** All leaves of a tree of errors, and what they suppress. */
function leaves(error: unknown): unknown[] {
  if (error instanceof AggregateError) return error.errors.flatMap(leaves);
  if (error instanceof SuppressedError) return [...leaves(error.error), ...leaves(error.suppressed)];
  return [error];
}

async function errorOf(fn: () => Promise<unknown>): Promise<unknown> {
  try {
    await fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A cancellation that somebody else was the cause of, and has caught. */
async function someCancelled(core: { moveOnAfter: typeof moveOnAfter } = { moveOnAfter }): Promise<Cancelled> {
  const outcome = await core.moveOnAfter(Infinity, async (scope) => {
    scope.cancel("elsewhere");
    await theirSleep(core);
  });
  assert(outcome.cancelledCaught);
  return outcome.cancelled;
}

function theirSleep(core: object): Promise<never> {
  return ((core as { sleepForever?: typeof sleepForever }).sleepForever ?? sleepForever)();
}

const copy = await secondCopy();

/** Where a cancellation that is not the code's own comes from: a body that fails with it. */
const FROM_ELSEWHERE: Readonly<Record<string, () => Promise<Body>>> = {
  "of a promise shared with a task that was cancelled": async () => {
    let shared: Promise<never> | undefined;
    await moveOnAfter(Infinity, async (scope) => {
      shared = sleepForever();
      scope.cancel();
      await shared;
    });
    return () => shared!;
  },
  "of a task that was cancelled, and is joined": async () => {
    let task: Task<never> | undefined;
    await openNursery((nursery) => {
      task = nursery.startSoon(sleepForever);
      task.cancel();
    });
    return () => task!.join();
  },
  "kept, and thrown again": async () => {
    const cancelled = await someCancelled();
    return () => Promise.reject(cancelled);
  },
  "of a second copy of the package": async () => {
    const cancelled = await someCancelled(copy);
    return () => Promise.reject(cancelled);
  },
};

for (const [place, run_] of Object.entries(PLACES)) {
  for (const [origin, make] of Object.entries(FROM_ELSEWHERE)) {
    for (const [how, wrap] of Object.entries(WRAPPED)) {
      Deno.test(`K1: a cancellation ${origin}, ${how}, is a failure of ${place}`, async () => {
        const body = await make();
        const original = await errorOf(body);
        // What leaves code is converted by the block around it, if not by what ran it.
        const error = await errorOf(() =>
          run(() => new CancelScope().run(() => run_(() => body().catch((error) => Promise.reject(wrap(error))))), {
            handleSignals: false,
          })
        );
        assert(error !== undefined, "nothing failed");
        assert(!isOnlyCancelled(error), `it was taken for a cancellation of its own: ${error}`);
        const elsewhere = leaves(error).filter((leaf) => leaf instanceof CancelledElsewhereError);
        assert(elsewhere.length > 0, `it is not called a cancellation from elsewhere: ${error}`);
        assertEquals(leaves(error).filter(isCancelled), [], "cancellations are left among the failures");
        for (const { cause } of elsewhere as Error[]) {
          assert(cause === original || cause === (original as Error).cause, "its cause is another");
        }
      });
    }
  }

  for (const [how, wrap] of Object.entries(WRAPPED)) {
    Deno.test(`K1: a cancellation of one's own, ${how}, is no failure of ${place}`, () =>
      run(async () => {
        let times = 0;
        const outcome = await moveOnAfter(Infinity, async (scope) => {
          const result = await run_(async (inner = scope) => {
            times++;
            inner.cancel();
            try {
              return await sleepForever();
            } catch (cancelled) {
              throw wrap(cancelled);
            }
          });
          // A shield has scopes of its own, which catch what is theirs; and a nursery drops a cancellation of a child.
          if ((result as { cancelledCaught?: boolean } | undefined)?.cancelledCaught) scope.cancel();
          await sleepForever();
        });
        assert(outcome.cancelledCaught);
        assertEquals(times, 1);
      }, { handleSignals: false }));
  }
}

for (const [how, wrap] of Object.entries(WRAPPED)) {
  Deno.test(`K1: a task that ends by its own cancellation, ${how}, is cancelled, and none of its siblings is`, async () => {
    let sibling = "";
    let task: Task<never> | undefined;
    await openNursery(async (nursery) => {
      task = nursery.startSoon(() => sleepForever().catch((error) => Promise.reject(wrap(error))));
      const other = nursery.startSoon(async () => {
        await nursery.start((status) => status.started());
        sibling = "done";
      });
      task.cancel();
      await other.join();
    });
    assertEquals([task!.state, sibling], ["cancelled", "done"]);
    const error = await errorOf(() => task!.join());
    assert(error instanceof CancelledElsewhereError && isCancelled(error.cause), `joining it throws ${error}`);
  });

  Deno.test(`K1: a cancellation from outside that gets through a shield, ${how}, is one's own, and not the shield's`, async () => {
    let inside: { readonly cancelledCaught: boolean } | undefined;
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const cancelled = sleepForever();
      scope.cancel();
      const mine = await errorOf(() => cancelled);
      const error = await errorOf(async () => {
        inside = await new CancelScope({ shield: true }).run(() => Promise.reject(wrap(mine)));
      });
      assert(isOnlyCancelled(error), `it came out of the shield as ${error}`);
      assert(leaves(error).every((leaf) => leaf === mine), "as another");
      throw error;
    });
    assertEquals([outcome.cancelledCaught, inside], [true, undefined]);
  });

  Deno.test(`K1: a shield that is cancelled beside the scope around it catches its own, ${how}`, async () => {
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const inside = await new CancelScope({ shield: true }).run(async (shield) => {
        scope.cancel();
        shield.cancel();
        return await sleepForever().catch((error) => Promise.reject(wrap(error)));
      });
      assert(inside.cancelledCaught);
      return "went on";
    });
    assertEquals(outcome.value, "went on");
  });

  Deno.test(`K1: a task that ends by somebody else's cancellation, ${how}, has failed`, async () => {
    const cancelled = await someCancelled();
    let task: Task<never> | undefined;
    await errorOf(() =>
      openNursery((nursery) => void (task = nursery.startSoon(() => Promise.reject(wrap(cancelled)))))
    );
    assertEquals(task!.state, "failed");
  });

  Deno.test(`K1: the handlers of handleErrors() are not called for one's own cancellation, ${how}`, async () => {
    const called: unknown[] = [];
    const outcome = await moveOnAfter(Infinity, (scope) =>
      handleErrors(async () => {
        scope.cancel();
        await sleepForever().catch((error) => Promise.reject(wrap(error)));
      }, [[() => true, (group) => void called.push(group)]]));
    assert(outcome.cancelledCaught);
    assertEquals(called, []);
  });

  Deno.test(`K1: the handlers of handleErrors() are called for somebody else's cancellation, ${how}`, async () => {
    const cancelled = await someCancelled();
    const called: unknown[] = [];
    await handleErrors(() => Promise.reject(wrap(cancelled)), [[
      CancelledElsewhereError,
      (group) => void called.push(...leaves(group)),
    ]]);
    assert(called.length > 0 && called.every((error) => (error as Error).cause === cancelled));
  });

  Deno.test(`K1: retry() tries again after somebody else's cancellation, ${how}`, async () => {
    const cancelled = await someCancelled();
    const value = await retry((attempt) => attempt < 3 ? Promise.reject(wrap(cancelled)) : "done", {
      backoff: () => 0,
    });
    assertEquals(value, "done");
  });

  Deno.test(
    `K1: Lazy computes again after its user was cancelled, ${how}, and says nothing of that to the next`,
    async () => {
      let times = 0;
      let cancel = (): void => {};
      const once = new Lazy(async () => {
        if (++times > 1) return "done";
        cancel();
        return await sleepForever().catch((error) => Promise.reject(wrap(error)));
      });
      const outcome = await moveOnAfter(Infinity, (scope) => {
        cancel = () => scope.cancel();
        return once.get();
      });
      assert(outcome.cancelledCaught);
      assertEquals(await once.get(), "done");
    },
  );

  Deno.test(`K1: any() goes on to the next after somebody else's cancellation, ${how}`, async () => {
    const cancelled = await someCancelled();
    assertEquals(await any([() => Promise.reject(wrap(cancelled)), () => "done"]), "done");
  });

  Deno.test(`K1: a run that its signal ends, by a cancellation ${how}, fails with nothing else`, async () => {
    const controller = new AbortController();
    const error = await errorOf(() =>
      run(async () => {
        controller.abort("enough");
        return await sleepForever().catch((error) => Promise.reject(wrap(error)));
      }, { handleSignals: false, signal: controller.signal })
    );
    assert(isOnlyCancelled(error), `it fails with ${error}`);
  });
}

for (
  const [name, mix] of Object.entries({
    "in a group": (cancelled: unknown, error: unknown) => new ErrorGroup([cancelled, error]),
    "in a SuppressedError, as the newer one": (cancelled: unknown, error: unknown) =>
      new SuppressedError(cancelled, error),
    "in a SuppressedError, as the older one": (cancelled: unknown, error: unknown) =>
      new SuppressedError(error, cancelled),
  })
) {
  for (const [place, run_] of Object.entries(PLACES)) {
    Deno.test(
      `K1: an error beside one's own cancellation, ${name}, comes out of ${place}, and the cancellation does not`,
      async () => {
        const mine = new RangeError("Mine");
        const error = await errorOf(() =>
          run(() =>
            moveOnAfter(Infinity, (scope) =>
              run_(async (inner = scope) => {
                inner.cancel();
                return await sleepForever().catch((cancelled) => Promise.reject(mix(cancelled, mine)));
              })), { handleSignals: false })
        );
        assertEquals(leaves(error), [mine]);
      },
    );
  }
}
