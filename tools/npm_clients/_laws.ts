/** What holds for each client of a server. */

import { assertEquals } from "@std/assert";
import { simulate, type Simulation } from "../../mod.ts";

/** Runs a simulation twice: both take the same course, event by event, which is returned. */
export async function twice(body: (sim: Simulation) => Promise<void>): Promise<readonly string[]> {
  const logs: (readonly string[])[] = [];
  for (let i = 0; i < 2; i++) {
    await simulate(async (sim) => {
      await body(sim);
      await sim.settled();
      logs.push(sim.net.log());
    });
  }
  assertEquals(logs[1], logs[0]);
  return logs[0]!;
}

/** A host "db" that runs a server, 10 ms away. */
export function host(sim: Simulation, serve: () => Promise<void>): ReturnType<Simulation["net"]["host"]> {
  const db = sim.net.host("db");
  db.startSoon(serve);
  sim.net.link("test", "db", { latency: 10 });
  return db;
}
