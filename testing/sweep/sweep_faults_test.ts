import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokenResourceError, failAfter, openNursery, Semaphore, sleep, TooSlowError } from "../../core/mod.ts";
import { BufferedStream, fetch, openTcpStream, serveHttp, serveTcp, type SocketStream } from "../../net/mod.ts";
import { type Simulation, SweepError, sweepFaults, type SweepFaultsOptions } from "../mod.ts";

/** What is wrong with a pool. */
type Flaw = "none" | "permit" | "broken" | "late";

/** A pool of one connection to a server that answers each line with the same. */
class Pool {
  readonly permits = new Semaphore(1);
  readonly #flaw: Flaw;
  #idle: BufferedStream<SocketStream> | null = null;

  constructor(flaw: Flaw) {
    this.#flaw = flaw;
  }

  async ask(question: string): Promise<string> {
    const permit = await this.permits.acquire();
    let stream: BufferedStream<SocketStream> | null = null;
    try {
      stream = this.#idle ?? new BufferedStream(await openTcpStream("db", 5432));
      this.#idle = null;
      await failAfter(1_000, () => stream!.sendAll(new TextEncoder().encode(`${question}\n`)));
      const answer = await failAfter(1_000, () => stream!.receiveLine({ max: 100 }));
      if (answer === null) throw new Error("the server is gone");
      this.#idle = stream;
      permit.release();
      return answer;
    } catch (error) {
      // It is given back as if nothing had happened.
      const reuses = this.#flaw === "broken" || this.#flaw === "late" && error instanceof TooSlowError;
      if (reuses && stream !== null) this.#idle = stream;
      else stream?.close();
      if (this.#flaw !== "permit") permit.release();
      throw error;
    }
  }

  close(): void {
    this.#idle?.close();
    this.#idle = null;
  }
}

/** Two questions, and a third one after whatever went wrong. */
function scenario(flaw: Flaw): [(pool: Pool, sim: Simulation) => Promise<void>, SweepFaultsOptions<Pool>] {
  return [
    async (pool, sim) => {
      sim.net.host("db").startSoon(() =>
        serveTcp(async (stream) => {
          try {
            for await (const chunk of stream) await stream.sendAll(chunk);
          } catch (error) {
            if (!(error instanceof BrokenResourceError)) throw error;
          }
        }, { port: 5432 })
      );
      await sim.settled();
      for (const question of ["one", "two"]) assertEquals(await pool.ask(question), question);
    },
    {
      setup: () => new Pool(flaw),
      async after(pool) {
        try {
          // What has stood in the pool may have ended meanwhile; a second attempt has no such excuse.
          const ask = () => pool.ask("three");
          const answer = await failAfter(5_000, () => ask().catch(ask));
          assertEquals(answer, "three");
        } finally {
          pool.close();
        }
      },
    },
  ];
}

Deno.test("a pool that survives every fault passes: each operation meets each fault of its kind", async () => {
  const report = await sweepFaults(...scenario("none"));
  assert(report.points >= 8, `${report.points}`);
  assert(report.runs > 2 * report.points, `${report.runs}`);
  assertEquals(await sweepFaults(...scenario("none")), report);
});

Deno.test("three flaws of a pool are found, with operation, fault and point", async () => {
  const found: Record<string, string> = {};
  for (const flaw of ["permit", "broken", "late"] as const) {
    const [run, options] = scenario(flaw);
    const error = await sweepFaults(run, options).then(() => null, (error) => error);
    assertInstanceOf(error, SweepError, flaw);
    found[flaw] = error.point;
    assertStringIncludes(
      error.message,
      "Cannot accept the scenario as it must survive a fault of each of its operations",
    );
    assert(
      /\n {2}at operation \d+ of host "test", (resolve|connect|read|write) \S+.*: [a-z ,]+\n/.test(error.message),
      error.message,
    );
    assertStringIncludes(error.message, `{ only: "${error.point}" }`);
    const again = await assertRejects(() => sweepFaults(run, { ...options, only: error.point }), SweepError);
    assertEquals(again.message, error.message);
    await sweepFaults(scenario("none")[0], { ...scenario("none")[1], only: error.point });
  }
  assertEquals(found.permit, "unknown:1");
  assert(/^(reset|end|broken)/.test(found.broken!), found.broken);
  assert(/^late/.test(found.late!), found.late);
});

Deno.test("a scenario that hangs because of a fault is found, and one that leaves something open", async () => {
  const serve = (sim: Simulation) =>
    sim.background.startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(2)), { port: 80 }));
  const hangs = await assertRejects(() =>
    sweepFaults(async (_, sim) => {
      serve(sim);
      await sim.settled();
      using stream = await openTcpStream("127.0.0.1", 80);
      const chunk = await stream.receiveSome(2).catch(() => null);
      if (chunk === null) await sim.net.host("nobody").run(() => new Semaphore(0).acquire());
    }), SweepError);
  assertStringIncludes(hangs.message, "nothing can ever wake up");
  const leaks = await assertRejects(() =>
    sweepFaults(async (_, sim) => {
      serve(sim);
      await sim.settled();
      const stream = await openTcpStream("127.0.0.1", 80);
      await failAfter(100, () => stream.receiveSome(2));
      stream.close();
    }), SweepError);
  assertStringIncludes(leaks.message, "left 1 thing behind");
});

