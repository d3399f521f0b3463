import { simulate, sleep } from "@trefoil/io";
import { assertEquals } from "@std/assert";
import { fakeRedis } from "../tools/npm_clients/fakes.ts";
import { countVisits } from "./visit_counter.ts";

Deno.test("visit_counter.ts: goes on through a crash of its server, in the same way each time", async () => {
  const course = () =>
    simulate(async (sim) => {
      const seen: string[] = [];
      const db = sim.net.host("db");
      sim.net.link("test", "db", { latency: 10 });
      db.startSoon(fakeRedis());
      sim.background.startSoon(async () => {
        await sleep(2_500);
        db.crash();
        await sleep(2_000);
        db.restart();
      });
      await countVisits("db", 7, (line) => seen.push(`${sim.now} ${line}`));
      return { seen, log: sim.net.log() };
    });
  const first = await course();
  assertEquals(first.seen, [
    "60 1 kept", // connect, ask whether it is ready, and the command: three round trips
    "1080 2 kept",
    "2100 3 kept",
    "3600 4 not kept", // after 500 ms, as nobody answers
    "5100 5 not kept", // the server is there again, and knows nothing of this connection: it is reset
    "6120 6 kept",
    "7140 7 kept",
  ]);
  assertEquals(await course(), first);
});
