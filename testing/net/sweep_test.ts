import { assert, assertEquals } from "@std/assert";
import { openNursery, sleep, type TcpAddress } from "../../core/mod.ts";
import { openTcpStream, openUnixStream, type SocketStream, tcpServer, unixServer } from "../../net/mod.ts";
import { type SimulateOptions, type Simulation, sweepCancel } from "../mod.ts";

async function echo(stream: Pick<SocketStream, "sendAll"> & AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

// What is left of a connection is told to the other end, at the latest when that sends again.
const options = {
  simulation: { leaks: "error" } satisfies SimulateOptions,
  async after(_state: undefined, sim: Simulation) {
    await sleep(200_000);
    assertEquals(sim.net.connections(), []);
  },
};

Deno.test("a server and its client, cancelled at every wait, leave no connection behind", async () => {
  const { points } = await sweepCancel(async (_, sim) => {
    const db = sim.net.host("db");
    using _link = sim.net.link("test", "db", { latency: 10 });
    await openNursery(async (nursery) => {
      const [address] = await nursery.start<readonly [TcpAddress]>((status) =>
        db.run(() => tcpServer(echo, { port: 0, maxConnections: 1 })(status))
      );
      for (let i = 0; i < 2; i++) {
        using stream = await openTcpStream("db", address.port);
        await stream.sendAll(new Uint8Array(3));
        for (let left = 3; left > 0;) left -= (await stream.receiveSome(left))!.length;
        await stream.sendEof();
        assertEquals(await stream.receiveSome(), null);
      }
      nursery.cancel();
    });
  }, options);
  assert(points > 30, `${points} points`);
});

Deno.test("the same over a Unix socket", async () => {
  await sweepCancel(async () => {
    await openNursery(async (nursery) => {
      await nursery.start(unixServer(echo, { path: "/run/echo.sock" }));
      using stream = await openUnixStream("/run/echo.sock");
      await stream.sendAll(new Uint8Array(1));
      await stream.receiveSome();
      nursery.cancel();
    });
  }, options);
});
