/**
 * The programs on a real nats-server, in processes that are killed, stopped and told to end; the proxies of
 * `rolling_restart/`; and the simulations with a hundred seeds. Some minutes: run where it is named.
 *
 * What was counted is printed, a line for each test.
 *
 * Over 400 lines, as each program has its own course.
 */

import { assert, assertEquals } from "@std/assert";
import { getAvailablePort } from "@std/net";
import { currentTime, failAfter, fetch, moveOnAfter, openNursery, openProcess, run, sleep } from "@trefoil/io";
import { hasProgram } from "../_has_program.ts";
import { ChatClient, chatScenario, faultsOf } from "./_chat_scenario.ts";
import { jobsScenario } from "./_jobs_scenario.ts";
import { leaseScenario, overlaps, type Step, TTL } from "./_lease_scenario.ts";
import { openNats, reply } from "./_nats.ts";
import { type Program, startProgram } from "./_program.ts";
import { RealNats } from "./_real.ts";
import * as chat from "./chat_cluster.ts";
import * as jobs from "./jobs.ts";
import * as lease from "./lease.ts";
import { ask } from "./rpc.ts";
import { jetstreamManager } from "@nats-io/jetstream";

const SEEDS = 100;

const hasNats = await hasProgram("nats-server", "nats-server");
const hasHaproxy = await hasProgram("haproxy", "haproxy");
const hasNginx = await hasProgram("nginx", "nginx-light");

function say(line: string): void {
  // deno-lint-ignore no-console -- what was counted is what these are for
  console.log(line);
}

/** A test with a real server. */
function real(name: string, body: (server: RealNats, env: Record<string, string>) => Promise<void>): void {
  Deno.test({
    name: `nats-server: ${name}`,
    ignore: !hasNats,
    fn: () =>
      run(async () => {
        await using server = await RealNats.open({ config: 'ping_interval: "1s"\nping_max: 2' });
        await body(server, { NATS: `127.0.0.1:${server.port}` });
      }, { handleSignals: false }),
  });
}

const random = (from: number, to: number) => from + (to - from) * Math.random();

Deno.test("a hundred seeds: the chat loses nothing and says nothing twice", async () => {
  let all = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { faults, deliveries } = await chatScenario(chat, seed);
    assertEquals(faults, [], `seed ${seed}`);
    all += deliveries;
  }
  say(`chat, ${SEEDS} seeds: ${all} deliveries, 0 lost, 0 twice`);
});

Deno.test("a hundred seeds: each job is done once or given up", async () => {
  let crashes = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const outcome = await jobsScenario(jobs, seed, 100);
    const { done, dead } = outcome;
    assertEquals([done.length + dead.length, new Set([...done, ...dead]).size], [101, 101], `seed ${seed}`);
    crashes += outcome.crashes;
  }
  say(`jobs, ${SEEDS} seeds: ${101 * SEEDS} jobs, ${crashes} crashes, 0 lost, 0 twice`);
});

Deno.test("a hundred seeds: nobody leads beside another one", async () => {
  const taken: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const { steps, takeovers } = await leaseScenario(lease, seed);
    assertEquals(overlaps(steps), [], `seed ${seed}`);
    taken.push(...takeovers.map(({ ms }) => ms));
    assert(takeovers.every(({ ms }) => ms <= TTL * 1.1), `seed ${seed}: ${JSON.stringify(takeovers)}`);
  }
  say(`lease, ${SEEDS} seeds: ${taken.length} takeovers, at most ${Math.max(...taken)} ms with ttl ${TTL}; 0 overlaps`);
});

