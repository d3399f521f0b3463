// deno-lint-ignore-file no-console
/**
 * Hello, world over HTTP: `serveHttp()` against a bare `Deno.serve()`, each server in a process of its own, loaded by
 * `wrk` (a package of Debian) over 50 connections that are kept alive. Counted is the CPU time of the server per
 * request: it is what limits the requests per second, and neighbours on the machine do not disturb it. One handler
 * answers at once, one is `async`, one waits for 2 ms, as it would for a database.
 *
 * A bare server does not end the work of a client that went away, has no limit and no timeout. So there is the same
 * done by hand as well, against `maxRequests` and `handlerTimeout`.
 *
 * Frameworks route, which the others do not. None of them ends the work of a client that went away, or of a handler
 * that takes too long.
 *
 * Usage: deno task bench --only=http
 */

import { type Case, measure, subjectOptions } from "./_measure.ts";
import { cpuTimeOf, type Server, startServer } from "./_processes.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in seconds. */
const ROUND = 1;

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

/** What a user may take instead; `--quick` leaves it out, as it has to be fetched. */
const FRAMEWORKS = quick ? [] : ["hono", "fastify", "express"];

async function compare(
  title: string,
  kind: string,
  [peer, ours, ...others]: readonly [string, string, ...string[]],
  atMost: number,
): Promise<void> {
  const candidates = [];
  for (const name of [peer, ours, ...others]) {
    const server = await startServer("_http_server.ts", name, kind);
    servers.push(server);
    candidates.push({ name, round: () => load(server) });
  }
  const limits = [{ of: ours, against: peer, atMost }];
  cases.push({ title, unit: "us/request", baseline: peer, candidates, limits });
}

if (await haveWrk()) {
  await compare("hello world, handler at once", "at once", ["bare", "ours"], 1.35);
  await compare("hello world, handler async", "async", ["bare", "ours", ...FRAMEWORKS], 1.35);
  await compare("hello world, handler waits 2 ms", "waits 2 ms", ["bare", "ours", ...FRAMEWORKS], 1.35);
  for (const kind of ["at once", "waits 2 ms"]) {
    await compare(`with a limit and a timeout, handler ${kind}`, kind, ["by hand", "careful"], 0.6);
  }
}
await measure(cases);
for (const server of servers) await server.stop();
