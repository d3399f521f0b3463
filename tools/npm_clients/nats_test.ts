import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "npm:@nats-io/transport-node@3.0.0";
import { sleep } from "../../mod.ts";
import { fakeNats } from "./fakes.ts";
import { host, twice } from "./_laws.ts";

Deno.test("nats connects, times out and connects again, at exact times", async () => {
  await twice(async (sim) => {
    const db = host(sim, fakeNats());
    const connection = await connect({
      servers: "db:4222",
      reconnectTimeWait: 1_000,
      reconnectJitter: 0,
      maxReconnectAttempts: -1,
    });
    assertEquals(sim.now, 60);
    const subscription = connection.subscribe("news");
    connection.publish("news", "one");
    for await (const message of subscription) {
      assertEquals([message.string(), sim.now], ["one", 80]);
      break;
    }
    assertEquals([(await connection.request("echo", "hello", { timeout: 500 })).string(), sim.now], ["hello", 100]);
    await assertRejects(() => connection.request("silence", "", { timeout: 500 }), Error, "timeout");
    assertEquals(sim.now, 600);
    db.crash();
    await sleep(100);
    db.restart();
    sim.net.reset("test", "db");
    await sleep(1_000);
    const before = sim.now;
    assertEquals((await connection.request("echo", "again", { timeout: 2_000 })).string(), "again");
    assertEquals(sim.now, before + 20);
    await connection.close();
  });
});
