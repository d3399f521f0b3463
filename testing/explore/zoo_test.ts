/**
 * A zoo of concurrency bugs: each is found by exploring within some runs, and its schedule shrinks to a few switches.
 * The correct twin passes. What needs properties or watches instead of schedules is not here.
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { checkpoint, Condition, Event, Lock, openMemoryChannel, openNursery, sleep } from "../../core/mod.ts";
import { explore, ExploreError, type ExploreOptions, simulate, type Simulation } from "../mod.ts";

type Body = (sim: Simulation) => unknown;

interface Animal {
  /** In how many runs it must be found. */
  readonly runs: number;
  /** How many switches its schedule has at most once it is small. */
  readonly switches: number;
  readonly wrong: Body;
  readonly right: Body;
  readonly options?: ExploreOptions;
}

const together = (...tasks: (() => unknown)[]): Promise<unknown> =>
  openNursery((nursery) => {
    tasks.forEach((task, i) => nursery.startSoon(task as () => Promise<void>, { name: "ABCDEFGH"[i] as string }));
  });

/** A lost update that the usual order hides: B comes after A has written. */
function lostUpdate(guarded: boolean): Body {
  return async () => {
    let count = 0;
    const lock = new Lock();
    const add = async (before: number) => {
      for (let i = 0; i < before; i++) await checkpoint();
      using _ = guarded ? await lock.acquire() : undefined;
      const read = count;
      await checkpoint();
      count = read + 1;
    };
    await together(() => add(0), () => add(2));
    assertEquals(count, 2);
  };
}

/** The flag is looked at, and set and told before the wait begins. */
function missedWakeUp(guarded: boolean): Body {
  return async () => {
    const condition = new Condition();
    let ready = false;
    await together(async () => {
      if (guarded) {
        using _ = await condition.acquire();
        while (!ready) await condition.wait();
        return;
      }
      if (ready) return;
      await checkpoint();
      using _ = await condition.acquire();
      await condition.wait();
    }, async () => {
      for (let i = 0; i < 4; i++) await checkpoint();
      using _ = await condition.acquire();
      ready = true;
      condition.notifyAll();
    });
  };
}

function lockOrder(same: boolean): Body {
  return async () => {
    const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
    const both = async (first: Lock, second: Lock, before: number) => {
      for (let i = 0; i < before; i++) await checkpoint();
      using _1 = await first.acquire();
      using _2 = await second.acquire();
    };
    await together(() => both(a, b, 0), () => same ? both(a, b, 4) : both(b, a, 4));
  };
}

/** Cancelled between two items, the receiver has taken one that nobody gets. */
function itemLostOnCancel(keeps: boolean): Body {
  return async () => {
    const [send, receive] = openMemoryChannel<number>(10);
    const got: number[] = [];
    let sent = 0;
    await together(async () => {
      for await (const item of receive) {
        if (keeps) got.push(item);
        await sleep(1);
        if (!keeps) got.push(item);
      }
    }, async () => {
      try {
        for (; sent < 3; sent++) await send.send(sent);
      } finally {
        send.close();
      }
    });
    const { currentBufferUsed: left } = receive.statistics();
    receive.close();
    assertEquals(got.length + left, sent);
  };
}

/** The head of a list is compared, but not what follows it. */
function aba(versioned: boolean): Body {
  return async () => {
    interface Node {
      readonly value: string;
      next: Node | null;
    }
    const c: Node = { value: "c", next: null };
    const b: Node = { value: "b", next: c };
    const a: Node = { value: "a", next: b };
    let head: Node | null = a;
    let version = 0;
    const taken: string[] = [];
    const pop = () => {
      const node = head as Node;
      head = node.next;
      version++;
      return node;
    };
    await together(async () => {
      for (;;) {
        const [seen, next, was] = [head as Node, (head as Node).next, version];
        await checkpoint();
        if (head !== seen || versioned && version !== was) continue;
        head = next;
        version++;
        taken.push(seen.value);
        return;
      }
    }, async () => {
      for (let i = 0; i < 3; i++) await checkpoint();
      const first = pop();
      taken.push(pop().value);
      first.next = head;
      head = first;
      version++;
    });
    for (let at = head as Node | null; at !== null; at = at.next) {
      assert(!taken.includes(at.value), `${at.value} twice`);
    }
  };
}

function checkThenAct(once: boolean): Body {
  return async () => {
    const cache = new Map<string, Promise<number> | number>();
    let loads = 0;
    const load = async () => {
      loads++;
      await checkpoint();
      return 1;
    };
    const get = async (before: number) => {
      for (let i = 0; i < before; i++) await checkpoint();
      if (cache.has("key")) return await cache.get("key");
      const loading = load();
      if (once) cache.set("key", loading);
      const value = await loading;
      cache.set("key", value);
      return value;
    };
    await together(() => get(0), () => get(2));
    assertEquals(loads, 1);
  };
}

function orderOfWaiters(sorted: boolean): Body {
  return async () => {
    const go = new Event();
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const name of "abc") {
        nursery.startSoon(async () => {
          await go.wait();
          log.push(name);
        });
      }
      nursery.startSoon(async () => {
        await sleep(1);
        go.set();
      });
    });
    assertEquals((sorted ? log.sort() : log).join(""), "abc");
  };
}

