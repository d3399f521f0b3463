import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  failAfter,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { simulate, type Simulation } from "../../testing/mod.ts";
import { DatagramError, openUdpSocket, type OpenUdpSocketOptions, type UdpSocket } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const HERE = { hostname: "127.0.0.1" };

/** One law over the host's sockets, and over those in memory. */
function everywhere(name: string, body: () => Promise<void>): void {
  Deno.test(`U: ${name}, of the host`, () => failAfter(10_000, body));
  Deno.test(`U7: ${name}, in memory`, () => simulate(body));
}

async function pair(options: OpenUdpSocketOptions = {}): Promise<[UdpSocket, UdpSocket] & Disposable> {
  const server = await openUdpSocket({ ...HERE, ...options });
  const client = await openUdpSocket({ ...HERE, remote: server.localAddress });
  return Object.assign([server, client] as [UdpSocket, UdpSocket], {
    [Symbol.dispose]() {
      server.close();
      client.close();
    },
  });
}

everywhere("U2: datagrams come whole and in order, empty ones as well, with where they came from", async () => {
  using sockets = await pair();
  const [server, client] = sockets;
  for (const text of ["a", "", "bc".repeat(4_000)]) {
    await client.send(encode(text));
    const { data, remoteAddress } = await server.receive();
    assertEquals([decode(data), remoteAddress.port], [text, client.localAddress.port]);
    await server.send(data, remoteAddress);
    assertEquals(decode((await client.receive()).data), text);
  }
  assertEquals(client.statistics(), { received: 3, sent: 3, dropped: 0, queued: 0 });
});

everywhere("U2: a cancelled receive loses no datagram", async () => {
  using sockets = await pair();
  const [server, client] = sockets;
  const got: string[] = [];
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      for (let i = 0; i < 50; i++) {
        await client.send(encode(String(i)));
        if (i % 5 === 0) await sleep(2);
      }
    });
    while (got.length < 50) {
      await moveOnAfter(1, async () => void got.push(decode((await server.receive()).data)));
    }
  });
  assertEquals(got, Array.from({ length: 50 }, (_, i) => String(i)));
});

everywhere("U2: a second receive is Busy, close wakes the first with Closed, and ends a loop", async () => {
  using sockets = await pair();
  const [server, client] = sockets;
  await openNursery(async (nursery) => {
    nursery.startSoon(() => assertRejects(() => server.receive(), ClosedResourceError, "closed meanwhile"));
    await sleep(1);
    await assertRejects(() => server.receive(), BusyResourceError);
    server.close();
    server.close();
  });
  await assertRejects(() => server.receive(), ClosedResourceError);
  await assertRejects(() => server.send(encode("x"), client.localAddress), ClosedResourceError);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      for await (const _ of client);
    });
    await sleep(1);
    client.close();
  });
});

everywhere("U4: bad destinations and bytes are refused before any effect", async () => {
  using socket = await openUdpSocket(HERE);
  const bytes = encode("x");
  await assertRejects(() => socket.send(bytes), TypeError, "there must be a destination");
  await assertRejects(() => socket.send(bytes, { hostname: "localhost", port: 9 }), RangeError, "look names up first");
  for (const hostname of ["127.0.0.1:53", "a:b", "1.2.3", "256.0.0.1", ""]) {
    await assertRejects(() => socket.send(bytes, { hostname, port: 9 }), RangeError, "look names up first");
  }
  await assertRejects(() => socket.send(bytes, { hostname: "::1", port: 9 }), RangeError, "must be an IPv4 address");
  await assertRejects(() => socket.send(bytes, { ...HERE, port: 0 }), RangeError, '"port"');
  await assertRejects(() => socket.send(new Uint8Array(65_508), { ...HERE, port: 9 }), RangeError, "at most 65507");
  await assertRejects(() => socket.send("x" as never, { ...HERE, port: 9 }), TypeError, '"data"');
  await assertRejects(() => openUdpSocket({ hostname: "localhost" }), RangeError, '"hostname" must be an IP address');
  await assertRejects(() => openUdpSocket({ port: 65_536 }), RangeError, '"port"');
  await assertRejects(() => openUdpSocket({ queue: 0 }), RangeError, '"queue"');
  await assertRejects(() => openUdpSocket({ multicast: { ttl: 256 } }), RangeError, '"ttl"');
  assertEquals(socket.statistics().sent, 0);
});

