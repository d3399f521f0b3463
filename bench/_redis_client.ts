// deno-lint-ignore-file no-console
/**
 * One client of the Redis benchmark: prints what a command took in microseconds of wall and CPU time. Usage: port, who,
 * tasks, commands
 */

import process from "node:process";
import { openRedis } from "../examples/redis_client.ts";
import { openNursery, run } from "../mod.ts";
import { loadIoredis, loadNodeRedis, type RedisClient } from "./_peers.ts";

const [port, tasks, commands] = [Deno.args[0], Deno.args[2], Deno.args[3]].map(Number) as [number, number, number];

/** Runs functions side by side. */
type All = (fns: readonly (() => Promise<void>)[]) => Promise<unknown>;

const barePromises: All = (fns) => Promise.all(fns.map((fn) => fn()));
const nursery: All = (fns) =>
  openNursery((nursery) => {
    for (const fn of fns) nursery.startSoon(fn);
  });

/** Writes and reads; everything must come back as it was. */
async function work(client: RedisClient, key: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 2) {
    const value = `the value number ${n}`;
    await client.set(key, value);
    const found = await client.get(key);
    if (found !== value) throw new Error(`Cannot compare clients as they must read what was written: ${found}`);
  }
}

async function load(client: RedisClient, all: All): Promise<void> {
  const fns = Array.from({ length: tasks }, (_, task) => () => work(client, `bench:${task}`, commands / tasks));
  // Once to warm up.
  await all(fns);
  const start = performance.now();
  const before = process.cpuUsage();
  await all(fns);
  const { user, system } = process.cpuUsage(before);
  const wall = (performance.now() - start) * 1e3;
  console.log(JSON.stringify({ wall: wall / commands, CPU: (user + system) / commands }));
}

const clients: Readonly<Record<string, () => Promise<void>>> = {
  ours: () =>
    run(() =>
      openNursery(async (life) => {
        const redis = await openRedis(life, { port });
        const set = (key: string, value: string) => redis.command("SET", key, value);
        await load({ set, get: (key) => redis.command("GET", key) }, nursery);
      })
    ),
  async ioredis() {
    const { Redis } = (await loadIoredis())!;
    const redis = new Redis(port, "127.0.0.1");
    await load(redis, barePromises);
    redis.disconnect();
  },
  async redis() {
    const { createClient } = (await loadNodeRedis())!;
    const redis = createClient({ socket: { host: "127.0.0.1", port } });
    await redis.connect();
    await load(redis, barePromises);
    redis.destroy();
  },
};
await clients[Deno.args[1] as string]!();
