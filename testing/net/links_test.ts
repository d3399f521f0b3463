import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { BrokenResourceError, DeadlockError, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { openTcpListeners, openTcpStream, type SocketListener, type SocketStream } from "../../net/mod.ts";
import { simulate, simulated, type Simulation } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Calls `body` with host "db", which listens on port 5432, and closes everything after it. */
async function withDb(sim: Simulation, body: (listener: SocketListener) => Promise<unknown>): Promise<void> {
  const [listener] = await sim.net.host("db").run(() => openTcpListeners(5432));
  using _ = listener;
  await body(listener);
}

/** Calls `body` with both ends of a connection between "test" and "db". */
function withPair(sim: Simulation, body: (client: SocketStream, server: SocketStream) => Promise<unknown>) {
  return withDb(sim, async (listener) => {
    using client = await openTcpStream("db", 5432);
    using server = await listener.accept();
    await body(client, server);
  });
}

async function receiveSize(stream: SocketStream, size: number): Promise<void> {
  for (let left = size; left > 0;) left -= (await stream.receiveSome(left))!.length;
}

async function causeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => null, (error) => error);
  assertInstanceOf(error, BrokenResourceError);
  const deepest = (error.cause as AggregateError).errors?.[0].cause ?? error.cause;
  return (deepest as Error).name;
}

Deno.test(
  "latency: connecting takes a round trip, what is sent takes one way, accepting one and a half trips",
  simulated(async (sim) => {
    sim.net.host("db");
    using _ = sim.net.link("test", "db", { latency: 50 });
    await withDb(sim, async (listener) => {
      const times: Record<string, number> = {};
      await openNursery(async (nursery) => {
        const accepting = nursery.startSoon(async () => {
          const server = await listener.accept();
          times.accepted = sim.now;
          return server;
        });
        using client = await openTcpStream("db", 5432);
        times.connected = sim.now;
        using server = await accepting.join();
        await sleep(850);
        await client.sendAll(encode("question"));
        times.sent = sim.now;
        await receiveSize(server, 8);
        times.arrived = sim.now;
        server.close();
        assertEquals(await client.receiveSome(), null);
        times.ended = sim.now;
      });
      assertEquals(times, { connected: 100, accepted: 150, sent: 1_000, arrived: 1_050, ended: 1_100 });
      listener.close();
      assertEquals(await causeOf(openTcpStream("db", 5432)), "ConnectionRefused");
      assertEquals(sim.now, 1_200);
    });
  }),
);

Deno.test(
  "bandwidth: bytes take their time, and all connections over a link share it",
  simulated((sim) =>
    withDb(sim, async (listener) => {
      using one = await openTcpStream("db", 5432);
      using other = await openTcpStream("db", 5432);
      using first = await listener.accept();
      using second = await listener.accept();
      using _ = sim.net.link("test", "db", { bandwidth: 1_000, latency: 20, oneWay: true });
      await one.sendAll(new Uint8Array(500));
      await other.sendAll(new Uint8Array(250));
      await receiveSize(first, 500);
      assertEquals(sim.now, 520);
      await receiveSize(second, 250);
      assertEquals(sim.now, 770);
      // The other direction is as it was.
      await second.sendAll(new Uint8Array(1_000));
      await receiveSize(other, 1_000);
      assertEquals(sim.now, 770);
    })
  ),
);

Deno.test(
  "window: a sender goes on when it hears that its bytes were read, so the round trip bounds the throughput",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      using _ = sim.net.link("test", "db", { latency: 50, window: 1_000 });
      await openNursery(async (nursery) => {
        nursery.startSoon(() => receiveSize(server, 3_000));
        await client.sendAll(new Uint8Array(3_000));
        assertEquals(sim.now, 200);
      });
      assertEquals(sim.now, 250);
    })
  ),
);

Deno.test(
  "chunk: Infinity gives all that is there, a number random parts up to it",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      using _ = sim.net.link("test", "db", { chunk: Infinity });
      await client.sendAll(new Uint8Array(600));
      await client.sendAll(new Uint8Array(400));
      await sleep(1);
      assertEquals((await server.receiveSome())!.length, 1_000);
      using _small = sim.net.link("test", "db", { chunk: 3 });
      await client.sendAll(new Uint8Array(1_000));
      const sizes = new Set<number>();
      for (let left = 1_000; left > 0;) {
        const { length } = (await server.receiveSome())!;
        sizes.add(length);
        left -= length;
      }
      assertEquals([...sizes].sort(), [1, 2, 3]);
    })
  ),
);

