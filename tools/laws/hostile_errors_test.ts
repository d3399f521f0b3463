/**
 * K2: whatever is thrown, everything settles, the very thing comes out, nothing stays in the tree, and nobody's process
 * ends. All places of core that take an error (or a value, or a reason), and servers on loopback, meet all of
 * `_hostile.ts`.
 */

import { assert } from "@std/assert";
import {
  all,
  allSettled,
  any,
  asCompleted,
  cancellable,
  CancelScope,
  checkpoint,
  currentSignal,
  ErrorGroup,
  failAfter,
  fetch,
  forEach,
  handleErrors,
  httpServer,
  isCancelled,
  isErrorGroup,
  isOnlyCancelled,
  Lazy,
  map,
  merge,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openTcpStream,
  openWatch,
  race,
  retry,
  run,
  type RunOptions,
  type Server,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  type TcpAddress,
  tcpServer,
  toChannel,
  untilShutdown,
  withSignal,
} from "../../mod.ts";
import { currentRun, hostOperation, type Instrument, onIdle, suspend, type Waker } from "../../core/lowlevel.ts";
import { currentNode } from "../../core/internal.ts";
import { ESSENCE, HOSTILE } from "./_hostile.ts";
import { turns } from "./_recipe.ts";
import { withoutUnhandled } from "./_unhandled.ts";

/** Does something with a value in a run, and returns what came out: what was thrown, or what tells of it. */
type Place = (value: unknown) => Promise<unknown>;

interface Options {
  /** What comes out need not be the value. */
  readonly dropped?: true;
  /** It happens in a scope that is cancelled, where a cancellation is taken for its own, whoever made it. */
  readonly cancelled?: true;
  /** How the run is set up. */
  readonly run?: (value: unknown) => RunOptions;
}

const nothing = (): void => {};

