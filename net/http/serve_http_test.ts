import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  type Cancelled,
  CancelScope,
  ErrorGroup,
  Event,
  failAfter,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  readableFromChannel,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  type TcpAddress,
  TooSlowError,
} from "../../core/mod.ts";
import { hostOperation } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import { type Nature, natureOf } from "../host/deno_http.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import {
  fetch,
  type HttpHandler,
  openTcpStream,
  serveHttp,
  type ServeHttpOptions,
  serveTcp,
  type SocketStream,
} from "../mod.ts";
import { createConnection } from "node:net";

const HERE = { hostname: "127.0.0.1", port: 0 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Time stands still while a server waits for connections, unless nothing happens for so long. */
const QUIET = { io: { quiet: 30 }, network: "host" } as const;

/** Runs a server on a free port of this machine beside a test. */
async function withServer(
  handler: HttpHandler,
  options: Partial<ServeHttpOptions>,
  test: (url: string, nursery: Nursery, port: number) => Promise<void>,
): Promise<void> {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
      serveHttp(handler, { ...HERE, ...options, status } as ServeHttpOptions)
    );
    await test(`http://127.0.0.1:${address!.port}/`, nursery, address!.port);
    nursery.cancel();
  });
}

/** A client of bytes, for what `fetch` would never do. */
async function raw(port: number, request: string): Promise<SocketStream> {
  const stream = await openTcpStream("127.0.0.1", port);
  await stream.sendAll(encoder.encode(request));
  return stream;
}

/** Everything that a client of bytes still gets. */
async function rest(stream: SocketStream): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  } catch (error) {
    assertInstanceOf(error, BrokenResourceError);
  }
  return text;
}

/** Receives until a text has come. */
async function until(stream: SocketStream, end: string): Promise<string> {
  let text = "";
  while (!text.includes(end)) {
    const chunk = await stream.receiveSome();
    assert(chunk !== null, `ended after ${JSON.stringify(text)}`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

const GET = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

/** A handler that waits for ever and tells what became of it. */
function patient(): { handler: HttpHandler; asked: Event; ended: Event; errors: unknown[] } {
  const asked = new Event();
  const ended = new Event();
  const errors: unknown[] = [];
  return {
    asked,
    ended,
    errors,
    async handler() {
      asked.set();
      try {
        await sleepForever();
      } catch (error) {
        errors.push(error);
        throw error;
      } finally {
        ended.set();
      }
      throw new Error("not reached");
    },
  };
}

Deno.test("serveHttp() answers with what the handler returns, at once or later", async () => {
  const handler: HttpHandler = (request, info) => {
    assertEquals(info.remoteAddress.hostname, "127.0.0.1");
    const { pathname } = new URL(request.url);
    if (pathname === "/later") return sleep(1).then(() => new Response("later", { status: 201 }));
    return new Response(`at once: ${request.method}`);
  };
  await withServer(handler, {}, async (url) => {
    assertEquals(await (await fetch(url)).text(), "at once: GET");
    const later = await fetch(`${url}later`);
    assertEquals([later.status, await later.text()], [201, "later"]);
  });
});

Deno.test("1,000 requests, 50 at a time, are each answered once, and counted", async () => {
  const statistics = { open: 0, accepted: 0 };
  const handler: HttpHandler = async (request) => {
    const text = await request.text();
    if (text.length % 2 === 0) await sleep(0);
    return new Response(text);
  };
  await withServer(handler, { statistics }, async (url) => {
    await openNursery((nursery) => {
      for (let client = 0; client < 50; client++) {
        nursery.startSoon(async () => {
          for (let n = 0; n < 20; n++) {
            const body = `${client}/${n}`;
            const response = await fetch(url, { method: "POST", body });
            assertEquals(await response.text(), body);
          }
        });
      }
    });
    assertEquals(statistics, { open: 0, accepted: 1_000 });
  });
});

Deno.test('a client that goes away cancels its handler, with the source "disconnect"', async () => {
  const { handler, asked, ended, errors } = patient();
  await withServer(handler, {}, async (url, _nursery, port) => {
    const client = await raw(port, GET);
    await asked.wait();
    client.close();
    await ended.wait();
    const [error] = errors as Cancelled[];
    assert(isCancelled(error));
    assertEquals([error.source, error.reason], ["disconnect", "the client has gone away"]);
    // The server goes on.
    const outcome = await moveOnAfter(20, () => fetch(url));
    assert(outcome.cancelledCaught);
  });
});

Deno.test("a client that goes away cancels what the handler has started", async () => {
  const asked = new Event();
  const ended: string[] = [];
  const allEnded = new Event();
  const child = async (name: string): Promise<void> => {
    try {
      await sleepForever();
    } finally {
      ended.push(name);
      if (ended.length === 2) allEnded.set();
    }
  };
  await withServer(
    async () => {
      await openNursery((nursery) => {
        nursery.startSoon(() => child("one"));
        nursery.startSoon(() => failAfter(60_000, () => child("two")));
        asked.set();
      });
      return new Response();
    },
    {},
    async (_url, _nursery, port) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      await allEnded.wait();
    },
  );
  assertEquals(ended.toSorted(), ["one", "two"]);
});

Deno.test("a client that went before its handler began to wait is noticed", async () => {
  const noticed = new Event();
  const asked = new Event();
  const gone = new Event();
  await withServer(
    async () => {
      asked.set();
      await shielded(() => gone.wait());
      try {
        await sleepForever();
      } finally {
        noticed.set();
      }
      return new Response();
    },
    {},
    async (_url, _nursery, port) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      gone.set();
      await noticed.wait();
    },
  );
});

Deno.test("a client that goes away in the middle of its body is no error of the handler", async () => {
  const readers: ((request: Request) => Promise<unknown>)[] = [
    (request) => request.text(),
    (request) => request.json(),
    (request) => request.bytes(),
    (request) => Array.fromAsync(request.body!),
    (request) => new Response(request.body!.pipeThrough(new TransformStream())).text(),
  ];
  for (const read of readers) {
    const asked = new Event();
    const over = new Event();
    await withServer(
      async (request) => {
        asked.set();
        try {
          return new Response(String(await read(request)));
        } finally {
          over.set();
        }
      },
      {},
      async (_url, _nursery, port) => {
        const client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc");
        await asked.wait();
        client.close();
        await over.wait();
        await sleep(5);
      },
    );
  }
});

Deno.test("a server from which the handler fetches, and which breaks off, is an error of the handler", async () => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    "nonsense\r\n\r\n",
  ];
  for (const answer of answers) {
    for (const fetchFrom of [fetch, globalThis.fetch]) {
      const errors: unknown[] = [];
      await openNursery(async (nursery) => {
        const [upstream] = await nursery.start<readonly TcpAddress[]>((status) =>
          serveTcp(async (stream) => {
            await stream.receiveSome();
            await stream.sendAll(encoder.encode(answer));
          }, { ...HERE, status })
        );
        await withServer(
          async (request) => {
            await request.text();
            const response = await fetchFrom(`http://127.0.0.1:${upstream!.port}/`);
            return new Response(await response.text());
          },
          { onHandlerError: (error) => void errors.push(error) },
          async (url) => {
            const response = await fetch(url, { method: "POST", body: "whole" });
            assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
          },
        );
        nursery.cancel();
      });
      assertEquals(errors.length, 1, answer);
      assertInstanceOf(errors[0], TypeError);
    }
  }
});

