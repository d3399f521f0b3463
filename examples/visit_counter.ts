// deno-lint-ignore-file no-console
/**
 * Counts visits and keeps the number in Redis, with ioredis, a client from npm that knows nothing of this library.
 *
 * The test lets the server of this program, as it is, lose power: what its client does then, and when, is seen to the
 * millisecond, in no time. What is kept is the number and not "one more": a command that was given up may have been
 * carried out, and is repeated.
 *
 * Run it: deno run --allow-net --allow-env --allow-sys examples/visit_counter.ts [hostname]
 */
import { Redis } from "npm:ioredis@5.4.1";
import { run, sleep } from "@trefoil/io";

/** Counts a visit each second; says what is kept, and what is not kept yet. */
export async function countVisits(hostname: string, visits: number, say: (line: string) => void): Promise<void> {
  const redis = new Redis({
    host: hostname,
    commandTimeout: 500,
    retryStrategy: (attempts) => Math.min(attempts * 1_000, 3_000),
  });
  redis.on("error", () => {}); // it connects again by itself
  try {
    for (let count = 1; count <= visits; count++) {
      try {
        await redis.set("visits", count);
        say(`${count} kept`);
      } catch {
        say(`${count} not kept`);
      }
      await sleep(1_000);
    }
  } finally {
    redis.disconnect();
  }
}

if (import.meta.main) run(() => countVisits(Deno.args[0] ?? "localhost", 60, console.log));
