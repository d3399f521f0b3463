// What a program sees of HTTP, WebSockets, server-sent events and TLS on loopback, it sees in memory: status, body,
// class of an error and code.

import { assertEquals } from "@std/assert";
import { failAfter, openNursery, run, sleep } from "../../core/mod.ts";
import { read } from "../../core/internal.ts";
import { simulate } from "../../testing/mod.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import {
  fetch as ourFetch,
  httpServer,
  openTcpStream,
  openTlsStream,
  openWebSocket,
  serverSentEvents,
  tcpServer,
  tlsServer,
  upgradeWebSocket,
} from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };
const certificates = await makeCertificates();
// What a TLS server needs; without `openssl` there is no test of it.
const { ca, cert, key } = certificates ?? { ca: "", cert: "", key: "" };
const encode = (text: string) => new TextEncoder().encode(text);
const FETCHES = {
  ours: ourFetch,
  global: (...args: Parameters<typeof fetch>) => globalThis.fetch(...args),
};

/** What is told of an error. */
function told(error: unknown): unknown {
  const [name, message] = [read(error, "name"), String(read(error, "message")).replace(/\d{4,5}/g, "PORT")];
  return { name, code: read(error, "code"), message };
}

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return told(error);
  }
}

/** A server that answers every request with bytes, and ends. */
async function answering(bytes: string, test: (url: string) => Promise<unknown>): Promise<unknown> {
  return await openNursery(async (nursery) => {
    const [{ port }] = await nursery.start(tcpServer(async (stream) => {
      await stream.receiveSome();
      await stream.sendAll(encode(bytes));
    }, HERE));
    const result = await test(`http://127.0.0.1:${port}/`);
    nursery.cancel();
    return result;
  });
}

async function serving(
  handler: Parameters<typeof httpServer>[0],
  test: (port: number) => Promise<unknown>,
  options = {},
): Promise<unknown> {
  return await openNursery(async (nursery) => {
    const [{ port }] = await nursery.start(
      httpServer(handler, {
        ...HERE,
        onHandlerError: () => new Response("handler failed", { status: 500 }),
        ...options,
      }),
    );
    const result = await test(port);
    nursery.cancel();
    return result;
  });
}

/** What a client of bytes gets for its bytes. */
async function exchange(port: number, request: string): Promise<string> {
  using stream = await openTcpStream("127.0.0.1", port);
  await stream.sendAll(encode(request));
  let text = "";
  for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  // Names in small letters, and in the order of the alphabet.
  return text.replace(
    /^((?:[\w-]+: .*\r\n)+)/gm,
    (lines) =>
      lines.split("\r\n").map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase())).sort()
        .filter((line) => !line.startsWith("date:")).join("\n"),
  );
}

function echo(request: Request): Promise<Response> | Response {
  const { pathname, search } = new URL(request.url);
  if (pathname === "/status") return new Response(null, { status: Number(search.slice(1)) });
  if (pathname === "/moved") {
    return new Response(null, { status: Number(search.slice(1)), headers: { location: "/echo" } });
  }
  if (pathname === "/loop") return new Response(null, { status: 302, headers: { location: "/loop" } });
  if (pathname === "/headers") return Response.json([...request.headers].filter(([name]) => name.startsWith("x-")));
  if (pathname === "/fail") throw new RangeError("handler");
  if (pathname === "/stream") {
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(1);
          controller.enqueue(encode("part"));
          if (++parts % 3 === 0) controller.close();
        },
      }),
    );
  }
  return request.text().then((text) =>
    new Response(`${request.method} ${text}`, { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] })
  );
}
let parts = 0;

async function seen(response: Response): Promise<unknown> {
  const { status, statusText, redirected, type, ok } = response;
  const path = response.url === "" ? "" : new URL(response.url).pathname;
  const body = await outcome(() => response.text());
  return { status, statusText, redirected, type, ok, path, body, cookies: response.headers.getSetCookie() };
}

const CASES: Record<string, () => Promise<unknown>> = {};

