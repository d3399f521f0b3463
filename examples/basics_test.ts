import { assertEquals } from "@std/assert";
import { run, simulate, simulated } from "@trefoil/io";
import { type Alarm, AlarmQueue, type Clock } from "@trefoil/io/lowlevel";
import { cancelFromOutside } from "./cancel_from_outside.ts";
import { helloWorld } from "./hello_world.ts";
import { parent } from "./parent_and_children.ts";
import { producerConsumer } from "./producer_consumer.ts";
import { sumBelow } from "./sum_ranges.ts";
import { countFor } from "./timeout.ts";

/** Runs an example in simulated time; returns its lines, each with the time at which it was printed. */
async function record(example: (print: (line: string) => void) => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  await simulate((sim) => example((line) => lines.push(`${sim.now} ${line}`)));
  return lines;
}

/** Time passes by being looked at: for loops that wait for nothing, which leave virtual time standing. */
class TickingClock implements Clock {
  readonly #alarms = new AlarmQueue();
  #now = 0;

  now(): number {
    return this.#now++;
  }

  wall(): number {
    return this.#now;
  }

  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    if (this.#alarms.size === 0) setImmediate(this.#ring);
    return this.#alarms.add(deadline, fire, arg);
  }

  readonly #ring = (): void => {
    while (this.#alarms.fireOne(this.now()));
    if (this.#alarms.size > 0) setImmediate(this.#ring);
  };
}

Deno.test("timeout.ts ends a loop that waits for nothing, and says false", async () => {
  assertEquals(await run(() => countFor(100), { clock: new TickingClock() }), false);
});

Deno.test(
  "sum_ranges.ts adds both halves",
  simulated(async () => {
    assertEquals(await sumBelow(100_000), 4_999_950_000);
  }),
);

Deno.test("parent_and_children.ts takes five seconds in all", async () => {
  assertEquals(await record(parent), [
    "0 parent: started",
    "0 parent: spawning child 1",
    "0 parent: spawning child 2",
    "0 parent: waiting for the children",
    "0   child 1: started, sleeping now",
    "0   child 2: started, sleeping now",
    "3000   child 1: done",
    "5000   child 2: done",
    "5000 parent: all done",
  ]);
});

Deno.test("hello_world.ts waits between its words", async () => {
  assertEquals(await record(helloWorld), ["0 hello", "0 wait", "1000 world"]);
});

Deno.test("cancel_from_outside.ts cancels the task after three seconds", async () => {
  assertEquals(await record(cancelFromOutside), [
    "1000 working, second 1",
    "2000 working, second 2",
    "3000 was cancelled: it took too long",
    "3000 all done",
  ]);
});

Deno.test("producer_consumer.ts works off every item once", async () => {
  const lines = await record(producerConsumer);
  const items = lines.map((line) => line.split(" ").at(-1)).slice(0, -1).sort();
  assertEquals(items, ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"]);
  assertEquals(lines.at(-1), "850 all items are done");
});
