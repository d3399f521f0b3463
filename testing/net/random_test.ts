import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { BrokenResourceError, moveOnAfter, openNursery, retry, sleep, TooSlowError } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { openTcpStream, serveTcp, type SocketStream } from "../../net/mod.ts";
import { simulate, type Simulation } from "../mod.ts";

/** The byte at a position: one that is lost, doubled or swapped is noticed. */
const byteAt = (position: number) => (position * 7 + (position >> 8) * 13) & 255;

/** Requires bytes to go on where those before have ended; returns where they end. */
function check(chunk: Uint8Array, from: number): number {
  for (let i = 0; i < chunk.length; i++) {
    if (chunk[i] !== byteAt(from + i)) assertEquals([from + i, chunk[i]], [from + i, byteAt(from + i)]);
  }
  return from + chunk.length;
}

const NAMES = ["test", "a", "b"] as const;

/** Servers that echo, clients that check the echo, and all that can go wrong, at random; returns what clients met. */
function course(seed: number): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  const ended = (how: string) => void ends.set(how, (ends.get(how) ?? 0) + 1);
  return simulate(async (sim: Simulation) => {
    const below = (limit: number) => Math.floor(sim.random() * limit);
    const pick = () => NAMES[below(NAMES.length)]!;
    const failed: unknown[] = [];
    for (const name of NAMES) {
      sim.net.host(name).startSoon(() =>
        serveTcp(async (stream) => {
          let at = 0;
          for await (const chunk of stream) {
            at = check(chunk, at);
            await stream.sendAll(chunk);
          }
        }, {
          port: 7,
          handlerTimeout: 400_000,
          backlog: 3,
          maxConnections: 5,
          onHandlerError: (error) => void failed.push(error),
        })
      );
    }
    for (const a of NAMES) {
      for (const b of NAMES) {
        const options = { latency: below(50), jitter: below(50), loss: sim.random() / 5, window: 1 + below(500) };
        sim.net.link(a, b, { ...options, bandwidth: 1_000 + below(100_000) });
      }
    }

    async function client(): Promise<void> {
      await sleep(below(5_000));
      const from = sim.net.host(pick());
      let got = 0;
      try {
        const outcome = await moveOnAfter(1 + below(300_000), () =>
          from.run(async () => {
            using stream: SocketStream = await openTcpStream(pick(), 7);
            await openNursery((nursery) => {
              const total = below(2_000);
              nursery.startSoon(async () => {
                for (let at = 0; at < total;) {
                  const size = Math.min(1 + below(300), total - at);
                  await stream.sendAll(Uint8Array.from({ length: size }, (_, i) => byteAt(at + i)));
                  at += size;
                }
                if (below(2) === 0) await stream.sendEof();
              });
              nursery.startSoon(async () => {
                for await (const chunk of stream) {
                  got = check(chunk, got);
                  if (got === total) break;
                }
              });
            });
          }));
        ended(outcome.cancelledCaught ? "cancelled" : "done");
      } catch (error) {
        const errors = error instanceof AggregateError ? error.errors : [error];
        for (const one of errors) assertInstanceOf(one, BrokenResourceError);
        const { cause, message } = errors[0] as BrokenResourceError;
        // That of a connect is the group of its attempts.
        ended(
          ((cause instanceof AggregateError ? cause.errors[0].cause : cause) as Error | undefined)?.name ?? message,
        );
      }
    }

    async function trouble(): Promise<void> {
      for (let events = 10; events > 0; events--) {
        await sleep(below(20_000));
        const [a, b] = [pick(), pick()];
        const lasts = below(2) === 0 ? below(1_000) : below(200_000);
        const oneWay = below(2) === 0;
        const kind = below(5);
        if (kind === 0) sim.net.reset(a, b);
        else if (kind === 1) {
          using _ = sim.net.partition(a, b, { oneWay });
          await sleep(lasts);
        } else if (kind === 2) {
          using _ = sim.net.hold(a, b, { oneWay });
          await sleep(lasts);
        } else if (kind === 3) {
          using _ = sim.net.link(a, b, { latency: below(500), window: 1 + below(2_000), oneWay });
          await sleep(lasts);
        } else {
          const host = sim.net.host(a);
          host.crash();
          await sleep(lasts);
          host.restart();
        }
      }
    }

    await openNursery((nursery) => {
      for (let i = 0; i < 20; i++) nursery.startSoon(client);
      for (let i = 0; i < 2; i++) nursery.startSoon(trouble);
    });
    for (const error of failed) {
      assert(error instanceof BrokenResourceError || error instanceof TooSlowError, `${error}`);
    }
    // Whatever happened: when all is well again for long enough, servers serve, and nothing is left of the rest.
    await sleep(600_000);
    for (const name of NAMES) {
      using _ = sim.net.link("test", name, { loss: 0 });
      using stream = await openTcpStream(name, 7);
      await stream.sendAll(new Uint8Array([byteAt(0)]));
      check((await stream.receiveSome())!, 0);
    }
    await sleep(600_000);
    assertEquals(sim.net.connections(), []);
    return ends;
  }, { seed });
}

Deno.test("whatever goes wrong at random, bytes keep their order, errors are those of a network, and nothing is left", async () => {
  const all = new Map<string, number>();
  for (let seed = 0; seed < 100; seed++) {
    for (const [how, count] of await course(seed)) all.set(how, (all.get(how) ?? 0) + count);
  }
  for (const how of ["done", "cancelled", "ConnectionReset", "BrokenPipe", "TimedOut"]) {
    assert(all.has(how), `${how} never happened`);
  }
});

Deno.test("a course of chance with everything in it is the same each time", async () => {
  assertEquals([...await course(7)], [...await course(7)]);
});

Deno.test("what goes over the network moves no other source of random numbers", async () => {
  const draw = (packets: number) =>
    simulate(async (sim) => {
      sim.net.link("test", "test", { jitter: 5 });
      sim.background.startSoon(() => serveTcp((stream) => stream.receiveSome(), { port: 7 }));
      for (let i = 0; i < packets; i++) {
        using stream = await openTcpStream("localhost", 7);
        await stream.sendAll(new Uint8Array(10));
      }
      return [sim.random(), currentRun().random(), Math.random(), sim.random(), currentRun().random()];
    }, { seed: 7 });
  const drawn = await draw(0);
  assertEquals(await draw(5), drawn);
  assertEquals(new Set(drawn).size, 5);
});

Deno.test("a retry moves no other source of random numbers than that of the run", async () => {
  const draw = (attempts: number) =>
    simulate(async (sim) => {
      await retry(() => Promise.reject(new Error("no")), { attempts }).catch(() => {});
      return [sim.random(), Math.random()];
    });
  assertEquals(await draw(5), await draw(2));
});