/** Keeps a value from being looked at by promises: one with a `then` would be called. */
class Box {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** What an async function has thrown. */
async function thrownBy(fn: () => unknown): Promise<Box> {
  try {
    await fn();
  } catch (error) {
    return new Box(error);
  }
  return new Box("nothing was thrown");
}

/** Throws, in a way in which nothing looks at the value: an async function would do as well. */
const throws = (value: unknown) => (): never => {
  throw value;
};
const rejects = (value: unknown) => (): Promise<never> => Promise.reject(value);
/** Fails later. */
const later = (value: unknown) => async (): Promise<never> => {
  await checkpoint();
  throw value;
};

const PLACES: Record<string, readonly [place: Place, options?: Options]> = {
  "a nursery's body that throws": [(value) => thrownBy(() => openNursery(throws(value)))],
  "a nursery's body that rejects": [(value) => thrownBy(() => openNursery(rejects(value)))],
  "a child that throws": [(value) => thrownBy(() => openNursery((nursery) => void nursery.startSoon(throws(value))))],
  "a child that rejects": [(value) => thrownBy(() => openNursery((nursery) => void nursery.startSoon(rejects(value))))],
  "a daemon": [(value) =>
    thrownBy(() =>
      openNursery((nursery) => {
        nursery.startSoon(later(value), { daemon: true });
        return sleepForever();
      })
    )],
  "several children": [(value) =>
    thrownBy(() =>
      openNursery((nursery) => {
        for (let i = 0; i < 3; i++) nursery.startSoon(later(value));
      })
    )],
  "a child of a child, whose siblings clean up": [(value) =>
    thrownBy(() =>
      openNursery((outer) => {
        outer.startSoon(() => openNursery((inner) => void inner.startSoon(later(value))));
        outer.startSoon(async () => {
          try {
            await sleepForever();
          } finally {
            await shielded(() => sleep(0));
          }
        });
      })
    )],
  "start(), before started()": [
    (value) => openNursery(async (nursery) => await thrownBy(() => nursery.start(later(value)))),
  ],
  "start(), after started()": [(value) =>
    thrownBy(() =>
      openNursery(async (nursery) => {
        await nursery.start((status) => {
          status.started();
          return later(value)();
        });
      })
    )],
  "adopt()": [(value) => openNursery(async (nursery) => await thrownBy(() => nursery.adopt(later(value))))],
  "join()": [async (value) => {
    let joined: Box | undefined;
    await thrownBy(() =>
      openNursery(async (nursery) => {
        const task = nursery.startSoon(later(value));
        await shielded(async () => void (joined = await thrownBy(() => task.join())));
      })
    );
    return joined;
  }],
  "a scope": [(value) => thrownBy(() => new CancelScope().run(later(value)))],
  "a cancelled scope": [(value) =>
    thrownBy(() =>
      moveOnAfter(Infinity, (scope) => {
        scope.cancel();
        throw value;
      })
    ), { cancelled: true }],
  "cleanup in a cancelled scope": [(value) =>
    thrownBy(() =>
      moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        try {
          await sleepForever();
        } finally {
          throws(value)();
        }
      })
    ), { cancelled: true }],
  "beside a cancellation, in a group": [(value) =>
    thrownBy(() =>
      moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        throw new ErrorGroup([(await thrownBy(sleepForever)).value, value]);
      })
    ), { cancelled: true }],
  "beside a cancellation, suppressed": [(value) =>
    thrownBy(() =>
      moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        throw new SuppressedError((await thrownBy(sleepForever)).value, value);
      })
    ), { cancelled: true }],
  "shielded()": [(value) => thrownBy(() => shielded(later(value)))],
  "failAfter()": [(value) => thrownBy(() => failAfter(1e9, later(value)))],
  "untilShutdown()": [(value) => thrownBy(() => untilShutdown(later(value)))],

  "task.cancel()": [(value) =>
    openNursery(async (nursery) => {
      const task = nursery.startSoon(sleepForever);
      task.cancel(value);
      return reasonOf((await thrownBy(() => task.join())).value);
    })],
  "scope.cancel()": [(value) =>
    moveOnAfter(Infinity, (scope) => {
      scope.cancel(value);
      return sleepForever();
    }).then((outcome) => reasonOf(outcome.cancelledCaught ? outcome.cancelled : undefined))],
  "nursery.cancel()": [async (value) => {
    let reason: unknown;
    await openNursery(async (nursery) => {
      nursery.cancel(value);
      reason = reasonOf((await thrownBy(sleepForever)).value);
    });
    return reason;
  }],
  "the reason of a timeout that is too slow": [(value) =>
    thrownBy(() =>
      failAfter(1e9, (scope) => {
        scope.cancel(value);
        return sleepForever();
      })
    ).then((box) => reasonOf((box.value as Error).cause))],
  "currentSignal()": [(value) =>
    moveOnAfter(Infinity, (scope) => {
      const signal = currentSignal();
      scope.cancel(value);
      return reasonOf(signal.reason);
    }).then((outcome) => outcome.value)],
  "withSignal(), aborted": [(value) => {
    const controller = new AbortController();
    return thrownBy(() =>
      withSignal(controller.signal, () => {
        controller.abort(value);
        return sleepForever();
      })
    ).then((box) => value === undefined && box.value === controller.signal.reason ? new Box(value) : box);
  }],
  "withSignal(), whose body fails": [(value) => thrownBy(() => withSignal(new AbortController().signal, later(value)))],
  "the signal of a run": [() => sleepForever(), {
    dropped: true,
    run: (value) => ({ signal: AbortSignal.abort(value) }),
  }],

  "handleErrors() without a match": [(value) => thrownBy(() => handleErrors(later(value), [[RangeError, nothing]]))],
  "handleErrors() with a match": [async (value) => {
    let handled: unknown;
    await handleErrors(later(value), [[() => true, (group) => void (handled = group)]]);
    return handled;
  }],
  "handleErrors(), whose handler fails": [
    (value) => thrownBy(() => handleErrors(later(1), [[() => true, () => Promise.reject(value)]])),
  ],
  "handleErrors(), whose match fails": [(value) => thrownBy(() => handleErrors(later(1), [[throws(value), nothing]]))],

  "ErrorGroup.split()": [sync((value) => {
    const [yes, no] = new ErrorGroup([value, new RangeError("Mine")]).split(RangeError);
    assert(yes?.errors[0] instanceof RangeError);
    return no;
  })],
  "ErrorGroup.subgroup()": [sync((value) => new ErrorGroup([value]).subgroup(() => true))],
  "ErrorGroup.flatten()": [sync((value) => {
    const leaves = new ErrorGroup([value]).flatten();
    return isErrorGroup(value) || leaves.some((leaf) => Object.is(leaf, value)) ? value : leaves;
  })],
  "ErrorGroup.find()": [
    sync((value) => {
      new ErrorGroup([value]).find(RangeError);
      new ErrorGroup([value]).find(() => false);
    }),
    { dropped: true },
  ],
  "a message": [sync((value) => `${new ErrorGroup([value]).message} ${new ErrorGroup([value])}`), { dropped: true }],
  "isOnlyCancelled() and suppressedErrors()": [
    sync((value) => {
      isOnlyCancelled(value);
      suppressedErrors(value);
    }),
    { dropped: true },
  ],

  "all()": [(value) => thrownBy(() => all([later(value), sleepForever]))],
  "all(), whose cleanup fails as well": [(value) => {
    return thrownBy(() => all([later(value), () => sleepForever().catch(throws(new RangeError("Cleanup")))]));
  }],
  "all(), whose cleanup fails with it": [
    (value) =>
      thrownBy(() => all([later(new RangeError("First")), () => sleepForever().catch(throws(value))])).then((box) =>
        new ErrorGroup([box.value, ...suppressedErrors(box.value)])
      ),
    { cancelled: true },
  ],
  "allSettled()": [async (value) => {
    const [outcome] = await allSettled([later(value)]);
    return new Box(outcome.status === "rejected" ? outcome.reason : "it has not failed");
  }],
  "race()": [(value) => thrownBy(() => race([later(value), sleepForever]))],
  "any()": [(value) => thrownBy(() => any([later(value), later(value)]))],
  "map()": [(value) => thrownBy(() => map([1, 2, 3], later(value)))],
  "map(), whose source fails": [(value) => thrownBy(() => map(failing(value), nothing))],
  "forEach()": [(value) => thrownBy(() => forEach([1, 2], later(value), { concurrency: 1 }))],
  "asCompleted()": [(value) =>
    thrownBy(async () => {
      for await (const _ of asCompleted([1], later(value)));
    })],
  "merge()": [(value) =>
    thrownBy(async () => {
      for await (const _ of merge([[1], failing(value)]));
    })],
  "retry()": [(value) => thrownBy(() => retry(later(value), { attempts: 3, backoff: () => 0 }))],
  "retry(), whose retryIf fails": [(value) => thrownBy(() => retry(later(1), { retryIf: throws(value) }))],
  "retry(), whose backoff fails": [(value) => thrownBy(() => retry(later(1), { backoff: throws(value) }))],
  "Lazy.get()": [async (value) => {
    const once = new Lazy(later(value));
    await Promise.all([thrownBy(() => once.get()), thrownBy(() => once.get())]);
    return await thrownBy(() => once.get());
  }],
  "toChannel()": [(value) => thrownBy(() => toChannel([1], later(value)))],
  "toChannel(), whose source fails": [
    (value) => thrownBy(() => toChannel(failing(value), (channel) => channel.receive())),
  ],
  "run()": [(value) => Promise.reject(value), { run: () => ({}) }],

  "cancellable()": [(value) => thrownBy(() => cancellable(Promise.reject(value)))],
  "cancellable() of what is no promise": [(value) => settles(() => cancellable(value as Promise<unknown>)), {
    dropped: true,
  }],
  "hostOperation()": [(value) => thrownBy(() => hostOperation("hostile", Promise.reject(value)))],
  "suspend(), whose register throws": [(value) => thrownBy(() => suspend({ kind: "test" }, throws(value), () => true))],
  "suspend(), failed by its waker": [
    (value) =>
      thrownBy(() => suspend({ kind: "test" }, (waker) => void queueMicrotask(() => waker.fail(value)), () => true)),
  ],
  "suspend(), whose abort throws": [(value) =>
    thrownBy(() =>
      moveOnAfter(Infinity, async (scope) => {
        queueMicrotask(() => scope.cancel());
        await suspend({ kind: "test" }, nothing, throws(value));
      })
    ), { cancelled: true }],
  "suspend(), whose abort gives it back": [(value) =>
    settles(() =>
      moveOnAfter(Infinity, async (scope) => {
        let waker: Waker<void> | undefined;
        queueMicrotask(() => scope.cancel());
        setImmediate(() => waker?.wake());
        await suspend<void>({ kind: "test" }, (mine) => void (waker = mine), () => value as boolean);
      })
    ), { dropped: true }],
  "the label and holder of a wait": [(value) =>
    moveOnAfter(Infinity, async (scope) => {
      const reason = { kind: "test", label: throws(value), holder: throws(value) };
      queueMicrotask(() => {
        currentRun().taskTree().toString();
        scope.cancel();
      });
      await suspend(reason, nothing, () => true);
    }), { dropped: true }],

  "onIdle()": [async (value) => {
    const stop = onIdle(throws(value));
    await sleep(0);
    await sleep(1);
    stop();
  }, { dropped: true }],
  "instruments": [eventful, { dropped: true, run: (value) => ({ instruments: [throwingInstrument(value)] }) }],
  "a schedule": [eventful, {
    dropped: true,
    run: (value) => ({
      schedule: (resume) => {
        resume();
        throw value;
      },
    }),
  }],

  "what a task returns": [
    (value) => settles(() => openNursery((nursery) => nursery.startSoon(() => value).join())),
    { dropped: true },
  ],
  "what a body returns": [(value) => settles(() => moveOnAfter(1e9, () => openNursery(() => value))), {
    dropped: true,
  }],
  "what goes through a channel": [async (value) => {
    const [send, receive] = openMemoryChannel<unknown>(1);
    await send.send(value);
    return new Box(receive.tryReceive());
  }],
  "what is received from a channel": [async (value) => {
    const [send, receive] = openMemoryChannel<unknown>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => send.send(value));
      await settles(() => receive.receive());
      nursery.cancel();
    });
  }, { dropped: true }],
  "what is broadcast": [async (value) => {
    const send = openBroadcastChannel<unknown>(1);
    const receive = send.subscribe();
    await send.send(value);
    return new Box(receive.tryReceive());
  }],
  "what is watched": [(value) => {
    const [sender, receiver] = openWatch<unknown>(0);
    sender.set(value);
    return settles(() => receiver.changed());
  }, { dropped: true }],

  "a handler of serveTcp()": [(value) => {
    return server(
      (seen) => tcpServer(later(value), { ...HERE, onHandlerError: seen }),
      async ({ port }) => {
        using stream = await openTcpStream("127.0.0.1", port);
        await stream.receiveSome();
      },
    );
  }],
  "a handler of serveHttp()": [(value) => {
    return server(
      (seen) => httpServer(later(value), { ...HERE, onHandlerError: seen }),
      async ({ port }) => {
        const response = await fetch(`http://127.0.0.1:${port}/`);
        await response.body?.cancel();
        assert(response.status === 500);
      },
    );
  }],
};

