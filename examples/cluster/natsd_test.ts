// The suite of `_protocol_cases.ts` against the server in memory, and against the real one.

import { failAfter, run, simulate } from "@trefoil/io";
import { hasProgram } from "../_has_program.ts";
import { CASES } from "./_protocol_cases.ts";
import { natsd } from "./_natsd.ts";
import { RealNats } from "./_real.ts";

for (const { name, body } of CASES) {
  Deno.test(`in memory: ${name}`, () =>
    simulate(async (sim) => {
      sim.background.startSoon(() => natsd()());
      await sim.settled();
      await failAfter(60_000, () => body(4222));
    }));
}

const isThere = await hasProgram("nats-server", "nats-server");

for (const { name, body } of CASES) {
  Deno.test({
    name: `nats-server: ${name}`,
    ignore: !isThere,
    fn: () =>
      run(async () => {
        await using server = await RealNats.open();
        await failAfter(60_000, () => body(server.port));
      }, { handleSignals: false }),
  });
}
