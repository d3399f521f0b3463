import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  currentTime,
  DeadlockError,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { memoryStreamOneWayPair, memoryStreamPair, simulate, simulated } from "../mod.ts";

// What all streams must do is in check_streams_test.ts; here is what these add.

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test(
  "a memory stream holds as many bytes as its capacity says, and each byte received makes room for one",
  simulated(() =>
    openNursery(async (nursery) => {
      const [a, b] = memoryStreamPair({ capacity: 3 });
      using _ = b;
      await a.sendAll(bytes(1, 2));
      let sent = false;
      nursery.startSoon(async () => {
        using _ = a;
        await a.sendAll(bytes(3, 4, 5));
        sent = true;
      });
      await sleep(1);
      assertEquals(sent, false);
      assertEquals(await b.receiveSome(1), bytes(1));
      await sleep(1);
      assertEquals(sent, false);
      assertEquals(await b.receiveSome(), bytes(2, 3, 4));
      await sleep(1);
      assertEquals(sent, true);
      assertEquals(await b.receiveSome(), bytes(5));
    })
  ),
);

Deno.test(
  "a cancelled send leaves what was buffered, and takes the rest back",
  simulated(async () => {
    const [a, b] = memoryStreamPair({ capacity: 2 });
    using _ = b;
    const outcome = await moveOnAfter(1, () => a.sendAll(bytes(1, 2, 3)));
    a.close();
    assertEquals([outcome.cancelledCaught, await b.receiveSome(), await b.receiveSome()], [true, bytes(1, 2), null]);
  }),
);

Deno.test("without a capacity to fill a sender never waits", async () => {
  const [send, receive] = memoryStreamOneWayPair({ capacity: Infinity });
  await send.sendAll(new Uint8Array(10 << 20));
  assertEquals((await receive.receiveSome(11 << 20))?.length, 10 << 20);
});

Deno.test("chunk splits receives, in the same way for the same seed", async () => {
  const sizes = async (seed: number) => {
    const [send, receive] = memoryStreamOneWayPair({ chunk: 5, seed });
    await send.sendAll(new Uint8Array(100));
    send.close();
    const got: number[] = [];
    for await (const chunk of receive) got.push(chunk.length);
    assertEquals(got.reduce((sum, size) => sum + size), 100);
    return got;
  };
  const first = await sizes(1);
  assertEquals(new Set(first.slice(0, -1)), new Set([1, 2, 3, 4, 5]));
  assertEquals(await sizes(1), first);
  assert(String(await sizes(2)) !== String(first));
});

Deno.test("without a seed of its own a memory stream splits as the seed of the simulation says", async () => {
  const sizes = (seed: number) =>
    simulate(async () => {
      const [send, receive] = memoryStreamOneWayPair({ chunk: 5 });
      using _ = receive;
      await send.sendAll(new Uint8Array(30));
      send.close();
      const got: number[] = [];
      for await (const chunk of receive) got.push(chunk.length);
      return String(got);
    }, { seed });
  assertEquals(await sizes(3), await sizes(3));
  assert(await sizes(3) !== await sizes(4));
});

Deno.test(
  "hooks are told which end, can hold operations up, and can make them fail without a loss",
  simulated(async () => {
    const log: unknown[] = [];
    let refuse = false;
    const [a, b] = memoryStreamPair({
      hooks: {
        async beforeSend(end, sent) {
          log.push(["send", end === a ? "a" : "b", sent.length]);
          await sleep(10);
        },
        beforeReceive(end) {
          log.push(["receive", end === a ? "a" : "b"]);
          if (refuse) throw new Error("refused");
        },
        closed: (end) => void log.push(["closed", end === a ? "a" : "b"]),
      },
    });
    await a.sendAll(bytes(1));
    assertEquals(currentTime(), 10);
    refuse = true;
    await assertRejects(() => b.receiveSome(), Error, "refused");
    refuse = false;
    assertEquals(await b.receiveSome(), bytes(1));
    assertEquals((await moveOnAfter(5, () => b.sendAll(bytes(2, 3)))).cancelledCaught, true);
    a.close();
    a.close();
    b[Symbol.dispose]();
    assertEquals(log, [
      ["send", "a", 1],
      ["receive", "b"],
      ["receive", "b"],
      ["send", "b", 2],
      ["closed", "a"],
      ["closed", "b"],
    ]);
  }),
);

