import { assertEquals, assertRejects } from "@std/assert";
import {
  checkpoint,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { cancelShieldedCheckpoint, checkpointIfCancelled } from "../../core/lowlevel.ts";
import { assertCancellable, assertCheckpoints, assertNoCheckpoints, simulate, simulated } from "../mod.ts";

const messageOf = async (fn: () => Promise<unknown>) => (await assertRejects(fn, Error)).message;

Deno.test(
  "assertCheckpoints() accepts waits that had to wait and those that had not",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(1);
    const event = new Event();
    event.set();
    await assertCheckpoints(checkpoint);
    await assertCheckpoints(() => sleep(0));
    await assertCheckpoints(() => sleep(5));
    await assertCheckpoints(() => event.wait());
    await assertCheckpoints(() => send.send(1));
    assertEquals(await assertCheckpoints(() => receive.receive()), 1);
    await assertCheckpoints(() => moveOnAfter(0, () => sleep(1)).then(checkpoint));
  }),
);

Deno.test("assertCheckpoints() says which half is missing", async () => {
  await simulate(async () => {
    assertEquals(
      await messageOf(() => assertCheckpoints(function plain() {})),
      'Cannot accept "plain" as a checkpoint as it must throw Cancelled in a cancelled scope: it returned',
    );
    assertEquals(
      await messageOf(() => assertCheckpoints(cancelShieldedCheckpoint)),
      'Cannot accept "cancelShieldedCheckpoint" as a checkpoint as it must throw Cancelled in a cancelled scope: it returned',
    );
    assertEquals(
      await messageOf(() => assertCheckpoints(checkpointIfCancelled)),
      'Cannot accept "checkpointIfCancelled" as a checkpoint as it must let other tasks run: it did not wait at all',
    );
  });
});

Deno.test(
  "assertCheckpoints() passes on what the function throws by itself",
  simulated(async () => {
    await assertRejects(() => assertCheckpoints(() => Promise.reject(new RangeError("own"))), RangeError, "own");
  }),
);

Deno.test(
  "assertNoCheckpoints() accepts what does not wait, and names what does",
  simulated(async () => {
    assertEquals(await assertNoCheckpoints(() => 5), 5);
    assertEquals(await assertNoCheckpoints(() => Promise.resolve(6)), 6);
    const [send] = openMemoryChannel<number>(1);
    await assertNoCheckpoints(() => send.trySend(1));
    assertEquals(
      await messageOf(() => assertNoCheckpoints(checkpointIfCancelled)),
      'Cannot accept "checkpointIfCancelled" as free of checkpoints as it must not be cancelled: it threw Cancelled',
    );
    assertEquals(
      await messageOf(() => assertNoCheckpoints(cancelShieldedCheckpoint)),
      'Cannot accept "cancelShieldedCheckpoint" as free of checkpoints as it must not let other tasks run: it waited',
    );
    await assertRejects(() => assertNoCheckpoints(() => Promise.reject(new RangeError("own"))), RangeError, "own");
  }),
);

Deno.test("outside a simulation the assertions run in one of their own", async () => {
  await assertCheckpoints(checkpoint);
  await assertNoCheckpoints(() => {});
  await assertCancellable(() => sleepForever());
  await assertRejects(() => assertCheckpoints(() => {}), Error, "it returned");
});

Deno.test("in a run of another kind they cannot count, and say what to do", async () => {
  await run(async () => {
    for (const assertion of [assertCheckpoints, assertNoCheckpoints, assertCancellable]) {
      assertEquals(
        (await assertRejects(() => assertion(() => {}), TypeError)).message,
        "Cannot assert checkpoints as waits must be counted, which a run() of your own does not do: call it in simulated(), or outside any run",
      );
    }
  });
});

Deno.test(
  "assertCancellable() accepts a wait that ends at once with Cancelled, and takes no time",
  simulated(async (sim) => {
    await assertCancellable(() => sleepForever());
    await assertCancellable(() => new Event().wait());
    await assertCancellable(() =>
      openNursery((nursery) => void nursery.startSoon(() => sleep(1_000))).then(sleepForever)
    );
    assertEquals(sim.now, 0);
  }),
);

Deno.test(
  "assertCancellable() names what returned before, went on after, or failed otherwise",
  simulated(async () => {
    assertEquals(
      await messageOf(() => assertCancellable(function quick() {})),
      'Cannot accept "quick" as cancellable as it must wait until it is cancelled: it returned',
    );
    assertEquals(
      await messageOf(() => assertCancellable(() => Promise.reject(new RangeError("early")))),
      "Cannot accept the function as cancellable as it must wait until it is cancelled: it threw RangeError: early",
    );
    assertEquals(
      await messageOf(() => assertCancellable(() => shielded(() => sleep(10)))),
      "Cannot accept the function as cancellable as it must end at once when it is cancelled: it goes on",
    );
    assertEquals(
      await messageOf(() => assertCancellable(() => sleepForever().catch(() => {}))),
      "Cannot accept the function as cancellable as it must end with Cancelled: it returned",
    );
    assertEquals(
      await messageOf(() =>
        assertCancellable(() =>
          sleepForever().catch(() => {
            throw new RangeError("instead");
          })
        )
      ),
      "Cannot accept the function as cancellable as it must end with Cancelled: it threw RangeError: instead",
    );
  }),
);
