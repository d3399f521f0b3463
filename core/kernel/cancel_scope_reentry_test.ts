import { assertEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../mod.ts";
import { suspend, type Waker } from "../lowlevel.ts";

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
  "abort callbacks may cancel other scopes, wake tasks and toggle shields while a cancel runs",
  simulated(async () => {
    const other = new CancelScope();
    const woken: Waker<string>[] = [];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const first = new CancelScope();
      nursery.startSoon(async () => {
        const outcome = await other.run(() => sleepForever());
        log.push(`other ${outcome.cancelledCaught}`);
      });
      nursery.startSoon(async () => {
        const value = await suspend<string>({ kind: "test" }, (waker) => woken.push(waker), () => true);
        log.push(value);
      });
      nursery.startSoon(() =>
        first.run(() =>
          suspend({ kind: "test" }, () => {}, () => {
            other.cancel();
            woken[0]?.wake("woken by an abort");
            return true;
          })
        )
      );
      await sleep(1);
      first.cancel();
    });
    assertEquals(log.sort(), ["other true", "woken by an abort"]);
  }),
);

Deno.test(
  "one Cancelled serves all waits of a region",
  simulated(async () => {
    const errors = new Set<unknown>();
    await openNursery(async (nursery) => {
      for (let i = 0; i < 1_000; i++) {
        nursery.startSoon(async () => {
          errors.add(await caught(sleepForever()));
        });
      }
      await sleep(1);
      nursery.cancel();
    });
    assertEquals(errors.size, 1);
  }),
);

Deno.test(
  "an abort callback may cancel the scope it waits in, or the one around it: it is not called again",
  simulated(async (sim) => {
    for (const which of ["own", "outer"]) {
      const outer = new CancelScope();
      const own = new CancelScope();
      let aborts = 0;
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          outer.run(() =>
            own.run(() =>
              suspend({ kind: "test" }, () => {}, () => {
                aborts++;
                (which === "own" ? own : outer).cancel();
                return true;
              })
            )
          )
        );
        await sim.settled();
        own.cancel();
      });
      assertEquals([aborts, outer.cancelledCaught, own.cancelledCaught], [1, which === "outer", which === "own"]);
    }
  }),
);

Deno.test(
  "an abort callback may wake a task of the same region: that one returns, and its next wait throws",
  simulated(async (sim) => {
    const wakers: Waker<string>[] = [];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const wait = (name: string) =>
        nursery.startSoon(() =>
          suspend<string>({ kind: "test" }, (waker) => wakers.push(waker), () => {
            for (const other of wakers) other.wake("by an abort");
            return true;
          }).then((value) => log.push(`${name} ${value}`), () => log.push(`${name} cancelled`)).then(checkpoint)
        );
      for (const name of ["a", "b", "c"]) wait(name);
      await sim.settled();
      nursery.cancel();
    });
    assertEquals(log.toSorted(), ["a by an abort", "b by an abort", "c by an abort"]);
  }),
);

Deno.test(
  "an abort callback that throws fails its own task only: the others of the region are cancelled as usual",
  simulated(async (sim) => {
    const ends: string[] = [];
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      const note = (error: unknown) => void ends.push(String(error).split(":")[0]!);
      nursery.startSoon(() =>
        scope.run(() =>
          Promise.all([
            sleepForever().catch(note),
            suspend({ kind: "test" }, () => {}, () => {
              throw new RangeError("in abort");
            }).catch(note),
            sleepForever().catch(note),
          ])
        )
      );
      await sim.settled();
      scope.cancel();
      ends.push("cancel() returned");
    });
    assertEquals(ends[0], "cancel() returned");
    assertEquals(ends.toSorted(), ["Cancelled", "Cancelled", "RangeError", "cancel() returned"]);
  }),
);

Deno.test(
  "an abort callback may end another scope's task, whose cleanup then opens scopes of its own",
  simulated(async (sim) => {
    const log: string[] = [];
    const other = new CancelScope();
    await openNursery((nursery) => {
      nursery.startSoon(() =>
        other.run(() =>
          sleepForever().finally(async () => {
            await shielded(() => sleep(3));
            log.push(`other cleaned up at ${sim.now}`);
          })
        )
      );
      nursery.startSoon(() =>
        moveOnAfter(5, () =>
          suspend({ kind: "test" }, () => {}, () => {
            other.cancel();
            other.shield = true;
            return true;
          }))
      );
    });
    assertEquals(log, ["other cleaned up at 8"]);
  }),
);

Deno.test(
  "an abort callback may send to a channel whose receiver is being cancelled: the value is in one place",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<string>(1);
    let got: unknown;
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        suspend({ kind: "test" }, () => {}, () => {
          send.trySend("value");
          return true;
        })
      );
      nursery.startSoon(() => receive.receive().then((value) => got = value));
      await sim.settled();
      nursery.cancel();
    });
    // Whether the receiver was aborted first is not said; that the value is there once, is.
    assertEquals((got === "value" ? 1 : 0) + receive.statistics().currentBufferUsed, 1);
  }),
);

Deno.test(
  "100,000 tasks waiting in one region are cancelled with one Cancelled, by one call",
  simulated(async (sim) => {
    const errors = new Set<unknown>();
    const event = new Event();
    let ended = 0;
    await openNursery(async (nursery) => {
      const wait = () =>
        event.wait().catch((error) => {
          errors.add(error);
          ended++;
          throw error;
        });
      for (let i = 0; i < 100_000; i++) nursery.startSoon(wait);
      await sim.settled();
      assertEquals(event.statistics().tasksWaiting, 100_000);
      nursery.cancel();
      assertEquals(event.statistics().tasksWaiting, 0);
    });
    assertEquals([ended, errors.size], [100_000, 1]);
  }, { maxStepsAtOneInstant: 1_000_000 }),
);
