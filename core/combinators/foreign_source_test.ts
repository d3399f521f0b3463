import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  asCompleted,
  CancelScope,
  forEach,
  map,
  type MapOptions,
  merge,
  moveOnAfter,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  toChannel,
} from "../mod.ts";
import type { Source } from "../kernel/source.ts";

/** All that goes through a source of somebody else's. */
const consumers: Record<
  string,
  (source: Source<number>, take?: (n: number) => unknown, options?: Pick<MapOptions, "stop">) => Promise<unknown>
> = {
  map: (source, take = () => {}, options = {}) => map(source, take, options),
  forEach: (source, take = () => {}, options = {}) => forEach(source, take, { concurrency: 2, ...options }),
  asCompleted: async (source, take = () => {}, options = {}) => {
    for await (const _ of asCompleted(source, take, options));
  },
  "asCompleted, in order": async (source, take = () => {}, options = {}) => {
    for await (const _ of asCompleted(source, take, { ordered: true, ...options }));
  },
  merge: async (source, take = () => {}, options = {}) => {
    for await (const n of merge([source], options)) await take(n);
  },
  toChannel: (source, take = () => {}, options = {}) =>
    toChannel(source, async (channel) => {
      for await (const n of channel) await take(n);
    }, options),
};

function law(name: string, test: (consume: typeof consumers[string], name: string) => Promise<void>): void {
  Deno.test(
    name,
    simulated(async () => {
      for (const [each, consume] of Object.entries(consumers)) await test(consume, each);
    }),
  );
}

type Answer = () => unknown;

/** A source with such methods, which says what is called. */
function source(log: string[], next: Answer, back?: Answer): AsyncIterable<number> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        log.push("next");
        return next() as never;
      },
      ...(back === undefined ? {} : {
        return: () => {
          log.push("return");
          return back() as never;
        },
      }),
    }),
  };
}

const never = () => new Promise(() => {});
const boom = () => {
  throw new RangeError("boom");
};
const boomLater = () => Promise.reject(new RangeError("boom"));

law("a cancelled consumer tells a source that waits at once, and does not wait for the item", async (consume, name) => {
  for (const back of [() => Promise.resolve({}), () => ({}), undefined]) {
    const log: string[] = [];
    const outcome = await moveOnAfter(5, () => consume(source(log, never, back)));
    assert(outcome.cancelledCaught, name);
    assertEquals(log, back === undefined ? ["next"] : ["next", "return"], name);
  }
  // As `Deno.watchFs()`: the end that its return() makes is not taken for the end of the source.
  let end!: (result: unknown) => void;
  const log: string[] = [];
  const watcher = source(log, () => new Promise((resolve) => end = resolve), () => {
    end({ done: true });
    return {};
  });
  assert((await moveOnAfter(5, () => consume(watcher))).cancelledCaught, name);
  assertEquals(log, ["next", "return"], name);
});

law("a source that cleans up when it is cancelled is waited for", async (consume, name) => {
  for (const back of [() => Promise.resolve({}), undefined]) {
    let cleaned = false;
    const next = async () => {
      try {
        await sleepForever();
      } finally {
        await null;
        await shielded(() => sleep(5));
        cleaned = true;
      }
    };
    assert((await moveOnAfter(5, () => consume(source([], next, back)))).cancelledCaught, name);
    assert(cleaned, name);
  }
  const log: string[] = [];
  async function* generator(): AsyncGenerator<number> {
    try {
      yield 1;
      await sleepForever();
    } finally {
      await shielded(() => sleep(5));
      log.push("cleaned");
    }
  }
  assert((await moveOnAfter(5, () => consume(generator()))).cancelledCaught, name);
  assertEquals(log, ["cleaned"], name);
});

