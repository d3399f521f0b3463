import { assert, assertEquals } from "@std/assert";
import { CancelScope, openNursery, simulate, sleep } from "@trefoil/io";
import * as lease from "./lease.ts";
import { leaseScenario, overlaps, TTL } from "./_lease_scenario.ts";
import { mutant } from "./_mutant.ts";
import { natsd } from "./_natsd.ts";

const SEEDS = 20;

Deno.test("lease.ts: nobody acts beside another one, and one takes over in time, with any seed", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { steps, takeovers } = await leaseScenario(lease, seed);
    assertEquals(overlaps(steps), [], `seed ${seed}`);
    for (const { how, ms } of takeovers) assert(ms <= TTL * 1.1, `seed ${seed}, ${how}: ${ms} ms`);
  }
});

Deno.test("lease.ts: a leader that is told to end hands over at once", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    await simulate(async (sim) => {
      sim.background.startSoon(() => natsd()());
      const led: string[] = [];
      const scopes = new Map<string, CancelScope>();
      await openNursery(async (nursery) => {
        for (const name of ["a", "b"]) {
          const scope = new CancelScope();
          scopes.set(name, scope);
          nursery.startSoon(() =>
            scope.run(() =>
              lease.leaderProcess({ name: "x", ttl: TTL, servers: "127.0.0.1:4222" }, () => led.push(name))
            )
          );
        }
        await sleep(1_000 + 1_000 * sim.random());
        const first = led.at(-1)!;
        const begun = sim.now;
        scopes.get(first)!.shutdown({ grace: 3_000 });
        while (led.at(-1) === first) await sleep(1);
        assert(sim.now - begun <= 200, `seed ${seed}: ${sim.now - begun} ms`);
        scopes.get(led.at(-1)!)!.shutdown({ grace: 3_000 });
      });
    }, { seed, leaks: "ignore" });
  }
});

Deno.test("lease.ts: without the deadline around the work, two act at a time", async () => {
  const bold = await mutant<typeof lease>("lease.ts", {
    file: "lease.ts",
    text: "return asked + ttl * 0.9;",
    by: "return Infinity;",
  });
  const found = [];
  for (let seed = 0; seed < 5; seed++) found.push(overlaps((await leaseScenario(bold, seed)).steps).length);
  assert(Math.max(...found) > 0, `${found}`);
});

Deno.test("lease.ts: with a deadline that is later than the end of the key, two act at a time", async () => {
  const late = await mutant<typeof lease>("lease.ts", {
    file: "lease.ts",
    text: "return asked + ttl * 0.9;",
    by: "return asked + ttl * 1.2;",
  });
  const found = [];
  for (let seed = 0; seed < 10; seed++) found.push(overlaps((await leaseScenario(late, seed)).steps).length);
  assert(Math.max(...found) > 0, `${found}`);
});
