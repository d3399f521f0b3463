import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentEffectiveDeadline,
  ErrorGroup,
  moveOnAfter,
  type Nursery,
  openNursery,
  sleepForever,
} from "../mod.ts";

const DEPTH = 5_000;

/** Runs something in so many scopes, one in the other. */
async function inScopes(depth: number, bottom: () => Promise<unknown>): Promise<unknown> {
  // The way down takes a turn now and then: the host's stack is not what is tested here.
  if (depth % 500 === 0) await null;
  if (depth === 0) return await bottom();
  return await new CancelScope().run(() => inScopes(depth - 1, bottom));
}

/** The same with nurseries: each has a child, in which the next one is opened. */
async function inNurseries(depth: number, bottom: () => Promise<unknown>): Promise<void> {
  await openNursery((nursery) => void nursery.startSoon(() => depth === 1 ? bottom() : inNurseries(depth - 1, bottom)));
}

Deno.test(
  "5,000 scopes in each other are cancelled from the top, and the topmost one catches",
  simulated(async (sim) => {
    let ended = 0;
    const outcome = await moveOnAfter(7, () => inScopes(DEPTH, () => sleepForever().finally(() => ended = sim.now)));
    assert(outcome.cancelledCaught);
    assertEquals(ended, 7);
  }),
);

Deno.test(
  "an error passes up through 5,000 scopes as it is",
  simulated(async () => {
    const error = new TypeError("bottom");
    assertStrictEquals(await inScopes(DEPTH, () => Promise.reject(error)).catch((error) => error), error);
  }),
);

Deno.test(
  "5,000 nurseries in each other are cancelled from the top",
  simulated(async (sim) => {
    let ended = 0;
    const outcome = await moveOnAfter(7, async () => {
      await inNurseries(DEPTH, () => sleepForever().finally(() => ended = sim.now));
    });
    assert(outcome.cancelledCaught);
    assertEquals(ended, 7);
  }),
);

Deno.test(
  "an error comes up through 5,000 nurseries, in as many groups",
  simulated(async () => {
    const error = await inNurseries(DEPTH, () => Promise.reject(new RangeError("bottom"))).catch((error) => error);
    let depth = 0;
    let inner: unknown = error;
    for (; inner instanceof ErrorGroup; depth++) inner = inner.errors[0];
    assertEquals([depth, String(inner)], [DEPTH, "RangeError: bottom"]);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.flatten(), [inner]);
    assert(error.message.length < 200, "the message does not grow with the depth");
  }),
);

Deno.test(
  "a deadline at the top of 5,000 scopes is seen at the bottom, and a shield in the middle hides it",
  simulated(async () => {
    const seen: number[] = [];
    const note = () => Promise.resolve(seen.push(currentEffectiveDeadline()));
    await moveOnAfter(5, async () => {
      await inScopes(DEPTH, note);
      await inScopes(
        DEPTH / 2,
        () => new CancelScope({ shield: true }).run(() => inScopes(DEPTH / 2, note)),
      );
    });
    assertEquals(seen, [5, Infinity]);
  }),
);

Deno.test(
  "a task with 2,000 nurseries below it moves as one by started()",
  simulated(async () => {
    let reached = false;
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(() =>
        openNursery(async (nursery) => {
          target = nursery;
          await sleepForever();
        })
      );
      await checkpoint();
      await target!.start((status) =>
        inNurseries(2_000, async () => {
          status.started();
          await sleepForever().finally(() => reached = true);
        })
      );
      target!.cancel();
    });
    assert(reached);
  }),
);
