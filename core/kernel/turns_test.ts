import { assert, assertEquals } from "@std/assert";
import {
  CancelScope,
  checkpoint,
  Event,
  failAfter,
  isCancelled,
  moveOnAfter,
  moveOnAt,
  openMemoryChannel,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
  untilShutdown,
} from "../mod.ts";
import { type PutOff, Turns } from "./turns.ts";
import { cancelShieldedCheckpoint, checkpointIfCancelled, suspend } from "../lowlevel.ts";

/** So many rounds without a turn of the event loop count as starving it. The flag ends every loop long before. */
const TOO_MANY = 300_000;

/** Repeats a step until a real timer has fired, which it does only if the step lets the event loop turn. */
async function untilTimerFires(step: () => unknown): Promise<void> {
  let fired = 0;
  const timer = setTimeout(() => fired++, 0);
  const immediate = setImmediate(() => fired++);
  for (let round = 0; fired < 2; round++) {
    if (round === TOO_MANY) {
      clearTimeout(timer);
      clearImmediate(immediate);
      throw new Error("the event loop was starved");
    }
    await step();
  }
}

/** Runs a body in a run of its own, in real time. */
const inRun = (body: () => Promise<unknown>) => async () => {
  await run(body, { handleSignals: false });
};

const READY = new Event();
READY.set();
const [send, receive] = openMemoryChannel<number>(1);
const [closed, ended] = openMemoryChannel<number>(1);
closed.close();

/** Waits that never have to wait. */
const READY_WAITS: Record<string, () => Promise<unknown>> = {
  "sleep(0)": () => sleep(0),
  "sleepUntil() a moment that has passed": () => sleepUntil(0),
  "checkpoint()": () => checkpoint(),
  "cancelShieldedCheckpoint()": () => cancelShieldedCheckpoint(),
  "Event.wait() of an event that is set": () => READY.wait(),
  "send() into room and receive() of a value": async () => {
    await send.send(1);
    assertEquals(await receive.receive(), 1);
  },
  "receive() from a channel that has ended": () => ended.receive().catch(() => {}),
  "send() on a closed end": () => closed.send(1).catch(() => {}),
  "suspend() that is woken while it registers": () =>
    suspend<void>({ kind: "test" }, (waker) => waker.wake(), () => true),
  "suspend() that fails while it registers": () =>
    suspend<void>({ kind: "test" }, () => {
      throw new Error("no");
    }, () => true).catch(() => {}),
  "an empty CancelScope.run()": () => new CancelScope().run(() => {}),
  "an empty moveOnAfter()": () => moveOnAfter(1_000, () => {}),
  "an empty moveOnAt()": () => moveOnAt(Infinity, () => {}),
  "an empty failAfter()": () => failAfter(1_000, () => {}),
  "an empty shielded()": () => shielded(() => {}),
  "an empty untilShutdown()": () => untilShutdown(() => {}),
  "a moveOnAfter() whose body throws": () => moveOnAfter(1, () => Promise.reject(new Error("no"))).catch(() => {}),
  "a moveOnAfter(0) that catches": () => moveOnAfter(0, () => checkpoint()),
  "an empty openNursery()": () => openNursery(() => {}),
  "an openNursery() whose body throws": () => openNursery(() => Promise.reject(new Error("no"))).catch(() => {}),
  "an openNursery() with a child": () => openNursery((nursery) => void nursery.startSoon(() => {})),
  "join() of a task that has ended": async () => {
    await DONE?.join();
  },
};
let DONE: { join(): Promise<unknown> } | undefined;

for (const [name, step] of Object.entries(READY_WAITS)) {
  Deno.test(
    `a loop of ${name} cannot starve timers`,
    inRun(async () => {
      await openNursery((nursery) => void (DONE = nursery.startSoon(() => {})));
      await untilTimerFires(step);
    }),
  );
}

Deno.test(
  "two tasks that play ping-pong over channels cannot starve timers",
  inRun(async () => {
    const [ping, pinged] = openMemoryChannel<number>(0);
    const [pong, ponged] = openMemoryChannel<number>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for await (const n of pinged) await pong.send(n);
      });
      await untilTimerFires(async () => {
        await ping.send(1);
        await ponged.receive();
      });
      ping.close();
    });
  }),
);

