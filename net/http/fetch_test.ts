import { assert, assertEquals, assertRejects } from "@std/assert";
import { all, CancelScope, Event, isCancelled, moveOnAfter, openNursery, shielded, sleep } from "../../core/mod.ts";
import { currentRun, hostOperation } from "../../core/lowlevel.ts";
import { fetch } from "./fetch.ts";

/** A server whose answers a test controls. */
class Site implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Requests that the client has gone away from. */
  readonly gone = new Event();
  /** A request has come. */
  readonly asked = new Event();

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      (request) => this.#answer(request),
    );
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // In memory it is no operation of the host.
    const { inMemory } = currentRun().network ?? {};
    const shutdown = this.#server.shutdown();
    await shielded(async () => await (inMemory === true ? shutdown : hostOperation("shutdown", shutdown)));
  }

  #answer(request: Request): Response | Promise<Response> {
    this.asked.set();
    const { pathname } = new URL(request.url);
    if (pathname === "/never") {
      return new Promise((resolve) =>
        request.signal.addEventListener("abort", () => {
          this.gone.set();
          resolve(new Response("too late"));
        })
      );
    }
    if (pathname === "/slow") {
      const stream = new ReadableStream<string>({
        start: (controller) => controller.enqueue('"part'),
        cancel: () => this.gone.set(),
      });
      return new Response(stream.pipeThrough(new TextEncoderStream()));
    }
    if (pathname === "/moved") return Response.redirect(this.url("json"));
    if (pathname === "/echo") return request.text().then((text) => new Response(`${request.method} ${text}`));
    return new Response('{"answer":42}', { headers: { "content-type": "application/json" } });
  }
}

Deno.test("fetch() is the global one: methods, bodies, redirects, URLs and clones", async () => {
  await using site = new Site();
  assertEquals(await (await fetch(site.url("echo"), { method: "POST", body: "hi" })).text(), "POST hi");
  assertEquals(await (await fetch(new Request(site.url("echo"), { method: "PUT", body: "hi" }))).text(), "PUT hi");
  const response = await fetch(new URL(site.url("moved")));
  assertEquals([response.url, response.redirected, response.status], [site.url("json"), true, 200]);
  assert(response instanceof Response);
  const copy = response.clone();
  assertEquals(await response.json(), { answer: 42 });
  assert(response.bodyUsed && !copy.bodyUsed);
  assertEquals(new TextDecoder().decode(await copy.bytes()), '{"answer":42}');
  await assertRejects(() => response.text(), TypeError);
  const chunks = await Array.fromAsync((await fetch(site.url("json"))).body!);
  assertEquals(chunks.map((chunk) => new TextDecoder().decode(chunk)).join(""), '{"answer":42}');
  assertEquals((await fetch(site.url("json"), { method: "HEAD" })).body, null);
});

Deno.test("fetch() that is cancelled closes the connection, which the server notices", async () => {
  await using site = new Site();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await site.asked.wait();
      nursery.cancel("enough");
    });
    const error = await fetch(site.url("never")).catch((error) => error);
    assert(isCancelled(error) && error.reason === "enough");
    await shielded(() => site.gone.wait());
  });
  assert(site.gone.isSet);
});

Deno.test("fetch() in a cancelled scope makes no request", async () => {
  await using site = new Site();
  const outcome = await moveOnAfter(0, () => fetch(site.url("json")));
  assert(outcome.cancelledCaught);
  assert(!site.asked.isSet);
});

Deno.test("reading a body is under the scope of the reader, not of the request", async () => {
  await using site = new Site();
  const readers: ((response: Response) => Promise<unknown>)[] = [
    (response) => response.text(),
    (response) => response.json(),
    (response) => Array.fromAsync(response.body!),
    async (response) => {
      const reader = response.body!.getReader({ mode: "byob" });
      await reader.read(new Uint8Array(100));
      await reader.read(new Uint8Array(100));
    },
  ];
  for (const read of readers) {
    // The timeout for the headers is over before the body is read.
    const outcome = await moveOnAfter(60_000, () => fetch(site.url("slow")));
    assert(!outcome.cancelledCaught);
    const reading = await moveOnAfter(20, () => read(outcome.value));
    assert(reading.cancelledCaught);
  }
  await site.gone.wait();
});

