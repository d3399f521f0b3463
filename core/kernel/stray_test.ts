import { assert, assertEquals, assertMatch } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentSignal,
  Event,
  failAfter,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
  untilShutdown,
} from "../mod.ts";
import { checkpointIfCancelled, suspend } from "../lowlevel.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The rejections that nobody handled while `body` ran: each would end the process. */
async function unhandledIn(body: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    seen.push(String(event.reason));
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await body();
    for (let i = 0; i < 3; i++) await turn();
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  return seen;
}

/** One of each wait; none of them ends by itself within a millisecond, or ends at once. */
const WAITS: Record<string, () => unknown> = {
  "sleep()": () => sleep(5),
  "sleep(0)": () => sleep(0),
  "sleepUntil()": () => sleepUntil(5),
  "sleepForever()": () => sleepForever(),
  "checkpoint()": () => checkpoint(),
  "checkpointIfCancelled()": () => checkpointIfCancelled(),
  "Event.wait()": () => new Event().wait(),
  "suspend()": () => suspend({ kind: "test" }, () => {}, () => true),
  "send()": () => openMemoryChannel<number>(0)[0].send(1),
  "receive()": () => openMemoryChannel<number>(0)[1].receive(),
  "the next() of a channel": () => openMemoryChannel<number>(0)[1][Symbol.asyncIterator]().next(),
};

const BLOCKS: Record<string, () => unknown> = {
  "CancelScope.run()": () => new CancelScope().run(() => sleepForever()),
  "CancelScope.run() of a body that throws at once": () =>
    new CancelScope().run(() => {
      const signal = currentSignal();
      signal.throwIfAborted();
      return sleepForever();
    }),
  "moveOnAfter()": () => moveOnAfter(100, () => sleepForever()),
  "failAfter()": () => failAfter(100, () => sleepForever()),
  "untilShutdown()": () => untilShutdown(() => sleepForever()),
  "openNursery()": () => openNursery(() => sleepForever()),
  "nursery.start()": () => openNursery((nursery) => nursery.start(() => sleepForever())),
};

for (const [name, wait] of Object.entries({ ...WAITS, ...BLOCKS })) {
  Deno.test(
    `${name} that nobody awaits never ends the process, cancelled before, at once or later`,
    simulated(async () => {
      for (const when of ["before", "at once", "later"]) {
        const unhandled = await unhandledIn(() =>
          moveOnAfter(Infinity, async (scope) => {
            if (when === "before") scope.cancel();
            wait();
            if (when === "later") await sleep(1);
            scope.cancel();
            await sleep(1);
          })
        );
        assertEquals(unhandled, [], when);
      }
    }),
  );
}

Deno.test(
  "an error that is no cancellation is not swallowed when nobody awaits its wait",
  simulated(async () => {
    const unhandled = await unhandledIn(() => {
      suspend({ kind: "test" }, (waker) => waker.fail(new TypeError("lost?")), () => true);
      moveOnAfter(1, () => Promise.reject(new RangeError("lost, too?")));
      return sleep(1);
    });
    assertEquals(unhandled.toSorted(), ["RangeError: lost, too?", "TypeError: lost?"]);
  }),
);

Deno.test(
  "waits that were forgotten are aborted when their scope ends, at that moment",
  simulated(async (sim) => {
    const event = new Event();
    const [send, receive] = openMemoryChannel<number>(0);
    let aborts = 0;
    let sleepers = 0;
    await moveOnAfter(100, () => {
      event.wait();
      send.send(1);
      suspend({ kind: "test" }, () => {}, () => (aborts++, true));
      sleep(50).catch(() => sleepers++);
      receive.clone().receive();
    });
    const { tasksWaitingReceive, tasksWaitingSend } = receive.statistics();
    assertEquals([event.statistics().tasksWaiting, tasksWaitingReceive, tasksWaitingSend], [0, 0, 0]);
    await sim.settled();
    assertEquals([aborts, sleepers, sim.now], [1, 1, 0]);
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "waits forgotten by a task or a nursery body end with it",
  simulated(async (sim) => {
    const event = new Event();
    const ends: string[] = [];
    const note = (name: string) => (error: unknown) => void ends.push(`${name} ${isCancelled(error)}`);
    await openNursery((nursery) => {
      event.wait().catch(note("body"));
      nursery.startSoon(() => void event.wait().catch(note("child")));
    });
    assertEquals([event.statistics().tasksWaiting, sim.now], [0, 0]);
    await sim.settled();
    assertEquals(ends.toSorted(), ["body true", "child true"]);
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a forgotten wait that refuses its abort keeps nothing open, and may end later",
  simulated(async (sim) => {
    let waker: { wake(value: string): boolean } | undefined;
    let value: unknown;
    await openNursery((nursery) => {
      nursery.startSoon(() => {
        suspend<string>({ kind: "test" }, (made) => waker = made, () => false).then((got) => value = got);
      });
    });
    await sim.settled();
    assert(waker!.wake("late"));
    await sim.settled();
    assertEquals(value, "late");
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "what was forgotten in a shield ends with the scope around it, too",
  simulated(async (sim) => {
    const event = new Event();
    let message = "";
    await openNursery(async (nursery) => {
      nursery.startSoon(() => void shielded(() => event.wait()).catch(() => {}));
      await sim.settled();
    }).catch((error) => message = error.errors[0].message);
    assertEquals(event.statistics().tasksWaiting, 0);
    assertMatch(message, /^Cannot leave task .* was still open, and cancelled \(an "await" is missing\)$/);
  }, { leaks: { forgottenWaits: "ignore" } }),
);