Deno.test("one byte read or written at a time breaks no loop that is right", async () => {
  const sizes: number[] = [];
  await sweepFaults(async (_, sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        serveTcp(async (stream) => {
          for await (const chunk of stream) await stream.sendAll(chunk);
        }, { port: 80 }), { daemon: true });
      await sim.settled();
      await using stream = await openTcpStream("127.0.0.1", 80);
      await stream.sendAll(new Uint8Array(10));
      await stream.sendEof();
      let size = 0;
      for await (const chunk of stream) size += chunk.length;
      sizes.push(size);
      assertEquals(size === 10 || size < 10, true);
    });
  });
  assert(sizes.filter((size) => size === 10).length > 5);
});

Deno.test("only the operations of the host that is named go wrong", async () => {
  const { points } = await sweepFaults(async (_, sim) => {
    sim.background.startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(1)), { port: 80 }));
    await sim.settled();
    const ask = async () => {
      using stream = await openTcpStream(sim.net.host("test").address, 80);
      await stream.receiveSome(1);
    };
    await ask();
    await sim.net.host("client").run(ask);
  }, { host: "client" });
  assertEquals(points, 2);
});

Deno.test("sweepFaults() checks its arguments, and that there is something to go wrong", async () => {
  await assertRejects(() => sweepFaults(() => sleep(1)), RangeError, 'host "test" must do something');
  for (
    const [options, Class, text] of [
      [{ only: "fire:1" }, RangeError, '"only" must be a point like "reset:12"'],
      [{ host: 5 }, TypeError, '"host" must be the name of a host'],
      [{ maxRuns: 0 }, RangeError, '"maxRuns" must be a whole number'],
      [{ simulation: { network: "host" } }, TypeError, 'with option "network"'],
      [{ speed: 1 }, TypeError, "must be among"],
    ] as const
  ) {
    await assertRejects(() => sweepFaults(() => {}, options as never), Class, text);
  }
  const gone = await assertRejects(() =>
    sweepFaults(...scenario("none")).then(() => {
      const [run, options] = scenario("none");
      return sweepFaults(run, { ...options, only: "reset:999" });
    }), SweepError);
  assertStringIncludes(gone.message, 'point "reset:999" did not come again');
});

Deno.test("HTTP is met as well, as it runs on these connections", async () => {
  const counted = (careful: boolean) =>
    sweepFaults(async (state: { open: number }, sim) => {
      sim.net.host("api").startSoon(() => serveHttp(() => new Response("hello"), { port: 80 }));
      await sim.settled();
      state.open++;
      try {
        const response = await failAfter(1_000, () => fetch("http://api/"));
        await response.text();
        if (!careful) state.open--;
      } finally {
        if (careful) state.open--;
      }
    }, { setup: () => ({ open: 0 }), after: ({ open }) => assertEquals(open, 0) });
  const { points } = await counted(true);
  assert(points >= 4, `${points}`);
  await assertRejects(() => counted(false), SweepError, "afterwards, AssertionError");
});
