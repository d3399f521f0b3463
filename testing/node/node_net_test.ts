import http from "node:http";
import net, { type Socket } from "node:net";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { openTcpStream, serveTcp } from "../../net/mod.ts";
import { DeadlockError, openNursery, sleep } from "../../core/mod.ts";
import { simulate, simulated, type Simulation } from "../mod.ts";

const once = (emitter: { once(name: string, fn: (value: unknown) => void): unknown }, name: string) =>
  new Promise<unknown>((resolve) => emitter.once(name, resolve));

/** All that a socket receives. */
async function textOf(socket: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

/** What a socket ends with. */
async function codeOf(socket: Socket): Promise<unknown> {
  const error = await once(socket, "error") as { code: string; syscall: string };
  return `${error.syscall} ${error.code}`;
}

function withDb(sim: Simulation): ReturnType<Simulation["net"]["host"]> {
  const db = sim.net.host("db");
  sim.net.link("test", "db", { latency: 10, chunk: Infinity });
  return db;
}

const echo = () =>
  serveTcp(async (stream) => {
    for await (const chunk of stream) await stream.sendAll(chunk);
  }, { port: 7 });

Deno.test(
  "a socket of node:net talks to a server of this library, at exact times",
  simulated(async (sim) => {
    const db = withDb(sim);
    db.startSoon(echo);
    const socket = net.connect({ port: 7, host: "db" });
    assertEquals([socket.connecting, socket.readyState], [true, "opening"]);
    await once(socket, "connect");
    assertEquals([sim.now, socket.remoteAddress, socket.remoteFamily, socket.remotePort], [20, db.address, "IPv4", 7]);
    assertMatch(`${socket.localAddress}:${socket.localPort}`, /^10\.0\.0\.1:\d+$/);
    socket.write("héllo ");
    socket.write("68656c6c6f", "hex");
    socket.end();
    assertEquals([await textOf(socket), sim.now], ["héllo hello", 40]);
    assertEquals([socket.bytesWritten, socket.bytesRead], [12, 12]);
  }),
);

Deno.test(
  "a server of node:net serves a client of this library, and closes",
  simulated(async (sim) => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      let text = "";
      socket.on("data", (data) => void (text += data)).on("end", () => socket.end(text));
    });
    server.listen(7);
    await once(server, "listening");
    assertEquals(server.address(), { address: "::", family: "IPv6", port: 7 });
    using stream = await openTcpStream("localhost", 7);
    await stream.sendAll(new TextEncoder().encode("half-closed"));
    await stream.sendEof();
    let text = "";
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
    assertEquals(text, "half-closed");
    let closed = false;
    server.close(() => closed = true);
    stream.close();
    await sleep(1);
    assertEquals([closed, sim.now], [true, 1]);
  }),
);

Deno.test(
  "what goes wrong has the codes of Node",
  simulated(async (sim) => {
    const db = withDb(sim);
    assertEquals(await codeOf(net.connect(81, "db").on("close", () => {})), "connect ECONNREFUSED");
    assertEquals(await codeOf(net.connect(81, "nowhere")), "getaddrinfo ENOTFOUND");
    assertEquals(await codeOf(net.connect("/no/such/file")), "connect ENOENT");
    const server = net.createServer().listen(7);
    assertEquals(await codeOf(net.createServer().listen(7) as never), "listen EADDRINUSE");
    server.close();
    {
      using _ = sim.net.partition("test", "db");
      const began = sim.now;
      assertEquals([await codeOf(net.connect(7, "db")), sim.now - began], ["connect ETIMEDOUT", 60_000]);
    }
    db.startSoon(echo);
    await sleep(0);
    const socket = net.connect(7, "db");
    await once(socket, "connect");
    sim.net.reset("test", "db");
    assertEquals(await codeOf(socket), "read ECONNRESET");
    assertEquals(socket.destroyed, true);
  }),
);

Deno.test(
  "a name with several addresses is tried in turn, each for as long as Node does",
  simulated(async (sim) => {
    const db = withDb(sim);
    db.startSoon(echo);
    sim.net.dns("many", ["10.9.9.9", db.address]);
    const socket = net.connect({ port: 7, host: "many", autoSelectFamilyAttemptTimeout: 250 });
    await once(socket, "connect");
    assertEquals([sim.now, socket.remoteAddress], [270, db.address]);
    socket.destroy();
  }),
);

Deno.test(
  "a paused socket holds its peer back, and loses nothing",
  simulated(async (sim) => {
    withDb(sim);
    let sent = 0;
    sim.net.host("db").startSoon(() =>
      serveTcp(async (stream) => {
        for (; sent < 40; sent++) await stream.sendAll(new Uint8Array(10_000).fill(sent));
      }, { port: 7 })
    );
    const socket = net.connect(7, "db");
    await once(socket, "connect");
    socket.pause();
    await sleep(1_000);
    assertEquals(sent < 40, true);
    let size = 0;
    socket.on("data", (chunk: Uint8Array) => size += chunk.length);
    socket.resume();
    await once(socket, "end");
    assertEquals([size, sent], [400_000, 40]);
  }),
);