const HERE = { hostname: "127.0.0.1", port: 0 } as const;

/** Runs a server until one of its handlers has failed; returns what it was told of that. */
async function server(
  make: (onHandlerError: (error: unknown) => void) => Server<TcpAddress>,
  visit: (address: TcpAddress) => Promise<void>,
): Promise<unknown> {
  let error: Box | undefined;
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(make((told) => void (error ??= new Box(told))));
    await visit(address);
    nursery.cancel();
  });
  return error;
}

async function* failing(value: unknown): AsyncGenerator<number> {
  yield await later(value)();
}

/** For what does not wait. */
function sync(fn: (value: unknown) => unknown): Place {
  return async (value) => {
    await checkpoint();
    return new Box(fn(value));
  };
}

/** Only that it comes to an end, one way or the other. */
async function settles(fn: () => unknown): Promise<void> {
  try {
    await fn();
  } catch { /* that is an end, too */ }
}

/** What a cancellation was done for. */
function reasonOf(cancelled: unknown): Box {
  const { reason, cause } = cancelled as { reason?: unknown; cause?: unknown };
  return "reason" in (cancelled as object) ? new Box(reason) : reasonOf(cause);
}

/** A little of everything that instruments are told of. */
async function eventful(): Promise<void> {
  await openNursery(async (nursery) => {
    nursery.startSoon(() => sleep(1));
    nursery.startSoon(() => moveOnAfter(1, sleepForever));
    await hostOperation("test", Promise.resolve());
    const task = nursery.startSoon(sleepForever);
    await sleep(0);
    task.cancel();
  });
}