Deno.test("jitter and loss delay, reorder nothing and lose nothing, in 200 courses of chance", async () => {
  let latest = 0;
  for (let seed = 0; seed < 200; seed++) {
    await simulate((sim) =>
      withPair(sim, async (client, server) => {
        using _ = sim.net.link("test", "db", { latency: 10, jitter: 90, loss: 0.2 });
        await openNursery(async (nursery) => {
          nursery.startSoon(async () => {
            for (let i = 0; i < 100; i++) await client.sendAll(new Uint8Array([i]));
            await client.sendEof();
          });
          const got: number[] = [];
          for await (const chunk of server) got.push(...chunk);
          assertEquals(got, Array.from({ length: 100 }, (_, i) => i));
          assert(sim.now >= 10);
        });
        latest = Math.max(latest, sim.now);
      }), { seed });
  }
  assert(latest > 300, `a lost segment is sent again after 200 ms: ${latest}`);
});

Deno.test(
  "guards take back what they have set, in any order, and nothing else",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      const ping = async () => {
        const start = sim.now;
        await client.sendAll(encode("x"));
        await receiveSize(server, 1);
        return sim.now - start;
      };
      const slow = sim.net.link("test", "db", { latency: 10 });
      const slower = sim.net.link("test", "db", { latency: 70 });
      assertEquals(await ping(), 70);
      slow[Symbol.dispose]();
      assertEquals(await ping(), 70);
      slower[Symbol.dispose]();
      slower[Symbol.dispose]();
      assertEquals(await ping(), 0);
    })
  ),
);

Deno.test(
  "a partition holds back what is on its way, and healing lets it arrive after one latency",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      using _ = sim.net.link("test", "db", { latency: 50 });
      await client.sendAll(encode("on its way"));
      await sleep(20);
      {
        using _cut = sim.net.partition("test", "db");
        await client.sendAll(encode(", and later"));
        await sleep(10_000);
      }
      await receiveSize(server, 21);
      assertEquals(sim.now, 10_070);
    })
  ),
);

Deno.test(
  "what happens to one link does not touch what is on its way over another",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      sim.net.host("web");
      using _ = sim.net.link("test", "db", { latency: 50 });
      await client.sendAll(encode("x"));
      await sleep(20);
      using _web = sim.net.partition("test", "web");
      using _slow = sim.net.link("test", "db", { latency: 1_000 });
      await receiveSize(server, 1);
      assertEquals(sim.now, 50);
    })
  ),
);

Deno.test(
  "a wider window lets a sender go on that waits for room",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      await openNursery(async (nursery) => {
        const sending = nursery.startSoon(() => client.sendAll(new Uint8Array(100_000)));
        await sleep(1);
        using _ = sim.net.link("test", "db", { window: 100_000 });
        await sending.join();
        await receiveSize(server, 100_000);
      });
    })
  ),
);

Deno.test(
  "a partition in one direction only: what comes from there arrives",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      using _ = sim.net.partition("test", "db", { oneWay: true });
      await server.sendAll(encode("x"));
      await receiveSize(client, 1);
      await client.sendAll(encode("y"));
      const outcome = await moveOnAfter(1_000, () => server.receiveSome());
      assert(outcome.cancelledCaught);
    })
  ),
);

Deno.test(
  "over a partition a connect times out after a minute, and succeeds if it heals before",
  simulated((sim) =>
    withDb(sim, async (listener) => {
      const cut = sim.net.partition("test", "db");
      assertEquals(await causeOf(openTcpStream("db", 5432)), "TimedOut");
      assertEquals(sim.now, 60_000);
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          await sleep(59_000);
          cut[Symbol.dispose]();
        });
        using _ = await openTcpStream("db", 5432);
        assertEquals(sim.now, 119_000);
        using server = await listener.accept();
        assertEquals(server.remoteAddress.hostname, "10.0.0.1");
      });
    })
  ),
);

