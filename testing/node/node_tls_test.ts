import https from "node:https";
import tls, { connect as namedConnect, type TLSSocket } from "node:tls";
import { assertEquals, assertThrows } from "@std/assert";
import { sleep, sleepForever } from "../../core/mod.ts";
import { simulate, simulated, type Simulation } from "../mod.ts";

/** Of "db"; signed by itself. Its signatures are all of one length. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBPDCB76ADAgECAhQ75yProMrGYoprqakbzDjnqkNWnjAFBgMrZXAwDTELMAkG
A1UEAwwCZGIwIBcNMjYxMTI5MDU1NTA4WhgPMjA4MTA5MDEwNTU1MDhaMA0xCzAJ
BgNVBAMMAmRiMCowBQYDK2VwAyEAKZzd6JuGh/+D3A9BxAJZ0OVKGZoBP4kF0jDm
XIxe4IKjXzBdMB0GA1UdDgQWBBQvkPeve/XGq7bgCYT4pkEdevkKDTAfBgNVHSME
GDAWgBQvkPeve/XGq7bgCYT4pkEdevkKDTANBgNVHREEBjAEggJkYjAMBgNVHRMB
Af8EAjAAMAUGAytlcANBAOSIhujIeyn8Vh3qxxTgtKgbJuRReSl0ostcXao7C3Yo
4XBI6bEa/YgdjFiXXuvl23n3tBuSOI8owapB6RcCWQY=
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHXC3ixcxYARdNmRoc2ee60m0KXOsLx+LnkMQqOyTXl5
-----END PRIVATE KEY-----`;

function withServers(sim: Simulation): void {
  const db = sim.net.host("db");
  sim.net.link("test", "db", { latency: 10 });
  sim.net.dns("other", [db.address]);
  db.startSoon(async () => {
    tls.createServer({ cert, key }, (socket) => socket.on("error", () => {}).pipe(socket)).listen(443);
    https.createServer({ cert, key }, (_, response) => void response.end("hello")).listen(8443);
    await sleepForever();
  });
}

/** What comes of a connection: whether it is secure, or the code of its error. */
function outcomeOf(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("secureConnect", () => resolve("secure"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
  });
}

Deno.test(
  "TLS of Node takes two round trips and keeps its checks, with sockets in memory",
  simulated(async (sim) => {
    withServers(sim);
    await sleep(0);
    const socket = tls.connect(443, "db", { ca: [cert] });
    assertEquals([await outcomeOf(socket), sim.now, socket.authorized], ["secure", 40, true]);
    assertEquals([socket.remotePort, socket.remoteAddress], [443, "10.0.0.2"]);
    socket.write("hello");
    assertEquals([`${await new Promise((resolve) => socket.once("data", resolve))}`, sim.now], ["hello", 60]);
    socket.setTimeout(500);
    await new Promise((resolve) => socket.once("timeout", resolve));
    assertEquals(sim.now, 560);
    sim.net.reset("test", "db");
    assertEquals([await outcomeOf(socket), sim.now], ["ECONNRESET", 560]);
    const outcomes: string[] = [];
    for (
      const where of [{ host: "other", ca: [cert] }, { host: "db" }, { host: "nowhere" }, { host: "db", port: 444 }]
    ) {
      const socket = tls.connect({ port: 443, ...where });
      outcomes.push(await outcomeOf(socket));
      socket.destroy();
    }
    assertEquals(outcomes, [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "ENOTFOUND",
      "ECONNREFUSED",
    ]);
  }),
);

Deno.test("HTTPS of Node takes three round trips, in the same way each time", async () => {
  const course = () =>
    simulate(async (sim) => {
      withServers(sim);
      await sleep(0);
      const text = await new Promise<string>((resolve, reject) => {
        https.get("https://db:8443/", { ca: cert, agent: false }, async (response) => {
          let text = "";
          for await (const chunk of response) text += chunk;
          resolve(text);
        }).on("error", reject);
      });
      return [text, sim.now, ...sim.net.log().filter((line) => !/ end,/.test(line))];
    });
  const first = await course();
  assertEquals(first.slice(0, 2), ["hello", 60]);
  assertEquals(await course(), first);
});

Deno.test(
  "connect() imported from node:tls by name says that it cannot be replaced, and reaches no network",
  simulated((sim) => {
    withServers(sim);
    assertThrows(() => namedConnect(443, "db"), TypeError, "Cannot connect a TLS socket of node:tls in a simulation");
  }),
);
