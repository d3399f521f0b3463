import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { failAfter, moveOnAfter, openNursery, retry, sleep } from "../../../core/mod.ts";
import { fetch, serveHttp, serverSentEvents } from "../../../net/mod.ts";
import { simulated } from "../../mod.ts";

const text = async (url: string, init?: RequestInit): Promise<string> => await (await fetch(url, init)).text();

Deno.test(
  "a request over a virtual network takes its round trips, and a kept connection saves one",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    sim.net.link("test", "api", { latency: 20 });
    api.startSoon(() =>
      serveHttp(async (request) => new Response(`${request.method} ${await request.text()}`), { port: 80 })
    );
    assertEquals(await text("http://api/", { method: "POST", body: "hello" }), "POST hello");
    assertEquals(sim.now, 80);
    assertEquals(await text("http://api/again"), "GET ");
    assertEquals(sim.now, 120);
    assert(sim.net.log().some((line) => line.includes("GET /again")), sim.net.log().join("\n"));
  }),
);

Deno.test(
  "a body takes the time that its link needs",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    sim.net.link("test", "api", { bandwidth: 100_000 });
    api.startSoon(() => serveHttp(() => new Response(new Uint8Array(1_000_000)), { port: 80 }));
    const response = await fetch("http://api/");
    assertEquals((await response.bytes()).length, 1_000_000);
    assert(sim.now >= 10_000 && sim.now < 10_100, String(sim.now));
  }),
);

Deno.test(
  "a name that nobody has fails as DNS does, and says what to do; a port where nobody listens refuses",
  simulated(async (sim) => {
    sim.net.host("api");
    const says = async (call: () => Promise<unknown>): Promise<string> => {
      const { message, cause } = await assertRejects(call, TypeError);
      assertEquals(message, "fetch failed");
      return (cause as Error).message;
    };
    for (const get of [fetch, globalThis.fetch]) {
      assertStringIncludes(await says(() => get("http://nowhere/")), 'no host "nowhere": make it with sim.net.host()');
      assertStringIncludes(await says(() => get("http://api/")), "Connection refused (os error 111)");
    }
    assertEquals(await text("data:text/plain,here"), "here");
  }),
);

Deno.test(
  "a partition under a request is survived by trying again",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    let calls = 0;
    api.startSoon(() => serveHttp(() => new Response(String(++calls)), { port: 80 }));
    sim.net.partition("test", "api");
    sim.background.startSoon(async () => {
      await sleep(2_500);
      sim.net.heal("test", "api");
    });
    const answer = await retry(() => failAfter(1_000, () => text("http://api/")), { attempts: 5, backoff: () => 0 });
    assertEquals([answer, sim.now], ["1", 2_500]);
  }),
);

Deno.test(
  "a client that gives up ends its handler one latency later",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    sim.net.link("test", "api", { latency: 10 });
    let ended = 0;
    api.startSoon(() =>
      serveHttp(async () => {
        try {
          await sleep(60_000);
        } finally {
          ended = sim.now;
        }
        return new Response();
      }, { port: 80 })
    );
    assert((await moveOnAfter(100, () => fetch("http://api/"))).cancelledCaught);
    await sleep(1_000);
    assertEquals(ended, 110);
  }),
);

Deno.test(
  "a server that crashes and comes back serves again",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    api.startSoon(() => serveHttp(() => new Response("here"), { port: 80 }));
    assertEquals(await text("http://api/"), "here");
    api.crash();
    api.restart();
    assertEquals(await text("http://api/"), "here");
  }),
);

Deno.test(
  "events of a server come when they are sent",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    sim.net.link("test", "api", { latency: 5 });
    api.startSoon(() =>
      serveHttp(() =>
        serverSentEvents(async function* () {
          for (let i = 0; i < 3; i++) {
            yield { data: String(i) };
            await sleep(100);
          }
        }()), { port: 80 })
    );
    const response = await fetch("http://api/");
    const times: Record<string, number> = {};
    let text = "";
    for await (const chunk of response.body!) {
      text += new TextDecoder().decode(chunk);
      for (const [event] of text.matchAll(/data: \d\n\n/g)) times[event.trim()] ??= sim.now;
    }
    assertEquals(times, { "data: 0": 20, "data: 1": 120, "data: 2": 220 });
  }),
);

Deno.test(
  "the global fetch and Deno.serve are in the simulation, too",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    await api.run(async () => {
      await using _ = Deno.serve({ port: 80 }, (request) => new Response(new URL(request.url).host));
      assertEquals(await (await globalThis.fetch("http://api/x")).text(), "api");
    });
  }),
);

Deno.test(
  "a drain answers what has begun, and refuses what comes after",
  simulated(async (sim) => {
    const api = sim.net.host("api");
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        api.run(() =>
          moveOnAfter(1e9, async (scope) => {
            nursery.startSoon(async () => {
              await sleep(50);
              scope.shutdown({ grace: 1_000 });
            });
            await serveHttp(async () => {
              await sleep(100);
              return new Response("done");
            }, { port: 80 });
          })
        )
      );
      await sleep(1);
      assertEquals(await text("http://api/"), "done");
      await sleep(1);
      await assertRejects(() => fetch("http://api/"), TypeError);
    });
  }),
);