Deno.test(
  "a task that starts its successor and ends, for ever, cannot starve timers",
  inRun(async () => {
    let fired = false;
    let rounds = 0;
    setTimeout(() => fired = true, 0);
    await openNursery((nursery) => {
      const next = async () => {
        await checkpoint();
        if (!fired && ++rounds < TOO_MANY) nursery.startSoon(next);
      };
      nursery.startSoon(next);
    });
    assert(fired);
  }),
);

/** Every kind of wait, as refused in a cancelled scope. */
const REFUSED_WAITS: Record<string, () => Promise<unknown>> = {
  ...READY_WAITS,
  "sleep()": () => sleep(1_000),
  "sleepForever()": () => sleepForever(),
  "checkpointIfCancelled()": () => checkpointIfCancelled(),
  "Event.wait()": () => new Event().wait(),
  "send()": () => openMemoryChannel<number>(0)[0].send(1),
  "receive()": () => openMemoryChannel<number>(0)[1].receive(),
  "a channel's iteration": async () => {
    for await (const _ of openMemoryChannel<number>(0)[1]);
  },
  "nursery.start()": () => openNursery((nursery) => nursery.start(() => {})),
};

for (const [name, step] of Object.entries(REFUSED_WAITS)) {
  Deno.test(
    `a loop that swallows the cancellation of ${name} cannot starve timers`,
    inRun(() =>
      moveOnAfter(0, () =>
        untilTimerFires(async () => {
          try {
            await step();
          } catch (error) {
            if (!isCancelled(error)) throw error;
          }
        }))
    ),
  );
}

Deno.test(
  "a deadline ends a loop of waits that are always ready",
  inRun(async () => {
    let rounds = 0;
    const outcome = await moveOnAfter(1, async () => {
      while (rounds++ < 10 * TOO_MANY) await sleep(0);
    });
    assert(outcome.cancelledCaught);
  }),
);

Deno.test("a run in a loop of runs that do nothing but wait a turn cannot starve timers", async () => {
  await untilTimerFires(() => run(() => checkpoint(), { handleSignals: false }));
});

Deno.test("a schedule of one's own that resumes at once cannot starve timers either", async () => {
  for (const step of [() => sleep(0), () => READY.wait(), () => openNursery(() => {})]) {
    await run(() => untilTimerFires(step), { handleSignals: false, schedule: (resume) => resume() });
  }
});

Deno.test(
  "waits that are put off to a later turn resume in the order in which they were granted",
  inRun(async () => {
    const event = new Event();
    const order: number[] = [];
    await openNursery(async (nursery) => {
      for (let n = 0; n < 2_000; n++) {
        nursery.startSoon(async () => {
          await event.wait();
          order.push(n);
        });
      }
      await checkpoint();
      event.set();
    });
    assertEquals(order, order.toSorted((a, b) => a - b));
    assertEquals(order.length, 2_000);
  }),
);

Deno.test(
  "a wait that was woken does not stand behind all that merely yield",
  inRun(async () => {
    const event = new Event();
    const [many, after] = [2_000, 10_000];
    let [steps, since, over] = [0, 0, false];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await event.wait();
        since = steps - since;
        over = true;
      });
      for (let n = 0; n < many; n++) {
        nursery.startSoon(async () => {
          for (; !over; await checkpoint()) {
            if (++steps !== after) continue;
            since = steps;
            event.set();
          }
        });
      }
    });
    // At most the rest of one turn.
    assert(since <= 256, `${since} steps`);
  }),
);

Deno.test(
  "those that merely yield do not stand behind all that wake each other",
  inRun(async () => {
    let [moves, over] = [0, false];
    await openNursery(async (nursery) => {
      for (let n = 0; n < 600; n++) {
        const [send, receive] = openMemoryChannel<number>(0);
        nursery.startSoon(async () => {
          for (; !over && moves < TOO_MANY; moves++) await send.send(n);
          send.close();
        });
        nursery.startSoon(async () => {
          for await (const _ of receive);
        });
      }
      for (let step = 0; step < 50; step++) await checkpoint();
      over = true;
    });
    assert(moves < TOO_MANY);
  }),
);

/**
 * Puts off waits of both kinds before each of some turns, and returns what was settled in which turn until nothing is
 * left. A wait is its kind and its number.
 */
