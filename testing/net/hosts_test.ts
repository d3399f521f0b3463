import vm from "node:vm";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BrokenResourceError, openNursery, type TcpAddress } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { openTcpListeners, openTcpStream, serveTcp, tcpServer } from "../../net/mod.ts";
import { simulate, simulated } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** What host and port a connection comes from. */
async function whoAmI(host: string): Promise<string> {
  using stream = await openTcpStream(host, 80);
  let text = "";
  for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  return text;
}

const tell = () => serveTcp((stream) => stream.sendAll(encode(stream.remoteAddress.hostname)), { port: 80 });

Deno.test(
  "hosts have fixed addresses, and what runs on one listens there and connects from there",
  simulated(async (sim) => {
    const [db, web] = [sim.net.host("db"), sim.net.host("web")];
    assertEquals([sim.net.host("test").address, db.address, web.address, db.address6], [
      "10.0.0.1",
      "10.0.0.2",
      "10.0.0.3",
      "fd00::2",
    ]);
    assertEquals(sim.net.host("DB"), db);
    db.startSoon(tell);
    assertEquals(await whoAmI("db"), "10.0.0.1");
    assertEquals(await web.run(() => whoAmI("DB")), "10.0.0.3");
    assertEquals(await db.run(() => whoAmI("localhost")), "127.0.0.1");
    assertEquals(await db.run(() => whoAmI("db")), "10.0.0.2");
    const error = await assertRejects(() => whoAmI("web"), BrokenResourceError);
    assertEquals(
      error.message,
      "Cannot connect to web:80 as no attempt succeeded: 10.0.0.3:80: Connection refused (os error 111)",
    );
    await assertRejects(() => whoAmI("localhost"), BrokenResourceError, "Connection refused");
  }),
);

Deno.test(
  "ports belong to a host: the same one can be used on each",
  simulated(async (sim) => {
    const [a] = await openTcpListeners(80);
    const [b] = await sim.net.host("b").run(() => openTcpListeners(80));
    const [c] = await sim.net.host("b").run(() => openTcpListeners(80, { hostname: "::1" }));
    await assertRejects(() => sim.net.host("b").run(() => openTcpListeners(80)), BrokenResourceError);
    for (const listener of [a!, b!, c!]) listener.close();
  }),
);

Deno.test(
  "the host of a task is that of the code that starts it, in whatever nursery",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    sim.background.startSoon(() => db.run(tell));
    await openNursery(async (nursery) => {
      const outer = nursery.startSoon(() => whoAmI("db"));
      const inner = await sim.net.host("web").run(() => nursery.startSoon(() => whoAmI("db")));
      assertEquals([await outer.join(), await inner.join()], ["10.0.0.1", "10.0.0.3"]);
    });
  }),
);

Deno.test(
  "run() returns what the function returns, throws what it throws, and lets nursery.start() through",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    assertEquals(await db.run(() => 7), 7);
    await assertRejects(() => db.run(() => Promise.reject(new RangeError("no"))), RangeError, "no");
    await openNursery(async (nursery) => {
      const [address] = await nursery.start<readonly [TcpAddress]>((status) =>
        db.run(() => tcpServer(() => {}, { port: 0 })(status))
      );
      (await openTcpStream("db", address.port)).close();
      nursery.cancel();
    });
  }),
);

Deno.test("an error in a task of a host fails the test", async () => {
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      sim.net.host("db").startSoon(() => Promise.reject(new RangeError("disk full")));
      await sim.settled();
    })
  );
  assertEquals(((error as AggregateError).errors[0] as Error).message, "disk full");
});

Deno.test(
  "dns() says what a name resolves to, how long that takes, or why it does not, until its guard is disposed of",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(tell);
    {
      using _ = sim.net.dns("Primary.example", [db.address], { delay: 300 });
      assertEquals(await whoAmI("primary.EXAMPLE"), "10.0.0.1");
      assertEquals(sim.now, 300);
    }
    await assertRejects(() => whoAmI("primary.example"), BrokenResourceError, "getaddrinfo ENOTFOUND primary.example");
    using _gone = sim.net.dns("db", new Error("SERVFAIL"));
    await assertRejects(() => whoAmI("db"), BrokenResourceError, "name could not be resolved: SERVFAIL");
    using _empty = sim.net.dns("db", []);
    await assertRejects(() => whoAmI("db"), BrokenResourceError, "The name has no address");
  }),
);

Deno.test(
  "Happy Eyeballs: the next address is tried after 250 ms without an answer, and at once after a refusal",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(tell);
    using _away = sim.net.dns("away", ["10.9.9.9", db.address]);
    assertEquals(await whoAmI("away"), "10.0.0.1");
    assertEquals(sim.now, 250);
    using _idle = sim.net.dns("idle", [sim.net.host("idle").address, "10.9.9.9", db.address]);
    await whoAmI("idle");
    assertEquals(sim.now, 500);
    // Listening on all of IPv4 is not listening on IPv6: the families take turns.
    using _both = sim.net.dns("both", [db.address6, "fd00::99", db.address]);
    await whoAmI("both");
    assertEquals(sim.now, 500);
    assertEquals(sim.net.connections().filter(({ state }) => state === "connecting"), []);
  }),
);

Deno.test(
  "host(), dns() and the links refuse what cannot be meant",
  simulated((sim) => {
    for (const name of ["", "localhost", "a b", "a:1", "10.0.0.1"]) {
      assertThrows(
        () => sim.net.host(name),
        RangeError,
        `Cannot make a host as "name" must be the name of one: received "${name}"`,
      );
    }
    assertThrows(() => sim.net.dns("db", "10.0.0.1" as never), TypeError, "must be an array of addresses, or an Error");
    assertThrows(() => sim.net.dns("db", [], { delay: -1 }), RangeError, '"delay" must be >= 0: received -1');
    assertThrows(
      () => sim.net.link("test", "tset", { latency: 1 }),
      RangeError,
      'Cannot set up a link as there must be a host "tset": there are test (make it with sim.net.host())',
    );
    for (
      const [options, message] of [
        [{ latency: -1 }, '"latency" must be a number of milliseconds >= 0: received -1'],
        [{ bandwidth: 0 }, '"bandwidth" must be a number of bytes per second > 0: received 0'],
        [{ chunk: 0.5 }, '"chunk" must be a whole number >= 1, or Infinity: received 0.5'],
        [{ loss: 1 }, '"loss" must be a number from 0 to below 1: received 1'],
        [{ jitter: "5" as never }, '"jitter" must be a number of milliseconds >= 0: received "5"'],
      ] as const
    ) {
      assertThrows(() => sim.net.link("test", "test", options), RangeError, `Cannot set up a link as ${message}`);
    }
    assertThrows(
      () => sim.net.link("test", "test", { lag: 5 } as never),
      TypeError,
      'Cannot set up a link as its options must be among "latency", "jitter", "bandwidth", "chunk", "window", "loss", "duplicate" and "oneWay": received "lag"',
    );
  }),
);

Deno.test(
  "a simulation on another network has none in memory",
  simulated((sim) => {
    assertThrows(() => sim.net, TypeError, 'Cannot use "net" as the network must be the one in memory');
  }, { network: "host" }),
);

Deno.test(
  "dns() takes an error of another realm, and resolving fails with it",
  simulated(async (sim) => {
    const answer = vm.runInNewContext("new RangeError('no such name')") as Error;
    using _ = sim.net.dns("db", answer);
    assertStrictEquals(await currentRun().network!.resolve!("db").catch((error: unknown) => error), answer);
  }),
);
