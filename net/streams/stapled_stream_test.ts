import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelScope, ClosedResourceError, isCancelled } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { bytes, RecordingSendStream, ScriptedReceiveStream, text } from "../_fixtures/memory_streams.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import { StapledStream } from "./stapled_stream.ts";
import type { SendStream } from "./stream.ts";

Deno.test(
  "StapledStream sends on one stream and receives from the other",
  simulated(async () => {
    const send = new RecordingSendStream();
    const stream = new StapledStream(send, new ScriptedReceiveStream("abc", "def", "g", "h"));
    await stream.sendAll(bytes("xyz"));
    assertEquals(text(new Uint8Array(send.sent)), "xyz");
    assertEquals(text(await stream.receiveSome()), "abc");
    const buffer = new Uint8Array(3);
    assertEquals([await stream.receiveInto(buffer), text(buffer)], [3, "def"]);
    assertEquals((await Array.fromAsync(stream)).map(text), ["g", "h"]);
    assertEquals(await stream.receiveSome(1), null);
  }),
);

Deno.test(
  "StapledStream.sendEof() uses that of the stream to send on, or closes it if there is none",
  simulated(async () => {
    const both = new RecordingSendStream();
    const receive = new ScriptedReceiveStream("a");
    await new StapledStream(both, receive).sendEof();
    assertEquals([both.eofs, both.closed], [1, 0]);

    const send = withoutEof();
    const stream = new StapledStream(send, receive);
    await stream.sendEof();
    await stream.sendEof();
    assertEquals([send.closed > 0, receive.closed], [true, 0]);
    await assertRejects(() => stream.sendAll(bytes("x")), ClosedResourceError);
    assertEquals(text(await stream.receiveSome()), "a", "receiving goes on");

    stream.close();
    await assertRejects(() => stream.sendEof(), ClosedResourceError, "Cannot send as the stream is closed");
  }),
);

Deno.test(
  "StapledStream.sendEof() in a cancelled scope closes nothing",
  simulated(async () => {
    const send = withoutEof();
    const stream = new StapledStream(send, new ScriptedReceiveStream());
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(async () => assert(isCancelled(await stream.sendEof().catch((error) => error))));
    assertEquals(send.closed, 0);
  }),
);

Deno.test(
  "StapledStream.close() closes both, the one to send on first, also when that fails",
  simulated(async () => {
    const order: string[] = [];
    const send = new RecordingSendStream();
    const receive = new ScriptedReceiveStream();
    const note = (name: string) => () => void order.push(name);
    send.close = note("send");
    receive.close = note("receive");
    new StapledStream(send, receive).close();
    {
      using _ = new StapledStream(send, receive);
    }
    {
      await using _ = new StapledStream(send, receive);
    }
    assertEquals(order, ["send", "receive", "send", "receive", "send", "receive"]);

    send.close = () => {
      throw new Error("broken");
    };
    assertThrows(() => new StapledStream(send, receive).close(), Error, "broken");
    await assertRejects(async () => await new StapledStream(send, receive)[Symbol.asyncDispose](), Error, "broken");
    assertEquals(order.length, 8);
  }),
);

Deno.test("StapledStream refuses what is no stream", () => {
  const send = new RecordingSendStream();
  const receive = new ScriptedReceiveStream();
  assertThrows(
    () => new StapledStream(receive as never, receive),
    TypeError,
    'Cannot staple two streams as "sendStream" must be a SendStream: it has no sendAll()',
  );
  assertThrows(
    () => new StapledStream(send, send as never),
    TypeError,
    'Cannot staple two streams as "receiveStream" must be a ReceiveStream: it has no receiveSome()',
  );
});

Deno.test("two halves of two real connections are a stream", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const { port } = listener.address;
  using there = await openTcpStream("127.0.0.1", port);
  using thereEnd = await listener.accept();
  using back = await openTcpStream("127.0.0.1", port);
  using backEnd = await listener.accept();
  const near = new StapledStream(there, back);
  const far = new StapledStream(backEnd, thereEnd);
  await near.sendAll(bytes("ping"));
  await near.sendEof();
  assertEquals(text(await far.receiveSome()), "ping");
  assertEquals(await far.receiveSome(), null);
  await far.sendAll(bytes("pong"));
  assertEquals(text(await near.receiveSome()), "pong");
  near.close();
  far.close();
  listener.close();
});

function withoutEof(): SendStream & { readonly closed: number } {
  const stream = new RecordingSendStream();
  Object.defineProperty(stream, "sendEof", { value: undefined });
  return stream;
}