everywhere("U5: a datagram that the host refuses is a DatagramError, and the socket goes on", async () => {
  using sockets = await pair();
  const [server, client] = sockets;
  const error = await assertRejects(
    () => server.send(encode("x"), { hostname: "255.255.255.255", port: 9 }),
    DatagramError,
  );
  // "UNKNOWN" is what \`node:dgram\` says of all that it does not know.
  assert(["EACCES", "UNKNOWN"].includes(error.code!), error.code);
  assertEquals(error.address.hostname, "255.255.255.255");
  await client.send(encode("still"));
  assertEquals(decode((await server.receive()).data), "still");
});

everywhere(
  "U5: a port in use and an address of another machine are BrokenResourceErrors with the host's code",
  async () => {
    using socket = await openUdpSocket(HERE);
    const taken = await assertRejects(
      () => openUdpSocket({ ...HERE, port: socket.localAddress.port }),
      BrokenResourceError,
    );
    assertEquals((taken.cause as { code?: string }).code, "EADDRINUSE");
    const foreign = await assertRejects(() => openUdpSocket({ hostname: "203.0.113.7" }), BrokenResourceError);
    assertEquals((foreign.cause as { code?: string }).code, "EADDRNOTAVAIL");
  },
);

everywhere("what does not come from remote is dropped, and counted", async () => {
  using sockets = await pair();
  const [server, client] = sockets;
  using stranger = await openUdpSocket(HERE);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => assertEquals(decode((await client.receive()).data), "friend"));
    await stranger.send(encode("stranger"), client.localAddress);
    await sleep(5);
    await server.send(encode("friend"), client.localAddress);
  });
  assertEquals(client.statistics().dropped, 1);
});

everywhere("a datagram to a group comes to those that have joined, and not to those that have left", async () => {
  const group = "239.1.2.3";
  using member = await openUdpSocket({ multicast: { groups: [group] } });
  using sender = await openUdpSocket({ multicast: { loopback: true } });
  const to = { hostname: group, port: member.localAddress.port };
  await sender.send(encode("hello"), to);
  assertEquals(decode((await member.receive()).data), "hello");
  await member.leaveGroup(group);
  await sender.send(encode("lost"), to);
  await sleep(5);
  assertEquals(member.statistics().queued, 0);
  await assertRejects(() => member.leaveGroup(group), BrokenResourceError);
});

const byDeno = "listenDatagram" in Deno;

Deno.test(`U1: the socket of the host is that of ${byDeno ? "Deno" : "node:dgram"}, unless an option needs the other`, async () => {
  for (
    const [options, deno] of [[{}, true], [{ receiveBuffer: 65_536 }, false], [{ broadcast: true }, false]] as const
  ) {
    using socket = await openUdpSocket({ ...HERE, ...options, queue: 1 });
    using client = await openUdpSocket({ ...HERE, remote: socket.localAddress });
    for (const text of ["a", "b", "c"]) await client.send(encode(text));
    // What is pulled stays with the system, and what is pushed is in our queue, or dropped.
    const pulled = byDeno && deno;
    while (!pulled && socket.statistics().dropped < 2) await sleep(1);
    assertEquals(decode((await socket.receive()).data), "a");
    assertEquals([socket.statistics().dropped, socket.statistics().queued], pulled ? [0, 0] : [2, 0]);
  }
});

Deno.test("U3: of datagrams that nobody receives the first ones are kept, as many as the queue holds", async () => {
  // With a buffer to be set it is node:dgram in any case.
  using socket = await openUdpSocket({ ...HERE, queue: 4, receiveBuffer: 1 << 20 });
  using client = await openUdpSocket({ ...HERE, remote: socket.localAddress });
  for (let n = 0; n < 10; n++) await client.send(encode(`${n}`));
  while (socket.statistics().dropped < 6) await sleep(1);
  assertEquals(socket.statistics().queued, 4);
  for (let n = 0; n < 4; n++) assertEquals(decode((await socket.receive()).data), `${n}`);
  assertEquals(socket.statistics(), { received: 4, sent: 0, dropped: 6, queued: 0 });
});