function throwingInstrument(value: unknown): Instrument {
  return new Proxy({}, { get: () => throws(value) });
}

/** Whether something is a value, or a group or an error around it that is ours. */
function holds(found: unknown, value: unknown): boolean {
  const open = [found];
  for (let looked = 0; open.length > 0 && looked < 100_000; looked++) {
    const next = open.pop();
    if (Object.is(next, value)) return true;
    if (next instanceof Box) open.push(next.value);
    try {
      if (next instanceof AggregateError) { for (const error of next.errors.slice(0, 100)) open.push(error); }
      if (next instanceof SuppressedError) open.push(next.error, next.suppressed);
      if (next instanceof Error && "cause" in next) open.push(next.cause);
    } catch { /* it cannot be looked at, and is not the value */ }
  }
  return false;
}

/** A promise that has not settled after so many turns of the event loop never will. */
const MOST_TURNS = 300;
const STUCK: unique symbol = Symbol("stuck");

async function untilStuck<T>(ends: Promise<T>): Promise<Awaited<T> | typeof STUCK> {
  let over = false;
  const settled = ends.finally(() => void (over = true));
  const waited = (async (): Promise<typeof STUCK> => {
    for (let i = 0; i < MOST_TURNS && !over; i++) {
      await turns(4);
      // Timers and sockets need time as well.
      if (i > 2 && !over) await new Promise((resolve) => setTimeout(resolve, i < 10 ? 0 : 10));
    }
    return STUCK;
  })();
  const end = await Promise.race([settled, waited]);
  await waited;
  return end;
}