async function play(turns: Turns, puts: readonly (readonly [woken: number, yielded: number])[]): Promise<string[][]> {
  let settled: string[] = [];
  let [woken, yielded] = [0, 0];
  const entry = (name: string): PutOff => ({ after: null, settle: () => settled.push(name) });
  const log: string[][] = [];
  for (let turn = 0; turn < puts.length || turns.putOff > 0; turn++) {
    const [moreWoken, moreYielded] = puts[turn] ?? [0, 0];
    for (let n = 0; n < moreWoken; n++) turns.later(entry(`w${woken++}`));
    for (let n = 0; n < moreYielded; n++) turns.yieldLater(entry(`y${yielded++}`));
    // Stands behind the turn that is asked for already.
    await new Promise((resolve) => setImmediate(resolve));
    log.push(settled);
    settled = [];
  }
  return log;
}

const countOf = (kind: string, names: readonly string[]): number => names.filter((name) => name[0] === kind).length;

Deno.test("each turn gives half to waits that were woken and half to those that merely yield, and all to one", async () => {
  const shares = async (woken: number, yielded: number) =>
    (await play(new Turns(Infinity), [[woken, yielded]])).map((names) => [countOf("w", names), countOf("y", names)]);
  assertEquals(await shares(300, 300), [[128, 128], [128, 128], [44, 44]]);
  assertEquals(await shares(600, 0), [[256, 0], [256, 0], [88, 0]]);
  assertEquals(await shares(0, 600), [[0, 256], [0, 256], [0, 88]]);
  assertEquals(await shares(1, 10_000).then(([first]) => first), [1, 255]);
  assertEquals(await shares(10_000, 1).then(([first]) => first), [255, 1]);
});

Deno.test("neither those that are woken nor those that yield starve or overtake their kind, whatever comes", async () => {
  let seed = 1;
  const random = (below: number) => (seed = seed * 48_271 % 2_147_483_647) % below;
  for (let game = 0; game < 30; game++) {
    const [mostWoken, mostYielded] = [1 + random(700), 1 + random(700)];
    const puts = Array.from({ length: 20 }, () => [random(mostWoken), random(mostYielded)] as const);
    const log = await play(new Turns(Infinity), puts);
    const left = { w: 0, y: 0 };
    log.forEach((names, turn) => {
      left.w += puts[turn]?.[0] ?? 0;
      left.y += puts[turn]?.[1] ?? 0;
      assertEquals(names.length, Math.min(256, left.w + left.y), "a turn is as full as it can be");
      for (const kind of ["w", "y"] as const) {
        const count = countOf(kind, names);
        assert(count >= Math.min(left[kind], 128), `${count} of ${left[kind]} got their turn in turn ${turn}`);
        left[kind] -= count;
      }
    });
    for (const kind of ["w", "y"]) {
      const order = log.flat().filter((name) => name[0] === kind).map((name) => Number(name.slice(1)));
      assertEquals(order, Array.from(order, (_, n) => n));
    }
  }
});

Deno.test(
  "a timer and the work of another thread get through beside tasks that yield and tasks that wake each other",
  inRun(async () => {
    let [steps, over] = [0, false];
    await openNursery(async (nursery) => {
      for (let n = 0; n < 600; n++) {
        const [send, receive] = openMemoryChannel<number>(0);
        nursery.startSoon(async () => {
          for (; !over && steps < 10 * TOO_MANY; steps++) await send.send(n);
          send.close();
        });
        nursery.startSoon(async () => {
          for await (const _ of receive);
        });
        nursery.startSoon(async () => {
          for (; !over && steps < 10 * TOO_MANY; steps++) await checkpoint();
        });
      }
      // As a socket would: it is done outside, and comes back through the event loop.
      for (let n = 0; n < 5; n++) {
        await crypto.subtle.digest("SHA-256", new Uint8Array(1));
        await sleep(1);
      }
      over = true;
    });
    assert(steps < 10 * TOO_MANY, `${steps} steps`);
  }),
);

Deno.test(
  "code outside any run shares the same budget",
  async () => {
    await untilTimerFires(() => sleep(0));
    await untilTimerFires(() => moveOnAfter(10, () => {}));
  },
);