Deno.test(
  "a hook that waits counts as the operation: another one is BusyResourceError",
  simulated(() =>
    openNursery(async (nursery) => {
      const [a, b] = memoryStreamPair({
        hooks: { beforeSend: () => sleepForever(), beforeReceive: () => sleepForever() },
      });
      nursery.startSoon(() => a.sendAll(bytes(1)), { daemon: true });
      nursery.startSoon(() => a.receiveSome(), { daemon: true });
      await sleep(1);
      await assertRejects(() => a.sendAll(bytes(1)), BusyResourceError);
      await assertRejects(() => a.sendEof(), BusyResourceError);
      await assertRejects(() => a.receiveInto(bytes(1)), BusyResourceError);
      a.close();
      b.close();
    })
  ),
);

Deno.test("hooks of a one-way pair are told its ends", async () => {
  const closed: unknown[] = [];
  const [send, receive] = memoryStreamOneWayPair({ hooks: { closed: (end) => void closed.push(end) } });
  await send[Symbol.asyncDispose]();
  receive[Symbol.dispose]();
  send.close();
  receive.close();
  assertEquals(closed.length, 2);
  assertStrictEquals(closed[0], send);
  assertStrictEquals(closed[1], receive);
});

Deno.test("hooks are not called for what is refused", async () => {
  let calls = 0;
  const count = () => void calls++;
  const [send, receive] = memoryStreamOneWayPair({ hooks: { beforeSend: count, beforeReceive: count } });
  send.close();
  receive.close();
  await assertRejects(() => send.sendAll(bytes(1)), ClosedResourceError, "Cannot send as the stream is closed");
  await assertRejects(() => receive.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
  await assertRejects(() => receive.receiveSome(0), RangeError);
  await moveOnAfter(0, () => send.sendAll(bytes(1)));
  assertEquals(calls, 0);
});

Deno.test(
  "errors of memory streams say who did what",
  simulated(async () => {
    const [a, b] = memoryStreamPair();
    using _ = b;
    await a.sendEof();
    await assertRejects(() => a.sendAll(bytes(1)), ClosedResourceError, "Cannot send as sendEof() was called before");
    a.close();
    await assertRejects(
      () => b.sendAll(bytes(1)),
      BrokenResourceError,
      "Cannot send as the other end of the stream is closed",
    );
    // Nothing is left to be said to a peer that is gone.
    await b.sendEof();
  }),
);

Deno.test("a deadlock report names the stream and what is in it", async () => {
  const error = await simulate(async () => {
    const [a] = memoryStreamPair({ capacity: 4, name: "connection to the database" });
    await a.sendAll(new Uint8Array(5));
  }, { leaks: { resources: "ignore" } }).catch((error) => error);
  assert(error instanceof DeadlockError);
  assert(error.message.includes("send to connection to the database (4/4 bytes)"), error.message);
});

Deno.test("an end that is not closed is a leak of the simulation, with the place where it was made", async () => {
  const leak = await simulate(() => {
    const [a] = memoryStreamPair();
    a.close();
    memoryStreamOneWayPair({ name: "log" })[0].close();
  }).catch((error) => error.message);
  assertMatch(leak, /left 2 things behind[^]*not closed: memory stream at .*memory_stream_test[^]*not closed: log at /);
});

Deno.test("an operation that nobody awaits, and that is cancelled, does not end the process", async () => {
  const [a] = memoryStreamPair({ capacity: 1 });
  await moveOnAfter(Infinity, async (scope) => {
    void a.receiveSome();
    void a.sendAll(new Uint8Array(2));
    await sleep(1);
    scope.cancel();
  });
});

Deno.test("memoryStreamPair() checks its options", () => {
  for (const make of [memoryStreamPair, memoryStreamOneWayPair]) {
    assertThrows(
      () => make({ capacity: 0 }),
      RangeError,
      'Cannot make a memory stream as "capacity" must be a whole number >= 1: received 0',
    );
    assertThrows(
      () => make({ chunk: 1.5 }),
      RangeError,
      'Cannot make a memory stream as "chunk" must be a whole number >= 1: received 1.5',
    );
    assertThrows(
      () => make({ capacity: "1" as never }),
      TypeError,
      'Cannot make a memory stream as "capacity" must be a number: received "1"',
    );
  }
});