Deno.test(
  "setTimeout() of a socket tells of silence, exactly, and moves time unless the socket is unref'd",
  simulated(async (sim) => {
    withDb(sim).startSoon(echo);
    const socket = net.connect(7, "db").setTimeout(5_000);
    await once(socket, "connect");
    await sleep(4_000);
    socket.write("x");
    await once(socket, "timeout");
    assertEquals(sim.now, 9_040); // since the answer
    socket.unref();
    socket.write("y");
    let told = 0;
    socket.once("timeout", () => told = sim.now);
    await sleep(60_000);
    assertEquals(told, 14_060);
    socket.destroy();
  }),
);

Deno.test("an answer that never comes is a deadlock that says so", async () => {
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      withDb(sim).startSoon(() => serveTcp(() => sleep(Infinity), { port: 7 }));
      const socket = net.connect(7, "db");
      socket.write("?");
      await once(socket, "data");
    }), DeadlockError);
  assertMatch(error.message, /main #1 +awaiting the answer to what a socket has sent/);
});

Deno.test("an error event that nobody listens to fails the simulation it happened in", async () => {
  const outside = simulate(() => sleep(1));
  await assertRejects(
    () =>
      simulate(async () => {
        net.connect(81);
        await sleep(10);
      }),
    Error,
    "connect ECONNREFUSED 127.0.0.1:81",
  );
  await outside;
});

Deno.test("what is left open is a leak, unless its program has ended it, or would not wait for it", async () => {
  const leaks = (use: (socket: Socket) => unknown) =>
    simulate(async (sim) => {
      withDb(sim).startSoon(echo);
      const socket = net.connect(7, "db");
      await once(socket, "connect");
      use(socket);
    });
  await assertRejects(() => leaks(() => {}), Error, "not closed: connection test:40001→db:7 at node_net_test.ts:");
  await assertRejects(() => simulate(() => void net.createServer().listen(7)), Error, "not closed: listener on test:7");
  await leaks((socket) => socket.unref());
  await leaks((socket) => socket.end());
});

Deno.test("simulations beside each other have their own networks, and an agent keeps no connection for another", async () => {
  const agent = new http.Agent({ keepAlive: true });
  const get = async () => {
    const response = await new Promise<http.IncomingMessage>((resolve) => http.get("http://db/", { agent }, resolve));
    return await textOf(response);
  };
  const test = (name: string) => (sim: Simulation) =>
    openNursery(async () => {
      const server = http.createServer((_, response) => void response.end(name));
      await sim.net.host("db").run(() => void server.listen(80));
      const answers = [await get(), await get()];
      server.close();
      return [...answers, sim.net.log().filter((line) => line.includes("connect")).length];
    });
  assertEquals(await Promise.all([simulate(test("a")), simulate(test("b"))]), [["a", "a", 1], ["b", "b", 1]]);
  assertEquals([Object.keys(agent.freeSockets), Object.keys(agent.sockets)], [[], []]);
});

Deno.test("after a crash nothing of the host's sockets happens any more; restarted, its server is there again", async () => {
  await simulate(async (sim) => {
    const db = withDb(sim);
    const log: string[] = [];
    db.startSoon(() => {
      net.createServer((socket) => {
        socket.on("data", (data) => void log.push(`${data}`));
        socket.on("error", () => void log.push("error"));
        socket.on("close", () => void log.push("close"));
      }).listen(7);
    });
    await sleep(0);
    const socket = net.connect(7, "db").on("error", () => {});
    socket.write("one");
    await sleep(100);
    db.crash();
    await sleep(100);
    db.restart();
    socket.write("two");
    await once(socket, "close");
    const again = net.connect(7, "db");
    again.end("three");
    await sleep(100);
    assertEquals(log.slice(0, 2), ["one", "three"]);
    again.destroy();
    await sleep(100);
    db.crash();
  });
});

Deno.test("afterwards every function is as it was, and outside a simulation it was never another", async () => {
  const owners: readonly object[] = [
    net.Socket.prototype,
    net.Server.prototype,
    http.Agent.prototype,
    Deno,
    globalThis,
  ];
  const look = () =>
    owners.map((owner) => Reflect.ownKeys(owner).map((key) => Object.getOwnPropertyDescriptor(owner, key)?.value));
  const before = look();
  let inside: unknown[][] = [];
  await simulate(() => void (inside = look()));
  assertEquals(look().every((values, i) => values.every((value, k) => Object.is(value, before[i]![k]))), true);
  assertEquals(
    inside.map((values, i) => values.some((value, k) => !Object.is(value, before[i]![k]))),
    owners.map(() => true),
  );
});

Deno.test(
  "Unix sockets of node:net are those of the network in memory",
  simulated(async () => {
    const server = net.createServer((socket) => socket.end("hello")).listen("/run/db.sock");
    await once(server, "listening");
    assertEquals(server.address(), "/run/db.sock");
    assertEquals(await textOf(net.connect("/run/db.sock")), "hello");
    server.close();
  }),
);

Deno.test(
  "Deno.connect() and Deno.listen() are on the network in memory, and take no permission",
  simulated(async (sim) => {
    using listener = Deno.listen({ port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const [conn, served] = await Promise.all([Deno.connect({ hostname: "localhost", port }), listener.accept()]);
    await new Blob(["hello"]).stream().pipeTo(conn.writable);
    assertEquals(await new Response(served.readable).text(), "hello");
    await assertRejects(() => Deno.connect({ port: 81 }), Deno.errors.ConnectionRefused);
    await assertRejects(() => Deno.connect({ hostname: "nowhere", port: 81 }), Error, "ENOTFOUND");
    conn.close();
    served.close();
    assertEquals(sim.now, 0);
  }),
);
