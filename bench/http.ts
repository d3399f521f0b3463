// deno-lint-ignore-file no-console
/**
 * Hello, world over HTTP: `serveHttp()` against a bare `Deno.serve()`, each server in a process of its own, loaded by
 * `wrk` (a package of Debian) over 50 connections that are kept alive. Counted is the CPU time of the server per
 * request: it is what limits the requests per second, and neighbours on the machine do not disturb it. One handler
 * answers at once, the other is `async`.
 *
 * The limit is not met, and where the time goes was measured with handlers of growing size on a bare server (8.5 us):
 * one `AsyncLocalStorage.run()` costs 1.0 us, half of it garbage collection of its weak references; answering by a
 * promise 0.4 us; a task in a nursery, both of them included, 2.4 us; everything else of `serveHttp()` 0.5 us.
 *
 * Usage: deno task bench --only=http
 */

import { type Case, measure, subjectOptions } from "./_measure.ts";
import { cpuTimeOf, type Server, startServer } from "./_processes.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in seconds. */
const ROUND = quick ? 1 : 2;
const KINDS = ["at once", "async"] as const;

/** Microseconds of the server's CPU time per request. */
async function load({ pid, port }: Server): Promise<number> {
  const before = await cpuTimeOf(pid);
  const { stdout } = await new Deno.Command("wrk", {
    args: ["-t1", "-c50", `-d${ROUND}s`, `http://127.0.0.1:${port}/`],
  }).output();
  const requests = Number(/(\d+) requests in/.exec(new TextDecoder().decode(stdout))?.[1]);
  return (await cpuTimeOf(pid) - before) / requests;
}

async function haveWrk(): Promise<boolean> {
  try {
    await new Deno.Command("wrk", { args: ["--version"], stdout: "null", stderr: "null" }).output();
    return true;
  } catch {
    console.error('Left out the benchmark of HTTP as there is no command "wrk": apt-get install wrk');
    return false;
  }
}

const servers: Server[] = [];
const cases: Case[] = [];
if (await haveWrk()) {
  for (const kind of KINDS) {
    const bare = await startServer("_http_server.ts", "bare", kind);
    const ours = await startServer("_http_server.ts", "ours", kind);
    servers.push(bare, ours);
    cases.push({
      title: `hello world, handler ${kind}`,
      unit: "us/request",
      baseline: "bare Deno.serve",
      candidates: [
        { name: "bare Deno.serve", round: () => load(bare) },
        { name: "ours", round: () => load(ours) },
      ],
      // A share of the throughput is the inverse share of the time.
      limits: [{ of: "ours", against: "bare Deno.serve", atMost: 1 / 0.9 }],
    });
  }
}
await measure(cases);
for (const server of servers) await server.stop();