function orderOfStarts(sorted: boolean): Body {
  return async () => {
    const log: string[] = [];
    await together(...[..."abc"].map((name) => () => void log.push(name)));
    assertEquals((sorted ? log.sort() : log).join(""), "abc");
  };
}

function orderOfTimers(apart: boolean): Body {
  return async () => {
    const log: string[] = [];
    await together(
      ...[..."ab"].map((name, i) => () =>
        new Promise<void>((resolve) => {
          setTimeout(() => {
            log.push(name);
            resolve();
          }, apart ? 10 + i : 10);
        })
      ),
    );
    assertEquals(log.join(""), "ab");
  };
}

/** A must stand still twice, each time for a certain other; three more are in the way. */
function twoPreemptions(guarded: boolean): Body {
  return async () => {
    let stage = 0;
    const lock = new Lock();
    const others = [0, 1, 2].map(() => async () => {
      await checkpoint();
      await checkpoint();
    });
    await together(
      async () => {
        using _ = guarded ? await lock.acquire() : undefined;
        if (stage === 0) stage = 1;
        await checkpoint();
        if (stage === 2) stage = 3;
        await checkpoint();
        assert(stage !== 4, "both came in between");
      },
      async () => {
        for (let i = 0; i < 3; i++) await checkpoint();
        using _ = guarded ? await lock.acquire() : undefined;
        if (stage === 1) stage = 2;
      },
      async () => {
        for (let i = 0; i < 4; i++) await checkpoint();
        using _ = guarded ? await lock.acquire() : undefined;
        if (stage === 3) stage = 4;
      },
      ...others,
    );
  };
}

function doubleClose(marked: boolean): Body {
  return async () => {
    let open = true;
    let closed = 0;
    const close = async (before: number) => {
      for (let i = 0; i < before; i++) await checkpoint();
      if (!open) return;
      if (marked) open = false;
      await checkpoint();
      open = false;
      closed++;
    };
    await together(() => close(0), () => close(2));
    assertEquals(closed, 1);
  };
}

/** The answer that comes first clears the timer, unless it was set after that. */
function timerLeak(cleared: boolean): Body {
  return async () => {
    let timer: ReturnType<typeof setInterval> | undefined;
    let done = false;
    await together(async () => {
      await checkpoint();
      timer = setInterval(() => {}, 1_000);
      if (cleared && done) clearInterval(timer);
    }, async () => {
      for (let i = 0; i < 3; i++) await checkpoint();
      done = true;
      clearInterval(timer);
    });
  };
}

const ZOO: Record<string, Animal> = {
  "a lost update that the usual order hides": {
    runs: 50,
    switches: 1,
    wrong: lostUpdate(false),
    right: lostUpdate(true),
  },
  "a missed wake-up": { runs: 50, switches: 3, wrong: missedWakeUp(false), right: missedWakeUp(true) },
  "a deadlock by the order of locks": { runs: 50, switches: 1, wrong: lockOrder(false), right: lockOrder(true) },
  "an item lost on cancellation": {
    options: { cancel: true },
    runs: 50,
    switches: 2,
    wrong: itemLostOnCancel(false),
    right: itemLostOnCancel(true),
  },
  "ABA": { runs: 50, switches: 1, wrong: aba(false), right: aba(true) },
  "check, then act, on a cache": { runs: 50, switches: 1, wrong: checkThenAct(false), right: checkThenAct(true) },
  "a belief in the order of waiters": {
    runs: 50,
    switches: 1,
    wrong: orderOfWaiters(false),
    right: orderOfWaiters(true),
  },
  "a belief in the order of starts": { runs: 50, switches: 1, wrong: orderOfStarts(false), right: orderOfStarts(true) },
  "a belief in the order of timers": { runs: 50, switches: 1, wrong: orderOfTimers(false), right: orderOfTimers(true) },
  "what needs two preemptions": { runs: 500, switches: 10, wrong: twoPreemptions(false), right: twoPreemptions(true) },
  "something closed twice": { runs: 50, switches: 1, wrong: doubleClose(false), right: doubleClose(true) },
  "a timer that is left": { runs: 50, switches: 2, wrong: timerLeak(false), right: timerLeak(true) },
};

for (const [name, { runs, switches, wrong, right, options }] of Object.entries(ZOO)) {
  Deno.test(`exploring finds ${name}, which the plain order hides`, async () => {
    await simulate(wrong);
    const error = await explore(wrong, { runs, ...options }).then(() => null, (error) => error);
    assertInstanceOf(error, ExploreError, `not found in ${runs} runs`);
    assert(error.replay !== null, error.message);
    const parts = error.replay.split("/").slice(1);
    assert(parts.length <= switches, `${error.replay}\n${error.message}`);
    const again = await explore(wrong, { ...options, replay: error.replay }).catch((error) => error);
    assertEquals(again.replay, error.replay);
    assertEquals(again.cause?.message, (error.cause as Error | undefined)?.message);
  });
  Deno.test(`exploring passes the correct twin of ${name}`, async () => {
    await explore(right, { runs, ...options });
  });
}
