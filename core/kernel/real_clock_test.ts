// deno-lint-ignore-file no-console -- what is printed is part of the test
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { checkpoint, moveOnAfter, openNursery, run, sleep } from "../mod.ts";
import { type Alarm, AlarmQueue, type Clock, hostOperation, realClock, type RunView } from "../lowlevel.ts";
import { RealClock } from "./real_clock.ts";

/** What the real clock needs of the host, under control: nothing here takes time. */
class FakeHost {
  time = 1_000;
  #lastId = 0;
  readonly timers = new Map<number, { due: number; callback: () => void }>();
  readonly delays: number[] = [];
  #immediates: (() => void)[] = [];

  readonly setTimeout = (callback: () => void, delay: number): number => {
    this.delays.push(delay);
    this.timers.set(++this.#lastId, { due: this.time + delay, callback });
    return this.#lastId;
  };
  readonly clearTimeout = (id: number | undefined): void => void this.timers.delete(id as number);
  readonly setImmediate = (callback: () => void): void => void this.#immediates.push(callback);

  /** A turn of the event loop: what is due, then the immediates. */
  turn(ms = 0): void {
    this.time += ms;
    for (const [id, { due, callback }] of [...this.timers]) if (due <= this.time && this.timers.delete(id)) callback();
    for (const callback of this.#immediates.splice(0)) callback();
  }
}

const host = new FakeHost();
const clock = new RealClock({
  now: () => host.time,
  setTimeout: host.setTimeout as never,
  clearTimeout: host.clearTimeout as never,
  setImmediate: host.setImmediate as never,
});

/** Sets an alarm on that clock so many milliseconds from now. */
function alarmIn(ms: number, fire: () => void = () => {}): Alarm {
  return clock.at(host.time + ms, fire, undefined);
}

Deno.test("the real clock sets one host timer for 10,000 deadlines, for the earliest", () => {
  host.delays.length = 0;
  let fired = 0;
  const alarms = Array.from({ length: 10_000 }, (_, i) => alarmIn(20_000 - i, () => fired++));
  host.turn();
  assertEquals([host.delays, host.timers.size], [[10_001], 1]);
  host.turn(10_001);
  assertEquals([fired, host.timers.size], [1, 1]);
  for (const alarm of alarms) alarm.cancel();
  host.turn();
  assertEquals([fired, host.timers.size], [1, 0]);
});

Deno.test("the real clock touches the host timer once a turn, and not at all if the earliest stays the same", () => {
  const keep = alarmIn(10);
  host.turn();
  host.delays.length = 0;
  for (let i = 0; i < 1_000; i++) alarmIn(5).cancel();
  alarmIn(50).cancel();
  host.turn();
  assertEquals([host.delays, host.timers.size], [[], 1]);
  keep.cancel();
  host.turn();
  assertEquals(host.timers.size, 0);
});

Deno.test("the real clock never fires early, and fires all that is due in one turn, in order", () => {
  const fired: string[] = [];
  for (const [name, ms] of [["c", 7.5], ["a", 7.2], ["b", 7.2], ["d", 9]] as const) alarmIn(ms, () => fired.push(name));
  host.turn();
  host.turn(7);
  assertEquals(fired, []);
  host.turn(1);
  assertEquals(fired, ["a", "b", "c"]);
  host.turn(1);
  assertEquals([fired.at(-1), host.timers.size], ["d", 0]);
});

Deno.test("the real clock never asks the host for more than 2^31 - 1 ms, and asks again when that is over", () => {
  host.delays.length = 0;
  let fired = false;
  alarmIn(2 ** 31 + 5, () => fired = true);
  host.turn();
  host.turn(2 ** 31 - 1);
  assertEquals([fired, host.delays], [false, [2 ** 31 - 1, 6]]);
  host.turn(6);
  assertEquals([fired, host.timers.size], [true, 0]);
});

Deno.test("an alarm in the past fires in the next turn, not inside at()", () => {
  let fired = false;
  alarmIn(-5, () => fired = true);
  assert(!fired);
  host.turn();
  host.turn();
  assertEquals([fired, host.timers.size], [true, 0]);
});

Deno.test("alarms set while alarms fire get their timer, and an earlier one replaces a later", () => {
  const fired: string[] = [];
  alarmIn(1, () => {
    fired.push("first");
    alarmIn(3, () => fired.push("third"));
    alarmIn(2, () => fired.push("second"));
  });
  for (const ms of [0, 1, 2, 1]) host.turn(ms);
  assertEquals([fired, host.timers.size], [["first", "second", "third"], 0]);
});

Deno.test("a callback of the clock that throws is reported, and the others fire", () => {
  const printed: unknown[][] = [];
  const { error: print } = console;
  console.error = (...args: unknown[]) => void printed.push(args);
  try {
    let fired = 0;
    alarmIn(1, () => {
      throw new TypeError("in callback");
    });
    alarmIn(1, () => fired++);
    host.turn();
    host.turn(1);
    assertEquals([fired, host.timers.size], [1, 0]);
    assertEquals(printed.map(([error]) => [String(error), String((error as Error).cause)]), [[
      "Error: Cannot go on with an alarm of the clock as its callback threw",
      "TypeError: in callback",
    ]]);
  } finally {
    console.error = print;
  }
});

Deno.test("the clock a run gets by default is the real one, which outlives it and leaves no timer", async () => {
  await run(async () => {
    assertStrictEquals((await import("../lowlevel.ts")).currentRun().clock, realClock);
    await moveOnAfter(1, () => sleep(2 ** 40));
    await sleep(1);
  }, { handleSignals: false });
});

/** A third party's clock: time passes whenever somebody looks, alarms are looked after once a turn. */
class LookedAtClock implements Clock {
  readonly #alarms = new AlarmQueue();
  #time = 0;
  #polling = false;
  now = () => ++this.#time;
  wall = () => this.#time;
  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    const alarm = this.#alarms.add(deadline, fire, arg);
    if (!this.#polling) setImmediate(this.#poll);
    this.#polling = true;
    return alarm;
  }
  readonly #poll = (): void => {
    while (this.#alarms.fireOne(this.now()));
    this.#polling = this.#alarms.size > 0;
    if (this.#polling) setImmediate(this.#poll);
  };
}

Deno.test("on a clock of one's own a loop of sleep(0) times out", async () => {
  const outcome = await run(() =>
    moveOnAfter(50, async () => {
      while (true) await sleep(0);
    }), { clock: new LookedAtClock(), handleSignals: false });
  assert(outcome.cancelledCaught);
});

/** A third party's clock that jumps when the run is idle, by the public hook. */
class JumpingClock implements Clock {
  readonly #alarms = new AlarmQueue();
  readonly log: string[] = [];
  #run: RunView | undefined;
  #time = 0;
  #asked = false;
  now = () => this.#time;
  wall = () => this.#time;
  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.add(deadline, fire, arg);
  }
  start(run: RunView): void {
    this.log.push("start");
    this.#run = run;
  }
  stop(): void {
    this.log.push("stop");
  }
  idle(): void {
    if (this.#asked) return;
    this.#asked = true;
    setImmediate(() => {
      this.#asked = false;
      const { tasksRunning, hostOperations, wakeUps } = this.#run!.statistics();
      if (tasksRunning + hostOperations.length + wakeUps > 0 || this.#alarms.next === Infinity) return;
      this.#time = this.#alarms.next;
      this.#alarms.fireOne(this.#time);
    });
  }
}

Deno.test("a clock of one's own hears when every task waits, and can jump", async () => {
  const jumping = new JumpingClock();
  const times: number[] = [];
  await run(() =>
    openNursery(async (nursery) => {
      for (const ms of [3_600_000, 60_000]) {
        nursery.startSoon(async () => {
          await sleep(ms);
          times.push(jumping.now());
        });
      }
      await moveOnAfter(1_000, () => sleep(5_000));
      times.push(jumping.now());
    }), { clock: jumping, handleSignals: false });
  assertEquals([times, jumping.log], [[1_000, 60_000, 3_600_000], ["start", "stop"]]);
});

Deno.test("after a stall no code takes a step past its deadline: deadlines come before wake-ups by time", () => {
  const fired: string[] = [];
  const at = (name: string, ms: number, deadline: boolean) => {
    const set = deadline ? clock.atDeadline!.bind(clock) : clock.at.bind(clock);
    set(clock.now() + ms, (name: string) => void fired.push(name), name);
  };
  at("sleep 50", 50, false);
  at("deadline 100", 100, true);
  at("sleep 120", 120, false);
  host.turn();
  host.turn(300);
  assertEquals(fired, ["deadline 100", "sleep 50", "sleep 120"]);
  assertEquals(host.timers.size, 0);
});

Deno.test("a clock that throws fails what asks it, and nothing else: no task is left waiting, the run ends", async () => {
  const printed: unknown[] = [];
  const { error: print } = console;
  console.error = (error: unknown) => void printed.push(error);
  try {
    for (const broken of ["now", "at", "idle", "stop", "everything"] as const) {
      const fault = new Error(`${broken} is broken`);
      let works = true;
      const check = (name: string): void => {
        if (!works && (broken === name || broken === "everything")) throw fault;
      };
      const clock: Clock = {
        now: () => (check("now"), realClock.now()),
        wall: () => realClock.wall(),
        at: (deadline, fire, arg) => (check("at"), realClock.at(deadline, fire, arg)),
        idle: () => check("idle"),
        stop: () => check("stop"),
      };
      const errors: unknown[] = [];
      const keep = (error: unknown) => void errors.push(error);
      const value = await run(() =>
        openNursery(async (nursery) => {
          nursery.startSoon(() => sleep(1));
          await sleep(2);
          works = false;
          await sleep(1).catch(keep);
          await moveOnAfter(1, () => sleep(1)).catch(keep);
          await hostOperation("op", Promise.resolve());
          await openNursery((inner) => void inner.startSoon(() => checkpoint()));
          return "value";
        }), { clock, handleSignals: false });
      assertEquals(value, "value");
      assert(errors.every((error) => error === fault), broken);
      assertEquals(errors.length > 0, ["now", "at", "everything"].includes(broken), broken);
    }
    // idle() and stop() have nobody to tell but the console, once each.
    const texts = printed.map((error) => (error as Error).message.replace(/ as .*/, ""));
    assertEquals(texts, [
      "Cannot go on with idle() of the clock",
      "Cannot stop the clock of the run",
      "Cannot go on with idle() of the clock",
      "Cannot stop the clock of the run",
    ]);
  } finally {
    console.error = print;
  }
});
