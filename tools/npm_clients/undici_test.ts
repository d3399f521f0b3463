import { assertEquals } from "@std/assert";
import http from "node:http";
import { Pool, request } from "npm:undici@7.2.0";
import { simulate, sleepForever } from "../../mod.ts";
import { host } from "./_laws.ts";

// In a file of its own, as its clock is one for the whole process: a simulation that has ended in the middle of a request
// leaves it standing still for those that follow.

Deno.test("undici gives up at the same time in each simulation, though all share its clock", async () => {
  // It looks at its clock twice a second, by one timer of the module.
  for (let i = 0; i < 2; i++) {
    await simulate(async (sim) => {
      host(sim, async () => {
        http.createServer(() => {}).listen(80);
        await sleepForever();
      });
      const pool = new Pool("http://db", { headersTimeout: 5_000 });
      const error = await request("http://db/never", { dispatcher: pool }).catch((error) => error);
      assertEquals([error.code, sim.now], ["UND_ERR_HEADERS_TIMEOUT", 5_489]);
      await pool.destroy();
    });
  }
});