/** Tries a place with a value; returns what is wrong. */
async function faultOf(place: Place, options: Options, value: unknown): Promise<string | null> {
  const ends = (async () => {
    try {
      return await run(async () => {
        const before = currentRun().statistics();
        const result = await place(value);
        const after = currentRun().statistics();
        if (before.tasksLiving !== after.tasksLiving || before.tasksRunning !== after.tasksRunning) {
          return { fault: `tasks are left: ${currentRun().taskTree()}` };
        }
        if (currentNode().firstChild !== null || currentNode().waiters !== null) {
          return { fault: "scopes or waits are left in the tree" };
        }
        return { result };
      }, { handleSignals: false, ...options.run?.(value) });
    } catch (error) {
      return options.run === undefined ? { fault: `it fails: ${shown(error)}` } : { result: new Box(error) };
    }
  })();
  const end = await untilStuck(ends);
  if (end === STUCK) return "it does not settle";
  if (end.fault !== undefined) return end.fault;
  if (options.cancelled && isCancelled(value)) return null;
  if (options.dropped || holds(end.result, ESSENCE.has(value) ? ESSENCE.get(value) : value)) return null;
  return `something else comes out: ${shown(end.result)}`;
}

function shown(value: unknown): string {
  try {
    return Deno.inspect(value, { depth: 2 }).replace(/\s+/g, " ").slice(0, 200);
  } catch {
    return "something that cannot be shown";
  }
}

/** Tries a place with values; fails with what is wrong with each. */
function survives(place: Place, options: Options, values: Iterable<readonly [what: string, value: unknown]>) {
  return () =>
    withoutUnhandled(async () => {
      const faults: string[] = [];
      const { error } = console;
      // deno-lint-ignore no-console -- hooks that throw are reported there
      console.error = () => {};
      try {
        for (const [what, value] of values) {
          const fault = await faultOf(place, options, value);
          if (fault !== null) faults.push(`${what}: ${fault}`);
        }
      } finally {
        // deno-lint-ignore no-console -- see above
        console.error = error;
      }
      if (faults.length > 0) throw new Error(faults.join("\n"));
    });
}

for (const [name, [place, options = {}]] of Object.entries(PLACES)) {
  Deno.test(`K2: ${name} survives whatever is thrown`, survives(place, options, HOSTILE));
}
