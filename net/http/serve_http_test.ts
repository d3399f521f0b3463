import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  Event,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  readableFromChannel,
  run,
  sleep,
  sleepForever,
  type TaskTreeNode,
  TooSlowError,
} from "../../core/mod.ts";
import { type Clock, currentRun, realClock } from "../../core/lowlevel.ts";
import { decoder, encoder, GET, HERE, raw, rest, withServer } from "../_fixtures/http.ts";
import { type Nature, natureOf } from "../host/deno_http.ts";
import { fetch, type HttpHandler, httpServer, serveHttp, serveTcp } from "../mod.ts";

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
  const handler: HttpHandler = async (request) => {
    const text = await request.text();
    if (text.length % 2 === 0) await sleep(0);
    return new Response(text);
  };
  await withServer(handler, {}, async (url, _port, server) => {
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
    assertEquals(server.statistics(), { open: 0, accepted: 1_000 });
  });
});

Deno.test("a request whose URL is none is answered with 400, before a handler is called", async () => {
  let called = 0;
  await withServer(
    ({ url }) => {
      called++;
      return new Response(new URL(url).href);
    },
    {},
    async (url, port) => {
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
      async (url, port) => {
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

Deno.test("a request is open until its client has taken the last byte of a stream", async () => {
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
    {},
    async (_url, port, { statistics }) => {
      using client = await raw(port, GET.replace("Host", "Connection: close\r\nHost"));
      await client.receiveSome();
      await ended.wait();
      for (let turn = 0; turn < 10; turn++) await sleep(1);
      assertEquals(statistics().open, 1);
      await rest(client);
      while (statistics().open > 0) await sleep(1);
    },
  );
});

Deno.test("a streamed body is sent as it is made, and the request lives until then", async () => {
  const [send, receive] = openMemoryChannel<Uint8Array>(0);
  await withServer(
    () =>
      new Response(readableFromChannel(receive) as ReadableStream<Uint8Array<ArrayBuffer>>, {
        status: 203,
        headers: { "x-made": "slowly" },
      }),
    {},
    async (url, _port, { statistics }) => {
      const response = await fetch(url);
      assertEquals([response.status, response.headers.get("x-made")], [203, "slowly"]);
      const chunks = response.body![Symbol.asyncIterator]();
      for (const text of ["one", "two"]) {
        await send.send(encoder.encode(text));
        assertEquals(decoder.decode((await chunks.next()).value), text);
        assertEquals(statistics(), { open: 1, accepted: 1 });
      }
      send.close();
      assertEquals((await chunks.next()).done, true);
      while (statistics().open > 0) await sleep(1);
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
    async (_url, port) => {
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
      assertMatch(
        errors[0].message,
        /^Cannot answer in time as the handler was not done when 50ms had passed; it waited for sleep .* in task "request" #\d+ at .*serve_http_test\.ts\S*:\d+:\d+/,
      );
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
    { maxRequests: 1, handlerTimeout: 50, onHandlerError: () => {} },
    async (url, port, { statistics }) => {
      for (const path of ["throw", "nothing", "slow", "cut"]) {
        await fetch(url + path).then((response) => response.text()).catch(() => {});
      }
      const leaving = await raw(port, GET.replace("/", "/leave"));
      await asked.wait();
      const queued = await raw(port, GET);
      while (statistics().open < 2) await sleep(1);
      queued.close();
      while (statistics().open > 1) await sleep(1);
      leaving.close();
      assertEquals(await (await fetch(url)).text(), "fine");
      while (statistics().open > 0) await sleep(1);
      assertEquals(statistics().accepted, 7);
    },
  );
});

Deno.test("maxRequests makes others wait, and one that goes away while it waits is never handled", async () => {
  let now = 0;
  let most = 0;
  let handled = 0;
  const go = new Event();
  await withServer(
    async () => {
      handled++;
      most = Math.max(most, ++now);
      await go.wait();
      now--;
      return new Response("done");
    },
    { maxRequests: 2 },
    async (url, port, { statistics }) => {
      await openNursery(async (nursery) => {
        for (let n = 0; n < 6; n++) nursery.startSoon(async () => await (await fetch(url)).text());
        while (statistics().open < 6) await sleep(1);
        const hasty = await raw(port, GET);
        while (statistics().open < 7) await sleep(1);
        hasty.close();
        while (statistics().open > 6) await sleep(1);
        go.set();
      });
      assertEquals([most, handled], [2, 6]);
    },
  );
});

Deno.test("a large answer has its length, also as an answer to HEAD, and that of the handler", async () => {
  const text = "ä".repeat(100_000);
  await withServer(
    (request) => new Response(text, request.url.endsWith("/own") ? { headers: { "content-length": "200000" } } : {}),
    {},
    async (_url, port) => {
      for (const [method, path] of [["GET", "/"], ["GET", "/own"], ["HEAD", "/"]]) {
        using client = await raw(port, `${method} ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`);
        const answer = await rest(client);
        assertEquals(/content-length: (\d+)/i.exec(answer)?.[1], "200000", method);
        assertEquals(answer.split("\r\n\r\n")[1], method === "GET" ? text : "");
      }
    },
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
    () => httpServer(() => new Response(), HERE)({ started: () => void (started = true) }),
  );
  assertEquals([outcome.cancelledCaught, started], [true, false]);
});

Deno.test("serveHttp() names the address that is in use", async () => {
  await withServer(() => new Response(), {}, async (_url, port) => {
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

Deno.test("what a handler waits for is as old as it is, also where nothing but requests has come for long", async () => {
  // A clock that can be put forward.
  let ahead = 0;
  const clock: Clock = {
    now: () => realClock.now() + ahead,
    wall: () => realClock.wall(),
    at: (deadline, fire, arg) => realClock.at(deadline - ahead, fire, arg),
  };
  await run(async () => {
    const run = currentRun();
    const asked = new Event();
    const answered = new Event();
    const handler: HttpHandler = async () => {
      asked.set();
      await answered.wait();
      return new Response();
    };
    await withServer(handler, {}, async (url) => {
      ahead = 5_000_000;
      const response = globalThis.fetch(url).then((answer) => answer.text());
      await asked.wait();
      const { children } = run.taskTree().root;
      const request = (function find(nodes: typeof children): TaskTreeNode | undefined {
        return nodes.find(({ name }) => name === "request") ?? nodes.map((node) => find(node.children)).find(Boolean);
      })(children);
      assertEquals(request?.waits.map(({ kind, since }) => [kind, since >= ahead]), [["event", true]]);
      answered.set();
      await response;
    });
  }, { clock, handleSignals: false });
});
