// deno-lint-ignore-file no-console -- it looks at what is printed
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  CancelScope,
  moveOnAfter,
  type Nursery,
  openNursery,
  shutdownRequested,
  sleep,
  sleepForever,
  untilShutdown,
} from "../../core/mod.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  fetch,
  httpServer,
  listenerServer,
  openTcpListeners,
  openTcpStream,
  proxy,
  serveHttp,
  serveTcp,
  type SocketStream,
  tcpServer,
} from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Answers one request after the other, and is idle in between. */
async function lines(stream: SocketStream): Promise<void> {
  while (true) {
    const next = await untilShutdown(() => stream.receiveSome());
    if (next.cancelledCaught || next.value === null) return;
    await stream.sendAll(next.value);
  }
}

/** Sends a text; returns what comes back, up to its length. */
async function say(stream: SocketStream, text: string): Promise<string> {
  await stream.sendAll(encode(text));
  let answer = "";
  while (answer.length < text.length) {
    const chunk = await stream.receiveSome();
    if (chunk === null) break;
    answer += new TextDecoder().decode(chunk);
  }
  return answer;
}

async function ask(port: number, text: string): Promise<string> {
  using stream = await openTcpStream("localhost", port);
  return await say(stream, text);
}

Deno.test(
  "a server with a lame-duck time accepts and serves on for so long after a shutdown, and then drains",
  simulated(async (sim) => {
    const log: unknown[] = [];
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(async () => {
        await scope.run(() =>
          serveTcp(lines, { port: 80, lameDuck: 100, onLameDuck: () => void log.push(["not ready", sim.now]) })
        );
        log.push(["over", sim.now]);
      });
      await sleep(10);
      using idle = await openTcpStream("localhost", 80);
      await sleep(10);
      scope.shutdown({ grace: 10_000 });
      assertEquals(log, [["not ready", 20]], "told at once, in the call");
      await sleep(99);
      assertEquals(await ask(80, "late"), "late");
      assertEquals(await say(idle, "idle"), "idle");
      await sleep(2);
      assertEquals(await idle.receiveSome(), null, "the idle one was ended by the shutdown");
      await assertRejects(() => openTcpStream("localhost", 80));
    });
    assertEquals(log, [["not ready", 20], ["over", 120]]);
  }),
);

Deno.test(
  "work in progress at the end of the lame-duck time has the rest of the grace",
  simulated(async (sim) => {
    const ends: unknown[] = [];
    const handler = (ms: number) => async () => {
      await sleep(ms);
      ends.push(["done", sim.now, shutdownRequested()]);
    };
    for (const [ms, end] of [[150, ["done", 150, true]], [90, ["done", 90, false]]] as const) {
      const start = sim.now;
      ends.length = 0;
      await new CancelScope().run(async (scope) => {
        await openNursery(async (nursery) => {
          nursery.startSoon(() => serveTcp(handler(ms), { port: 80, lameDuck: 100 }));
          await sleep(0);
          await openTcpStream("localhost", 80);
          scope.shutdown({ grace: 200 });
        });
      });
      assertEquals(ends, [[end[0], start + (end[1] as number), end[2]]]);
      assertEquals(sim.now - start, Math.max(100, ms));
    }
  }, { leaks: "ignore" }),
);

Deno.test(
  "the grace ends the lame-duck time, and so does a cancellation; neither leaves a timer",
  simulated(async (sim) => {
    for (const end of ["grace", "cancel"] as const) {
      const start = sim.now;
      const outcome = await new CancelScope().run(async (scope) => {
        await openNursery(async (nursery) => {
          nursery.startSoon(() => serveTcp(() => sleepForever(), { port: 80, lameDuck: 10_000 }));
          await sleep(1);
          scope.shutdown({ grace: end === "grace" ? 50 : Infinity });
          if (end === "cancel") {
            await sleep(50);
            scope.cancel();
          }
          await sleepForever();
        });
      });
      assert(outcome.cancelledCaught);
      assertEquals(sim.now - start, 51);
    }
  }),
);

Deno.test(
  "a second shutdown changes nothing for the lame duck; one that is begun during a shutdown has none",
  simulated(async (sim) => {
    let told = 0;
    const options = { port: 80, lameDuck: 100, onLameDuck: () => void told++ };
    await new CancelScope().run(async (scope) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => serveTcp(lines, options));
        await sleep(1);
        scope.shutdown();
        await sleep(50);
        scope.shutdown({ grace: 1_000 });
      });
      assertEquals([sim.now, told], [101, 1]);
      await serveTcp(lines, options);
      assertEquals([sim.now, told], [101, 1]);
    });
  }),
);

