import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { abortable, deadline, pooledMap, retry as stdRetry } from "@std/async";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  all,
  cancellable,
  currentSignal,
  failAfter,
  isCancelled,
  map,
  moveOnAfter,
  openNursery,
  race,
  receiverFromReadable,
  run,
  shielded,
  sleep,
  TooSlowError,
} from "../core/mod.ts";
import { hostOperation } from "../core/lowlevel.ts";
import { simulated } from "../testing/mod.ts";
import { fetch } from "./http/fetch.ts";

// Both kinds of fetch against a server of Deno's own, in scopes, nurseries and simulated time.

/** The host's: with `currentSignal()` it follows scopes as well. */
const hostFetch = globalThis.fetch;

/** A site that answers at once, or never, or begins an answer and stops. */
class Site implements AsyncDisposable {
  readonly #asked = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  requests = 0;
  readonly #server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => this.#answer(request),
  );

  /** Resolves when a request has come to the page that never answers. */
  asked(): Promise<void> {
    return hostOperation("a request comes", this.#asked.promise);
  }

  /** Resolves when a client has gone away before it had its whole answer. */
  gone(): Promise<void> {
    return hostOperation("a client goes away", this.#gone.promise);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await shielded(() => hostOperation("shutdown", this.#server.shutdown()));
  }

  #answer(request: Request): Response | Promise<Response> {
    this.requests++;
    const { pathname } = new URL(request.url);
    if (pathname === "/never") {
      this.#asked.resolve();
      return new Promise((resolve) =>
        request.signal.addEventListener("abort", () => {
          this.#gone.resolve();
          resolve(new Response("too late"));
        })
      );
    }
    if (pathname === "/stops") {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("part")),
        cancel: () => this.#gone.resolve(),
      });
      return new Response(body);
    }
    if (pathname === "/busy") return new Response("busy", { status: this.requests < 3 ? 503 : 200 });
    return new Response(pathname);
  }
}

/** Both, each as it is used in a scope. */
const kinds: readonly (readonly [name: string, get: (url: string) => Promise<Response>])[] = [
  ["fetch()", (url) => fetch(url)],
  ["the host's fetch() with currentSignal()", (url) => hostFetch(url, { signal: currentSignal() })],
];

for (const [name, get] of kinds) {
  Deno.test(`${name} rejects with the Cancelled of its scope, and the server notices`, async () => {
    await using site = new Site();
    let reason: unknown;
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          await site.asked();
          scope.cancel("enough");
        });
        await get(site.url("never")).catch((error) => {
          reason = error;
          throw error;
        });
      });
    });
    assert(outcome.cancelledCaught && isCancelled(reason));
    assertStrictEquals(reason.reason, "enough");
    await site.gone();
  });

  Deno.test(`${name} in a race() that another wins is aborted`, async () => {
    await using site = new Site();
    const winner = await race([
      () => get(site.url("never")).then(() => "the request"),
      () => cancellable(site.asked()).then(() => "the other"),
    ]);
    assertEquals(winner, "the other");
    await site.gone();
  });

  Deno.test(`${name}: a body under the same scope as its request ends with it`, async () => {
    await using site = new Site();
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const response = await get(site.url("stops"));
      const reader = response.body!.getReader();
      await reader.read();
      queueMicrotask(() => scope.cancel());
      await reader.read();
    });
    assert(outcome.cancelledCaught);
    await site.gone();
  });

  Deno.test(`${name}: many at a time with map(), and with pooledMap() of @std/async`, async () => {
    await using site = new Site();
    const paths = Array.from({ length: 20 }, (_, i) => `page${i}`);
    const text = async (path: string) => await (await get(site.url(path))).text();
    assertEquals(await map(paths, text, { concurrency: 4 }), paths.map((path) => `/${path}`));
    assertEquals(await Array.fromAsync(pooledMap(4, paths, text)), paths.map((path) => `/${path}`));
    assertEquals(site.requests, 40);
  });
}

Deno.test(
  "fetch() freezes simulated time: an answer comes before any timeout around it",
  simulated(async (sim) => {
    await using site = new Site();
    const text = await failAfter(1, async () => await (await fetch(site.url("quick"))).text());
    assertEquals([text, sim.now], ["/quick", 0]);
    // Foreign code is told the same by hostOperation().
    const response = await failAfter(1, () => hostOperation("fetch", hostFetch(site.url("other"))));
    assertEquals([await hostOperation("body", response.text()), sim.now], ["/other", 0]);
  }, { network: "host" }),
);

Deno.test(
  "a request that is never answered, not counted as the host's, times out in virtual time",
  simulated(async (sim) => {
    await using site = new Site();
    const ended = assertRejects(
      () => failAfter(60_000, () => hostFetch(site.url("never"), { signal: currentSignal() })),
      TooSlowError,
    );
    await site.asked();
    await ended;
    assertEquals(sim.now, 60_000);
    await site.gone();
  }, { network: "host" }),
);

Deno.test(
  "retry() of @std/async around fetch(), with virtual waits between real requests",
  simulated(async (sim) => {
    await using site = new Site();
    const text = await stdRetry(async () => {
      const response = await fetch(site.url("busy"));
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status}`);
      return text;
    }, { jitter: 0, minTimeout: 60_000 });
    assertEquals([text, site.requests, sim.now], ["busy", 3, 120_000]);
  }, { network: "host" }),
);

Deno.test("deadline() and abortable() of @std/async around fetch() end the wait; the scope ends the request", async () => {
  await using site = new Site();
  // What deadline() has given up waits on: that is how others do it.
  const outcome = await run(() =>
    moveOnAfter(Infinity, async (scope) => {
      const error = await assertRejects(() => deadline(fetch(site.url("never")).then(() => {}), 20), Error);
      assertEquals(error.name, "TimeoutError");
      const controller = new AbortController();
      await all([
        () => assertRejects(() => abortable(sleep(60_000), controller.signal), Error, "by hand"),
        () => controller.abort(new Error("by hand")),
      ]);
      scope.cancel();
    }), { handleSignals: false, forgotten: "ignore" });
  assert(!outcome.cancelledCaught);
  await site.gone();
});

Deno.test("a body of the host's fetch() through receiverFromReadable(): a timeout loses no chunk", async () => {
  await using site = new Site();
  const response = await hostFetch(site.url("stops"), { signal: currentSignal() });
  await using chunks = receiverFromReadable(response.body!);
  assertEquals(new TextDecoder().decode(await chunks.receive()), "part");
  const outcome = await moveOnAfter(5, () => chunks.receive());
  assert(outcome.cancelledCaught);
});

Deno.test("AsyncLocalStorage: requests and the reading of bodies go on with the values of their callers", async () => {
  await using site = new Site();
  const user = new AsyncLocalStorage<string>();
  await openNursery((nursery) => {
    for (const name of ["ann", "bob"]) {
      user.run(name, () =>
        nursery.startSoon(async () => {
          const response = await fetch(site.url(name));
          assertEquals(user.getStore(), name);
          for await (const chunk of response.body!) {
            assertEquals([new TextDecoder().decode(chunk), user.getStore()], [`/${name}`, name]);
          }
          assertEquals(user.getStore(), name);
        }));
    }
  });
});
