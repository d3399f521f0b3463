import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { BusyResourceError, CancelScope, ClosedResourceError, moveOnAfter, run, sleep } from "../mod.ts";
import { currentRun, type WaitReason } from "../lowlevel.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import { LeftBehind, type Words } from "./left_behind.ts";

// The host is worked by hand, so what is in flight must not hold up time.
const BY_HAND = { io: { quiet: 1 } } as const;

const ONE: Words = { action: "fetch", what: "the well", busy: "fetching from this well" };
const MANY: Words = { ...ONE, busy: null };

/** Brings numbers, of which 0 is nothing. */
class Well extends LeftBehind<number, number> {
  protected readonly label = "bucket";
  /** Operations in flight. */
  readonly buckets: { bring: (value: number) => void; fail: (error: unknown) => void }[] = [];
  readonly discarded: number[] = [];
  begun = 0;
  /** What the host does when it is called, before anything else. */
  called: () => PromiseLike<number> | void = () => {};

  constructor(words = ONE, reason: WaitReason = { kind: "fetch" }, inMemory = false) {
    super(words, reason, { inMemory });
  }

  fetch(): Promise<number> {
    return this.wait();
  }

  /** Lets what is in flight bring something, and that come to rest. */
  async bring(value: number): Promise<void> {
    this.buckets.shift()!.bring(value);
    await sleep(0);
  }

  override begin(): PromiseLike<number> {
    this.begun++;
    return this.called() ?? new Promise((bring, fail) => this.buckets.push({ bring, fail }));
  }

  protected override landed(value: number): void {
    if (value !== 0) this.arrived(value);
    else if (this.waiting !== null) this.start();
  }

  protected override failed(error: unknown): void {
    this.over({ error });
  }

  protected override discard(value: number): void {
    this.discarded.push(value);
  }

  /** Ends it for good. */
  dry(value: number): void {
    this.over({ value });
  }
}

const operations = () => currentRun().statistics().hostOperations;

/** Begins to fetch, and is cancelled. */
async function leave(well: Well): Promise<void> {
  assert((await moveOnAfter(1, () => well.fetch())).cancelledCaught);
}

