import dns from "node:dns";
import { lookup, Resolver } from "node:dns/promises";
// What needs a name of Node has more of it.
import "node:net";
import { clearTimeout as clearNamed, setImmediate as immediateNamed, setTimeout as setNamed } from "node:timers";
import { scheduler, setInterval as ticks, setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulate, simulated } from "../mod.ts";

const { setTimeout: captured } = globalThis;

Deno.test(
  "names are those of the network, however they are asked for",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    sim.net.dns("many", [db.address, db.address6]);
    sim.net.dns("slow", [db.address], { delay: 700 });
    assertEquals(await lookup("db"), { address: db.address, family: 4 });
    assertEquals(await lookup("many", { all: true }), [
      { address: db.address, family: 4 },
      { address: db.address6, family: 6 },
    ]);
    assertEquals(await lookup("many", { family: 6 }), { address: db.address6, family: 6 });
    assertEquals(await promisify(dns.resolve4)("DB"), [db.address]);
    assertEquals(await new Resolver().resolve6("many"), [db.address6]);
    assertEquals(await dns.promises.resolve4("many", { ttl: true }), [{ address: db.address, ttl: 0 }]);
    assertEquals(sim.now, 0);
    assertEquals([(await lookup("slow")).address, sim.now], [db.address, 700]);
  }),
);

Deno.test(
  "a name that the network does not know fails as in life, as does a question it has no answer to",
  simulated(async (sim) => {
    sim.net.host("db");
    const broken = Object.assign(new Error("no name server"), { code: "EAI_AGAIN" });
    sim.net.dns("broken", broken);
    const codeOf = (asked: Promise<unknown>) => asked.then(() => null, (error) => error.code);
    assertEquals(await codeOf(lookup("example.com")), "ENOTFOUND");
    assertEquals(await codeOf(dns.promises.resolve4("example.com")), "ENOTFOUND");
    assertEquals(await codeOf(dns.promises.resolveMx("db")), "ENODATA");
    assertEquals(await codeOf(dns.promises.reverse("10.0.0.1")), "ENOTFOUND");
    assertEquals(await lookup("broken").catch((error) => error), broken);
  }),
);

Deno.test(
  "timers of node:timers and its promises are in simulated time, imported by name, captured or promisified",
  simulated(async (sim) => {
    assertEquals(await pause(1_000, "value"), "value");
    await new Promise<void>((resolve) => void setNamed(resolve, 500));
    await new Promise<void>((resolve) => void captured(resolve, 500));
    await promisify(setTimeout)(500);
    await scheduler.wait(500);
    assertEquals(sim.now, 3_000);
    const seen: number[] = [];
    for await (const _ of ticks(250)) if (seen.push(sim.now) === 2) break;
    assertEquals(seen, [3_250, 3_500]);
    let ran = 0;
    immediateNamed(() => void ran++);
    await sim.settled();
    assertEquals([ran, sim.now], [1, 3_500]);
    clearNamed(setNamed(() => assert(false), 10));
    clearTimeout(setNamed(() => assert(false), 10));
    clearNamed(setTimeout(() => assert(false), 10));
    await pause(100);
    await assertRejects(() => pause(60_000, undefined, { signal: AbortSignal.timeout(50) }), Error, "aborted");
    assertEquals(sim.now, 3_650);
  }),
);

Deno.test("a timer of node:timers that is left is a leak", async () => {
  await assertRejects(() => simulate(() => void setNamed(() => {}, 9)), Error, "timer: setTimeout(9)");
});

Deno.test("code outside keeps its timers and names, and can clear those that a simulation sees cleared", async () => {
  const outside = pause(1, "real");
  const timer = setNamed(() => assert(false), 60_000);
  await simulate(async (sim) => {
    await pause(60_000);
    assertEquals(sim.now, 60_000);
    clearNamed(timer); // one of the host's
  });
  assertEquals(await outside, "real");
});