Deno.test(
  "a server that was started by nursery.start() is a lame duck as well, also of a shutdown of its nursery alone",
  simulated(async (sim) => {
    const log: number[] = [];
    await openNursery(async (nursery) => {
      await openNursery(async (inner) => {
        const server = tcpServer(lines, { port: 80, lameDuck: 30, onLameDuck: () => void log.push(sim.now) });
        await inner.start(server);
        await sleep(5);
        inner.cancelScope.shutdown();
        assertEquals(await ask(80, "served"), "served");
      });
      log.push(sim.now);
      nursery.startSoon(() => sleep(1));
    });
    assertEquals(log, [5, 35]);
  }),
);

Deno.test(
  "onLameDuck alone is told as the drain begins; with a clock of its own, Infinity serves until the grace is over",
  simulated(async (sim) => {
    const log: unknown[] = [];
    await new CancelScope().run(async (scope) => {
      await openNursery(async (nursery) => {
        const [one] = await openTcpListeners(81);
        nursery.startSoon(() => listenerServer(lines, [one], { onLameDuck: () => void log.push(sim.now) })());
        await sleep(5);
        scope.shutdown();
      });
      log.push(sim.now);
    });
    assertEquals(log, [5, 5]);
    const outcome = await new CancelScope().run(async (scope) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => serveTcp(lines, { port: 80, lameDuck: Infinity }));
        await sleep(5);
        scope.shutdown({ grace: 500 });
        await sleep(499);
        assertEquals(await ask(80, "still"), "still");
      });
    });
    assertEquals([outcome.cancelledCaught, sim.now], [true, 510]);
  }),
);

Deno.test("an error of onLameDuck is printed, and the server drains as if there had been none", async () => {
  const printed: string[] = [];
  const { error } = console;
  console.error = (what: unknown) => void printed.push(String(what), String((what as Error).cause));
  try {
    for (
      const onLameDuck of [() => Promise.reject(new Error("async")), () => {
        throw new Error("sync");
      }]
    ) {
      await simulate(async (sim) => {
        await new CancelScope().run(async (scope) => {
          await openNursery(async (nursery) => {
            nursery.startSoon(() => serveTcp(lines, { port: 80, lameDuck: 10, onLameDuck }));
            await sleep(1);
            scope.shutdown();
          });
        });
        assertEquals(sim.now, 11);
      });
    }
  } finally {
    console.error = error;
  }
  const told = "Error: Cannot tell that a shutdown was requested as onLameDuck() threw";
  assertEquals(printed, [told, "Error: async", told, "Error: sync"]);
});

Deno.test(
  "serveHttp() answers on as a lame duck, and says with each answer that its connection ends; then it says 503",
  simulated(async (sim) => {
    const seen: unknown[] = [];
    await new CancelScope().run(async (scope) => {
      await openNursery(async (nursery) => {
        let ready = true;
        const server = httpServer(async (request) => {
          if (request.url.endsWith("/slow")) await sleep(120);
          if (request.url.endsWith("/redirect")) return Response.redirect("http://localhost/x");
          return new Response(ready ? "ready" : "not ready");
        }, { port: 80, lameDuck: 100, onLameDuck: () => void (ready = false) });
        nursery.startSoon(server);
        await sleep(1);
        const get = async (path: string) => {
          const response = await fetch(`http://localhost${path}`, { redirect: "manual" });
          const text = await response.text();
          return [sim.now, response.status, text, response.headers.get("connection")];
        };
        seen.push(await get("/"));
        scope.shutdown({ grace: 1_000 });
        nursery.startSoon(async () => void seen.push(await get("/slow")));
        await sleep(50);
        seen.push(await get("/"), (await get("/redirect")).slice(0, 2));
        await sleep(51);
        seen.push((await get("/")).slice(0, 2));
      });
    });
    assertEquals(seen, [
      [1, 200, "ready", null],
      [51, 200, "not ready", "close"],
      [51, 302],
      [102, 503],
      [121, 200, "not ready", "close"],
    ]);
  }, { leaks: "ignore" }),
);