for (const [whose, fetch] of Object.entries(FETCHES)) {
  CASES[`fetch, ${whose}`] = () =>
    serving(echo, async (port) => {
      const url = `http://127.0.0.1:${port}`;
      const results: unknown[] = [];
      const get = (path: string, init?: RequestInit) =>
        outcome(async () => await seen(await fetch(`${url}${path}`, init)));
      const stream = () => new Blob(["a stream"]).stream();
      const calls: [string, RequestInit?][] = [
        ["/echo"],
        ["/echo", { method: "HEAD" }],
        ["/echo", { method: "POST", body: "text" }],
        ["/echo", { method: "PUT", body: stream() }],
        ["/echo", { method: "POST", body: new Uint8Array(200_000).fill(97) }],
        ["/echo", { method: "POST", body: new URLSearchParams({ a: "b" }) }],
        ["/echo", { method: "delete" }],
        ["/headers", { headers: { "x-one": "1", "X-Two": "2" } }],
        ...[200, 204, 205, 304, 404, 418, 500, 599].map((status): [string] => [`/status?${status}`]),
        ...[301, 302, 303, 307, 308].map((status): [string, RequestInit] => [
          `/moved?${status}`,
          { method: "POST", body: "again" },
        ]),
        ["/moved?302", { redirect: "manual" }],
        ["/moved?302", { redirect: "error" }],
        ["/moved?307", { method: "POST", body: stream() }],
        ["/loop"],
        ["/fail"],
        ["/stream"],
        ["/stream", { headers: { connection: "close" } }],
        ["/echo", { signal: AbortSignal.abort() }],
        ["/echo", { signal: AbortSignal.abort(new RangeError("mine")) }],
        ["/echo", { method: "GET", body: "no" }],
        ["/echo", { method: "TRACE" }],
      ];
      for (const [path, init] of calls) results.push([path, await get(path, init)]);
      for (const bad of ["nope", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"]) {
        results.push([bad, await outcome(() => fetch(bad))]);
      }
      return results;
    });
  const answers = {
    "no answer": "",
    "no HTTP": "garbage\r\n\r\n",
    "cut off": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "cut off in a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "no chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "until the end": "HTTP/1.1 200 OK\r\n\r\nall of it",
    "lines of LF": "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "an old version": "HTTP/1.0 200 OK\r\n\r\nold",
    "a hint before": "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "trailers": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n",
  };
  for (const [name, bytes] of Object.entries(answers)) {
    CASES[`fetch, ${whose}, of ${name}`] = () =>
      answering(bytes, (url) => outcome(async () => await seen(await fetch(url))));
  }
  CASES[`fetch, ${whose}, where nobody listens`] = async () => {
    const port = await openNursery(async (nursery) => {
      const [{ port }] = await nursery.start(tcpServer(() => {}, HERE));
      nursery.cancel();
      return port;
    });
    return await outcome(() => fetch(`http://127.0.0.1:${port}/`));
  };
  CASES[`fetch, ${whose}, over TLS`] = () =>
    serving(() => new Response("secret"), async (port) => {
      using client = Deno.createHttpClient({ caCerts: [ca] });
      const get = (url: string, init: object = { client }) => outcome(async () => await seen(await fetch(url, init)));
      return [
        await get(`https://localhost:${port}/`),
        await get(`https://localhost:${port}/`, {}),
        await get(`http://localhost:${port}/`, {}),
      ];
    }, { cert, key });
}

const REQUESTS = [
  "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  "GET /echo HTTP/1.0\r\n\r\n",
  "HEAD /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc",
  "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
  "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
  "GET /echo HTTP/1.1\r\nhost: x\r\n\r\nGET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  "GET /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  "GARBAGE\r\n\r\n",
  "GET /echo HTTP/9.9\r\n\r\n",
  "GET /echo HTTP/1.1\r\nhost: x\r\na : b\r\n\r\n",
  "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
  "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\nab",
  `GET /echo HTTP/1.1\r\nhost: x\r\n${"a: b\r\n".repeat(150)}\r\n`,
  "GET /status?204 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
];
for (const request of REQUESTS) {
  CASES[`a server, to ${JSON.stringify(request.slice(0, 90))}`] = () =>
    serving(echo, (port) => failAfter(2_000, () => exchange(port, request)));
}

CASES["WebSockets"] = () =>
  serving((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/no") return new Response("no", { status: 403 });
    return upgradeWebSocket(request, async (socket) => {
      for await (const message of socket) {
        if (message === "close") return await socket.close({ code: 4001, reason: "bye" });
        if (message === "fail") throw new RangeError("handler");
        await socket.send(message);
      }
    }, pathname === "/protocol" ? { protocol: "chat" } : {});
  }, async (port) => {
    const url = `ws://127.0.0.1:${port}`;
    const results: unknown[] = [];
    for (const path of ["/", "/protocol", "/no"]) {
      results.push(
        await outcome(async () => {
          await using socket = await openWebSocket(`${url}${path}`, { protocols: ["other", "chat"] });
          await socket.send("text ☃");
          await socket.send(new Uint8Array(70_000).fill(1));
          return [socket.protocol, await socket.receive(), (await socket.receive()).length];
        }),
      );
    }
    for (const word of ["close", "fail"]) {
      results.push(
        await outcome(async () => {
          await using socket = await openWebSocket(url);
          await socket.send(word);
          const error = await outcome(() => socket.receive());
          return [error, socket.end];
        }),
      );
    }
    for (const bad of [`ftp://127.0.0.1:${port}/`, `${url}/#x`]) results.push(await outcome(() => openWebSocket(bad)));
    results.push(await outcome(() => openWebSocket(url, { protocols: ["a b"] })));
    return results;
  }, { onHandlerError: () => {} });

CASES["the global WebSocket"] = () =>
  serving((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/no") return new Response("no", { status: 403 });
    return upgradeWebSocket(request, async (socket) => {
      for await (const message of socket) {
        if (message === "close") return await socket.close({ code: 4001, reason: "bye" });
        await socket.send(message);
      }
    });
  }, async (port) => {
    const results: unknown[] = [];
    for (const [path, words] of [["/", ["a", "close"]], ["/", ["leave"]], ["/no", []]] as const) {
      const events: unknown[] = [];
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      const closed = Promise.withResolvers<void>();
      socket.onopen = () => {
        events.push(["open", socket.readyState, socket.protocol, socket.extensions]);
        for (const word of words) word === "leave" ? socket.close(4002, "mine") : socket.send(word);
      };
      socket.onmessage = ({ data }) => events.push(["message", data]);
      socket.onerror = (event) => events.push(["error", (event as ErrorEvent).message]);
      socket.onclose = ({ code, reason, wasClean }) => {
        events.push(["close", code, reason, wasClean, socket.readyState]);
        closed.resolve();
      };
      await closed.promise;
      results.push(events);
    }
    return results;
  });

/** Frames that a client sends, and what the server makes of each. */
const FRAMES: Record<string, number[]> = {
  "a text": [0x81, 0x81, 0, 0, 0, 0, 65],
  "two fragments": [0x01, 0x81, 0, 0, 0, 0, 65, 0x80, 0x81, 0, 0, 0, 0, 66],
  "a fragment, a ping, the rest": [0x01, 0x81, 0, 0, 0, 0, 65, 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, 66],
  "reserved bits": [0xc1, 0x81, 0, 0, 0, 0, 65],
  "no opcode": [0x83, 0x81, 0, 0, 0, 0, 65],
  "no UTF-8": [0x81, 0x81, 0, 0, 0, 0, 0xff],
  "a close of one byte": [0x88, 0x81, 0, 0, 0, 0, 3],
  "a close without code": [0x88, 0x80, 0, 0, 0, 0],
  "a close with 4000": [0x88, 0x82, 0, 0, 0, 0, 0xf, 0xa0],
  "a continuation of nothing": [0x80, 0x81, 0, 0, 0, 0, 65],
  "a ping that is too large": [0x89, 0xfe, 0, 126, 0, 0, 0, 0, ...Array(126).fill(0)],
  "a frame that is too large": [0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0],
};
for (const [name, frame] of Object.entries(FRAMES)) {
  CASES[`a server of WebSockets, to ${name}`] = () => {
    const events: unknown[] = [];
    return serving((request) =>
      upgradeWebSocket(request, async (socket) => {
        events.push(
          await outcome(async () => {
            for await (const message of socket) events.push(message);
            return socket.end;
          }),
        );
      }), async (port) => {
      using stream = await openTcpStream("127.0.0.1", port);
      const key = "dGhlIHNhbXBsZSBub25jZQ==";
      await stream.sendAll(
        encode(
          `GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
        ),
      );
      const head = new TextDecoder().decode((await stream.receiveSome())!);
      await stream.sendAll(new Uint8Array(frame));
      await sleep(20);
      await stream.sendEof();
      while (events.length === 0 || typeof events.at(-1) === "string") await sleep(1);
      return [head.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), events];
    });
  };
}

CASES["server-sent events"] = () =>
  serving(() =>
    serverSentEvents((async function* () {
      for (const data of ["one", "two\nlines"]) yield { data, id: data.slice(0, 3) };
      yield { event: "tick", data: "3" };
    })()), async (port) => {
    const events: unknown[] = [];
    const source = new EventSource(`http://127.0.0.1:${port}/`);
    const done = Promise.withResolvers<void>();
    source.onopen = () => events.push(["open", source.readyState]);
    source.onmessage = ({ data, lastEventId }) => events.push([data, lastEventId]);
    source.addEventListener("tick", ({ data, lastEventId }) => {
      events.push(["tick", data, lastEventId]);
      source.close();
      done.resolve();
    });
    await done.promise;
    return [...events, source.readyState];
  });

CASES["TLS by names"] = async () => {
  return await openNursery(async (nursery) => {
    const failures: unknown[] = [];
    const [{ port }] = await nursery.start(tlsServer(async (stream) => {
      for await (const chunk of stream) await stream.sendAll(chunk);
    }, { ...HERE, cert, key, alpn: ["echo/1"], onHandshakeError: (error) => void failures.push(told(error)) }));
    const results: unknown[] = [];
    const attempts = [
      {},
      { caCerts: [ca] },
      { caCerts: [ca], serverName: "elsewhere.test" },
      { caCerts: [ca], alpn: ["other/1"] },
      { caCerts: [ca], alpn: ["other/1", "echo/1"] },
    ];
    for (const options of attempts) {
      results.push(
        await outcome(async () => {
          using stream = await openTlsStream("localhost", port, options);
          await stream.sendAll(encode("hello"));
          const text = new TextDecoder().decode((await stream.receiveSome())!);
          await stream.sendEof();
          return [stream.alpnProtocol, text, await stream.receiveSome()];
        }),
      );
      await sleep(5);
    }
    nursery.cancel();
    return [results, failures];
  });
};

for (const [name, test] of Object.entries(CASES)) {
  if (certificates === null && name.includes("TLS")) continue;
  Deno.test({
    name: `as on loopback, so in memory: ${name}`,
    // The host keeps its connections.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const real = await run(test);
      const virtual = await simulate(async ({ net }) => {
        net.link("test", "test", { chunk: Infinity });
        return await test();
      });
      assertEquals(virtual, real);
    },
  });
}