Deno.test("a client that resets in the middle of its body is no error of the handler, however that reads it", async () => {
  const readers: ((request: Request) => Promise<unknown>)[] = [
    (request) => request.text(),
    (request) => request.json(),
    (request) => request.formData(),
    (request) => Array.fromAsync(request.body!),
    (request) => Array.fromAsync(request.clone().body!),
    (request) => Array.fromAsync(request.body!.pipeThrough(new TransformStream())),
    (request) => Array.fromAsync(request.body!.tee()[1]),
    async ({ body }) => {
      const reader = body!.getReader();
      while (!(await reader.read()).done);
    },
    (request) =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => request.text());
        await request.clone().text();
      }),
  ];
  const heads = ["Content-Length: 100000", "Transfer-Encoding: chunked"];
  for (const read of readers) {
    for (const head of heads) {
      const asked = new Event();
      const over = new Event();
      const errors: unknown[] = [];
      await withServer(
        async (request) => {
          asked.set();
          try {
            return new Response(String(await read(request)));
          } finally {
            over.set();
          }
        },
        { onHandlerError: (error) => void errors.push(error) },
        async (_url, _nursery, port) => {
          const type = "Content-Type: multipart/form-data; boundary=x\r\n";
          const peer = createConnection({ host: "127.0.0.1", port });
          peer.on("error", () => {});
          peer.write(`POST / HTTP/1.1\r\nHost: here\r\n${type}${head}\r\n\r\n3\r\nabc\r\n`);
          await asked.wait();
          await sleep(5);
          peer.resetAndDestroy();
          await over.wait();
          await sleep(2);
        },
      );
      assertEquals(errors, [], `${read} ${head}`);
    }
  }
});

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

Deno.test("a request whose URL is none is answered with 400, before a handler is called", async () => {
  let called = 0;
  await withServer(
    ({ url }) => {
      called++;
      return new Response(new URL(url).href);
    },
    {},
    async (url, _nursery, port) => {
      const bad = ["GET / HTTP/1.1\r\nHost: a b c", "GET / HTTP/1.1\r\nHost: [", "GET / HTTP/1.1\r\nHost: x:99999"];
      for (const head of [...bad, "CONNECT [ HTTP/1.1\r\nHost: x", "POST / HTTP/1.1\r\nHost: 1.2.3.4.5"]) {
        using client = await raw(port, `${head}\r\nConnection: close\r\n\r\n`);
        assert((await rest(client)).startsWith("HTTP/1.1 400 "), head);
      }
      assertEquals(called, 0);
      const good = ["Host: x", "Host: [::1]:80", "Host: ", "Host: x", "Host: 127.0.0.1:80"];
      for (const head of [...good.map((host) => `GET /?q#a HTTP/1.1\r\n${host}`), "OPTIONS * HTTP/1.1\r\nHost: x"]) {
        using client = await raw(port, `${head}\r\nConnection: close\r\n\r\n`);
        assert((await rest(client)).startsWith("HTTP/1.1 200 "), head);
      }
      assertEquals(await (await fetch(url)).text(), url);
    },
  );
});

