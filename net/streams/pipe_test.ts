import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelScope,
  currentTime,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { simulated, sweepCancel } from "../../testing/mod.ts";
import {
  bytes,
  type RecordingOptions,
  RecordingSendStream,
  ScriptedReceiveStream,
  type Step,
  text,
} from "../_fixtures/memory_streams.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import { closeForcefully, pipe, proxy } from "./pipe.ts";
import { StapledStream } from "./stapled_stream.ts";

type Scripted = StapledStream<RecordingSendStream, ScriptedReceiveStream>;

function open(script: readonly Step[], options: RecordingOptions = {}): Scripted {
  return new StapledStream(new RecordingSendStream(options), new ScriptedReceiveStream(...script));
}

function sent({ sendStream }: Scripted): string | null {
  return text(new Uint8Array(sendStream.sent));
}

function closed({ sendStream, receiveStream }: Scripted): boolean {
  return sendStream.closed > 0 && receiveStream.closed > 0;
}

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
  "proxy() moves both ways, passes each end on while the other direction goes on, and closes both",
  simulated(async () => {
    const a = open(["request"]);
    const b = open([{ wait: 50 }, "answer"]);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => proxy(a, b));
      await sleep(10);
      assertEquals([sent(b), b.sendStream.eofs, a.sendStream.eofs, closed(a), closed(b)], [
        "request",
        1,
        0,
        false,
        false,
      ]);
      assertEquals(await task.join(), { aToB: 7, bToA: 6 });
      assertEquals([sent(a), a.sendStream.eofs, closed(a), closed(b), currentTime()], ["answer", 1, true, true, 50]);
    });
  }),
);

Deno.test(
  "proxy() ends with the first failure of either direction, as it is, and closes both",
  simulated(async () => {
    const fail = new Error("reset");
    const broken: [Scripted, Scripted][] = [
      [open([{ fail }]), open([{ wait: 1_000 }])],
      [open([{ wait: 1_000 }]), open(["a", { wait: 5 }, { fail }])],
      [open(["a"], {}), open([{ wait: 1_000 }], { fail })],
      [open([{ fail }]), open([{ fail: new Error("second") }])],
    ];
    for (const [a, b] of broken) {
      assertStrictEquals(await proxy(a, b).catch((error) => error), fail);
      assert(closed(a) && closed(b));
    }
    assertEquals(currentTime(), 5);
  }),
);

Deno.test(
  "a cancelled proxy() closes both streams",
  simulated(async () => {
    const a = open([{ wait: 1_000 }]);
    const b = open([{ wait: 1_000 }]);
    const outcome = await moveOnAfter(5, () => proxy(a, b));
    assertEquals([outcome.cancelledCaught, closed(a), closed(b), currentTime()], [true, true, true, 5]);
  }),
);

Deno.test("whatever wait a proxy() is cancelled at, both streams are closed, and what was sent is a beginning of what came", async () => {
  for (const slow of [0, 3]) {
    await sweepCancel(({ a, b }) => proxy(a, b), {
      // Once the one direction ends first, once the other.
      setup: () => ({
        a: open(["ab", { wait: 2 }, "cd"], { delay: slow }),
        b: open([{ wait: 3 }, "xy", { wait: 1 }, "z"], { delay: 3 - slow }),
      }),
      after: ({ a, b }) => {
        assert(closed(a) && closed(b));
        assert("abcd".startsWith(sent(b)!) && "xyz".startsWith(sent(a)!));
        assert(b.sendStream.eofs === 0 || sent(b) === "abcd", "no end before everything is sent");
        assert(a.sendStream.eofs === 0 || sent(a) === "xyz", "no end before everything is sent");
      },
    });
  }
});

Deno.test(
  "pipe() and proxy() refuse what is no stream, before any effect",
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
    const half = { receiveInto: () => {}, sendAll: () => {} };
    await assertRejects(
      () => proxy(stream, half as never),
      TypeError,
      'Cannot proxy as "b" must have a method sendEof(): received an object of type Object',
    );
    assertEquals([stream.receiveStream.asked.length, closed(stream)], [0, false]);
  }),
);

Deno.test(
  "closeForcefully() skips whatever the goodbye waits for, also in a cancelled scope",
  simulated(async () => {
    for (const cancelled of [false, true]) {
      const log: string[] = [];
      const resource = {
        async [Symbol.asyncDispose]() {
          try {
            await sleep(1_000);
            log.push("said goodbye");
          } finally {
            log.push("closed");
          }
        },
      };
      const scope = new CancelScope();
      if (cancelled) scope.cancel();
      await scope.run(async () => {
        await closeForcefully(resource);
        log.push("went on");
      });
      assertEquals([log, currentTime()], [["closed", "went on"], 0]);
    }
    const stream = open([]);
    await closeForcefully(stream);
    assert(closed(stream));
  }),
);

Deno.test(
  "closeForcefully() passes other errors on, and refuses what cannot be closed",
  simulated(async () => {
    const broken = { [Symbol.asyncDispose]: () => Promise.reject(new Error("broken")) };
    await assertRejects(() => closeForcefully(broken), Error, "broken");
    await assertRejects(
      () => closeForcefully({} as never),
      TypeError,
      'Cannot close forcefully as "resource" must be an AsyncDisposable: it has no [Symbol.asyncDispose]()',
    );
    const waiting = { [Symbol.asyncDispose]: () => sleepForever() };
    assert(!isCancelled(await closeForcefully(waiting).catch((error) => error)));
  }),
);

Deno.test("proxy() between real connections, half-closed both ways", async () => {
  const [front] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const [back] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const size = 300_000;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      using server = await back!.accept();
      // Answers only when the request has ended.
      let received = 0;
      for await (const chunk of server) received += chunk.length;
      await server.sendAll(bytes(`${received}`));
    });
    const proxied = nursery.startSoon(async () =>
      await proxy(await front!.accept(), await openTcpStream("127.0.0.1", back!.address.port))
    );
    using client = await openTcpStream("127.0.0.1", front!.address.port);
    await client.sendAll(new Uint8Array(size));
    await client.sendEof();
    assertEquals(text(await client.receiveSome()), `${size}`);
    assertEquals(await client.receiveSome(), null);
    assertEquals(await proxied.join(), { aToB: size, bToA: 6 });
  });
  front!.close();
  back!.close();
});
