// deno-lint-ignore-file no-console
/**
 * A server that is restarted without a lost request: several of these behind a proxy, restarted one after the other.
 *
 * Run it: deno run -A examples/cluster/rolling_restart/server.ts 8081; the same with 8082; and in front of them
 *         haproxy -f examples/cluster/rolling_restart/haproxy.cfg, or
 *         nginx -c $PWD/examples/cluster/rolling_restart/nginx.conf -p $PWD
 *
 * At SIGTERM it goes on as before for a while, and says at `/ready` that it is not: the proxy sends it no more. Then it takes
 * no more connections, and finishes what it has. `server@.service` is how systemd runs it.
 */
import { httpServer, run, sleep } from "@trefoil/io";

/** How long it goes on as before, in milliseconds: longer than the proxy needs to notice. */
const LAME_DUCK = 1_000;
/** How long its end may take, in milliseconds, with that. */
const GRACE = 10_000;

let ready = true;

async function answer(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === "/ready") return new Response(null, { status: ready ? 200 : 503 });
  await sleep(5);
  return new Response(`hello from ${Deno.pid}\n`);
}

if (import.meta.main) {
  const server = httpServer(answer, {
    hostname: "127.0.0.1",
    port: Number(Deno.args[0] ?? 8081),
    lameDuck: LAME_DUCK,
    onLameDuck: () => {
      ready = false;
    },
  });
  await run(() => server({ started: () => console.log("ready") }), { grace: GRACE });
}