law(
  "stop ends a source that nothing else can end, a generator that awaits a foreign promise",
  async (consume, name) => {
    let stopped = 0;
    async function* subscription(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    const stop = () => void stopped++;
    assert((await moveOnAfter(5, () => consume(subscription(), undefined, { stop }))).cancelledCaught, name);
    assertEquals(stopped, 1, name);
    // Between two items as well, and together with return(); not if the source has come to its end.
    const log: string[] = [];
    const endless = source(log, () => ({ value: 1 }), () => ({}));
    await assertRejects(() => consume(endless, boom, { stop: () => void log.push("stop") }), RangeError, "boom");
    assertEquals(log.filter((line) => line !== "next"), ["stop", "return"], name);
    await consume([1, 2], undefined, { stop: () => assert(false) });
    await assertRejects(() => consume(source([], boom), undefined, { stop: () => assert(false) }), RangeError, "boom");
  },
);

law(
  "an error of stop is told, alone or beside the one on its way; what it does to the source is not",
  async (consume, name) => {
    for (const stop of [boom, boomLater]) {
      await assertRejects(
        () => moveOnAfter(1, () => consume(source([], never, never), undefined, { stop })),
        RangeError,
        "boom",
      );
      const error = await assertRejects(
        () => consume(source([], () => ({ value: 1 })), () => Promise.reject(new TypeError("work")), { stop }),
        TypeError,
        "work",
      );
      if (name !== "merge") assertEquals(suppressedErrors(error).map(String).at(-1), "RangeError: boom", name);
    }
    let fail!: (error: unknown) => void;
    const aborted = source([], () => new Promise((_, reject) => fail = reject));
    const stop = () => fail(new DOMException("aborted", "AbortError"));
    assert((await moveOnAfter(1, () => consume(aborted, undefined, { stop }))).cancelledCaught, name);
  },
);

law("an error of the source is thrown, at once or later, and nothing more is asked of it", async (consume, name) => {
  for (const next of [boom, boomLater]) {
    const log: string[] = [];
    await assertRejects(() => consume(source(log, next, () => assert(false))), RangeError, "boom");
    assertEquals(log, ["next"], name);
  }
  await assertRejects(() => consume({ [Symbol.asyncIterator]: boom as never }), RangeError, "boom");
  await assertRejects(() => consume({ [Symbol.asyncIterator]: () => null as never }), TypeError);
  const says = "Cannot go on with a source as its next() must give an object: received";
  for (const [value, shown] of [[undefined, "undefined"], [null, "null"], [Promise.resolve(7), "7"], ["a", '"a"']]) {
    await assertRejects(() => consume(source([], () => value, () => assert(false))), TypeError, `${says} ${shown}`);
  }
  await assertRejects(() => consume({ [Symbol.iterator]: () => ({ next: () => 7 as never }) }), TypeError, `${says} 7`);
});

law("an error of return() is told when cancelled, and beside the error of the work", async (consume, name) => {
  for (const back of [boom, boomLater]) {
    await assertRejects(() => moveOnAfter(1, () => consume(source([], never, back))), RangeError, "boom");
    const error = await assertRejects(
      () => consume(source([], () => ({ value: 1 }), back), () => Promise.reject(new TypeError("work"))),
      TypeError,
      "work",
    );
    // The work is a loop: while its error leaves it, JavaScript drops that of the iterator's return().
    if (name !== "merge") assertEquals(suppressedErrors(error).map(String).at(-1), "RangeError: boom", name);
  }
});

law("an item that is given in the moment of the cancellation is not lost", async (consume, name) => {
  // There it is in the channel.
  if (name === "toChannel" || name === "merge") return;
  const scope = new CancelScope();
  let give!: (result: unknown) => void;
  const taken: number[] = [];
  const asked = () => new Promise((resolve) => give = resolve);
  const waiting = scope.run(() => consume(source([], asked, () => ({})), (n) => taken.push(n)));
  await sleep(1);
  give({ value: 7 });
  scope.cancel();
  await waiting;
  assertEquals(taken, [7], name);
});

law("a stop that is no function is refused before any effect, a generator function as well", async (consume, name) => {
  const log: string[] = [];
  for (const stop of [5, function* () {}, async function* () {}]) {
    await assertRejects(() => consume(source(log, never), undefined, { stop: stop as never }), TypeError, '"stop"');
    if (name === "toChannel" || name === "merge" || stop === 5) continue;
    await assertRejects(() => consume(source(log, never), stop as never), TypeError, '"fn"');
  }
  await assertRejects(() => toChannel(source(log, never), function* () {}), TypeError, '"body"');
  assertEquals(log, []);
});