Deno.test({
  name: "U6: a missing permission is an error that names it, before the bind and at a send",
  permissions: { net: ["127.0.0.1"] },
  async fn() {
    const refused = await assertRejects(() => openUdpSocket({ hostname: "0.0.0.0" }), Error);
    const cause = refused instanceof Deno.errors.NotCapable ? refused : refused.cause as Error;
    assert(cause instanceof Deno.errors.NotCapable, `${refused}`);
    assert(/Requires net access to "0\.0\.0\.0:0"/.test(cause.message), cause.message);
    using socket = await openUdpSocket(HERE);
    const unsent = await assertRejects(() => socket.send(encode("x"), { hostname: "127.0.0.9", port: 9 }), Error);
    const why = unsent instanceof Deno.errors.NotCapable ? unsent : unsent.cause as Error;
    assert(/net access to "127\.0\.0\.9:9"/.test(why.message), why.message);
    using client = await openUdpSocket({ ...HERE, remote: socket.localAddress });
    await client.send(encode("still"));
    assertEquals(decode((await socket.receive()).data), "still");
  },
});

/** Two hosts, and numbers sent from one to the other. */
async function numbers(sim: Simulation, count: number): Promise<string[]> {
  const server = sim.net.host("server");
  const got: string[] = [];
  await openNursery(async (nursery) => {
    await server.run(async () => {
      const socket = await openUdpSocket({ port: 53 });
      nursery.startSoon(async () => {
        using _ = socket;
        for await (const { data } of socket) got.push(decode(data));
      }, { daemon: true });
    });
    using client = await openUdpSocket({ remote: { hostname: server.address, port: 53 } });
    for (let i = 0; i < count; i++) {
      await client.send(encode(String(i)));
      await sleep(1);
    }
    await sleep(1_000);
  });
  return got;
}

Deno.test("U7: a link delays, reorders, loses and doubles datagrams, the same for the same seed", async () => {
  const plain = await simulate((sim) => numbers(sim, 100));
  assertEquals(plain, Array.from({ length: 100 }, (_, i) => String(i)));
  const wild = (seed: number) =>
    simulate(async (sim) => {
      sim.net.host("server");
      sim.net.link("test", "server", { latency: 10, jitter: 20, loss: 0.2, duplicate: 0.2 });
      return await numbers(sim, 100);
    }, { seed });
  const got = await wild(1);
  assertEquals(await wild(1), got);
  const distinct = new Set(got);
  assert(distinct.size < 100 && distinct.size > 60, `${distinct.size}`);
  assert(got.length > distinct.size, "none was doubled");
  assert(got.some((text, i) => i > 0 && Number(text) < Number(got[i - 1])), "none has overtaken another");
});

Deno.test("U7: a partition drops datagrams for good, and the queue drops what nobody receives", () =>
  simulate(async (sim) => {
    const server = sim.net.host("server");
    await server.run(async () => {
      using socket = await openUdpSocket({ port: 53, queue: 2 });
      using client = await openUdpSocket({ remote: { hostname: server.address, port: 53 } });
      for (let i = 0; i < 5; i++) await client.send(encode(String(i)));
      await sleep(1);
      assertEquals([socket.statistics().queued, socket.statistics().dropped], [2, 3]);
    });
    sim.net.partition("test", "server");
    assertEquals(await numbers(sim, 3), []);
    assert(sim.net.log().some((line) => line.includes("datagram 1B, lost")), sim.net.log().join("\n"));
  }));

Deno.test("U7: a receive that nothing can end is a deadlock, and an open socket is a leak", async () => {
  await assertRejects(
    () =>
      simulate(async () => {
        using socket = await openUdpSocket(HERE);
        await socket.receive();
      }),
    Error,
    "receive datagram on 127.0.0.1:40001",
  );
  await assertRejects(() => simulate(() => openUdpSocket(HERE)), Error, "UDP socket on test:40001");
});