Deno.test("a partition in the middle of a handshake, at every step of it", async () => {
  // At 0 the client asks, at 10 the server answers, at 20 the client is connected, at 30 the server knows.
  for (const [at, connectedBefore] of [[5, false], [15, false], [25, true]] as const) {
    for (const heal of [true, false]) {
      await simulate(async (sim) => {
        sim.net.host("db");
        using _ = sim.net.link("test", "db", { latency: 10 });
        await withDb(sim, (listener) =>
          openNursery(async (nursery) => {
            const accepting = nursery.startSoon(async () => (await listener.accept()).close(), { daemon: true });
            nursery.startSoon(async () => {
              await sleep(at);
              sim.net.partition("test", "db");
              assertEquals(sim.net.connections()[0]?.state, connectedBefore ? "open" : "connecting");
              await sleep(1_000);
              if (heal) sim.net.heal("test", "db");
            });
            if (connectedBefore || heal) {
              using client = await openTcpStream("db", 5432);
              assertEquals(sim.now, connectedBefore ? 20 : at === 5 ? 1_005 + 20 : 1_015 + 10);
              if (heal) {
                await accepting.join();
                assertEquals(await client.receiveSome(), null);
              } else {
                await client.sendAll(encode("x"));
                assertEquals(await causeOf(client.receiveSome()), "TimedOut");
                assertEquals(sim.now, 120_025);
              }
            } else {
              assertEquals(await causeOf(openTcpStream("db", 5432)), "TimedOut");
              assertEquals(sim.now, 60_000);
            }
          }));
      });
    }
  }
});

Deno.test(
  "a server forgets a client after a minute that does not say it knows, and has its place in the backlog again",
  simulated(async (sim) => {
    sim.net.host("db");
    using _ = sim.net.link("test", "db", { latency: 10 });
    const [listener] = await sim.net.host("db").run(() => openTcpListeners(5432, { backlog: 1 }));
    using _listener = listener;
    const lost = await openTcpStream("db", 5432);
    // The client knows that it is connected, at 20; what it says then would arrive at 30.
    const cut = sim.net.partition("test", "db");
    await lost.sendAll(encode("x"));
    assertEquals(await causeOf(lost.receiveSome()), "TimedOut");
    cut[Symbol.dispose]();
    lost.close();
    using client = await openTcpStream("db", 5432);
    using server = await listener.accept();
    assertEquals(server.remoteAddress, client.localAddress);
    assertEquals(sim.net.connections().length, 1);
  }),
);

Deno.test(
  "what nobody acknowledges breaks the connection of who sent it, two minutes later; the other end notices nothing",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      sim.net.partition("test", "db");
      await sleep(500);
      await client.sendAll(encode("x"));
      assertEquals(await causeOf(client.receiveSome()), "TimedOut");
      assertEquals(sim.now, 120_500);
      assertEquals(await causeOf(client.sendAll(encode("y"))), "BrokenPipe");
      sim.net.heal("test", "db");
      const outcome = await moveOnAfter(1_000, () => server.receiveSome());
      assert(outcome.cancelledCaught);
      // It learns of it when it sends: nobody knows the connection there any more.
      await server.sendAll(encode("z"));
      assertEquals(await causeOf(server.receiveSome()), "ConnectionReset");
    })
  ),
);

Deno.test(
  "holding up is a partition without an end: connections do not break, and an idle wait is a deadlock",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      {
        using _ = sim.net.hold("test", "db");
        await client.sendAll(encode("x"));
        await sleep(3_600_000);
      }
      await receiveSize(server, 1);
      assertEquals(sim.now, 3_600_000);
      sim.net.hold("test", "db");
      await client.sendAll(encode("y"));
      sim.net.release("test", "db");
      await receiveSize(server, 1);
    })
  ),
);

Deno.test("a wait for what is held up for ever is a deadlock", async () => {
  await assertRejects(() =>
    simulate((sim) =>
      withPair(sim, async (client, server) => {
        sim.net.hold("test", "db");
        await client.sendAll(encode("x"));
        await server.receiveSome();
      })
    ), DeadlockError);
});

Deno.test(
  "reset(): what has arrived can be read, then both ends are told, once by the network, for good by the stream",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      await server.sendAll(encode("last words"));
      await sleep(1);
      using _ = sim.net.link("test", "db", { chunk: Infinity });
      sim.net.reset("db", "test");
      assertEquals(await client.receiveSome(), encode("last words"));
      for (const end of [client, server]) {
        assertEquals(await causeOf(end.receiveSome()), "ConnectionReset");
        assertEquals(await causeOf(end.receiveSome()), "ConnectionReset");
        assertEquals(await causeOf(end.sendAll(encode("x"))), "BrokenPipe");
      }
    })
  ),
);

