import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { currentTime, moveOnAfter, sleepForever } from "../../core/mod.ts";
import { simulated, sweepCancel } from "../../testing/mod.ts";
import { isClosed as closed, scriptedStream as open, sentOn as sent } from "../_fixtures/memory_streams.ts";
import { pipe } from "./pipe.ts";

Deno.test(
  "pipe() moves everything, counts it, and leaves both streams open",
  simulated(async () => {
    const from = open(["abc", { wait: 5 }, "def"]);
    const to = open([]);
    assertEquals(await pipe(from, to), 6);
    assertEquals([sent(to), to.sendStream.eofs, closed(to), closed(from)], ["abcdef", 0, false, false]);
    assertEquals(await pipe(from, to), 0, "at the end already");
  }),
);

Deno.test(
  "pipe() receives only what it has sent the last of, with one buffer",
  simulated(async () => {
    const from = open([new Uint8Array(200_000).map((_, n) => n)]);
    const to = open([], { delay: 10 });
    assertEquals(await pipe(from, to), 200_000);
    assertEquals(new Uint8Array(to.sendStream.sent), new Uint8Array(200_000).map((_, n) => n));
    assertEquals([to.sendStream.largest, currentTime()], [65_536, 40]);
    assertEquals(new Set(from.receiveStream.asked), new Set([65_536]));
  }),
);

Deno.test(
  "pipe() passes the failure of either stream on",
  simulated(async () => {
    const fail = new Error("reset");
    assertStrictEquals(await pipe(open([{ fail }]), open([])).catch((error) => error), fail);
    assertStrictEquals(await pipe(open(["a"]), open([], { fail })).catch((error) => error), fail);
  }),
);

Deno.test(
  "a pipe() that is cancelled while receiving loses no byte",
  simulated(async () => {
    const from = open(["a", { wait: 10 }, "b"]);
    const to = open([]);
    assert((await moveOnAfter(5, () => pipe(from, to))).cancelledCaught);
    assertEquals(await pipe(from, to), 1);
    assertEquals(sent(to), "ab");
  }),
);

Deno.test("whatever wait a pipe() is cancelled at, what was sent is a beginning of what came, and the rest but one chunk is there", async () => {
  const { points } = await sweepCancel(({ from, to }) => pipe(from, to), {
    setup: () => ({ from: open(["ab", { wait: 2 }, "cd", "ef", { wait: 2 }, "gh"]), to: open([], { delay: 1 }) }),
    after: async ({ from, to }) => {
      const before = sent(to)!;
      await pipe(from, to);
      const after = sent(to)!;
      const rest = after.slice(before.length);
      assert("abcdefgh".startsWith(before) && "abcdefgh".endsWith(rest), after);
      assert(after.length >= 6, after);
      assert(!closed(from) && !closed(to));
    },
  });
  assert(points >= 8);
});

Deno.test(
  "a pipe() that nobody awaits ends nothing when it is cancelled",
  simulated(async () => {
    await moveOnAfter(5, async () => {
      pipe(open([{ wait: 10 }, "b"]), open([]));
      await sleepForever();
    });
  }),
);

Deno.test(
  "pipe() refuses what is no stream, before any effect",
  simulated(async () => {
    const stream = open(["a"]);
    await assertRejects(
      () => pipe(stream.sendStream as never, stream),
      TypeError,
      'Cannot pipe as "from" must have a method receiveInto(): received an object of type RecordingSendStream',
    );
    await assertRejects(
      () => pipe(stream, undefined as never),
      TypeError,
      'Cannot pipe as "to" must have a method sendAll(): received undefined',
    );
    assertEquals([stream.receiveStream.asked.length, closed(stream)], [0, false]);
  }),
);
