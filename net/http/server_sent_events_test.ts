import { assert, assertEquals, assertThrows } from "@std/assert";
import { Event, isCancelled, openMemoryChannel, openNursery, sleepForever } from "../../core/mod.ts";
import { fetch, httpServer, openTcpStream, type ServerSentEvent, serverSentEvents } from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

Deno.test("serverSentEvents() writes messages as the standard has it", async () => {
  const events: (ServerSentEvent | string)[] = [
    "plain",
    { data: "two\nlines\r\nand\rmore" },
    { event: "tick", id: "7", retry: 1_000, data: "" },
    { comment: "still here" },
    { comment: "one\ntwo", data: "x" },
  ];
  const response = serverSentEvents(events, { status: 201, headers: { "x-a": "b" } });
  assertEquals(response.status, 201);
  assertEquals(Object.fromEntries(response.headers), {
    "cache-control": "no-store",
    "content-type": "text/event-stream",
    "x-a": "b",
  });
  assertEquals(
    await response.text(),
    [
      "data: plain\n\n",
      "data: two\ndata: lines\ndata: and\ndata: more\n\n",
      "event: tick\nid: 7\nretry: 1000\ndata: \n\n",
      ": still here\n\n",
      ": one\n: two\ndata: x\n\n",
    ].join(""),
  );
});

Deno.test("serverSentEvents() sends what a channel gives, when it gives it", async () => {
  const [send, receive] = openMemoryChannel<string>(0);
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer(() => serverSentEvents(receive), { ...HERE }));
    const response = await fetch(`http://127.0.0.1:${address.port}/`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const text of ["one", "two"]) {
      await send.send(text);
      assertEquals((await reader.read()).value, `data: ${text}\n\n`);
    }
    send.close();
    assertEquals((await reader.read()).done, true);
    nursery.cancel();
  });
});

Deno.test("a client that goes away cancels the source of the events, which cleans up", async () => {
  const cleaned = new Event();
  const errors: unknown[] = [];
  async function* events(): AsyncGenerator<string> {
    try {
      yield "first";
      await sleepForever();
    } catch (error) {
      errors.push(error);
      throw error;
    } finally {
      cleaned.set();
    }
  }
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer(() => serverSentEvents(events()), { ...HERE }));
    const client = await openTcpStream("127.0.0.1", address.port);
    await client.sendAll(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
    let text = "";
    while (!text.includes("first")) text += new TextDecoder().decode((await client.receiveSome())!);
    client.close();
    await cleaned.wait();
    nursery.cancel();
  });
  const [error] = errors;
  assert(isCancelled(error) && error.source === "disconnect");
});

Deno.test("serverSentEvents() refuses what would let a text forge fields", async () => {
  const read = async (event: ServerSentEvent): Promise<string> =>
    await serverSentEvents([event]).text().catch((error) => error.message);
  assertEquals(
    await read({ event: "a\ndata: forged" }),
    'Cannot send an event as "event" must have no line breaks and no zero bytes: received "a\\ndata: forged"',
  );
  assertEquals(
    await read({ id: "a\0" }),
    'Cannot send an event as "id" must have no line breaks and no zero bytes: received "a\\u0000"',
  );
  assertEquals(
    await read({ retry: -1 }),
    'Cannot send an event as "retry" must be a whole number of milliseconds >= 0: received -1',
  );
  assertThrows(
    () => serverSentEvents(undefined as never),
    TypeError,
    'Cannot send events as "events" must be iterable: received undefined',
  );
});

Deno.test("serverSentEvents() refuses an init that is no object before it asks for the events", () => {
  const events = {
    [Symbol.iterator](): never {
      throw new Error("asked");
    },
  };
  const inits = [[null, "null"], [404, "404"], ["text/plain", '"text/plain"'], [() => {}, "a function"]] as const;
  for (const [init, found] of inits) {
    assertThrows(
      () => serverSentEvents(events, init as never),
      TypeError,
      `Cannot send events as "init" must be an object: received ${found}`,
    );
  }
});

Deno.test("the source of the events cleans up after an event that cannot be sent, and its errors are not lost", async () => {
  const log: string[] = [];
  async function* events(): AsyncGenerator<ServerSentEvent> {
    try {
      yield { data: "first" };
      yield { event: "two\nlines" };
    } finally {
      log.push("cleaned up");
    }
  }
  const error = await serverSentEvents(events()).text().catch((error) => error);
  assert(error instanceof RangeError);
  assertEquals(log, ["cleaned up"]);

  const failed = new Event();
  async function* careless(): AsyncGenerator<string> {
    yield "first";
    await sleepForever().catch(() => {
      throw new TypeError("cleanup");
    });
  }
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer(() => serverSentEvents(careless()), {
      ...HERE,
      onHandlerError(error) {
        log.push(String(error));
        failed.set();
      },
    }));
    const response = await fetch(`http://127.0.0.1:${address.port}/`);
    for await (const _ of response.body!) break;
    await failed.wait();
    nursery.cancel();
  });
  assertEquals(log, ["cleaned up", "TypeError: cleanup"]);
});
