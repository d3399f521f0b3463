import { assert, assertEquals } from "@std/assert";
import { type Alarm, AlarmQueue } from "../lowlevel.ts";

/** Random whole numbers below a bound, the same for each seed. */
function seeded(seed: number): (below: number) => number {
  return (below) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
}

const fireAll = (queue: AlarmQueue, now: number) => {
  while (queue.fireOne(now));
};

Deno.test("AlarmQueue fires by deadline, and by age among equal ones", () => {
  const queue = new AlarmQueue();
  const fired: string[] = [];
  for (const [deadline, name] of [[5, "a"], [3, "b"], [5, "c"], [-Infinity, "d"], [3, "e"]] as const) {
    queue.add(deadline, (name) => fired.push(name), name);
  }
  assertEquals([queue.size, queue.next], [5, -Infinity]);
  fireAll(queue, 3);
  assertEquals(fired.join(""), "dbe");
  fireAll(queue, 5);
  assertEquals([fired.join(""), queue.size, queue.next], ["dbeac", 0, Infinity]);
});

Deno.test("AlarmQueue.fireOne() fires one alarm at a time, and none that is not due", () => {
  const queue = new AlarmQueue();
  let fired = 0;
  for (let i = 0; i < 3; i++) queue.add(10, () => fired++, undefined);
  assertEquals([queue.fireOne(9.999), fired], [false, 0]);
  assertEquals([queue.fireOne(10), fired], [true, 1]);
  assertEquals([queue.fireOne(10), queue.fireOne(10), queue.fireOne(10), fired], [true, true, false, 3]);
  assertEquals(queue.fireOne(NaN), false);
});

Deno.test("AlarmQueue never fires an alarm that was withdrawn, and withdrawing twice or late is harmless", () => {
  const queue = new AlarmQueue();
  const fired: string[] = [];
  const alarms = ["a", "b", "c"].map((name) => queue.add(1, (name) => fired.push(name), name));
  alarms[1]!.cancel();
  alarms[1]!.cancel();
  assertEquals(queue.size, 2);
  fireAll(queue, 1);
  for (const alarm of alarms) alarm.cancel();
  assertEquals([fired.join(""), queue.size, queue.next], ["ac", 0, Infinity]);
});

Deno.test("an alarm may set and withdraw others while it fires", () => {
  const queue = new AlarmQueue();
  const fired: string[] = [];
  const note = (name: string) => void fired.push(name);
  let doomed: Alarm | undefined = undefined;
  queue.add(1, () => {
    note("first");
    doomed!.cancel();
    queue.add(1, note, "same instant");
    queue.add(0, note, "in the past");
    queue.add(2, note, "later");
  }, undefined);
  doomed = queue.add(1, note, "doomed");
  queue.add(1, note, "second");
  fireAll(queue, 1);
  assertEquals(fired, ["first", "in the past", "second", "same instant"]);
  assertEquals([queue.size, queue.next], [1, 2]);
});

Deno.test("an alarm that throws has fired: the others are not lost", () => {
  const queue = new AlarmQueue();
  let fired = 0;
  queue.add(1, () => {
    throw new Error("in alarm");
  }, undefined);
  queue.add(1, () => fired++, undefined);
  try {
    queue.fireOne(1);
  } catch (error) {
    assertEquals(String(error), "Error: in alarm");
  }
  fireAll(queue, 1);
  assertEquals([fired, queue.size], [1, 0]);
});

Deno.test("AlarmQueue with a width never fires early nor misses what is due, in the order of deadlines", () => {
  const queue = new AlarmQueue(1);
  const fired: number[] = [];
  for (const deadline of [1.7, 1.2, 2, 1.2, 1, 0.1]) queue.add(deadline, (at) => fired.push(at), deadline);
  assertEquals(queue.next, 1);
  // In the middle of an instant, which is when a clock looks whose host is busy.
  fireAll(queue, 1.6);
  assertEquals([...fired, queue.next], [0.1, 1, 1.2, 1.2, 2]);
  fireAll(queue, 2);
  assertEquals(fired, [0.1, 1, 1.2, 1.2, 1.7, 2]);
  const wide = new AlarmQueue(10);
  wide.add(11, (at) => fired.push(at), 11);
  assertEquals([wide.next, wide.fireOne(10.9), wide.fireOne(11), wide.next], [20, false, true, Infinity]);
});

