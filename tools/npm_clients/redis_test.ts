import { assertEquals, assertRejects } from "@std/assert";
import { Redis } from "npm:ioredis@5.4.1";
import { createClient } from "npm:redis@4.7.0";
import { sleep } from "../../mod.ts";
import { fakeRedis } from "./fakes.ts";
import { host, twice } from "./_laws.ts";

Deno.test("ioredis connects, times out and connects again, at exact times", async () => {
  await twice(async (sim) => {
    const db = host(sim, fakeRedis());
    const redis = new Redis({
      host: "db",
      commandTimeout: 500,
      retryStrategy: () => 1_000,
      maxRetriesPerRequest: null,
    });
    redis.on("error", () => {});
    assertEquals([await redis.set("key", "value"), sim.now], ["OK", 60]); // connect, INFO, SET: three round trips
    assertEquals([await redis.get("key"), sim.now], ["value", 80]);
    {
      using _ = sim.net.partition("test", "db");
      await assertRejects(() => redis.get("key"), Error, "Command timed out");
      assertEquals(sim.now, 580);
    }
    await sleep(1_420);
    db.crash();
    await sleep(100);
    db.restart();
    sim.net.reset("test", "db");
    // The reset at 2,100, a pause of a second, connect, INFO, GET.
    assertEquals([await redis.get("key").catch((error) => error.message), sim.now], ["Command timed out", 2_600]);
    assertEquals([await redis.get("key").catch((error) => error.message), sim.now], ["Command timed out", 3_100]);
    assertEquals([await redis.get("key"), sim.now], [null, 3_160]);
    redis.disconnect();
  });
});

Deno.test("node-redis connects, times out and connects again, at exact times", async () => {
  await twice(async (sim) => {
    const db = host(sim, fakeRedis());
    const client = createClient({ url: "redis://db", socket: { connectTimeout: 300, reconnectStrategy: () => 1_000 } });
    client.on("error", () => {});
    await client.connect();
    const connected = sim.now;
    await client.set("key", "value");
    assertEquals([await client.get("key"), sim.now], ["value", connected + 40]);
    db.crash();
    await sleep(1_000);
    sim.net.reset("test", "db");
    await sleep(100); // it tries again a second after the reset
    sim.background.startSoon(() => sleep(2_000).then(() => db.restart()));
    const times = [sim.now];
    assertEquals(await client.get("key"), null); // asked while there is no connection
    times.push(sim.now);
    assertEquals(times, [connected + 1_140, 3_720]);
    await client.disconnect();
  });
});
