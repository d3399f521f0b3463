import { assert, assertEquals, assertRejects } from "@std/assert";
import { openUdpSocket, simulate, simulated, type Simulation, sleep, type UdpSocket } from "@trefoil/io";
import { DnsError, lookup } from "./dns_client.ts";

/** A name server that knows one name; `answer` may change what it says. */
async function serve(socket: UdpSocket, answer = (bytes: Uint8Array): Uint8Array[] => [bytes]): Promise<void> {
  for await (const { data, remoteAddress } of socket) {
    const known = new TextDecoder().decode(data).includes("example");
    const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7];
    const message = new Uint8Array([...data, ...known ? record : []]);
    message[2] = 0x81;
    message[3] = known ? 0x80 : 0x83;
    message[7] = known ? 1 : 0;
    for (const each of answer(message)) await socket.send(each, remoteAddress);
  }
}

/** Starts it on a host, and tells its address. */
function nameServer(sim: Simulation, name: string, answer?: (bytes: Uint8Array) => Uint8Array[]): { hostname: string } {
  const host = sim.net.host(name);
  host.startSoon(async () => {
    using socket = await openUdpSocket({ port: 53 });
    await serve(socket, answer);
  });
  return { hostname: host.address };
}

Deno.test(
  "a lookup takes a round trip, and says that there is no such name",
  simulated(async (sim) => {
    const server = nameServer(sim, "dns");
    sim.net.link("test", "dns", { latency: 15 });
    assertEquals(await lookup("www.example", { servers: [server] }), ["192.0.2.7"]);
    assertEquals(sim.now, 30);
    await assertRejects(() => lookup("nowhere", { servers: [server] }), DnsError, "no such name");
    await assertRejects(() => lookup("a..b", { servers: [server] }), DnsError, "no host name");
  }),
);

Deno.test(
  "a server that is silent is left for the next one, in exactly its time",
  simulated(async (sim) => {
    const [silent, good] = [sim.net.host("silent"), nameServer(sim, "good")];
    const servers = [{ hostname: silent.address }, good];
    assertEquals(await lookup("example", { servers, timeout: 700 }), ["192.0.2.7"]);
    assertEquals(sim.now, 700);
    sim.net.partition("test", "good");
    await assertRejects(() => lookup("example", { servers, attempts: 2, timeout: 700 }), DnsError, "no name server");
    assertEquals(sim.now, 3_500);
  }),
);

Deno.test("with a third of all datagrams lost, and some doubled, nearly every lookup gets through", async () => {
  let failed = 0;
  for (let seed = 0; seed < 50; seed++) {
    await simulate(async (sim) => {
      const server = nameServer(sim, "dns");
      sim.net.link("test", "dns", { latency: 5, jitter: 50, loss: 0.33, duplicate: 0.2 });
      await lookup("example", { servers: [server], attempts: 5 }).catch((error) => {
        assert(error instanceof DnsError);
        failed++;
      });
    }, { seed });
  }
  // 0.55 of the attempts fail: of five, one in twenty times.
  assert(failed < 10, `${failed}`);
});

Deno.test(
  "answers to other questions, and nonsense, are passed over",
  simulated(async (sim) => {
    const server = nameServer(sim, "dns", (right) => {
      const wrong = right.slice();
      wrong[0] = wrong[0]! ^ 1;
      return [wrong, new Uint8Array([1, 2, 3]), right.slice(0, 20), right];
    });
    assertEquals(await lookup("example", { servers: [server] }), ["192.0.2.7"]);
    await sleep(1);
  }),
);

Deno.test("over loopback as in memory", async () => {
  using socket = await openUdpSocket({ hostname: "127.0.0.1" });
  const serving = serve(socket);
  const { hostname, port } = socket.localAddress;
  assertEquals(await lookup("example", { servers: [{ hostname, port }] }), ["192.0.2.7"]);
  socket.close();
  await serving;
});
