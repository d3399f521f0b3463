import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelledElsewhereError,
  CancelScope,
  ClosedResourceError,
  currentTask,
  ErrorGroup,
  failAfter,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  TooSlowError,
} from "../mod.ts";

/** A client as npm has them: it takes a while to open, and its callbacks come in the place in which it was opened. */
class Client {
  closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  onMessage: (text: string) => unknown = () => {};

  static open(ms: number): Promise<Client> {
    return new Promise((resolve) => {
      setTimeout(() => {
        const client = new Client();
        client.#timer = setTimeout(() => client.onMessage("hello"), 10);
        resolve(client);
      }, ms);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    clearTimeout(this.#timer);
    return Promise.resolve();
  }
}

Deno.test(
  "a callback of what was adopted can wait, although the timeout around the opening has ended",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const client = await failAfter(1_000, () => nursery.adopt(() => Client.open(5)));
      client.onMessage = async (text) => {
        await sleep(1);
        log.push(`${text} at ${sim.now}`);
      };
      await sleep(20);
    });
    assertEquals(log, ["hello at 16"]);
  }),
);

Deno.test(
  "the waits of what was adopted end with the nursery",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const client = await nursery.adopt(() => Client.open(5));
      client.onMessage = () => sleepForever().catch((error) => log.push(`${error.source} at ${sim.now}`));
      await sleep(20);
      nursery.cancel();
    });
    await sim.settled();
    assertEquals(log, ["explicit at 25"]);
  }),
);

Deno.test(
  "the timeout of the caller ends its wait; what comes too late is disposed of, and the nursery waits for that",
  simulated(async (sim) => {
    let client: Client | undefined;
    await openNursery(async (nursery) => {
      await assertRejects(
        () => failAfter(3, () => nursery.adopt(() => Client.open(5).then((made) => client = made))),
        TooSlowError,
      );
      assertEquals([sim.now, client], [3, undefined]);
    });
    assertEquals([sim.now, client?.closed], [5, true]);
  }),
);

Deno.test(
  "onAbandoned gets what comes too late, in the nursery; its error is one of the nursery",
  simulated(async (sim) => {
    const seen: unknown[] = [];
    const group = await openNursery(async (nursery) => {
      const outcome = await moveOnAfter(3, () =>
        nursery.adopt(() => sleep(5).then(() => "late"), {
          async onAbandoned(value) {
            await sleep(1);
            seen.push(value, sim.now);
            throw new RangeError("cannot close");
          },
        }));
      assert(outcome.cancelledCaught);
    }).catch((error) => error);
    assertEquals(seen, ["late", 6]);
    assertInstanceOf(group, ErrorGroup);
    assertEquals(group.flatten().map(String), ["RangeError: cannot close"]);
  }),
);

Deno.test(
  "an error of what is adopted is the caller's, and not the nursery's; that of one who was cancelled is dropped",
  simulated(async (sim) => {
    const error = new RangeError("refused");
    await openNursery(async (nursery) => {
      assertStrictEquals(
        await nursery.adopt(() => Promise.reject(error)).catch((error) => error),
        error,
      );
      assertStrictEquals(
        await nursery.adopt(() => {
          throw error;
        }).catch((error) => error),
        error,
      );
      await moveOnAfter(1, () => nursery.adopt(() => sleep(2).then(() => Promise.reject(error))));
    });
    assertEquals(sim.now, 2);
  }),
);

Deno.test(
  "adopt() runs its function as the parent task, and gives what it returns at once",
  simulated(async () => {
    await openNursery((nursery) => {
      const parent = currentTask();
      nursery.startSoon(async () => {
        assertStrictEquals(await nursery.adopt(() => currentTask()), parent);
        assertEquals(await nursery.adopt(() => 5), 5);
      });
    });
  }),
);

Deno.test(
  "a cancelled nursery ends what is being adopted; for a caller elsewhere that is a failure",
  simulated(async () => {
    await openNursery(async (outer) => {
      await openNursery((nursery) => {
        outer.startSoon(async () => {
          const error = await moveOnAfter(Infinity, () => nursery.adopt(() => sleepForever())).catch((error) => error);
          assertInstanceOf(error, CancelledElsewhereError);
        });
        nursery.startSoon(() => sleep(1).then(() => nursery.cancel()));
      });
    });
  }),
);

Deno.test("adopt() refuses bad arguments, closed nurseries and cancelled scopes, without calling its function", async () => {
  let calls = 0;
  const count = () => void calls++;
  let closed;
  await openNursery(async (nursery) => {
    closed = nursery;
    await assertRejects(
      () => nursery.adopt(Promise.resolve() as never),
      TypeError,
      'Cannot adopt as "fn" must be a function: received a promise: write () => work() instead of work()',
    );
    await assertRejects(
      () => nursery.adopt(function* () {} as never),
      TypeError,
      'Cannot adopt as "fn" must be a plain or async function: received a generator function',
    );
    await assertRejects(() => nursery.adopt(count, { onAbandoned: 5 as never }), TypeError, '"onAbandoned" must be');
    const outcome = await new CancelScope().run(async (scope) => {
      scope.cancel();
      await nursery.adopt(count);
    });
    assert(outcome.cancelledCaught);
  });
  await assertRejects(() => closed!.adopt(count), ClosedResourceError, "Cannot adopt in nursery");
  assertEquals(calls, 0);
});

Deno.test(
  "adopt(): what the caller gets, the nursery does not get as well",
  simulated(async (sim) => {
    const failure = new Error("cleanup");
    let got: unknown;
    await openNursery(async (outer) => {
      await openNursery(async (nursery) => {
        outer.startSoon(async () => {
          const adopted = nursery.adopt(() => sleepForever().finally(() => Promise.reject(failure)));
          got = await adopted.catch((error) => error);
        });
        await sleep(1);
        nursery.cancel();
      });
    });
    assertStrictEquals(got, failure);
    assertEquals(sim.now, 1);
  }),
);