Deno.test(
  "LeftBehind begins an operation when somebody waits, and gives what it brings to that wait",
  simulated(async () => {
    const well = new Well();
    assertEquals([well.begun, well.inFlight, operations()], [0, false, []]);
    const wait = well.fetch();
    assertEquals([well.begun, well.inFlight, operations()], [1, true, ["bucket"]]);
    await well.bring(5);
    assertEquals([await wait, well.begun, well.inFlight, well.waiting, operations()], [5, 1, false, null, []]);
    const next = well.fetch();
    await well.bring(6);
    assertEquals([await next, well.begun], [6, 2]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind keeps what lands while nobody waits, and begins nothing while it is kept",
  simulated(async () => {
    const well = new Well();
    await leave(well);
    assertEquals([well.inFlight, operations()], [true, ["bucket"]]);
    await well.bring(5);
    assertEquals([well.kept, well.inFlight, operations()], [5, false, []]);
    assertEquals([await well.fetch(), well.kept, well.begun], [5, null, 1]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind lets a wait take over what a cancelled one has left behind, however often",
  simulated(async () => {
    const well = new Well();
    for (let times = 0; times < 3; times++) await leave(well);
    const wait = well.fetch();
    await well.bring(5);
    assertEquals([await wait, well.begun], [5, 1]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind begins another operation if one brings nothing, but not for nobody",
  simulated(async () => {
    const well = new Well();
    const wait = well.fetch();
    await well.bring(0);
    await well.bring(0);
    assertEquals([well.begun, well.inFlight], [3, true]);
    await well.bring(5);
    assertEquals(await wait, 5);
    await leave(well);
    await well.bring(0);
    assertEquals([well.begun, well.inFlight, well.kept, operations()], [4, false, null, []]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind is over for all waits, then and later, but what is kept comes first",
  simulated(async () => {
    const error = new Error("dry");
    const well = new Well();
    const wait = well.fetch();
    well.buckets.shift()!.fail(error);
    assertStrictEquals(await wait.catch((e) => e), error);
    for (let times = 0; times < 2; times++) assertStrictEquals(await well.fetch().catch((e) => e), error);
    assertEquals([well.fault, well.begun, operations()], [error, 1, []]);

    const kept = new Well();
    await leave(kept);
    await kept.bring(5);
    kept.dry(-1);
    assertEquals([await kept.fetch(), await kept.fetch(), await kept.fetch(), kept.fault], [5, -1, -1, null]);

    // A failure of what was left behind is not lost either.
    const left = new Well();
    await leave(left);
    left.buckets.shift()!.fail(error);
    await sleep(0);
    assertStrictEquals(await left.fetch().catch((e) => e), error);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind refuses a second user, and serves the first",
  simulated(async () => {
    const well = new Well();
    const wait = well.fetch();
    await assertRejects(
      () => well.fetch(),
      BusyResourceError,
      "Cannot fetch as another task is fetching from this well: let one task do it",
    );
    await well.bring(5);
    assertEquals(await wait, 5);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind serves any number in order, one operation at a time, where that is allowed",
  simulated(async () => {
    const well = new Well(MANY);
    const waits = [well.fetch(), well.fetch(), well.fetch()];
    const scope = new CancelScope();
    const cancelled = scope.run(() => well.fetch());
    const last = well.fetch();
    scope.cancel();
    assert((await cancelled).cancelledCaught);
    for (const value of [1, 2, 3, 4]) {
      assertEquals(well.buckets.length, 1);
      await well.bring(value);
    }
    assertEquals([await Promise.all([...waits, last]), well.inFlight], [[1, 2, 3, 4], false]);
    const others = [well.fetch(), well.fetch()];
    well.dry(9);
    assertEquals(await Promise.all(others), [9, 9]);
    await well.bring(5);
    assertEquals([await well.fetch(), await well.fetch()], [5, 9]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind refuses in a cancelled scope, without any effect",
  simulated(async () => {
    const well = new Well();
    assert((await moveOnAfter(0, () => well.fetch())).cancelledCaught);
    assertEquals([well.begun, well.inFlight], [0, false]);
    await leave(well);
    await well.bring(5);
    assert((await moveOnAfter(0, () => well.fetch())).cancelledCaught);
    assertEquals(await well.fetch(), 5);
  }, BY_HAND),
);

/** Closes a machine in each of its states; what the waits in it, if any, fail with. */
const STATES: Readonly<Record<string, (well: Well) => Promise<Promise<number>[]>>> = {
  "idle": () => Promise.resolve([]),
  "waited for": (well) => Promise.resolve([well.fetch()]),
  "waited for by many": (well) => Promise.resolve([well.fetch(), well.fetch()]),
  "left behind": (well) => leave(well).then(() => []),
  "taken over": (well) => leave(well).then(() => [well.fetch()]),
  "kept": (well) => leave(well).then(() => well.bring(5)).then(() => []),
  "over": (well) => Promise.resolve(well.dry(1)).then(() => []),
};

Deno.test(
  "LeftBehind.shut() fails what waits and what comes, gives back what is kept, and discards what lands, in each state",
  simulated(async () => {
    for (const [state, reach] of Object.entries(STATES)) {
      const well = new Well(MANY);
      const waits = await reach(well);
      assertEquals(well.shut(), state === "kept" ? 5 : null, state);
      assertEquals(
        [well.kept, well.waiting, well.closedAs, operations()],
        [null, null, "the well is closed", []],
        state,
      );
      for (const wait of waits) {
        await assertRejects(() => wait, ClosedResourceError, "Cannot fetch as the well was closed meanwhile");
      }
      await assertRejects(() => well.fetch(), ClosedResourceError, "Cannot fetch as the well is closed");
      const [bucket] = well.buckets;
      assertEquals(bucket !== undefined, /behind|waited|taken/.test(state), state);
      bucket?.bring(7);
      await sleep(0);
      assertEquals([well.discarded, well.kept, operations()], [bucket === undefined ? [] : [7], null, []], state);
    }
    const well = new Well();
    well.shut("somebody else has it");
    await assertRejects(() => well.fetch(), ClosedResourceError, "Cannot fetch as somebody else has it");
    const failing = new Well();
    const wait = failing.fetch();
    failing.shut();
    failing.buckets[0]!.fail(new Error("cut off"));
    await assertRejects(() => wait, ClosedResourceError, "meanwhile");
    assertEquals(failing.fault, null);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind takes whatever a host does for an answer, once, and never within the call",
  simulated(async () => {
    const error = new Error("host");
    const ways: Readonly<Record<string, () => PromiseLike<number> | void>> = {
      "throws": () => {
        throw error;
      },
      "rejects": () => Promise.reject(error),
      "rejects, and resolves": () => ({
        then(done: (value: number) => void, fail: (error: unknown) => void) {
          fail(error);
          done(5);
        },
      } as PromiseLike<number>),
      "throws in then()": () => ({
        then() {
          throw error;
        },
      }),
    };
    for (const [way, called] of Object.entries(ways)) {
      const well = new Well();
      well.called = called;
      const wait = well.fetch();
      assert(well.inFlight, way);
      assertStrictEquals(await wait.catch((e) => e), error, way);
      assertEquals([well.inFlight, operations()], [false, []], way);
    }
    const twice = new Well();
    twice.called = () => ({
      then(done: (value: number) => void, fail: (error: unknown) => void) {
        done(5);
        done(6);
        fail(error);
      },
    } as PromiseLike<number>);
    assertEquals(await twice.fetch(), 5);
    assertEquals([twice.kept, twice.fault, operations()], [null, null, []]);
    const plain = new Well();
    plain.called = () => 5 as unknown as PromiseLike<number>;
    assertEquals(await plain.fetch(), 5);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind leaves no operation on the list if it is closed, or its wait cancelled, from within the call of the host",
  simulated(async () => {
    const well = new Well();
    well.called = () => void well.shut();
    await assertRejects(() => well.fetch(), ClosedResourceError, "the well was closed meanwhile");
    assertEquals([operations(), well.buckets.length], [[], 1]);
    await well.bring(5);
    assertEquals(well.discarded, [5]);

    const left = new Well();
    const scope = new CancelScope();
    left.called = () => scope.cancel();
    assert((await scope.run(() => left.fetch())).cancelledCaught);
    assertEquals([left.waiting, left.inFlight, operations()], [null, true, ["bucket"]]);
    await left.bring(5);
    assertEquals(await left.fetch(), 5);

    // Another wait takes it over before the call has returned.
    const again = new Well(MANY);
    let next: Promise<number> | null = null;
    again.called = () => void (next ??= again.fetch());
    const first = again.fetch();
    assertEquals([again.begun, operations()], [1, ["bucket"]]);
    await again.bring(5);
    await again.bring(6);
    assertEquals([await first, await next], [5, 6]);
  }, BY_HAND),
);

Deno.test(
  "LeftBehind decides at once who wins, what lands or a cancellation",
  simulated(async () => {
    // The cancellation comes when the wait has been woken, but nothing has run since.
    const woken = new Well(ONE, { kind: "fetch" }, true);
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const wait = woken.fetch();
      woken.dry(5);
      scope.cancel();
      return await wait;
    });
    assertEquals([outcome.cancelledCaught, outcome.value], [false, 5]);
    // And when the host has brought something, but that has not landed.
    const late = new Well();
    const cancelled = await moveOnAfter(Infinity, async (scope) => {
      const wait = late.fetch();
      late.buckets[0]!.bring(6);
      scope.cancel();
      return await wait;
    });
    await sleep(0);
    assertEquals([cancelled.cancelledCaught, late.kept], [true, 6]);
  }, BY_HAND),
);

Deno.test("LeftBehind loses nothing and doubles nothing in 200 seeded runs of landings and cancellations", async () => {
  for (let seed = 0; seed < 5; seed++) {
    await simulate(async (sim) => {
      const pick = (below: number) => Math.floor(sim.random() * below);
      for (let run = 0; run < 40; run++) {
        const well = new Well();
        const total = pick(20);
        const got: number[] = [];
        let sent = 0;
        const later = async (turns: number, act: () => void) => {
          while (turns-- > 0) await undefined;
          act();
        };
        while (got.length < total) {
          const scope = new CancelScope({ timeout: 1 });
          const acts = [
            later(pick(8), () => well.buckets.shift()?.bring(pick(4) === 0 ? 0 : ++sent)),
            pick(2) === 0 ? later(pick(8), () => scope.cancel()) : undefined,
          ];
          const outcome = await scope.run(() => well.fetch());
          if (!outcome.cancelledCaught) got.push(outcome.value!);
          await Promise.all(acts);
          assert(well.buckets.length <= 1);
        }
        assertEquals(got, Array.from({ length: total }, (_, index) => index + 1), `seed ${seed}, run ${run}`);
        well.shut();
      }
    }, { seed, maxStepsAtOneInstant: 1e9, ...BY_HAND });
  }
});

Deno.test("LeftBehind counts as an operation of the host, unless it is in memory; foreign waits do not count at all", async () => {
  await run(async () => {
    const count = async (well: Well) => {
      await leave(well);
      const found = operations();
      await well.bring(1);
      return found;
    };
    assertEquals(await count(new Well()), ["bucket"]);
    assertEquals(await count(new Well(ONE, { kind: "fetch" }, true)), []);
    const foreign: WaitReason & { foreign: true } = { kind: "fetch", foreign: true };
    assertEquals(await count(new Well(ONE, foreign)), []);
  }, { handleSignals: false });
});
