import { connect as connectNode } from "node:net";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import { openTcpListeners, openTcpStream, SocketStream } from "../mod.ts";
import { ScriptedConn } from "../_fixtures/scripted_network.ts";

// The scripted host never settles by itself, so its operations must not hold up time.
const SCRIPTED = { io: { quiet: 1 } } as const;

function open(): [SocketStream, ScriptedConn] {
  const conn = new ScriptedConn();
  return [new SocketStream(conn), conn];
}

Deno.test(
  "receiveSome(): a cancelled receive loses no byte, whether they come before or after the next one",
  simulated(async () => {
    const [stream, conn] = open();
    await moveOnAfter(1, () => stream.receiveSome());
    assertEquals(conn.reads.length, 1);
    await conn.land(1, 2, 3);
    assertEquals(await stream.receiveSome(2), new Uint8Array([1, 2]));
    assertEquals(await stream.receiveSome(2), new Uint8Array([3]));
    await moveOnAfter(1, () => stream.receiveSome());
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome());
      await sleep(1);
      assertEquals(conn.reads.length, 1, "takes over the read in flight");
      await conn.land(4);
      assertEquals(await task.join(), new Uint8Array([4]));
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "receiveInto() reads into the caller's buffer without a copy, and gives what a cancelled one brought to the next",
  simulated(async () => {
    const [stream, conn] = open();
    const buffer = new Uint8Array(4);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveInto(buffer));
      await sleep(1);
      assertStrictEquals(conn.reads[0]!.buffer, buffer);
      await conn.land(1, 2);
      assertEquals(await task.join(), 2);
      await moveOnAfter(1, () => stream.receiveInto(buffer));
      await conn.land(5, 6, 7);
      const small = new Uint8Array(2);
      assertEquals([await stream.receiveInto(small), ...small], [2, 5, 6]);
      assertEquals(await stream.receiveSome(), new Uint8Array([7]));
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "a part of what came belongs to the caller, who may transfer its memory: the rest is not lost with it",
  simulated(async () => {
    const [stream, conn] = open();
    await moveOnAfter(1, () => stream.receiveSome());
    await conn.land(1, 2, 3);
    const part = await stream.receiveSome(2) as Uint8Array<ArrayBuffer>;
    part.buffer.transfer();
    assertEquals(await stream.receiveSome(), new Uint8Array([3]));
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "the end of a cancelled receive is not lost either",
  simulated(async () => {
    const [stream, conn] = open();
    await moveOnAfter(1, () => stream.receiveSome());
    await conn.land();
    assertEquals([await stream.receiveSome(), await stream.receiveInto(new Uint8Array(1))], [null, null]);
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "sendAll() goes on after a partial write, and a send after a cancelled one waits for the write in flight",
  simulated(async () => {
    const [stream, conn] = open();
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.sendAll(new Uint8Array([1, 2, 3])));
      await sleep(1);
      conn.writes.shift()!.take(1);
      await sleep(1);
      conn.writes.shift()!.take();
      await task.join();
      assertEquals(conn.written, [1, 2, 3]);

      await moveOnAfter(1, () => stream.sendAll(new Uint8Array([4, 5])));
      const next = nursery.startSoon(() => stream.sendAll(new Uint8Array([6])));
      await sleep(1);
      assertEquals(conn.writes.length, 1);
      conn.writes.shift()!.take(1);
      await sleep(1);
      conn.writes.shift()!.take();
      await next.join();
      assertEquals(conn.written, [1, 2, 3, 4, 6]);

      // A send that waited for such a write, and is cancelled itself, sends nothing.
      await moveOnAfter(1, () => stream.sendAll(new Uint8Array([7, 8])));
      await moveOnAfter(1, () => stream.sendAll(new Uint8Array([9])));
      conn.writes.shift()!.take();
      await sleep(1);
      assertEquals(conn.writes.length, 0);
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "receiveSome() takes any max, and reads no more at once than a chunk",
  simulated(async () => {
    const [stream, conn] = open();
    for (const max of [100_000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      await openNursery(async (nursery) => {
        const task = nursery.startSoon(() => stream.receiveSome(max));
        await sleep(1);
        assert(conn.reads[0]!.buffer.length <= 65_536);
        await conn.land(1);
        assertEquals(await task.join(), new Uint8Array([1]));
      });
    }
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "the read buffer is small until the peer fills it, then as large as a chunk, so an idle stream holds little",
  simulated(async () => {
    const [stream, conn] = open();
    const sizes: number[] = [];
    for (const landing of [1, 8_192, 65_536, 8_192, 8_193]) {
      await openNursery(async (nursery) => {
        const task = nursery.startSoon(() => stream.receiveSome());
        await sleep(1);
        sizes.push(conn.reads[0]!.buffer.length);
        await conn.land(...new Uint8Array(landing).fill(landing & 255));
        assertEquals(await task.join(), new Uint8Array(landing).fill(landing & 255));
      });
    }
    assertEquals(sizes, [8_192, 8_192, 65_536, 65_536, 65_536]);
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "a buffer on loan that was transferred has taken the bytes with it: the next receives say so",
  simulated(async () => {
    for (const receive of [(stream: SocketStream) => stream.receiveSome(), null]) {
      const [stream, conn] = open();
      const buffer = new Uint8Array(4);
      await moveOnAfter(1, () => stream.receiveInto(buffer));
      const { reads } = conn;
      const waiting = receive?.(stream).catch((error) => error);
      structuredClone(buffer, { transfer: [buffer.buffer] });
      reads.shift()!.settle(2);
      await sleep(1);
      const error = await (waiting ?? stream.receiveSome().catch((error) => error));
      assertInstanceOf(error, BrokenResourceError);
      assertEquals(
        error.message,
        "Cannot receive as the buffer on loan to the stream must stay as it is: it was transferred or resized, and the " +
          "bytes that came are lost",
      );
      assertStrictEquals(await stream.receiveSome().catch((error) => error), error);
      stream.close();
    }
  }, SCRIPTED),
);

Deno.test(
  "two tasks in one direction are an error, one in each is not",
  simulated(async () => {
    const [stream] = open();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => stream.receiveSome().catch(() => {}));
      nursery.startSoon(() => stream.sendAll(new Uint8Array(1)).catch(() => {}));
      await sleep(1);
      await assertRejects(
        () => stream.receiveSome(),
        BusyResourceError,
        "Cannot receive as another task is receiving from this stream: let one task do it",
      );
      for (
        const send of [
          () => stream.sendAll(new Uint8Array(1)),
          () => stream.sendAll(new Uint8Array(0)),
          () => stream.sendEof(),
        ]
      ) {
        await assertRejects(
          send,
          BusyResourceError,
          "Cannot send as another task is sending on this stream: let one task do it",
        );
      }
      stream.close();
    });
  }, SCRIPTED),
);

Deno.test(
  "close() wakes blocked operations with ClosedResourceError, once, and later ones fail alike",
  simulated(async () => {
    const [stream, conn] = open();
    const errors: unknown[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(() => stream.receiveSome().catch((error) => errors.push(error)));
      nursery.startSoon(() => stream.sendAll(new Uint8Array(1)).catch((error) => errors.push(error)));
      await sleep(1);
      stream.close();
      stream.close();
      await stream[Symbol.asyncDispose]();
    });
    assertEquals(errors.map(String), [
      "ClosedResourceError: Cannot receive as the stream was closed meanwhile",
      "ClosedResourceError: Cannot send as the stream was closed meanwhile",
    ]);
    assertEquals(conn.closed, 1);
    await assertRejects(() => stream.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
    await assertRejects(
      () => stream.sendAll(new Uint8Array(0)),
      ClosedResourceError,
      "Cannot send as the stream is closed",
    );
    await assertRejects(() => stream.sendEof(), ClosedResourceError);
  }, SCRIPTED),
);

Deno.test(
  "after sendEof() sending is refused, receiving goes on, and a second one is harmless",
  simulated(async () => {
    const [stream, conn] = open();
    await stream.sendEof();
    await stream.sendEof();
    assertEquals(conn.halfClosed, 1);
    for (const bytes of [1, 0]) {
      await assertRejects(
        () => stream.sendAll(new Uint8Array(bytes)),
        ClosedResourceError,
        "Cannot send as sendEof() was called before",
      );
    }
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome());
      await sleep(1);
      await conn.land(1);
      assertEquals(await task.join(), new Uint8Array([1]));
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "what the peer or the network did is BrokenResourceError with the host's error, and stays so",
  simulated(async () => {
    const [stream, conn] = open();
    const reset = new Error("reset");
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      await sleep(1);
      conn.reads.shift()!.fail(reset);
      const error = await task.join();
      assertInstanceOf(error, BrokenResourceError);
      assertEquals([error.message, error.cause], [
        "Cannot receive from 10.0.0.2:1 as the connection broke: reset",
        reset,
      ]);
      assertStrictEquals(await stream.receiveSome().catch((error) => error), error);
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "a stream that broke while sending does not end cleanly for the receiver",
  simulated(async () => {
    const [stream, conn] = open();
    await openNursery(async (nursery) => {
      const sending = nursery.startSoon(() => stream.sendAll(new Uint8Array(1)).catch((error) => error));
      const receiving = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      await sleep(1);
      conn.writes.shift()!.fail(new Error("reset"));
      await conn.land();
      assertInstanceOf(await sending.join(), BrokenResourceError);
      assertInstanceOf(await receiving.join(), BrokenResourceError);
      assertInstanceOf(await stream.sendAll(new Uint8Array(1)).catch((error) => error), BrokenResourceError);
    });
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "operations in a cancelled scope refuse before any effect",
  simulated(async () => {
    const [stream, conn] = open();
    for (
      const operation of [() => stream.receiveSome(), () => stream.sendAll(new Uint8Array(1)), () => stream.sendEof()]
    ) {
      const outcome = await moveOnAfter<unknown>(0, operation);
      assert(outcome.cancelledCaught);
    }
    assertEquals([conn.reads.length, conn.writes.length, conn.halfClosed], [0, 0, 0]);
    stream.close();
  }, SCRIPTED),
);

Deno.test(
  "receiveSome() never gives memory of the caller of a receiveInto() that was cancelled, however much came",
  simulated(async () => {
    const [stream, conn] = open();
    const buffer = new Uint8Array(64 * 1024);
    await moveOnAfter(1, () => stream.receiveInto(buffer));
    await conn.land(...new Uint8Array(20_000).fill(7));
    const chunk = await stream.receiveSome();
    assertEquals([chunk!.length, chunk!.buffer === buffer.buffer], [20_000, false]);
    stream.close();
  }, SCRIPTED),
);

Deno.test("arguments are checked before any effect", async () => {
  const [stream, conn] = open();
  await assertRejects(
    () => stream.receiveSome(0),
    RangeError,
    'Cannot receive as "max" must be a whole number >= 1: received 0',
  );
  await assertRejects(() => stream.receiveSome(1.5), RangeError, "received 1.5");
  await assertRejects(
    () => stream.receiveSome("1" as never),
    TypeError,
    'Cannot receive as "max" must be a number: received "1"',
  );
  await assertRejects(
    () => stream.receiveInto(new Uint8Array(0)),
    RangeError,
    'Cannot receive as "buffer" must hold at least one byte',
  );
  await assertRejects(() => stream.receiveInto([] as never), TypeError, '"buffer" must be a Uint8Array');
  await assertRejects(
    () => stream.sendAll("text" as never),
    TypeError,
    'Cannot send as "bytes" must be a Uint8Array: received "text"',
  );
  assertEquals([conn.reads.length, conn.writes.length], [0, 0]);
  stream.close();
});

Deno.test("2,000 seeded runs of random chunks and cancelled receives keep every byte in its place", async () => {
  for (let seed = 0; seed < 2_000; seed++) {
    await simulate(async (sim) => {
      const random = (below: number) => Math.floor(sim.random() * below);
      const [stream, conn] = open();
      const total = 40;
      let sent = 0;
      const got: number[] = [];
      const buffer = new Uint8Array(8);
      while (got.length < total) {
        const outcome = await moveOnAfter(Infinity, async (scope) => {
          const wait = random(2) === 0
            ? stream.receiveSome(1 + random(8))
            : stream.receiveInto(buffer.subarray(0, 1 + random(8))).then((size) => buffer.slice(0, size!));
          wait.catch(() => {});
          // Land some bytes, cancel, or both, in either order.
          for (const step of random(2) === 0 ? ["land", "cancel"] : ["cancel", "land"]) {
            if (random(2) === 0) continue;
            if (step === "cancel") scope.cancel();
            else if (conn.reads.length > 0) {
              const size = Math.min(1 + random(conn.reads[0]!.buffer.length), total - sent);
              if (size > 0) await conn.land(...Array.from({ length: size }, () => sent++));
            }
          }
          if (conn.reads.length > 0) scope.cancel();
          return await wait;
        });
        if (!outcome.cancelledCaught) got.push(...outcome.value!);
      }
      assertEquals(got, Array.from({ length: total }, (_, index) => index));
      stream.close();
    }, { seed, io: { quiet: 0 } });
  }
});

// Real sockets.

/** Runs a test on both ends of a connection of this machine. */
async function withPair(test: (a: SocketStream, b: SocketStream) => Promise<void>): Promise<void> {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener;
  await openNursery(async (nursery) => {
    const accepted = nursery.startSoon(() => listener.accept());
    await using a = await openTcpStream("127.0.0.1", listener.address.port);
    await using b = await accepted.join();
    await test(a, b);
  });
}

Deno.test("SocketStream carries bytes both ways and half-closes, over loopback", () =>
  withPair(async (a, b) => {
    assertEquals([a.localAddress.port, a.remoteAddress.port], [b.remoteAddress.port, b.localAddress.port]);
    await a.sendAll(new TextEncoder().encode("hello"));
    await a.sendEof();
    let text = "";
    for await (const chunk of b) text += new TextDecoder().decode(chunk);
    assertEquals(text, "hello");
    await b.sendAll(new TextEncoder().encode("back"));
    b.close();
    assertEquals(new TextDecoder().decode((await a.receiveSome())!), "back");
    assertEquals(await a.receiveSome(), null);
  }));

Deno.test("SocketStream moves 8 MB both ways at once, with receives cancelled all the time", () =>
  withPair(async (a, b) => {
    const size = 8 << 20;
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++) data[i] = (i * 31 + (i >> 8)) & 255;
    async function receiveAll(stream: SocketStream): Promise<void> {
      let at = 0;
      for (let round = 0; at < size; round++) {
        const outcome = await moveOnAfter(
          round % 3 === 0 ? 0 : Infinity,
          () => stream.receiveSome(1 + (round * 7_919) % 100_000),
        );
        if (outcome.cancelledCaught) continue;
        const chunk = outcome.value!;
        for (let i = 0; i < chunk.length; i += 997) assertEquals(chunk[i], data[at + i]);
        at += chunk.length;
      }
      assertEquals(at, size);
    }
    await openNursery((nursery) => {
      for (const stream of [a, b]) {
        nursery.startSoon(() => stream.sendAll(data));
        nursery.startSoon(() => receiveAll(stream));
      }
    });
  }));

Deno.test("a peer that resets is BrokenResourceError, not a clean end, for reads and writes", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener;
  // Deno's own close() is always polite; Node's sockets can reset.
  const peer = connectNode(listener.address.port, "127.0.0.1");
  using stream = await listener.accept();
  await new Promise<void>((resolve) => peer.connecting ? peer.once("connect", () => resolve()) : resolve());
  peer.resetAndDestroy();
  const error = await stream.receiveSome().catch((error) => error);
  assertInstanceOf(error, BrokenResourceError);
  assert(error.cause instanceof Deno.errors.ConnectionReset, String(error.cause));
  assertStrictEquals(await stream.receiveSome().catch((error) => error), error);
  assertInstanceOf(await stream.sendAll(new Uint8Array(10)).catch((error) => error), BrokenResourceError);
});

Deno.test("a peer that never reads blocks the sender, who can be cancelled", () =>
  withPair(async (a) => {
    const outcome = await moveOnAfter(20, () => a.sendAll(new Uint8Array(64 << 20)));
    assert(outcome.cancelledCaught);
    const error = await moveOnAfter(0, () => a.sendAll(new Uint8Array(1)).catch((error) => error));
    assert(isCancelled(error.value));
  }));
