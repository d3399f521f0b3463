import { assert, assertEquals, assertRejects } from "@std/assert";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import {
  CancelScope,
  failAfter,
  isCancelled,
  map,
  moveOnAfter,
  openNursery,
  simulate,
  type Simulation,
  sleep,
  sleepForever,
  TooSlowError,
} from "@trefoil/io";
import { openNats, reply } from "./_nats.ts";
import { natsd } from "./_natsd.ts";
import { ask, RemoteError, serve, serviceProcess } from "./rpc.ts";

/** A client on the test's host, of a server 2 ms away. */
async function withNats(sim: Simulation, body: (nats: NatsConnection) => Promise<void>): Promise<void> {
  sim.net.host("nats").startSoon(() => natsd({ pingInterval: 1_000 })());
  sim.net.link("test", "nats", { latency: 2 });
  await sim.settled();
  await openNursery(async (nursery) => {
    await body(await openNats(nursery, { servers: "nats:4222" }));
  });
}

/** Starts a service on a host of its own, 2 ms from NATS; gives the scope that ends it. */
function replica(sim: Simulation, name: string, service: string): CancelScope {
  const scope = new CancelScope();
  sim.net.link(sim.net.host(name).name, "nats", { latency: 2 });
  sim.net.host(name).startSoon(() => scope.run(() => serviceProcess(service, { servers: "nats:4222" })));
  return scope;
}

Deno.test("rpc.ts: over two hops there is an answer, and the error of whoever failed", () =>
  simulate((sim) =>
    withNats(sim, async (nats) => {
      for (const name of ["stock", "prices"]) replica(sim, name, name);
      await sleep(100);
      assertEquals(await failAfter(1_000, () => ask(nats, "stock", "apples")), "7 apples, 6 each");
      const error = await assertRejects(() => failAfter(1_000, () => ask(nats, "stock", "gold")), RemoteError);
      assertEquals(error.message, "Cannot tell the price as it must be food: gold");
      await assertRejects(() => ask(nats, "nothing", ""), Error, "no responders");
    })
  ));

Deno.test("rpc.ts: when the caller gives up, those behind it do, as late as the way is long", () =>
  simulate((sim) =>
    withNats(sim, async (nats) => {
      const ends: [string, number][] = [];
      const until = (service: string, next: (client: NatsConnection) => Promise<string>) => {
        sim.net.link(sim.net.host(service).name, "nats", { latency: 2 });
        sim.net.host(service).startSoon(() =>
          openNursery(async (nursery) => {
            const client = await openNats(nursery, { servers: "nats:4222" });
            await serve(client, service, async () => {
              try {
                return await next(client);
              } catch (error) {
                if (isCancelled(error)) ends.push([service, sim.now]);
                throw error;
              }
            });
          })
        );
      };
      until("near", (client) => ask(client, "far", ""));
      until("far", () => sleepForever());
      await sleep(100);
      const begun = sim.now;
      await assertRejects(() => failAfter(500, () => ask(nats, "near", "")), TooSlowError);
      assertEquals(sim.now - begun, 500);
      await sleep(100);
      // 4 milliseconds each way; what is left is counted from where it arrives.
      assertEquals(ends.map(([service, at]) => [service, at - begun]), [["near", 504], ["far", 508]]);
    })
  ));

Deno.test("rpc.ts: replicas that are told to end cost no request, of 1,000", () =>
  simulate((sim) =>
    withNats(sim, async (nats) => {
      replica(sim, "prices0", "prices");
      let current = replica(sim, "stock0", "stock");
      await sleep(100);
      let restarts = 0;
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          while (true) {
            const next = replica(sim, `stock${++restarts}`, "stock");
            await sleep(200);
            current.shutdown({ grace: 5_000 });
            current = next;
          }
        }, { daemon: true });
        const answers = await map(Array.from({ length: 1_000 }, (_, n) => n), async (n) => {
          await sleep(20);
          return await failAfter(1_000, () => ask(nats, "stock", `p${n}`));
        }, { concurrency: 10 });
        assertEquals(answers.filter((text) => !/^7 p\d+, \d each$/.test(text)), []);
      });
      assert(restarts >= 10, `${restarts}`);
    }), { leaks: "ignore" }));

Deno.test("rpc.ts: a replica that dies costs what it had, and what it is sent until that is noticed", () =>
  simulate((sim) =>
    withNats(sim, async (nats) => {
      replica(sim, "prices", "prices");
      for (const name of ["s0", "s1", "s2"]) replica(sim, name, "stock");
      await sleep(100);
      const failures: number[] = [];
      await openNursery((nursery) => {
        for (let n = 0; n < 300; n++) {
          nursery.startSoon(async () => {
            await sleep(20 * n);
            if (n === 50) sim.net.host("s0").crash();
            const outcome = await moveOnAfter(300, () => ask(nats, "stock", "x"));
            if (outcome.cancelledCaught) failures.push(n);
          });
        }
      });
      // The server notices after two pings without an answer, 3 seconds; a third of 150 requests fell into that time.
      assert(failures.length > 0 && failures.every((n) => n >= 48 && n <= 50 + 3_100 / 20), `${failures}`);
      assert(failures.length < 80, `${failures.length}`);
    }), { leaks: "ignore" }));

Deno.test("rpc.ts: a header that makes no sense is an error for whoever sent it", () =>
  simulate((sim) =>
    withNats(sim, async (nats) => {
      replica(sim, "prices", "prices");
      await sleep(100);
      const said = headers();
      said.set("Time-Left", "soon");
      const answer = await reply(nats.request("services.prices", "x", { headers: said, timeout: 1_000 }));
      assert(answer.headers?.get("Failed").startsWith("Cannot limit the time"), answer.headers?.get("Failed"));
    })
  ));