Deno.test({
  name: "if the host ends its server, that is told, and another one serves on the same port",
  // The host does not let go of the connection that was not upgraded.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const reports: string[] = [];
    let bad = true;
    await withServer(
      (request) => {
        if (!bad || !request.headers.has("upgrade")) return new Response("fine");
        bad = false;
        Deno.upgradeWebSocket(request);
        return new Response("not the response of the upgrade");
      },
      { onAcceptError: (error) => void reports.push(String(error)) },
      async (url, _nursery, port) => {
        using _client = await raw(
          port,
          `GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        );
        while (reports.length === 0) await sleep(1);
        const outcome = await moveOnAfter(5_000, async () => {
          while (true) {
            try {
              return await (await fetch(url)).text();
            } catch (error) {
              if (isCancelled(error)) throw error;
              await sleep(5);
            }
          }
        });
        assertEquals(outcome.value, "fine");
      },
    );
    assertEquals(reports.length, 1);
    assert(reports[0]!.includes("the host ended its server"));
  },
});

Deno.test("serveHttp() with reusePort says which flag is missing, as serveTcp() does", async () => {
  if ("listenDatagram" in Deno) return;
  for (const server of [serveHttp, serveTcp] as unknown as (typeof serveHttp)[]) {
    await assertRejects(
      () => server(() => new Response(), { ...HERE, reusePort: true }),
      TypeError,
      'Cannot listen with "reusePort" as Deno must be started with --unstable-net for it: the flag is missing',
    );
  }
});

Deno.test("a handler that awaits a promise of somebody else's over the body is ended with its connection", async () => {
  const asked = new Event();
  let ended = 0;
  await openNursery(async (nursery) => {
    const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
      serveHttp(async (request) => {
        asked.set();
        try {
          return new Response(await new Response(request.body!.pipeThrough(new TransformStream())).text());
        } finally {
          ended++;
        }
      }, { ...HERE, status })
    );
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address!.port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
        await rest(client);
      })
    );
    await asked.wait();
    nursery.cancel();
  });
  assertEquals(ended, 1);
});

Deno.test("a body that is not what its header says breaks the request, not the server", async () => {
  const asked = new Event();
  const over = new Event();
  await withServer(
    async (request) => {
      asked.set();
      try {
        return new Response(await request.text());
      } finally {
        over.set();
      }
    },
    {},
    async (url, _nursery, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
      await asked.wait();
      await client.sendAll(encoder.encode("nonsense\r\n"));
      await over.wait();
      assert(!(await rest(client)).includes("200 OK"));
      assertEquals(await (await fetch(url, { method: "POST", body: "fine" })).text(), "fine");
    },
  );
});

Deno.test("a client that breaks its body is nobody's fault, however the handler reads it", async () => {
  const handlers: HttpHandler[] = [
    async (request) => {
      let text = "";
      await openNursery((nursery) => {
        nursery.startSoon(async () => text = await request.text());
      });
      return new Response(text);
    },
    (request) => new Response(request.body),
    (request) => new Response(request.body!.pipeThrough(new TransformStream())),
  ];
  const statistics = { open: 0, accepted: 0 };
  for (const handler of handlers) {
    for (const end of ["leave", "garbage"]) {
      await withServer(handler, { statistics }, async (url, _nursery, port) => {
        using client = await raw(
          port,
          "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        );
        while (statistics.open === 0) await sleep(1);
        if (end === "leave") client.close();
        else {
          await client.sendAll(encoder.encode("nonsense\r\n"));
          assert(!(await rest(client)).includes("\r\n0\r\n"), "a cut, not an end");
        }
        while (statistics.open > 0) await sleep(1);
        assertEquals(await (await fetch(url, { method: "POST", body: "fine" })).text(), "fine");
      });
    }
  }
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
    async (_url, _nursery, port) => {
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
    async (_url, _nursery, port) => {
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
    async (_url, _nursery, port) => {
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
      async (_, __, port) => {
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
    async (_url, _nursery, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
      while (heads.length < 2) await sleep(1);
      await client.sendAll(encoder.encode("def"));
      const outcome = await moveOnAfter(5_000, () => until(client, "then def"));
      assert(!outcome.cancelledCaught);
    },
  );
  assertEquals(heads, ["abc", "false"]);
});

Deno.test("a request is open until its client has taken the last byte of a stream", async () => {
  const statistics = { open: 0, accepted: 0 };
  const ended = new Event();
  // More than the buffers of the system hold.
  const much = new Uint8Array(32 * 1024 * 1024);
  await withServer(
    () =>
      new Response(
        (async function* () {
          yield much;
          ended.set();
        })() as unknown as ReadableStream,
      ),
    { statistics },
    async (_url, _nursery, port) => {
      using client = await raw(port, GET.replace("Host", "Connection: close\r\nHost"));
      await client.receiveSome();
      await ended.wait();
      for (let turn = 0; turn < 10; turn++) await sleep(1);
      assertEquals(statistics.open, 1);
      await rest(client);
      while (statistics.open > 0) await sleep(1);
    },
  );
});

Deno.test("a stream that onHandlerError answers with too late is cancelled", async () => {
  const cancelled = new Event();
  await withServer(
    () => new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("source")) })),
    { onHandlerError: () => new Response(new ReadableStream({ cancel: () => cancelled.set() })) },
    async (_url, _nursery, port) => {
      using client = await raw(port, GET);
      await rest(client);
      const outcome = await moveOnAfter(5_000, () => cancelled.wait());
      assert(!outcome.cancelledCaught);
    },
  );
});

Deno.test("a streamed body is sent as it is made, and the request lives until then", async () => {
  const statistics = { open: 0, accepted: 0 };
  const [send, receive] = openMemoryChannel<Uint8Array>(0);
  await withServer(
    () =>
      new Response(readableFromChannel(receive) as ReadableStream<Uint8Array<ArrayBuffer>>, {
        status: 203,
        headers: { "x-made": "slowly" },
      }),
    { statistics },
    async (url) => {
      const response = await fetch(url);
      assertEquals([response.status, response.headers.get("x-made")], [203, "slowly"]);
      const chunks = response.body![Symbol.asyncIterator]();
      for (const text of ["one", "two"]) {
        await send.send(encoder.encode(text));
        assertEquals(decoder.decode((await chunks.next()).value), text);
        assertEquals(statistics, { open: 1, accepted: 1 });
      }
      send.close();
      assertEquals((await chunks.next()).done, true);
      while (statistics.open > 0) await sleep(1);
    },
  );
});

Deno.test("a client that goes away in the middle of a streamed body cancels the source of it", async () => {
  const sources: ((log: (what: string) => void) => ReadableStream<Uint8Array<ArrayBuffer>>)[] = [0, 1, 5].map((
    highWaterMark,
  ) =>
  (log) =>
    new ReadableStream({
      async pull(controller) {
        try {
          await sleep(1);
          controller.enqueue(encoder.encode("tick"));
          if (++pulls % 3 === 0) await sleepForever();
        } catch (error) {
          log(isCancelled(error) ? error.source : String(error));
          throw error;
        }
      },
    }, { highWaterMark })
  );
  let pulls = 0;
  for (const source of sources) {
    const logged: string[] = [];
    const over = new Event();
    pulls = 0;
    await withServer(
      () =>
        new Response(source((what) => {
          logged.push(what);
          over.set();
        })),
      {},
      async (_url, _nursery, port) => {
        const client = await raw(port, GET);
        await until(client, "tick");
        client.close();
        await over.wait();
      },
    );
    assertEquals(logged, ["disconnect"]);
  }
});

Deno.test("a source that knows no scopes is cancelled as a stream when the client goes away", async () => {
  const cancelled = new Event();
  await withServer(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("part")),
          cancel: () => cancelled.set(),
        }),
      ),
    {},
    async (_url, _nursery, port) => {
      const client = await raw(port, GET);
      await until(client, "part");
      client.close();
      await cancelled.wait();
    },
  );
});

Deno.test("a slow client slows the source down: nothing is read ahead", async () => {
  let made = 0;
  const chunk = new Uint8Array(1 << 20);
  await withServer(
    () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            made++;
            controller.enqueue(chunk);
          },
        }, { highWaterMark: 0 }),
      ),
    {},
    async (_url, _nursery, port) => {
      using client = await raw(port, GET);
      await client.receiveSome();
      let before = -1;
      while (made !== before) {
        before = made;
        await sleep(20);
      }
      // What fits between the two is a matter of the system's socket buffers.
      assert(made < 64, `${made} MiB`);
    },
  );
});

Deno.test("a failing source cuts the connection, and is an error of the handler", async () => {
  const errors: unknown[] = [];
  const failing: ReadableStream[] = [
    new ReadableStream({
      pull() {
        throw new RangeError("source");
      },
    }, { highWaterMark: 0 }),
    new ReadableStream({ start: (controller) => controller.enqueue("text") }),
  ];
  await withServer(() => new Response(failing.shift()!), {
    onHandlerError: (error) => void errors.push(error),
  }, async (url) => {
    for (let n = 0; n < 2; n++) {
      await assertRejects(async () => await (await fetch(url)).text());
    }
    while (errors.length < 2) await sleep(1);
    assertEquals(errors.map(String), [
      "RangeError: source",
      'TypeError: Cannot send a body as each chunk must be a Uint8Array: received "text"',
    ]);
  });
});

Deno.test('onHandlerError "fail": a failing handler answers 500 and fails the server', async () => {
  for (
    const handler of [() => {
      throw new TypeError("handler");
    }, () => Promise.reject(new TypeError("handler"))]
  ) {
    let status = 0;
    const error = await openNursery(async (nursery) => {
      const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
        serveHttp(handler as HttpHandler, { ...HERE, status, onHandlerError: "fail" })
      );
      using client = await raw(address!.port, GET);
      await shielded(async () => {
        status = Number((await rest(client)).slice(9, 12));
      });
      await sleepForever();
    }).catch((error) => error);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.flatten().map(String), ["TypeError: handler"]);
    assert(status === 500 || status === 0);
  }
});

Deno.test("onHandlerError lets the server go on, and may answer", async () => {
  const errors: string[] = [];
  await withServer((request) => {
    const { pathname } = new URL(request.url);
    throw pathname === "/null" ? null : new TypeError(pathname);
  }, {
    onHandlerError(error, request) {
      errors.push(String(error));
      if (request.url.endsWith("/teapot")) return new Response("short and stout", { status: 418 });
    },
  }, async (url) => {
    const plain = await fetch(url);
    assertEquals([plain.status, await plain.text()], [500, "Internal Server Error"]);
    const own = await fetch(`${url}teapot`);
    assertEquals([own.status, await own.text()], [418, "short and stout"]);
    const strange = await fetch(`${url}null`);
    assertEquals([strange.status, await strange.text()], [500, "Internal Server Error"]);
    assertEquals(errors, ["TypeError: /", "TypeError: /teapot", "null"]);
  });
});

Deno.test("onHandlerError is under the request: it is cancelled when the client goes away", async () => {
  const { handler, asked, ended, errors } = patient();
  const statistics = { open: 0, accepted: 0 };
  await withServer(
    () => {
      throw new TypeError("handler");
    },
    { statistics, onHandlerError: handler as never },
    async (_url, _nursery, port) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      await ended.wait();
      while (statistics.open > 0) await sleep(1);
    },
  );
  assertEquals((errors as Cancelled[]).map(({ source }) => source), ["disconnect"]);
});

Deno.test("a stream that onHandlerError answers with is sent in the task of the request", async () => {
  const ended = new Event();
  const statistics = { open: 0, accepted: 0 };
  await withServer(() => {
    throw new TypeError("handler");
  }, {
    statistics,
    onHandlerError: () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("sorry")),
          pull: () => sleepForever(),
          cancel: () => ended.set(),
        }),
        { status: 500 },
      ),
  }, async (_url, _nursery, port) => {
    const client = await raw(port, GET);
    await until(client, "sorry");
    assertEquals(statistics.open, 1);
    client.close();
    await ended.wait();
    while (statistics.open > 0) await sleep(1);
  });
});

Deno.test("onHandlerError that fails ends the server with its own error", async () => {
  const error = await withServer(() => {
    throw new TypeError("handler");
  }, {
    onHandlerError() {
      throw new RangeError("own");
    },
  }, async (_url, _nursery, port) => {
    using client = await raw(port, GET);
    await shielded(() => rest(client));
    await sleepForever();
  }).catch((error) => error);
  assertInstanceOf(error, ErrorGroup);
  assertEquals(error.flatten().map(String), ["RangeError: own"]);
});

Deno.test("an error of a source's cleanup is not lost when the client goes away", async () => {
  const failed = new Event();
  const errors: string[] = [];
  await withServer(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("part")),
          cancel() {
            throw new RangeError("cleanup");
          },
        }),
      ),
    {
      onHandlerError(error) {
        errors.push(String(error));
        failed.set();
      },
    },
    async (_url, _nursery, port) => {
      const client = await raw(port, GET);
      await until(client, "part");
      client.close();
      await failed.wait();
    },
  );
  assertEquals(errors, ["RangeError: cleanup"]);
});

Deno.test("a handler that returns something else than a fresh response is told so", async () => {
  const used = new Response("used");
  await used.text();
  const results: unknown[] = [undefined, null, "text", { status: 200 }, used, Response.error()];
  const errors: string[] = [];
  await withServer((() => results.shift()) as HttpHandler, {
    onHandlerError(error, request) {
      errors.push((error as Error).message);
      assert(request.headers.has("host"), "the request itself");
    },
  }, async (url) => {
    for (let n = results.length; n > 0; n--) {
      const response = await fetch(url);
      assertEquals(response.status, 500);
      await response.text();
    }
  });
  assertEquals(
    errors.slice(0, 4),
    ["undefined", "null", "text", "Object"].map((found) =>
      `Cannot answer a request as its handler must return a Response: received ${found}`
    ),
  );
  assertEquals(errors.slice(4), [
    "Cannot answer a request as the body of its response must not have been used: make a new Response for each request",
    "Cannot answer a request as its response must have a status: received Response.error()",
  ]);
});

Deno.test("handlerTimeout ends a handler with TooSlowError, but not the sending of a body", async () => {
  const errors: unknown[] = [];
  await withServer(
    async (request) => {
      if (request.url.endsWith("/slow")) await sleep(60_000);
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await sleep(100);
            controller.enqueue(encoder.encode("slow but fine"));
            controller.close();
          },
        }, { highWaterMark: 0 }),
      );
    },
    { handlerTimeout: 50, onHandlerError: (error) => void errors.push(error) },
    async (url) => {
      assertEquals(await (await fetch(url)).text(), "slow but fine");
      const response = await fetch(`${url}slow`);
      assertEquals(response.status, 500);
      await response.text();
      assertEquals(errors.length, 1);
      assertInstanceOf(errors[0], TooSlowError);
      assertEquals(errors[0].message, "Cannot answer in time as the handler was not done when 50ms had passed");
    },
  );
});

Deno.test("an answer after handlerTimeout is too late, whatever it is: of a framework that catches everything", async () => {
  const errors: string[] = [];
  let cancelled = 0;
  await withServer(
    async (request) => {
      await sleepForever().catch(() => {});
      if (request.url.endsWith("/plain")) return new Response("oops", { status: 500 });
      if (request.url.endsWith("/nothing")) return undefined as never;
      return new Response(new ReadableStream({ cancel: () => void cancelled++ }));
    },
    {
      handlerTimeout: 10,
      onHandlerError(error) {
        errors.push((error as Error).name);
        return new Response("late", { status: 504 });
      },
    },
    async (url) => {
      for (const path of ["plain", "stream", "nothing"]) {
        const response = await fetch(url + path);
        assertEquals([response.status, await response.text()], [504, "late"]);
      }
    },
  );
  assertEquals([errors, cancelled], [["TooSlowError", "TooSlowError", "TooSlowError"], 1]);
});

Deno.test("no way out of a request keeps its place", async () => {
  const statistics = { open: 0, accepted: 0 };
  const asked = new Event();
  const handler: HttpHandler = async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/throw") throw new TypeError("handler");
    if (pathname === "/nothing") return undefined as never;
    if (pathname === "/slow") await sleepForever();
    if (pathname === "/leave") {
      asked.set();
      await sleepForever();
    }
    if (pathname === "/cut") {
      return new Response(
        new ReadableStream({
          pull() {
            throw new TypeError("source");
          },
        }),
      );
    }
    return new Response("fine");
  };
  await withServer(
    handler,
    { maxRequests: 1, handlerTimeout: 50, statistics, onHandlerError: () => {} },
    async (url, _nursery, port) => {
      for (const path of ["throw", "nothing", "slow", "cut"]) {
        await fetch(url + path).then((response) => response.text()).catch(() => {});
      }
      const leaving = await raw(port, GET.replace("/", "/leave"));
      await asked.wait();
      const queued = await raw(port, GET);
      while (statistics.open < 2) await sleep(1);
      queued.close();
      while (statistics.open > 1) await sleep(1);
      leaving.close();
      assertEquals(await (await fetch(url)).text(), "fine");
      while (statistics.open > 0) await sleep(1);
      assertEquals(statistics.accepted, 7);
    },
  );
});

Deno.test("maxRequests makes others wait, and one that goes away while it waits is never handled", async () => {
  let now = 0;
  let most = 0;
  let handled = 0;
  const go = new Event();
  const statistics = { open: 0, accepted: 0 };
  await withServer(
    async () => {
      handled++;
      most = Math.max(most, ++now);
      await go.wait();
      now--;
      return new Response("done");
    },
    { maxRequests: 2, statistics },
    async (url, _nursery, port) => {
      await openNursery(async (nursery) => {
        for (let n = 0; n < 6; n++) nursery.startSoon(async () => await (await fetch(url)).text());
        while (statistics.open < 6) await sleep(1);
        const hasty = await raw(port, GET);
        while (statistics.open < 7) await sleep(1);
        hasty.close();
        while (statistics.open > 6) await sleep(1);
        go.set();
      });
      assertEquals([most, handled], [2, 6]);
    },
  );
});

Deno.test(
  "a shutdown answers newcomers with 503, lets handlers finish within the grace, and closes idle connections at the end",
  simulated(async () => {
    const events: string[] = [];
    const asked = new Event();
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      const listening = new Event();
      let port = 0;
      nursery.startSoon(async () => {
        const outcome = await scope.run(() =>
          serveHttp(async (request) => {
            if (request.url.endsWith("/idle")) return new Response("idle");
            asked.set();
            await sleep(100);
            events.push(`finished, asked to hurry: ${shutdownRequested()}`);
            return new Response("finished");
          }, { ...HERE, status: { started: ([address]) => (port = address!.port, listening.set()) } })
        );
        events.push(`server ended, cancelled: ${outcome.cancelledCaught}`);
      });
      await listening.wait();
      using idle = await raw(port, "GET /idle HTTP/1.1\r\nHost: here\r\n\r\n");
      await until(idle, "idle");
      using busy = await raw(port, GET);
      await asked.wait();
      scope.shutdown({ grace: 10_000 });
      await sleep(1);
      using late = await raw(port, GET);
      assert((await rest(late)).startsWith("HTTP/1.1 503"));
      assert((await until(busy, "finished")).startsWith("HTTP/1.1 200"));
      assertEquals(await rest(idle), "");
      events.push("idle connection closed");
    });
    assertEquals(events.toSorted(), [
      "finished, asked to hurry: true",
      "idle connection closed",
      "server ended, cancelled: false",
    ]);
  }, QUIET),
);

Deno.test("a shutdown lets uploads finish, and refuses new requests meanwhile", async () => {
  const asked = new Event();
  let readers = 0;
  const scope = new CancelScope();
  await openNursery(async (nursery) => {
    const listening = new Event();
    let port = 0;
    nursery.startSoon(async () => {
      const outcome = await scope.run(() =>
        serveHttp(async (request) => {
          if (++readers === 2) asked.set();
          if (request.url.endsWith("/whole")) return new Response(`got ${await request.text()}`);
          let text = "";
          for await (const chunk of request.body!) text += decoder.decode(chunk);
          return new Response(`got ${text}`);
        }, { ...HERE, status: { started: ([address]) => (port = address!.port, listening.set()) } })
      );
      assert(!outcome.cancelledCaught);
    });
    await listening.wait();
    const clients = ["whole", "parts"].map((path) =>
      raw(port, `POST /${path} HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc`)
    );
    await asked.wait();
    scope.shutdown({ grace: 60_000 });
    await sleep(5);
    {
      using late = await raw(port, GET);
      assert((await until(late, "Unavailable")).startsWith("HTTP/1.1 503"));
    }
    for (const pending of clients) {
      using client = await pending;
      await client.sendAll(encoder.encode("def"));
      assert((await until(client, "got")).startsWith("HTTP/1.1 200"));
    }
  });
});

Deno.test("a shutdown does not wait for a client that sends no more, or takes no more, once its answer is given", async () => {
  const requests = {
    "an upload that is not finished": "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc",
    "an idle connection": GET,
    "the beginning of a request": "GET / HT",
  };
  for (const [name, request] of Object.entries(requests)) {
    const scope = new CancelScope();
    const answered = new Event();
    const ended = new Event();
    await openNursery(async (nursery) => {
      const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
        scope.run(() => serveHttp(() => (answered.set(), new Response("early")), { ...HERE, status })).then(() =>
          ended.set()
        )
      );
      using client = await raw(address!.port, request);
      if (name !== "the beginning of a request") await until(client, "early");
      scope.shutdown({ grace: 60_000 });
      const outcome = await moveOnAfter(5_000, () => ended.wait());
      assert(!outcome.cancelledCaught, name);
      await rest(client);
    });
  }
});

Deno.test("a shutdown cuts no answer that was just given, nor one that takes its time", async () => {
  const sizes = [10, 50_000, 5_000_000];
  for (const size of sizes) {
    for (const body of ["x".repeat(size), new Uint8Array(size)]) {
      const scope = new CancelScope();
      let asked = 0;
      await openNursery(async (nursery) => {
        const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
          scope.run(() =>
            serveHttp(() => {
              if (++asked === 10) scope.shutdown({ grace: 60_000 });
              return new Response(body);
            }, { ...HERE, status })
          )
        );
        for (let n = 0; n < 10; n++) {
          nursery.startSoon(async () => {
            using client = await raw(address!.port, GET);
            let length = 0;
            for await (const chunk of client) {
              length += chunk.length;
              if (size > 1_000_000) await sleep(1);
            }
            assert(length > size && length < size + 300, `${size}: ${length}`);
          });
        }
      });
    }
  }
});

Deno.test("a large answer has its length, also as an answer to HEAD, and that of the handler", async () => {
  const text = "ä".repeat(100_000);
  await withServer(
    (request) => new Response(text, request.url.endsWith("/own") ? { headers: { "content-length": "200000" } } : {}),
    {},
    async (_url, _nursery, port) => {
      for (const [method, path] of [["GET", "/"], ["GET", "/own"], ["HEAD", "/"]]) {
        using client = await raw(port, `${method} ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`);
        const answer = await rest(client);
        assertEquals(/content-length: (\d+)/i.exec(answer)?.[1], "200000", method);
        assertEquals(answer.split("\r\n\r\n")[1], method === "GET" ? text : "");
      }
    },
  );
});

Deno.test("an upload that takes longer than the grace is cancelled, and its connection closed", async () => {
  const asked = new Event();
  const errors: unknown[] = [];
  const scope = new CancelScope();
  const outcome = await scope.run(() =>
    withServer(
      async (request) => {
        asked.set();
        return new Response(
          await request.text().catch((error) => {
            errors.push(error);
            throw error;
          }),
        );
      },
      {},
      async (_url, _nursery, port) => {
        using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
        await asked.wait();
        scope.shutdown({ grace: 20 });
        await shielded(() => rest(client));
      },
    )
  );
  assert(outcome.cancelledCaught);
  assertEquals((errors as Cancelled[]).map(({ source }) => source), ["shutdown"]);
});

Deno.test(
  "handlers that take longer than the grace are cancelled when it is over",
  simulated(async (sim) => {
    const { handler, asked, errors } = patient();
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const listening = new Event();
      let port = 0;
      nursery.startSoon(async () => {
        const outcome = await scope.run(() =>
          serveHttp(handler, { ...HERE, status: { started: ([address]) => (port = address!.port, listening.set()) } })
        );
        assert(outcome.cancelledCaught);
        assertEquals(outcome.cancelled.source, "shutdown");
      });
      await listening.wait();
      using client = await raw(port, GET);
      await asked.wait();
      const begun = sim.now;
      scope.shutdown({ grace: 500 });
      await rest(client);
      assertEquals(sim.now - begun, 500);
    });
    assertEquals((errors as Cancelled[]).map(({ source }) => source), ["shutdown"]);
  }, QUIET),
);

Deno.test("cancelling a server cancels its handlers and streams, and closes everything", async () => {
  const { handler, asked, errors } = patient();
  let streaming = false;
  await openNursery(async (nursery) => {
    const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
      serveHttp((request, info) => {
        if (request.url.endsWith("/wait")) return handler(request, info);
        return new Response(
          new ReadableStream({
            async pull(controller) {
              controller.enqueue(encoder.encode("part"));
              if (!streaming) return void (streaming = true);
              await sleepForever();
            },
          }, { highWaterMark: 0 }),
        );
      }, { ...HERE, status })
    );
    const streamed = new Event();
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address!.port, "GET /wait HTTP/1.1\r\nHost: here\r\n\r\n");
        assert(!(await rest(client)).includes("200 OK"));
      })
    );
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address!.port, GET);
        await until(client, "part");
        streamed.set();
        assertEquals(await rest(client), "");
      })
    );
    await asked.wait();
    await streamed.wait();
    await sleep(1);
    nursery.cancel("enough");
  });
  assert(streaming);
  assertEquals((errors as Cancelled[]).map(({ source, reason }) => [source, reason]), [["explicit", "enough"]]);
});

Deno.test("serveHttp() with a certificate serves HTTPS", async () => {
  const certificates = await makeCertificates();
  if (certificates === null) return;
  const { ca, cert, key, otherKey } = certificates;
  await withServer(() => new Response("secret"), { cert, key }, async (url) => {
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const response = await fetch(url.replace("http:", "https:"), { client } as RequestInit);
    assertEquals(await response.text(), "secret");
  });
  await assertRejects(
    () => serveHttp(() => new Response(), { ...HERE, cert, key: otherKey }),
    RangeError,
    'Cannot serve as "cert" and "key" must be a certificate and its key: ',
  );
  await assertRejects(
    () => serveHttp(() => new Response(), { ...HERE, cert }),
    TypeError,
    'Cannot serve as either "cert" and "key" or "certFile" and "keyFile" must be given: received "cert"',
  );
});

Deno.test("serveHttp() says what is wrong before it listens", async () => {
  const handler = () => new Response();
  const wrong: [unknown, object, string][] = [
    ["text", {}, 'Cannot serve as "handler" must be a function: received "text"'],
    [handler, { port: -1 }, 'Cannot listen as "port" must be a whole number from 0 to 65535: received -1'],
    [handler, { maxRequests: 0 }, 'Cannot serve as "maxRequests" must be >= 1: received 0'],
    [handler, { maxRequests: 1.5 }, 'Cannot serve as "maxRequests" must be a whole number or Infinity: received 1.5'],
    [handler, { handlerTimeout: -1 }, 'Cannot serve as "handlerTimeout" must be >= 0: received -1'],
    [handler, { onHandlerError: 1 }, 'Cannot serve as "onHandlerError" must be a function: received 1'],
  ];
  for (const [fn, options, message] of wrong) {
    const error = await serveHttp(fn as HttpHandler, { ...HERE, ...options }).catch((error) => error);
    assertEquals(error.message, message);
  }
});

Deno.test("serveHttp() in a cancelled scope does not listen", async () => {
  let started = false;
  const outcome = await moveOnAfter(
    0,
    () => serveHttp(() => new Response(), { ...HERE, status: { started: () => void (started = true) } }),
  );
  assertEquals([outcome.cancelledCaught, started], [true, false]);
});

Deno.test("serveHttp() names the address that is in use", async () => {
  await withServer(() => new Response(), {}, async (_url, _nursery, port) => {
    const error = await serveHttp(() => new Response(), { ...HERE, port }).catch((error) => error);
    assertInstanceOf(error, BrokenResourceError);
    assert(error.message.startsWith(`Cannot listen on 127.0.0.1:${port} as the network refused: `));
    assertInstanceOf(error.cause, Deno.errors.AddrInUse);
  });
});

Deno.test("plain bodies are told from streams without being turned into one", () => {
  const read = new Response("text");
  read.text();
  const kinds: readonly (readonly [Nature, Response])[] = [
    ["plain", new Response("text", { headers: { a: "b" } })],
    ["plain", new Response(null, { status: 204 })],
    ["plain", Response.json({ a: 1 }, { status: 400 })],
    ["plain", new Response(new URLSearchParams({ a: "1" }))],
    ["plain", new Response("text").clone()],
    ["stream", new Response(new ReadableStream())],
    ["stream", new Response(ReadableStream.from([new Uint8Array(1)]), { status: 500 })],
    ["used", read],
    ["upgrade", new Response(null, { status: 101 })],
    ["error", Response.error()],
  ];
  for (const [kind, response] of kinds) assertEquals(natureOf(response), kind);
});

/** Runs curl, if there is one. */
async function curl(...args: string[]): Promise<{ code: number; stdout: string } | null> {
  try {
    const command = new Deno.Command("curl", { args: ["--silent", "--show-error", ...args], stderr: "piped" });
    const { code, stdout } = await hostOperation("curl", command.output());
    return { code, stdout: decoder.decode(stdout) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console -- a skipped test must not be silent
    console.error('Skipped a test of HTTP with another client as there is no command "curl": install it');
    return null;
  }
}

Deno.test("curl: several requests over one connection", async () => {
  const peers = new Set<number>();
  await withServer(
    async (request, info) => {
      peers.add(info.remoteAddress.port);
      return new Response(`${request.method} ${await request.text()}\n`);
    },
    {},
    async (url) => {
      const result = await curl(
        "--data",
        "a",
        url,
        "--next",
        "--silent",
        url,
        "--next",
        "--silent",
        "--data",
        "b",
        url,
      );
      if (result === null) return;
      assertEquals(result, { code: 0, stdout: "POST a\nGET \nPOST b\n" });
      assertEquals(peers.size, 1);
    },
  );
});

Deno.test("curl: a client that gives up early", async () => {
  const { handler, ended } = patient();
  await withServer(handler, {}, async (url) => {
    const result = await curl("--max-time", "0.2", url);
    if (result === null) return;
    assertEquals(result.code, 28);
    await ended.wait();
  });
});
