import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  ClosedResourceError,
  EndOfChannel,
  moveOnAfter,
  openMemoryChannel,
  readableFromChannel,
  type ReceiveChannel,
  receiverFromReadable,
  sleep,
  suppressedErrors,
} from "../mod.ts";

Deno.test(
  "receiverFromReadable() keeps a chunk, or an error, that comes while nobody waits",
  simulated(async () => {
    const { readable, writable } = new TransformStream<number>();
    const writer = writable.getWriter();
    const chunks = receiverFromReadable(readable);
    assert((await moveOnAfter(1, () => chunks.receive())).cancelledCaught);
    await writer.write(1);
    await sleep(5);
    assertEquals(await chunks.receive(), 1);
    assert((await moveOnAfter(1, () => chunks.receive())).cancelledCaught);
    await writer.abort(new RangeError("gone"));
    await sleep(5);
    for (let i = 0; i < 2; i++) await assertRejects(() => chunks.receive(), RangeError, "gone");
    await chunks.close();
    await assertRejects(() => chunks.receive(), ClosedResourceError);
  }),
);

Deno.test(
  "receiverFromReadable() keeps chunks of any value, also null and undefined",
  simulated(async () => {
    const { readable, writable } = new TransformStream<unknown>();
    const writer = writable.getWriter();
    const chunks = receiverFromReadable(readable);
    for (const value of [null, undefined, 0, ""]) {
      assert((await moveOnAfter(1, () => chunks.receive())).cancelledCaught);
      await writer.write(value);
      assertEquals(await chunks.receive(), value);
    }
  }),
);

Deno.test(
  "receiverFromReadable() fails who waits as soon as it is closed, whatever the source does",
  simulated(async () => {
    const chunks = receiverFromReadable(new ReadableStream({ cancel: () => new Promise(() => {}) }));
    const waiting = chunks.receive();
    chunks.close();
    await assertRejects(
      () => waiting,
      ClosedResourceError,
      "Cannot receive as this receiving end was closed meanwhile",
    );
  }),
);

Deno.test(
  "a stream of readableFromChannel() may be cancelled in the moment in which the channel ends",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const reader = readableFromChannel(receive).getReader();
    const reading = reader.read();
    await sleep(1);
    send.close();
    await reader.cancel();
    assertEquals((await reading).done, true);
    // A turn in which the host would report a rejection, and fail this test.
    await sleep(1);
  }),
);

Deno.test(
  "readableFromChannel() takes every receiving end, also one whose close() waits: that of a stream",
  simulated(async () => {
    let stopped = false;
    const source = new ReadableStream<string>({
      async pull(controller) {
        await sleep(1);
        controller.enqueue("chunk");
      },
      async cancel() {
        await sleep(5);
        stopped = true;
      },
    }, { highWaterMark: 0 });
    const reader = readableFromChannel(receiverFromReadable(source)).getReader();
    assertEquals(await reader.read(), { done: false, value: "chunk" });
    await reader.cancel();
    assert(stopped, "cancel() waits for close()");
  }),
);

Deno.test("readableFromChannel() closes the receiving end at its end, and loses no error", async () => {
  const log: string[] = [];
  const ending = (receive: () => Promise<number>, close: () => Promise<void>): ReceiveChannel<number> => ({
    receive,
    close: () => (log.push("close"), close()),
    [Symbol.asyncDispose]: () => Promise.reject(new Error("not called")),
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("not called")) }),
  });
  const over = () => Promise.reject(new EndOfChannel("over"));
  const broken = () => Promise.reject(new RangeError("broken"));
  const atOnce = () => {
    throw new RangeError("broken");
  };
  const read = (...end: Parameters<typeof ending>) => readableFromChannel(ending(...end)).getReader().read();
  assertEquals((await read(over, () => Promise.resolve())).done, true);
  await assertRejects(() => read(over, () => Promise.reject(new Error("stuck"))), Error, "stuck");
  await assertRejects(() => read(atOnce, () => Promise.resolve()), RangeError, "broken");
  const error = await assertRejects(() => read(broken, () => Promise.reject(new Error("stuck"))), RangeError, "broken");
  assertEquals(suppressedErrors(error).map(String), ["Error: stuck"]);
  assertEquals(log, ["close", "close", "close", "close"]);
  // @ts-expect-error a sending end
  assertThrows(() => readableFromChannel(openMemoryChannel<number>(1)[0]), TypeError, "without receive()");
});

Deno.test("receiverFromReadable() and readableFromChannel() refuse what they cannot use", () => {
  for (const value of [5, null, {}, Proxy.revocable({}, {}).proxy]) {
    assertThrows(() => receiverFromReadable(value as never), TypeError, '"readable" must be a ReadableStream');
    assertThrows(
      () => readableFromChannel(value as never),
      TypeError,
      '"channel" must be the receiving end of a channel',
    );
  }
});
