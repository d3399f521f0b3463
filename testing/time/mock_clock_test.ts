import { assert, assertEquals, assertThrows } from "@std/assert";
import { currentTime, Event, moveOnAfter, openNursery, run, sleep } from "../../core/mod.ts";
import { MockClock, settled } from "../mod.ts";

const realTimeout = setTimeout;

// Trio's clock, by Trio's rules.

Deno.test("a MockClock starts at 0 and stands still until it is told to jump", () => {
  const clock = new MockClock();
  return run(() =>
    openNursery(async (nursery) => {
      const log: string[] = [];
      nursery.startSoon(() => sleep(1_000).then(() => log.push(`woke at ${currentTime()}`)));
      await new Promise<void>((resolve) => void setImmediate(resolve));
      assertEquals([currentTime(), log.length], [0, 0]);
      clock.jump(999);
      assertEquals([clock.now(), log.length], [999, 0]);
      clock.jump(0.5);
      clock.jump(1);
      // Nothing runs inside the call.
      assertEquals(log, []);
      await sleep(0);
      nursery.startSoon(async () => {
        while (log.length === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
        assertEquals(log, ["woke at 1000.5"]);
      });
    }), { clock });
});

Deno.test("with autojumpThreshold: 0 time goes exactly to the next deadline, again and again", () =>
  run(async () => {
    const times: number[] = [];
    for (const ms of [3_600_000, 0.1, 7]) {
      await sleep(ms);
      times.push(currentTime());
    }
    assertEquals(times, [3_600_000, 3_600_000.1, 3_600_007.1]);
    await moveOnAfter(10_000, () => sleep(Infinity));
    assertEquals(currentTime(), 3_610_007.1);
  }, { clock: new MockClock({ autojumpThreshold: 0 }) }));

Deno.test("a threshold waits for that long without activity, and setting it takes effect at once", () => {
  const clock = new MockClock({ autojumpThreshold: 1 });
  return run(async () => {
    await sleep(50_000);
    assertEquals(currentTime(), 50_000);
    clock.autojumpThreshold = Infinity;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1_000));
      await new Promise<void>((resolve) => void setImmediate(resolve));
      assertEquals(currentTime(), 50_000);
      clock.autojumpThreshold = 0;
    });
    assertEquals(currentTime(), 51_000);
  }, { clock });
});

Deno.test("a task that is not waiting keeps the clock from jumping", () =>
  run(() =>
    openNursery((nursery) => {
      let busy = true;
      nursery.startSoon(async () => {
        await sleep(10);
        assert(!busy);
      });
      nursery.startSoon(async () => {
        for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
        busy = false;
      });
    }), { clock: new MockClock({ autojumpThreshold: 0 }) }));

Deno.test("with a rate, time passes by itself, and goes on from where it is when the rate changes", () => {
  const clock = new MockClock({ rate: 100_000 });
  return run(async () => {
    await sleep(500_000);
    const reached = currentTime();
    assert(reached >= 500_000);
    clock.rate = 0;
    const stopped = clock.now();
    assert(stopped >= reached);
    for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
    assertEquals(clock.now(), stopped);
    clock.jump(1);
    assertEquals(clock.now(), stopped + 1);
    clock.rate = 1_000_000;
    await sleep(1_000_000);
    assert(clock.now() >= stopped + 1_000_001);
  }, { clock });
});

Deno.test("with nothing to jump to the clock stands still, and an event wakes the run", () =>
  run(async () => {
    const event = new Event();
    let turns = 0;
    const tick = (): void => void setImmediate(() => ++turns < 20 ? tick() : event.set());
    tick();
    await event.wait();
    assertEquals(currentTime(), 0);
  }, { clock: new MockClock({ autojumpThreshold: 0 }) }));

Deno.test("runs may share a clock, which jumps when all of them wait; and come after one another", async () => {
  const clock = new MockClock({ autojumpThreshold: 0 });
  const play = (...lengths: number[]) =>
    run(async () => {
      const times: number[] = [];
      for (const ms of lengths) {
        await sleep(ms);
        for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
        times.push(currentTime());
      }
      return times;
    }, { clock });
  assertEquals(await Promise.all([play(10, 10, 10), play(15)]), [[10, 20, 30], [15]]);
  assertEquals(await play(5), [35]);
  assert(Math.abs(clock.wall() - Date.now()) < 60_000);
});

Deno.test("what is no rate, threshold or jump is refused", () => {
  const clock = new MockClock();
  for (const bad of [-1, NaN]) {
    assertEquals(
      assertThrows(() => clock.jump(bad), RangeError).message,
      `Cannot jump as "ms" must be a finite number >= 0: received ${bad}`,
    );
    assertEquals(
      assertThrows(() => clock.rate = bad, RangeError).message,
      `Cannot set the clock as "rate" must be a finite number >= 0: received ${bad}`,
    );
    assertEquals(
      assertThrows(() => new MockClock({ autojumpThreshold: bad }), RangeError).message,
      `Cannot set the clock as "autojumpThreshold" must be >= 0: received ${bad}`,
    );
  }
  assertEquals([clock.rate, clock.autojumpThreshold, clock.now()], [0, Infinity, 0]);
});

Deno.test("lengths of real time beyond what the host's timers can do are not cut short", async () => {
  for (const ms of [2 ** 31, 1e300]) {
    const clock = new MockClock({ autojumpThreshold: ms });
    await run(() =>
      openNursery(async (nursery) => {
        const late = new Event();
        const sleeper = nursery.startSoon(() => sleep(5));
        const settling = nursery.startSoon(() => settled({ cushion: ms }));
        realTimeout(() => late.set(), 10);
        await late.wait();
        assertEquals([currentTime(), sleeper.state, settling.state], [0, "running", "running"]);
        nursery.cancel();
      }), { clock, handleSignals: false });
  }
});
