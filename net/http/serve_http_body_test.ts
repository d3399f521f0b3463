import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelScope, Event, moveOnAfter, sleep } from "../../core/mod.ts";
import { decoder, encoder, GET, raw, until, withServer } from "../_fixtures/http.ts";
import { fetch } from "../mod.ts";

Deno.test("what is wrong with what a client has sent in full is up to the handler", async () => {
  const errors: unknown[] = [];
  await withServer(async (request) => new Response(await request.json()), {
    onHandlerError: (error) => void errors.push(error),
  }, async (url) => {
    const response = await fetch(url, { method: "POST", body: "{" });
    assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
  });
  assertEquals(errors.map((error) => (error as Error).name), ["SyntaxError"]);
});

Deno.test("several reads at once of a request get a chunk each", async () => {
  const got: string[] = [];
  const asked = new Event();
  await withServer(
    async (request) => {
      const chunks = request.body![Symbol.asyncIterator]();
      const reads = [chunks.next(), chunks.next(), chunks.next()];
      asked.set();
      for (const { done, value } of await Promise.all(reads)) got.push(done ? "end" : decoder.decode(value));
      return new Response("done");
    },
    {},
    async (_url, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n");
      await asked.wait();
      await client.sendAll(encoder.encode("3\r\nabc\r\n"));
      await sleep(5);
      await client.sendAll(encoder.encode("3\r\ndef\r\n0\r\n\r\n"));
      await until(client, "done");
    },
  );
  assertEquals([got.join("").replace("end", ""), got.at(-1)], ["abcdef", "end"]);
});

Deno.test("reading a request is under the scopes around it, and iterating loses no chunk", async () => {
  await withServer(
    async (request) => {
      const chunks = request.body![Symbol.asyncIterator]();
      const first = await chunks.next();
      const outcome = await moveOnAfter(5, () => chunks.next());
      assert(outcome.cancelledCaught);
      timedOut.set();
      const second = await chunks.next();
      const text = [first, second].map(({ value }) => decoder.decode(value)).join();
      assertEquals((await chunks.next()).done, true);
      return new Response(text);
    },
    {},
    async (_url, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
      await timedOut.wait();
      await client.sendAll(encoder.encode("def"));
      assert((await until(client, "def")).endsWith("abc,def"));
    },
  );
  await withServer(
    async (request) => {
      const outcome = await moveOnAfter(5, () => request.text());
      return new Response(outcome.cancelledCaught ? "too slow" : outcome.value, { status: 408 });
    },
    {},
    async (_url, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
      assert((await until(client, "too slow")).startsWith("HTTP/1.1 408"));
    },
  );
});

const timedOut = new Event();

Deno.test("all readers of a request read, and a clone as well", async () => {
  await withServer(
    async (request) => {
      const texts = [await request.clone().text()];
      texts.push(decoder.decode(await request.clone().arrayBuffer()));
      texts.push(decoder.decode(await request.clone().bytes()));
      texts.push(JSON.stringify(await request.clone().json()));
      texts.push(await (await request.clone().blob()).text());
      for await (const chunk of request.clone().body!) {
        texts.push(decoder.decode(chunk));
        break;
      }
      texts.push(`${request instanceof Request} ${request.bodyUsed}`);
      await assertRejects(() => request.formData(), TypeError);
      return Response.json(texts);
    },
    {},
    async (url) => {
      const texts = await (await fetch(url, { method: "POST", body: '{"a":1}' })).json();
      assertEquals(texts, [...Array(6).fill('{"a":1}'), "true false"]);
    },
  );
});

Deno.test("a body that nobody reads to its end does not keep its connection from the next request", async () => {
  const readers: Record<string, (body: ReadableStream<Uint8Array>) => Promise<unknown>> = {
    "an iteration that was cancelled": async (body) => {
      const scope = new CancelScope();
      await scope.run(async () => {
        for await (const _ of body) queueMicrotask(() => scope.cancel());
      });
    },
    "an iteration that was left": async (body) => {
      for await (const _ of body.values({ preventCancel: true })) break;
    },
    "a reader that is kept": (body) => body.getReader().read(),
    "a reader that was released": async (body) => {
      const reader = body.getReader();
      await reader.read();
      reader.releaseLock();
    },
    "a stream that was only looked at": () => Promise.resolve(),
  };
  for (const [name, reader] of Object.entries(readers)) {
    await withServer(
      async ({ body }) => {
        if (body !== null) await reader(body);
        return new Response(body === null ? "next" : "first");
      },
      {},
      async (_, port) => {
        using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
        await until(client, "first");
        await client.sendAll(encoder.encode(`def${GET}`));
        const outcome = await moveOnAfter(5_000, () => until(client, "next"));
        assert(!outcome.cancelledCaught, name);
      },
    );
  }
});

Deno.test("leaving an iteration gives the lock back, and keeps the rest where that is asked for", async () => {
  const heads: string[] = [];
  await withServer(
    async ({ body }) => {
      for await (const chunk of body!.values({ preventCancel: true })) {
        heads.push(decoder.decode(chunk));
        break;
      }
      heads.push(String(body!.locked));
      let text = "";
      for await (const chunk of body!) text += decoder.decode(chunk);
      return new Response(`then ${text}`);
    },
    {},
    async (_url, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
      while (heads.length < 2) await sleep(1);
      await client.sendAll(encoder.encode("def"));
      const outcome = await moveOnAfter(5_000, () => until(client, "then def"));
      assert(!outcome.cancelledCaught);
    },
  );
  assertEquals(heads, ["abc", "false"]);
});
