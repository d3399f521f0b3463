import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlockError, Lock, openNursery, sleep } from "../../../core/mod.ts";
import { fetch as ourFetch, openWebSocket, serveHttp, serverSentEvents, upgradeWebSocket } from "../../../net/mod.ts";
import { simulate, simulated } from "../../mod.ts";

Deno.test(
  "the log of the network says what was asked for, and what the answer was",
  simulated(async (sim) => {
    sim.net.host("web").startSoon(() => serveHttp(() => new Response("no", { status: 404 }), { port: 80 }));
    sim.net.link("test", "web", { latency: 20 });
    await sim.settled();
    await (await fetch("http://web/a?b", { method: "POST", body: "x" })).text();
    assertEquals(sim.net.log().filter((line) => line.includes("POST")), [
      "0.040s test:40001→web:80 POST /a?b",
      "0.060s web:80→test:40001 404 for POST /a?b",
    ]);
  }),
);

Deno.test("a deadlock of requests is shown as a cycle of the tasks that ask and answer", async () => {
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      // Each answers one request at a time, with what the other one answers.
      for (const [name, other] of [["a", "b"], ["b", "a"]] as const) {
        const lock = new Lock();
        sim.net.host(name).startSoon(() =>
          serveHttp(async (request) => {
            if (new URL(request.url).pathname === "/inner") return await lock.acquire().then(() => new Response());
            const _slot = await lock.acquire();
            return await ourFetch(`http://${other}/inner`);
          }, { port: 80 })
        );
      }
      await sim.settled();
      await openNursery((nursery) => {
        nursery.startSoon(() => ourFetch("http://a/"));
        nursery.startSoon(() => ourFetch("http://b/"));
      });
    }), DeadlockError);
  assert(
    error.message.includes(
      "cycle: request #6 → fetch GET http://b/inner → request #8 → acquire lock → request #7 → fetch GET http://a/inner → request #9",
    ),
    error.message,
  );
});

Deno.test("no byte is lost on links that chunk and jitter: uploads, downloads, WebSockets, for as many seeds as there is time", async () => {
  const SEEDS = Number(Deno.args.find((arg) => arg.startsWith("--seeds="))?.slice(8) ?? 1_000);
  const end = performance.now() + (SEEDS > 1_000 ? Infinity : 4_000);
  const sample = (size: number, n: number) => Uint8Array.from({ length: size }, (_, i) => i * 7 + n);
  let seed = 0;
  for (; seed < SEEDS && (performance.now() < end || seed < 20); seed++) {
    await simulate(async (sim) => {
      const web = sim.net.host("web");
      const [chunk, jitter] = [1 + Math.floor(sim.random() * 3_000), sim.random() * 10];
      sim.net.link("test", "web", { chunk, jitter, latency: 1 });
      web.startSoon(() =>
        serveHttp((request) => {
          if (request.headers.has("upgrade")) {
            return upgradeWebSocket(request, async (socket) => {
              for await (const message of socket) await socket.send(message);
            });
          }
          return new Response(request.body);
        }, { port: 80 })
      );
      await sim.settled();
      await openNursery((nursery) => {
        for (const fetch of [ourFetch, globalThis.fetch]) {
          nursery.startSoon(async () => {
            const body = sample(1 + Math.floor(sim.random() * 20_000), seed);
            const stream = sim.random() < 0.5;
            const response = await fetch("http://web/", {
              method: "POST",
              body: stream ? new Blob([body]).stream() : body,
            });
            assertEquals(await response.bytes(), body);
          });
        }
        nursery.startSoon(async () => {
          await using socket = await openWebSocket("ws://web/");
          for (const size of [0, 1, 125, 126, 5_000, 70_000]) {
            const message = sample(size, seed);
            await socket.send(message);
            assertEquals(await socket.receive(), message);
          }
        });
      });
    }, { seed });
  }
  assert(seed >= 20);
});

Deno.test(
  "an EventSource begins again where it was, after the time that the server says",
  simulated(async (sim) => {
    const asked: [number, string | null][] = [];
    sim.net.host("web").startSoon(() =>
      serveHttp((request) => {
        asked.push([sim.now, request.headers.get("last-event-id")]);
        return serverSentEvents([{ data: `${asked.length}`, id: `id${asked.length}`, retry: 700 }]);
      }, { port: 80 })
    );
    await sim.settled();
    const source = new EventSource("http://web/");
    assertEquals([source instanceof EventSource, source.readyState], [true, 0]);
    const got: string[] = [];
    source.onmessage = ({ data }) => got.push(data);
    await sleep(1_500);
    source.close();
    await sleep(5_000);
    assertEquals(got, ["1", "2", "3"]);
    assertEquals(asked, [[0, null], [700, "id1"], [1_400, "id2"]]);
  }),
);

Deno.test(
  "a connection that the server has closed while it was kept is replaced, and the request is made once",
  simulated(async (sim) => {
    const web = sim.net.host("web");
    let asked = 0;
    web.startSoon(() =>
      serveHttp(() => {
        asked++;
        return new Response("ok");
      }, { port: 80 })
    );
    await sim.settled();
    assertEquals(await (await fetch("http://web/")).text(), "ok");
    web.crash();
    await sleep(10);
    web.restart();
    await sim.settled();
    assertEquals(await (await fetch("http://web/", { method: "POST", body: "again" })).text(), "ok");
    assertEquals(asked, 2);
  }),
);

Deno.test("two simulations at once have a host of the same name each, and do not see each other", async () => {
  const answers = await Promise.all(["a", "b"].map((name) =>
    simulate(async (sim) => {
      sim.net.host("web").startSoon(() => serveHttp(() => new Response(name), { port: 80 }));
      await sim.settled();
      return await (await fetch("http://web/")).text();
    })
  ));
  assertEquals(answers, ["a", "b"]);
});

Deno.test("nothing stays patched, and code outside keeps the host's", async () => {
  const globals = () => ["fetch", "WebSocket", "EventSource"].map((name) => Reflect.get(globalThis, name));
  const denos = () => [Deno.serve, Deno.upgradeWebSocket, Deno.createHttpClient];
  const before = [...globals(), ...denos()];
  const { promise: done, resolve: end } = Promise.withResolvers<void>();
  const living = simulate(() => done, { onForeign: "wait" });
  assertEquals((await fetch("http://192.0.2.1/").catch((error) => error)).name, "NotCapable");
  end();
  await living;
  assertEquals([...globals(), ...denos()], before);
});