Deno.test("over loopback, too, answers of a lame duck say that their connections end, and new ones are served", async () => {
  const scope = new CancelScope();
  const server = httpServer(() => new Response("hello"), { port: 0, hostname: "127.0.0.1", lameDuck: 60_000 });
  const outcome = await scope.run(() =>
    openNursery(async (nursery) => {
      const [{ port }] = await nursery.start(server);
      const get = async (stream: SocketStream): Promise<string> => {
        await stream.sendAll(encode("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        let text = "";
        while (!text.endsWith("hello")) text += new TextDecoder().decode((await stream.receiveSome())!);
        return text;
      };
      using kept = await openTcpStream("127.0.0.1", port);
      assertEquals(/connection/i.test(await get(kept)), false);
      scope.shutdown();
      using late = await openTcpStream("127.0.0.1", port);
      for (const stream of [kept, late]) {
        assertMatch(await get(stream), /^HTTP\/1.1 200 OK\r\n[^]*connection: close\r\n/);
      }
      scope.cancel();
    })
  );
  assertEquals([outcome.cancelledCaught, server.statistics().accepted], [true, 3]);
});

/** A proxy for TCP that asks for health now and then, and cannot repeat what it has sent. */
async function tcpProxy(ports: readonly { port: number; health: number }[], every: number): Promise<void> {
  const up = new Set<number>();
  let turn = 0;
  await openNursery((nursery) => {
    for (const { port, health } of ports) {
      nursery.startSoon(async () => {
        while (true) {
          const well = await fetch(`http://localhost:${health}/`).then(async (response) => {
            await response.body?.cancel();
            return response.ok;
          }, () => false);
          if (well) up.add(port);
          else up.delete(port);
          await sleep(every);
        }
      });
    }
    nursery.startSoon(() =>
      serveTcp(async (client) => {
        const list = [...up].sort();
        if (list.length === 0) return;
        using server = await openTcpStream("localhost", list[turn++ % list.length]!);
        await proxy(client, server);
      }, { port: 9_000, onHandlerError: () => {} })
    );
  });
}

/** Two servers behind such a proxy, begun again one after the other; returns how many requests got no answer. */
async function roll(rolls: number, lameDuck: number): Promise<{ readonly asked: number; readonly lost: number }> {
  let [asked, lost] = [0, 0];
  const places = [{ port: 8_001, health: 8_101 }, { port: 8_002, health: 8_102 }];
  const life = async (nursery: Nursery, { port, health }: (typeof places)[number]): Promise<CancelScope> => {
    const scope = new CancelScope();
    let ready = true;
    nursery.startSoon(() =>
      scope.run(() =>
        openNursery((inner) => {
          // Work takes a while, and what has been read must be answered.
          inner.startSoon(() =>
            serveTcp(async (stream) => {
              const next = await untilShutdown(() => stream.receiveSome());
              if (next.cancelledCaught || next.value === null) return;
              await sleep(3);
              await stream.sendAll(next.value);
            }, { port, lameDuck, onLameDuck: () => void (ready = false), onHandlerError: () => {} })
          );
          inner.startSoon(() =>
            serveHttp(() => new Response(null, { status: ready ? 200 : 503 }), {
              port: health,
              lameDuck,
            })
          );
        })
      )
    );
    return await Promise.resolve(scope);
  };
  await openNursery(async (nursery) => {
    const lives = [];
    for (const place of places) lives.push(await life(nursery, place));
    nursery.startSoon(() => tcpProxy(places, 20), { daemon: true });
    await sleep(100);
    nursery.startSoon(async () => {
      await openNursery(async (clients) => {
        for (let i = 0; i < rolls * 250; i++) {
          clients.startSoon(async () => {
            asked++;
            const answer = await moveOnAfter(1_000, () => ask(9_000, "x").catch(() => null));
            if (answer.value !== "x") lost++;
          });
          await sleep(1);
        }
      });
    }, { name: "clients" });
    for (let i = 0; i < rolls; i++) {
      await sleep(50);
      const at = i % 2;
      lives[at]!.shutdown({ grace: 1_000 });
      await sleep(150);
      lives[at] = await life(nursery, places[at]!);
      await sleep(50);
    }
    await sleep(500);
    for (const scope of lives) scope.shutdown({ grace: 1_000 });
  });
  return { asked, lost };
}

Deno.test("20 restarts behind a proxy for TCP that asks for health lose nothing of 5,000 with a lame-duck time, and something without", async () => {
  const options = { leaks: "ignore", maxVirtual: 1e6 } as const;
  assertEquals(await simulate(() => roll(20, 100), options), { asked: 5_000, lost: 0 });
  const { lost } = await simulate(() => roll(4, 0), options);
  assert(lost > 0, "without, the proxy sends to who does not listen any more");
});

Deno.test("servers refuse lame-duck times that are none, before any effect", async () => {
  const bad = (options: object) => ({ port: 0, hostname: "127.0.0.1", ...options });
  for (const serve of [serveTcp, serveHttp] as unknown as ((handler: () => void, options: object) => Promise<void>)[]) {
    await assertRejects(() => serve(() => {}, bad({ lameDuck: -1 })), RangeError, '"lameDuck" must be >= 0');
    await assertRejects(() => serve(() => {}, bad({ lameDuck: "5" })), TypeError, '"lameDuck" must be a number');
    await assertRejects(() => serve(() => {}, bad({ onLameDuck: 5 })), TypeError, '"onLameDuck" must be a function');
  }
});
