import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, currentTime, merge, moveOnAfter, sleep, sleepForever, taskTree } from "../mod.ts";

/** Yields its name and the time, every so many milliseconds, and says how it ended. */
async function* every(ms: number, count: number, name: string, log: string[] = []): AsyncGenerator<string> {
  try {
    for (let n = 0; n < count; n++) {
      await sleep(ms);
      yield `${name} ${currentTime()}`;
    }
  } finally {
    log.push(`${name} ended ${currentTime()}`);
  }
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

Deno.test(
  "merge() gives the values of all sources as they come, and ends with the last one",
  simulated(async () => {
    const values = await collect(merge([every(20, 3, "a"), every(30, 1, "b"), every(45, 1, "c")]));
    assertEquals(values, ["a 20", "b 30", "a 40", "c 45", "a 60"]);
  }),
);

Deno.test(
  "merge() of nothing ends at once, and mixes iterables of all kinds",
  simulated(async () => {
    assertEquals(await collect(merge([])), []);
    assertEquals(await collect(merge([[], []])), []);
    const stream = ReadableStream.from(["s"]);
    assertEquals((await collect(merge<unknown>([[1, 2], stream, new Set([3])]))).sort(), [1, 2, 3, "s"]);
  }),
);

Deno.test(
  "merge() keeps the order of each source, whatever becomes ready when",
  simulated(async () => {
    async function* numbers(step: number): AsyncGenerator<[number, number]> {
      for (let n = 0; n < 50; n++) {
        if (n % step === 0) await sleep(step);
        yield [step, n];
      }
    }
    const values = await collect(merge([numbers(1), numbers(3), numbers(7)]));
    assertEquals(values.length, 150);
    for (const step of [1, 3, 7]) {
      assertEquals(values.filter(([each]) => each === step).map(([, n]) => n), Array.from({ length: 50 }, (_, n) => n));
    }
  }),
);

Deno.test(
  "merge() asks no source for more than one value ahead of those that were taken",
  simulated(async () => {
    let asked = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: ++asked > 100, value: asked }),
      }),
    };
    const values = merge([source as AsyncIterable<number>]);
    await sleep(100);
    assertEquals(asked, 0);
    for (let taken = 1; taken <= 5; taken++) {
      await values.next();
      await sleep(100);
      assertEquals(asked, taken + 1);
    }
    await values.return!();
  }),
);

Deno.test(
  "merge() ends all sources when its loop is left, and waits for them",
  simulated(async () => {
    const log: string[] = [];
    for await (const _ of merge([every(10, 9, "a", log), every(25, 9, "b", log)])) break;
    assertEquals(log.sort(), ["a ended 10", "b ended 10"]);
    assertEquals(taskTree().root.children.length, 0);
  }),
);

Deno.test(
  "merge() throws the error of a source once, after the others have ended",
  simulated(async () => {
    const log: string[] = [];
    // deno-lint-ignore require-yield -- it does not get there
    async function* fails(): AsyncGenerator<string> {
      await sleep(15);
      throw new RangeError("boom");
    }
    const values = merge([every(10, 9, "a", log), fails()]);
    assertEquals(await values.next(), { done: false, value: "a 10" });
    await assertRejects(() => values.next(), RangeError, "boom");
    assertEquals(log, ["a ended 15"]);
    assertEquals(await values.next(), { done: true, value: undefined });
  }),
);

Deno.test(
  "merge() loses nothing when the wait for one value is cancelled",
  simulated(async () => {
    const values = merge([every(10, 5, "a"), every(10, 5, "b")]);
    const all: string[] = [];
    while (true) {
      const outcome = await moveOnAfter(3, () => values.next());
      if (outcome.cancelledCaught) continue;
      if (outcome.value.done) break;
      all.push(outcome.value.value);
    }
    assertEquals(all.length, 10);
    assertEquals(new Set(all).size, 10);
  }),
);

Deno.test(
  "merge() is cancelled with its scope, and ends its sources",
  simulated(async () => {
    const log: string[] = [];
    const outcome = await moveOnAfter(25, () => collect(merge([every(10, 9, "a", log), every(100, 9, "b", log)])));
    assertEquals(outcome.cancelledCaught, true);
    assertEquals(log.sort(), ["a ended 25", "b ended 25"]);
  }),
);

Deno.test(
  "merge() calls stop once for each source that waits for something foreign",
  simulated(async () => {
    let stops = 0;
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const scope = new CancelScope({ timeout: 5 });
    await scope.run(() => collect(merge([silent, silent, [1]], { stop: () => stops++ })));
    assertEquals(stops, 2);
  }),
);

Deno.test("merge() refuses what it cannot loop over, before it asks for anything", () => {
  let opened = 0;
  const source = { [Symbol.asyncIterator]: () => (opened++, { next: sleepForever }) };
  // @ts-expect-error one source is not an iterable of sources
  assertThrows(() => merge(source), TypeError, 'Cannot merge as "sources" must be an iterable of iterables: received');
  assertThrows(
    () => merge([source as never, 7 as never]),
    TypeError,
    'Cannot merge as "source" must be an iterable or async iterable: received 7',
  );
  assertThrows(() => merge([], { stop: 1 as never }), TypeError, '"stop" must be a function');
  assertEquals(opened, 0);
});