for (let n = 1; n <= 3; n++) {
  real(
    `chat, run ${n}: kill -9 of one process, then of NATS: nothing is lost, nothing comes twice`,
    async (server, env) => {
      await openNursery(async (nursery) => {
        const nodes: { program: Program; port: number }[] = [];
        for (let i = 0; i < 3; i++) {
          const port = getAvailablePort();
          const program = await startProgram(nursery, ["chat_cluster.ts", String(port)], { env });
          nodes.push({ program, port });
        }
        for (const { program } of nodes) await program.printed(/is ready/);
        await sleep(2_000);
        const clients = Array.from({ length: 9 }, (_, i) => new ChatClient(`c${i}`));
        let joined = 0;
        for (const [i, client] of clients.entries()) {
          const { port } = nodes[i % 3]!;
          nursery.startSoon(() => client.run("127.0.0.1", port, () => joined++).catch(() => {}), { daemon: true });
        }
        await failAfter(20_000, async () => {
          while (joined < 9) await sleep(10);
        });
        await openNursery((talk) => {
          for (const client of clients) {
            talk.startSoon(async () => {
              for (let i = 0; i < 100; i++) {
                await sleep(random(0, 100));
                await client.say(`${i}`).catch(() => {});
              }
            });
          }
          talk.startSoon(async () => {
            await sleep(random(800, 1_500));
            nodes[2]!.program.kill("SIGKILL");
            await sleep(random(300, 800));
            await server.restart(800);
          });
        });
        const alive = clients.filter((_, i) => i % 3 !== 2);
        await moveOnAfter(20_000, async () => {
          while (faultsOf(alive).length > 0) await sleep(200);
        });
        assertEquals(faultsOf(alive), []);
        const deliveries = alive.reduce((sum, { heard }) => sum + heard.length, 0);
        say(`chat, run ${n}: ${deliveries} deliveries, 0 lost, 0 twice between the clients of live processes`);
        nursery.cancel();
      });
    },
  );
}

real("jobs: 10,000, at least 50 kill -9, one of NATS: each is done once or given up", async (server, env) => {
  const COUNT = 10_000;
  const counted = { killed: 0, told: 0, good: 0, started: 0 };
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, { servers: env.NATS! });
    await jobs.openQueue(nats);
    const begun = currentTime();
    await openNursery((adding) => {
      for (let part = 0; part < 20; part++) {
        adding.startSoon(async () => {
          for (let id = part; id < COUNT; id += 20) {
            await jobs.addJob(nats, { id: `${id}`, text: id % 500 === 7 ? `bad ${id}` : `slow ${id}` });
          }
        });
      }
    });
    const manager = await jetstreamManager(nats);
    const isDone = async () => {
      const info = await reply(manager.consumers.info("JOBS", "worker")).catch(() => null);
      return info !== null && info.num_pending === 0 && info.num_ack_pending === 0;
    };
    const start = async () => {
      counted.started++;
      return await startProgram(nursery, ["jobs.ts", "work"], { env });
    };
    const workers = [await start(), await start(), await start()];
    await failAfter(400_000, async () => {
      for (let n = 1; !await isDone(); n++) {
        await sleep(random(500, 900));
        if (n === 15) await server.restart(800);
        const i = n % 3;
        if (n % 5 === 0) {
          counted.told++;
          // A process that is told to end before it has begun to listen for that dies of it, as all do.
          await workers[i]!.printed(/ready/);
          if (await workers[i]!.end("SIGTERM") === 0) counted.good++;
        } else {
          counted.killed++;
          await workers[i]!.end("SIGKILL");
        }
        workers[i] = await start();
      }
    });
    const done = (await manager.streams.info("DONE")).state;
    const dead = (await manager.streams.info("DEAD")).state;
    say(
      `jobs: ${done.messages} done + ${dead.messages} given up of ${COUNT}; ${counted.killed} kill -9, ${counted.told} ` +
        `SIGTERM of which ${counted.good} ended with 0, ${counted.started} processes, ` +
        `${Math.round((currentTime() - begun) / 1_000)} s`,
    );
    // Each is a subject of its own: twice would be a message more, or a subject less.
    assertEquals([done.messages, done.num_subjects, dead.messages], [COUNT - 20, COUNT - 20, 20]);
    assert(counted.killed >= 50, `${counted.killed} kill -9`);
    assertEquals(counted.good, counted.told);
    nursery.cancel();
  });
});

real("jobs: a worker that is told to end while NATS is away ends with 0", async (server, env) => {
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, { servers: env.NATS! });
    await jobs.openQueue(nats);
    const worker = await startProgram(nursery, ["jobs.ts", "work"], { env });
    await worker.printed(/ready/);
    await sleep(1_000);
    await server.kill();
    assertEquals(await worker.end("SIGTERM"), 0);
    await server.start();
    nursery.cancel();
  });
});

