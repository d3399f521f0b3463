// deno-lint-ignore-file no-console
/**
 * The Redis client of `examples/` against those of npm, over one `redis-server` (a package of Debian). Each client is a
 * process of its own, under Deno; its tasks share one connection, write a small value, read it, and so on.
 *
 * With one task a command is a round trip, and nearly all of it is the system's: one write, one wait, one read. With 50
 * it counts how many commands go in one write, and what the client itself does for each.
 */

import { type Candidate, type Case, measure, subjectOptions } from "./_measure.ts";
import { loadIoredis, loadNodeRedis } from "./_peers.ts";
import { runClient, type Server } from "./_processes.ts";

const { quick } = subjectOptions();

/** Starts a server that keeps nothing; `null` where there is none. */
async function startRedis(): Promise<Server | null> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  try {
    const child = new Deno.Command("redis-server", { args, stdout: "piped", stderr: "inherit" }).spawn();
    const log = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("Ready to accept connections");) {
      const { value, done } = await log.read();
      if (done) throw new Error(`Cannot measure as redis-server must start: ${text}`);
      text += value;
    }
    return {
      port,
      pid: child.pid,
      async stop() {
        await log.cancel();
        child.kill("SIGKILL");
        await child.status;
      },
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(
      'Left out the benchmark of Redis as there is no command "redis-server": apt-get install redis-server',
    );
    return null;
  }
}

const server = await startRedis();
const cases: Case[] = [];
if (server !== null) {
  const clients = ["ours"];
  if (await loadIoredis() !== null) clients.unshift("ioredis");
  if (await loadNodeRedis() !== null) clients.unshift("redis");
  for (const [tasks, commands] of [[1, 20_000], [50, 100_000]] as const) {
    const load = (who: string) => (): ReturnType<Candidate["round"]> =>
      runClient("_redis_client.ts", server.port, who, tasks, quick ? commands / 10 : commands);
    cases.push({
      title: `a command, ${tasks} ${tasks === 1 ? "task" : "tasks"}`,
      unit: "us",
      baseline: "ioredis",
      candidates: clients.map((name) => ({ name, round: load(name) })),
      limits: [{ of: "ours", against: "ioredis", atMost: 1 }, { of: "ours", against: "redis", atMost: 1 }],
    });
  }
}
await measure(cases);
await server?.stop();