Deno.test("AlarmQueue says when its next instant may have become another", () => {
  let changes = 0;
  const queue = new AlarmQueue(1, () => changes++);
  const told = () => changes > 0 && (changes = 0, true);
  const first = queue.add(10, () => {}, undefined);
  assert(told(), "the first one");
  queue.add(20, () => {}, undefined);
  assert(!told(), "a later one");
  const earlier = queue.add(5, () => {}, undefined);
  assert(told(), "an earlier one");
  queue.add(5, () => {}, undefined).cancel();
  assert(!told(), "one more of the same instant");
  earlier.cancel();
  assert(told(), "the earliest is gone");
  assertEquals(queue.next, 10);
  first.cancel();
  assert(told(), "the new earliest is gone");
  assertEquals(queue.next, 20);
});

for (const width of [0, 1, 7]) {
  Deno.test(`AlarmQueue of width ${width} does as a sorted list does, over 10,000 random operations`, () => {
    const random = seeded(7 + width);
    const queue = new AlarmQueue(width);
    const instant = (deadline: number) => width === 0 ? deadline : Math.ceil(deadline / width) * width;
    let model: { deadline: number; id: number; alarm: Alarm }[] = [];
    const fired: number[] = [];
    let now = 0;
    for (let id = 0; id < 10_000; id++) {
      const action = random(100);
      if (action < 55) {
        const deadline = now + random(200) / 4 - 2;
        model.push({ deadline, id, alarm: queue.add(deadline, (id) => fired.push(id), id) });
      } else if (action < 85 && model.length > 0) {
        const [gone] = model.splice(random(model.length), 1);
        gone!.alarm.cancel();
        if (random(2) === 0) gone!.alarm.cancel();
      } else {
        now += random(20) / 4;
        fireAll(queue, now);
        const due = model.filter(({ deadline }) => deadline <= now);
        due.sort((a, b) => a.deadline - b.deadline || a.id - b.id);
        assertEquals(fired.splice(0), due.map(({ id }) => id));
        model = model.filter((entry) => !due.includes(entry));
      }
      assertEquals(queue.size, model.length);
      assertEquals(queue.next, model.reduce((least, { deadline }) => Math.min(least, instant(deadline)), Infinity));
    }
  });
}

Deno.test("AlarmQueue keeps its order through millions of alarms that are set and withdrawn", () => {
  const queue = new AlarmQueue();
  const fired: number[] = [];
  for (const deadline of [1e9, 2e9]) queue.add(deadline, (at) => fired.push(at), deadline);
  for (let i = 0; i < 1_000_000; i++) queue.add(i, () => {}, undefined).cancel();
  assertEquals([queue.size, queue.next], [2, 1e9]);
  assertEquals([queue.fireOne(1e9 - 1), queue.fireOne(1e9), queue.next], [false, true, 2e9]);
});

Deno.test("AlarmQueue takes 400,000 alarms of different instants, most of them withdrawn", () => {
  const queue = new AlarmQueue();
  const fired: number[] = [];
  const alarms: Alarm[] = [];
  for (let i = 0; i < 400_000; i++) alarms.push(queue.add(400_000 - i, (at) => fired.push(at), 400_000 - i));
  for (let i = 0; i < 400_000; i++) if (i % 3 !== 0) alarms[i]!.cancel();
  queue.add(0.5, (at) => fired.push(at), 0.5);
  assertEquals([queue.size, queue.next], [133_335, 0.5]);
  fireAll(queue, Infinity);
  assertEquals(fired.length, 133_335);
  assert(fired.every((at, index) => index === 0 || (fired[index - 1] as number) < at));
});

Deno.test("AlarmQueue.addDeadline(): all that is due comes before what add() has set, however late the look", () => {
  for (const width of [0, 1]) {
    const alarms = new AlarmQueue(width);
    const fired: string[] = [];
    const note = (name: string) => void fired.push(name);
    alarms.add(10, note, "sleep 10");
    alarms.addDeadline(30, note, "deadline 30");
    const withdrawn = alarms.addDeadline(5, note, "withdrawn");
    alarms.addDeadline(20, note, "deadline 20");
    alarms.add(20, note, "sleep 20");
    alarms.addDeadline(40, note, "deadline 40");
    withdrawn.cancel();
    assertEquals([alarms.next, alarms.size], [10, 5]);
    while (alarms.fireOne(30));
    assertEquals(fired, ["deadline 20", "deadline 30", "sleep 10", "sleep 20"]);
    assertEquals([alarms.next, alarms.size], [40, 1]);
  }
});