real("rpc: SIGTERM costs 0 of 1,000, kill -9 at most what was in flight", async (_server, env) => {
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, { servers: env.NATS! });
    const start = async (service: string) => {
      const program = await startProgram(nursery, ["rpc.ts", "serve", service], { env });
      await program.printed(/ready/);
      return program;
    };
    await start("prices");
    const replicas = [await start("stock"), await start("stock"), await start("stock")];
    const AT_A_TIME = 8;
    /** Asks until told to stop; counts. */
    const load = async (until: () => boolean) => {
      const counts = { asked: 0, failed: 0 };
      await openNursery((askers) => {
        for (let n = 0; n < AT_A_TIME; n++) {
          askers.startSoon(async () => {
            while (!until()) {
              counts.asked++;
              try {
                await failAfter(1_000, () => ask(nats, "stock", "apples"));
              } catch {
                counts.failed++;
              }
              await sleep(5);
            }
          });
        }
      });
      return counts;
    };
    const during = async (signal: Deno.Signal, times: number) => {
      let over = false;
      const loading = nursery.startSoon(() => load(() => over));
      const codes: number[] = [];
      for (let n = 0; n < times; n++) {
        codes.push(await replicas[n % 3]!.end(signal));
        replicas[n % 3] = await start("stock");
        await sleep(300);
      }
      over = true;
      return { ...await loading.join(), codes };
    };
    const told = await during("SIGTERM", 6);
    const killed = await during("SIGKILL", 6);
    say(
      `rpc: ${told.failed} of ${told.asked} failed over 6 SIGTERM (exit codes ${told.codes}); ` +
        `${killed.failed} of ${killed.asked} over 6 kill -9, ${AT_A_TIME} in flight`,
    );
    assertEquals(told.codes, [0, 0, 0, 0, 0, 0]);
    assertEquals(told.failed, 0);
    assert(told.asked >= 1_000, `${told.asked}`);
    assert(killed.failed <= 6 * AT_A_TIME, `${killed.failed}`);
    nursery.cancel();
  });
});

real(
  "lease: kill -9, SIGSTOP and SIGTERM: one takes over in time, and nobody acts beside another one",
  async (_server, env) => {
    await openNursery(async (nursery) => {
      const steps: Step[] = [];
      let started = 0;
      const programs = new Map<string, Program>();
      const start = async () => {
        const who = `p${++started}`;
        const onLine = (line: string) => {
          const [at = "", term = ""] = line.split(" ");
          steps.push({ at: Number(at), who, term: Number(term) });
        };
        programs.set(who, await startProgram(nursery, ["lease.ts", "x"], { env, onLine }));
      };
      for (let n = 0; n < 3; n++) await start();
      const leader = () => steps.at(-1)!.who;
      /** Waits for another leader; says how long that took. */
      const next = async (old: string, since: number) => {
        await failAfter(10_000, async () => {
          while (leader() === old) await sleep(1);
        });
        return steps.at(-1)!.at - since;
      };
      await failAfter(30_000, async () => {
        while (steps.length === 0) await sleep(10);
      });
      await sleep(2_000);
      const taken: Record<string, number[]> = { "kill -9": [], SIGSTOP: [], SIGTERM: [] };
      const codes: number[] = [];
      for (let n = 0; n < 8; n++) {
        await sleep(random(500, 1_500));
        const old = leader();
        const since = Date.now();
        if (n % 2 === 0) {
          programs.get(old)!.kill("SIGKILL");
          taken["kill -9"]!.push(await next(old, since));
          await start();
        } else {
          programs.get(old)!.kill("SIGSTOP");
          taken.SIGSTOP!.push(await next(old, since));
          await sleep(1_000);
          programs.get(old)!.kill("SIGCONT");
        }
        await sleep(1_500);
      }
      for (let n = 0; n < 20; n++) {
        await sleep(random(500, 1_000));
        const old = leader();
        const since = Date.now();
        const ending = nursery.startSoon(() => programs.get(old)!.end("SIGTERM"));
        taken.SIGTERM!.push(await next(old, since));
        codes.push(await ending.join());
        await start();
        await sleep(1_000);
      }
      // By the clock of the machine, which is the same for all of them.
      const late = overlaps(steps.toSorted((a, b) => a.at - b.at || a.term - b.term));
      say(
        `lease, ttl ${TTL}: after kill -9 ${
          taken["kill -9"]
        } ms, SIGSTOP ${taken.SIGSTOP} ms, SIGTERM ${taken.SIGTERM} ms; ` +
          `${
            codes.filter((code) => code === 0).length
          } of ${codes.length} ended with 0; ${late.length} steps beside another leader`,
      );
      assertEquals(late, []);
      assert([...taken["kill -9"]!, ...taken.SIGSTOP!].every((ms) => ms <= TTL * 1.1));
      // One that was not given back is free after three quarters of this at the earliest: the last renewal is no older.
      assert(taken.SIGTERM!.every((ms) => ms < TTL / 2), `${taken.SIGTERM}`);
      assertEquals(codes, codes.map(() => 0));
      nursery.cancel();
    });
  },
);

