/**
 * Random operations with random cancellations against simple models, for the primitives that have no such test of their
 * own.
 */

import { assert, assertEquals } from "@std/assert";
import { simulate, type Simulation } from "../../testing/mod.ts";
import { Barrier, Event, Lazy, moveOnAfter, openNursery, openWatch, Semaphore, sleep } from "../mod.ts";
import { ParkingLot } from "../lowlevel.ts";

const TASKS = 20;
const STEPS = 100;

/** Lets tasks take random steps, each under a random timeout, in five simulations; then checks what is left. */
async function storm(
  setUp: (sim: Simulation) => { step(task: number): Promise<void>; end?(): void; check(): void },
): Promise<void> {
  for (let seed = 1; seed <= 5; seed++) {
    await simulate(async (sim) => {
      const { step, end, check } = setUp(sim);
      await openNursery((nursery) => {
        let running = TASKS;
        for (let task = 0; task < TASKS; task++) {
          nursery.startSoon(async () => {
            for (let i = 0; i < STEPS; i++) {
              await moveOnAfter(whole(sim, 20), () => step(task));
              if (sim.random() < 0.5) await sleep(whole(sim, 4));
            }
            if (--running === 0) end?.();
          });
        }
      });
      check();
    }, { seed });
  }
}

function whole(sim: Simulation, below: number): number {
  return Math.floor(sim.random() * below);
}

Deno.test("Semaphore: as many are inside as its value says, in the order in which they came", () =>
  storm((sim) => {
    const semaphore = new Semaphore(3, { max: 3 });
    const line: object[] = [];
    let inside = 0;
    let served = 0;
    return {
      async step() {
        const ticket = {};
        line.push(ticket);
        try {
          using _permit = await semaphore.acquire();
          assertEquals(line.shift(), ticket);
          line.unshift(ticket);
          served++;
          assert(++inside <= 3);
          line.splice(line.indexOf(ticket), 1);
          try {
            await sleep(whole(sim, 5));
          } finally {
            inside--;
          }
        } finally {
          const at = line.indexOf(ticket);
          if (at >= 0) line.splice(at, 1);
        }
      },
      check() {
        assert(served > TASKS);
        assertEquals([inside, semaphore.value, semaphore.statistics().tasksWaiting, line.length], [0, 3, 0, 0]);
      },
    };
  }));

Deno.test("Semaphore: requests for several are served in order, and never more are out than there are", () =>
  storm((sim) => {
    const semaphore = new Semaphore(5, { max: 5 });
    const line: object[] = [];
    let out = 0;
    let served = 0;
    return {
      async step() {
        const ticket = {};
        const count = 1 + whole(sim, 5);
        line.push(ticket);
        try {
          const permit = await semaphore.acquire(count);
          assertEquals(line[0], ticket);
          line.shift();
          out += count;
          served++;
          assert(out <= 5);
          try {
            await sleep(whole(sim, 3));
          } finally {
            out -= count;
            permit.release();
          }
        } finally {
          const at = line.indexOf(ticket);
          if (at >= 0) line.splice(at, 1);
        }
      },
      check() {
        assert(served > TASKS);
        assertEquals([out, semaphore.value, semaphore.statistics().tasksWaiting, line.length], [0, 5, 0, 0]);
      },
    };
  }));

Deno.test("Barrier: each round has each place once, and a cancelled task is in none", () =>
  storm(() => {
    const barrier = new Barrier(4);
    const places: number[] = [];
    return {
      async step() {
        places.push(await barrier.wait());
      },
      check() {
        assertEquals(barrier.statistics(), { tasksWaiting: 0 });
        const counts = [0, 1, 2, 3].map((place) => places.filter((each) => each === place).length);
        assert(counts[0]! > 50);
        assertEquals(counts, Array(4).fill(counts[0]));
      },
    };
  }));

Deno.test("ParkingLot: who is unparked has been told so, once, and nobody else resumes", () =>
  storm((sim) => {
    const lots = [new ParkingLot(), new ParkingLot()];
    let unparked = 0;
    let resumed = 0;
    return {
      async step() {
        const lot = lots[whole(sim, 2)]!;
        const other = lots[lot === lots[0] ? 1 : 0]!;
        const what = sim.random();
        if (what < 0.5) {
          await lot.park();
          resumed++;
        } else if (what < 0.8) unparked += lot.unpark(whole(sim, 4)).length;
        else lot.repark(other, whole(sim, 4));
      },
      check() {
        assert(resumed > TASKS);
        assertEquals([resumed, lots[0]!.size, lots[1]!.size], [unparked, 0, 0]);
      },
    };
  }));

Deno.test("Event: nobody passes before it is set, everybody after, and no wait is left behind", () =>
  storm((sim) => {
    let event = new Event();
    const all = [event];
    let passed = 0;
    return {
      async step() {
        const mine = event;
        if (sim.random() < 0.9) {
          await mine.wait();
          assert(mine.isSet);
          passed++;
        } else {
          mine.set();
          all.push(event = new Event());
        }
      },
      check() {
        assert(passed > TASKS);
        for (const { isSet, statistics } of all.map((one) => ({ isSet: one.isSet, statistics: one.statistics() }))) {
          assert(isSet || statistics.tasksWaiting === 0);
        }
      },
    };
  }));

Deno.test("openWatch(): receivers see changes in order, never one twice, and the last one at the end", () =>
  storm((sim) => {
    const [send, receive] = openWatch(0);
    const receivers = Array.from({ length: TASKS }, () => ({ end: receive.clone(), seen: 0 }));
    return {
      async step(task) {
        const mine = receivers[task]!;
        if (task === 0) return send.update((value) => value + 1);
        const value = await mine.end.changed();
        assert(value > mine.seen && value <= send.value);
        mine.seen = value;
        if (sim.random() < 0.1) await mine.end.waitFor((value) => value > mine.seen);
      },
      end() {
        for (const { end, seen } of receivers.slice(1)) {
          const late = end.clone();
          assert(late.value === send.value && seen <= send.value);
        }
        send.close();
      },
      check() {
        assertEquals(send.value, STEPS);
      },
    };
  }));

Deno.test("Lazy: one computes at a time, all get the same value, and cancellations only move the work on", () =>
  storm((sim) => {
    let once: Lazy<number>;
    let computing = 0;
    let computed = 0;
    const renew = () => {
      once = new Lazy(async () => {
        assertEquals(++computing, 1);
        try {
          await sleep(whole(sim, 30));
        } finally {
          computing--;
        }
        return ++computed;
      });
    };
    renew();
    return {
      async step() {
        const mine = once;
        const value = await mine.get();
        assertEquals(await mine.get(), value);
        if (mine === once) renew();
      },
      check() {
        assert(computed > 10);
        assertEquals(computing, 0);
      },
    };
  }));
