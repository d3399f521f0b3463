import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  ClosedResourceError,
  type MemoryReceiveChannel,
  openBroadcastChannel,
  openMemoryChannel,
  openWatch,
  type ReceiveChannel,
  receiverFromReadable,
  type SendChannel,
  toChannel,
} from "../mod.ts";

/** Code that knows no more of a channel than the contract. */
async function sendAndClose<T>(channel: SendChannel<T>, values: Iterable<T>): Promise<void> {
  await using owned = channel;
  for (const value of values) await owned.send(value);
}

/** As above, on the other side. */
async function receiveAll<T>(channel: ReceiveChannel<T>): Promise<T[]> {
  await using owned = channel;
  return await Array.fromAsync(owned);
}

Deno.test(
  "code that takes a SendChannel and a ReceiveChannel works over every channel, and closes it",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(3);
    const news = openBroadcastChannel<number>(3);
    const subscription = news.subscribe();
    for (const [sending, receiving] of [[send, receive], [news, subscription]] as const) {
      await sendAndClose(sending, [1, 2, 3]);
      assertEquals(await receiveAll(receiving), [1, 2, 3]);
      await assertRejects(() => sending.send(4), ClosedResourceError);
      await assertRejects(() => receiving.receive(), ClosedResourceError);
    }
    const chunks = receiverFromReadable(ReadableStream.from([1, 2, 3]));
    assertEquals(await receiveAll(chunks), [1, 2, 3]);
    await assertRejects(() => chunks.receive(), ClosedResourceError);
    assertEquals(await toChannel([1, 2, 3], receiveAll), [1, 2, 3]);
  }),
);

Deno.test("the types of a channel say in which direction its values go", () => {
  const [send, receive] = openMemoryChannel<"stop">(1);
  const [setter, seen] = openWatch("stop");
  const news = openBroadcastChannel<"stop">(1);
  const fits: { sends: SendChannel<"stop">[]; receives: ReceiveChannel<string>[] } = {
    sends: [send, news, openMemoryChannel<string>(1)[0]],
    receives: [receive, news.subscribe()],
  };
  // @ts-expect-error takes fewer values than it says
  const everything: SendChannel<string> = fits.sends[0];
  // @ts-expect-error gives more values than it says
  const little: MemoryReceiveChannel<"stop"> = openMemoryChannel<string>(1)[1];
  // @ts-expect-error a broadcast channel gives its subscribers what others may send
  const wider: typeof news = openBroadcastChannel<string>(1);
  // @ts-expect-error a receiving end sends nothing
  const other: SendChannel<"stop"> = receive;
  const none: unknown[] = [
    // @ts-expect-error the setter of a watch is not a channel: it keeps the last value only
    () => sendAndClose<string>(setter, ["x"]),
    // @ts-expect-error nor is its receiver
    () => receiveAll<string>(seen),
  ];
  // @ts-expect-error a subscription sends nothing
  assertThrows(() => news.subscribe().trySend("stop"), TypeError);
  assertEquals([everything, little, wider, other, ...none].length, 6);
});