/** Ten rolling restarts behind a proxy, under load. */
async function roll(proxy: string, command: (folder: string) => readonly string[], config: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_roll_" });
  const [front, one, two] = [getAvailablePort(), getAvailablePort(), getAvailablePort()];
  const text = await Deno.readTextFile(new URL(`rolling_restart/${config}`, import.meta.url));
  await Deno.writeTextFile(
    `${folder}/${config}`,
    text.replaceAll(":8080", `:${front}`).replaceAll(":8081", `:${one}`).replaceAll(":8082", `:${two}`),
  );
  try {
    await openNursery(async (nursery) => {
      const start = async (port: number) => {
        const program = await startProgram(nursery, ["rolling_restart/server.ts", String(port)]);
        await program.printed(/ready/);
        return program;
      };
      const servers = [await start(one), await start(two)];
      await using _proxy = await openProcess(command(folder) as [string, ...string[]], {
        stdout: "null",
        stderr: "null",
        cwd: folder,
      });
      const get = async () => {
        const response = await fetch(`http://127.0.0.1:${front}/`);
        const answer = await response.text();
        return response.ok && answer.startsWith("hello") ? "well" : String(response.status);
      };
      await failAfter(20_000, async () => {
        while (await get().catch(() => "") !== "well") await sleep(50);
      });
      let asked = 0;
      const failed: string[] = [];
      let over = false;
      const codes: number[] = [];
      await openNursery(async (load) => {
        for (let n = 0; n < 8; n++) {
          load.startSoon(async () => {
            while (!over) {
              asked++;
              const outcome = await get().catch(String);
              if (outcome !== "well") failed.push(outcome);
              await sleep(1);
            }
          });
        }
        for (let n = 0; n < 10; n++) {
          codes.push(await servers[n % 2]!.end("SIGTERM"));
          servers[n % 2] = await start([one, two][n % 2]!);
          // The proxy has to notice.
          await sleep(1_000);
        }
        over = true;
      });
      say(
        `rolling restart behind ${proxy}: ${failed.length} of ${asked} failed over 10 restarts; exit codes ${codes}`,
      );
      assertEquals(failed, []);
      assert(asked >= 4_000, `${asked}`);
      assertEquals(codes, codes.map(() => 0));
      nursery.cancel();
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "haproxy: ten rolling restarts cost no request",
  ignore: !hasHaproxy,
  fn: () =>
    run(() => roll("haproxy", (folder) => ["haproxy", "-f", `${folder}/haproxy.cfg`], "haproxy.cfg"), {
      handleSignals: false,
    }),
});

Deno.test({
  name: "nginx: ten rolling restarts cost no request",
  ignore: !hasNginx,
  fn: () =>
    run(() => roll("nginx", (folder) => ["nginx", "-c", `${folder}/nginx.conf`, "-p", folder], "nginx.conf"), {
      handleSignals: false,
    }),
});
