import { assert, assertEquals, assertRejects } from "@std/assert";
import { ClosedResourceError, moveOnAfter } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { BufferedReceiver, type ParsedMessage } from "./buffered_receiver.ts";
import { IncompleteReceiveError, MessageTooLongError } from "./framing_errors.ts";
import { bytes, ScriptedReceiveStream, type Step } from "../_fixtures/memory_streams.ts";

/** A text with its length in front, of which nothing can be read in two steps. */
function parse(held: Uint8Array): ParsedMessage<string> | null {
  const size = 1 + held[0]!;
  return held.length < size ? null : { value: new TextDecoder().decode(held.subarray(1, size)), size };
}

function open(...script: readonly Step[]): BufferedReceiver {
  return new BufferedReceiver(new ScriptedReceiveStream(...script));
}

Deno.test(
  "receiveMessage() gives whole messages, however they are cut, and several that came together",
  simulated(async () => {
    const all = bytes("\x05hello\x00\x02me");
    const dripped = open(...[...all].flatMap((byte): Step[] => [{ wait: 1 }, new Uint8Array([byte])]));
    for (const expected of ["hello", "", "me"]) assertEquals(await dripped.receiveMessage(parse), expected);
    const atOnce = open(all);
    for (const expected of ["hello", "", "me"]) assertEquals(await atOnce.receiveMessage(parse), expected);
    assertEquals(await atOnce.receiveSome(), null);
  }),
);

Deno.test(
  "a cancelled receiveMessage() has taken nothing: the next one gets the whole message",
  simulated(async () => {
    const stream = open(bytes("\x05he"), { wait: 10 }, bytes("llo"));
    assert((await moveOnAfter(5, () => stream.receiveMessage(parse))).cancelledCaught);
    assertEquals(await stream.receiveMessage(parse), "hello");
    const ready = open(bytes("\x02me"));
    assert((await moveOnAfter(0, () => ready.receiveMessage(parse))).cancelledCaught);
    assertEquals(await ready.receiveMessage(parse), "me");
  }),
);

Deno.test(
  "receiveMessage(): what the parser throws is thrown, and no byte is taken",
  simulated(async () => {
    const stream = open(bytes("\x02me"));
    await assertRejects(
      () =>
        stream.receiveMessage(() => {
          throw new SyntaxError("no such message");
        }),
      SyntaxError,
      "no such message",
    );
    assertEquals(await stream.receiveMessage(parse), "me");
  }),
);

Deno.test(
  "receiveMessage(): the end in the middle, too long a message, and a parser that miscounts are told apart",
  simulated(async () => {
    const cut = open(bytes("\x05hel"));
    const error = await assertRejects(
      () => cut.receiveMessage(parse),
      IncompleteReceiveError,
      "Cannot receive a message as the stream ended after 4 bytes",
    );
    assertEquals(error.partial, bytes("\x05hel"));
    assertEquals(await cut.receiveExactly(4), bytes("\x05hel"));
    const long = open(bytes("\x09long"), bytes("long"));
    await assertRejects(
      () => long.receiveMessage(parse, { max: 4 }),
      MessageTooLongError,
      "Cannot receive a message as it must be at most 4 bytes long: the parser asks for more",
    );
    for (const size of [0, 4, 1.5]) {
      await assertRejects(
        () => open(bytes("\x02me")).receiveMessage(() => ({ value: 1, size })),
        RangeError,
        `Cannot receive a message as its "size" must be a whole number from 1 to 3, what the parser was shown: received ${size}`,
      );
    }
    await assertRejects(
      () => open(bytes("a")).receiveMessage(() => undefined as never),
      RangeError,
      'as its "size" must be a whole number from 1 to 1, what the parser was shown: received undefined',
    );
    await assertRejects(
      () => long.receiveMessage(5 as never),
      TypeError,
      'Cannot receive a message as "parse" must be a function: received 5',
    );
    await assertRejects(() => long.receiveMessage(parse, { max: 0 }), RangeError, '"max" must be');
    long.close();
    await assertRejects(() => long.receiveMessage(parse), ClosedResourceError);
  }),
);