Deno.test(
  "reset() while both directions wait wakes both",
  simulated((sim) =>
    withPair(sim, async (client) => {
      await openNursery(async (nursery) => {
        const receiving = nursery.startSoon(() => causeOf(client.receiveSome()));
        const sending = nursery.startSoon(() => causeOf(client.sendAll(new Uint8Array(100_000))));
        await sleep(1);
        sim.net.reset("test", "db");
        assertEquals([await receiving.join(), await sending.join()], ["ConnectionReset", "BrokenPipe"]);
      });
    })
  ),
);

Deno.test(
  "a connect that is cancelled leaves nothing behind, at any moment of the handshake",
  simulated(async (sim) => {
    sim.net.host("db");
    using _ = sim.net.link("test", "db", { latency: 10 });
    await withDb(sim, async (listener) => {
      for (let ms = 0; ms < 40; ms += 5) {
        await moveOnAfter(ms, async () => {
          using _ = await openTcpStream("db", 5432);
          await sleep(15);
        });
        await sleep(100);
      }
      // Connected at 20: those from 25 on, and at 20 as the deadline was set first; the last one has ended by itself.
      let accepted = 0;
      await moveOnAfter(1_000, async () => {
        for (;; accepted++) {
          using server = await listener.accept();
          assertEquals(await server.receiveSome(), null);
        }
      });
      assertEquals(accepted, 3);
      assertEquals(sim.net.connections(), []);
    });
  }),
);

Deno.test(
  "connections() shows the ends, the state and the bytes; log() every event",
  simulated((sim) =>
    withDb(sim, async (listener) => {
      using _ = sim.net.link("test", "db", { latency: 31, chunk: Infinity });
      using client = await openTcpStream("db", 5432);
      using server = await listener.accept();
      await sleep(11_938);
      await client.sendAll(new Uint8Array(64));
      const show = () => sim.net.connections()[0]!;
      assertEquals(show(), {
        client: "test:40001",
        server: "db:5432",
        state: "open",
        toServer: { sent: 64, inFlight: 64, unread: 0 },
        toClient: { sent: 0, inFlight: 0, unread: 0 },
      });
      await sleep(31);
      assertEquals(show().toServer, { sent: 64, inFlight: 0, unread: 64 });
      await receiveSize(server, 64);
      using _cut = sim.net.partition("db", "test", { oneWay: true });
      server.close();
      assertEquals(show().state, "closing");
      assertEquals(sim.net.log(), [
        "0.000s test:40001→db:5432 connect, deliver 0.031s",
        "0.031s db:5432→test:40001 answer, deliver 0.062s",
        "12.031s test:40001→db:5432 send 64B, deliver 12.062s",
        "12.062s db→test partition",
        "12.062s db:5432→test:40001 end, held up",
      ]);
    })
  ),
);

Deno.test(
  "log() tells deliveries once they have happened, at the time at which they did: nothing crosses a cut",
  simulated((sim) =>
    withPair(sim, async (client, server) => {
      using _ = sim.net.link("test", "db", { latency: 10, chunk: Infinity });
      const last = () => sim.net.log().at(-1);
      await client.sendAll(new Uint8Array(1));
      assertEquals(last(), "0.000s test:40001→db:5432 send 1B, on its way");
      await sleep(5);
      const line = () => sim.net.log().find((line) => line.includes("send 1B"));
      {
        using _cut = sim.net.partition("test", "db");
        assertEquals(line(), "0.000s test:40001→db:5432 send 1B, held up");
        await sleep(95);
      }
      assertEquals(line(), "0.000s test:40001→db:5432 send 1B, on its way");
      await receiveSize(server, 1);
      assertEquals([line(), sim.now], ["0.000s test:40001→db:5432 send 1B, deliver 0.110s", 110]);
      await client.sendAll(new Uint8Array(2));
      sim.net.reset("test", "db");
      assertEquals(sim.net.log().find((line) => line.includes("send 2B")), "0.110s test:40001→db:5432 send 2B, lost");
    })
  ),
);