Deno.test("each read of a body is under the scope in which it is made, not under that of the read before", async () => {
  await using site = new Site();
  const response = await fetch(site.url("slow"));
  const reader = response.body!.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), '"part');
  const outcome = await moveOnAfter(20, () => reader.read());
  assert(outcome.cancelledCaught);
  await site.gone.wait();
});

Deno.test("fetch() takes the caller's signal into account, before and while the body is read", async () => {
  await using site = new Site();
  const controller = new AbortController();
  await all([
    () => assertRejects(() => fetch(site.url("never"), { signal: controller.signal }), Error, "by hand"),
    async () => {
      await site.asked.wait();
      controller.abort(new Error("by hand"));
    },
  ]);
  const second = new AbortController();
  const response = await fetch(new Request(site.url("slow"), { signal: second.signal }));
  await all([
    () => assertRejects(() => response.text()),
    () => second.abort(new Error("later")),
  ]);
});

Deno.test("fetch() says what the host says when there is no server, and refuses a bad URL", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  await assertRejects(() => fetch(`http://127.0.0.1:${port}/`), TypeError);
  await assertRejects(() => fetch("no url"), TypeError);
});

Deno.test("a body that is cancelled by its reader ends the request", async () => {
  await using site = new Site();
  const response = await fetch(site.url("slow"));
  for await (const _ of response.body!) break;
  await site.gone.wait();
  const other = await fetch(site.url("json"));
  await other.body!.cancel();
  await sleep(0);
});

Deno.test("200 fetch() with one long-lived signal cost no more at the end than at the beginning", async () => {
  await using site = new Site();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener } = signal;
  signal.addEventListener = (...args: [string, EventListener]) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  for (let i = 0; i < 200; i++) await (await fetch(site.url("json"), { signal })).text();
  // The host combines signals by weak references, and adds no listener to this one.
  assertEquals(listeners, 0);
});

Deno.test("fetch() takes a request for its options, and null for none", async () => {
  await using site = new Site();
  const request = new Request("http://elsewhere.invalid/", { method: "POST", body: "hello" });
  assertEquals(await (await fetch(site.url("echo"), request)).text(), "POST hello");
  assertEquals(await (await fetch(site.url("echo"), null as unknown as RequestInit)).text(), "GET ");
  const bad = { toString: () => null } as unknown as URL;
  await assertRejects(() => fetch(bad), TypeError);
});

Deno.test("a response can be cloned after its body was looked at", async () => {
  await using site = new Site();
  const response = await fetch(site.url("json"));
  const before = response.body;
  const copy = response.clone();
  assert(response.body !== before);
  assertEquals(await new Response(response.body).text(), '{"answer":42}');
  assertEquals(await copy.json(), { answer: 42 });
});

Deno.test("the response of fetch(), and a clone of it, are those of the host for everybody who looks", async () => {
  await using site = new Site();
  const response = await fetch(site.url("json"));
  const host = await globalThis.fetch(site.url("json"));
  for (const each of [response, response.clone(), response.clone().clone()]) {
    assert(each instanceof Response);
    assertEquals(each.constructor, Response);
    assertEquals(String(each), "[object Response]");
    assertEquals(Object.keys(each), Object.keys(host));
    assertEquals(each.body, each.body);
    assertEquals(await each.json(), { answer: 42 });
    assert(each.bodyUsed);
  }
  await host.body!.cancel();
});

Deno.test("reading a clone of a response is under the scope of its reader", async () => {
  await using site = new Site();
  const readers: ((response: Response) => Promise<unknown>)[] = [(copy) => copy.text(), (copy) => copy.bytes()];
  for (const read of readers) {
    const response = await fetch(site.url("slow"));
    const copy = response.clone();
    const outcome = await moveOnAfter(20, () => read(copy));
    assert(outcome.cancelledCaught);
    await assertRejects(() => response.text());
  }
  await site.gone.wait();
});

Deno.test("fetch() that nobody awaits never ends the process by its cancellation", async () => {
  await using site = new Site();
  for (const before of [true, false]) {
    const scope = new CancelScope();
    if (before) scope.cancel();
    await scope.run(async () => {
      void fetch(site.url("never"));
      if (!before) await site.asked.wait();
      scope.cancel();
    });
  }
  await site.gone.wait();
  // A turn in which the host would report the rejection, and fail this test.
  await new Promise((resolve) => setTimeout(resolve));
});
