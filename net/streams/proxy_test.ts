import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { currentTime, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { simulated, sweepCancel } from "../../testing/mod.ts";
import {
  bytes,
  isClosed as closed,
  type ScriptedStream,
  scriptedStream as open,
  sentOn as sent,
  text,
} from "../_fixtures/memory_streams.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import { proxy } from "./proxy.ts";

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
    const broken: [ScriptedStream, ScriptedStream][] = [
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
  "proxy() refuses what is no stream, before any effect",
  simulated(async () => {
    const stream = open(["a"]);
    const half = { receiveInto: () => {}, sendAll: () => {} };
    await assertRejects(
      () => proxy(stream, half as never),
      TypeError,
      'Cannot proxy as "b" must have a method sendEof(): received an object of type Object',
    );
    assertEquals([stream.receiveStream.asked.length, closed(stream)], [0, false]);
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
