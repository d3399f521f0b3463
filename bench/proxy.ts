/**
 * A TCP proxy in front of an echo server: `proxy()` against bare loops over `Deno.listen()`, Node, socat and nginx (with
 * its module for streams), each in a process of its own. Counted is the CPU time of the proxy per message there and
 * back. What is not installed is left out.
 *
 * Every chunk that goes through Deno costs two calls of its system interface, each with a promise and a turn of its
 * event loop: the bare loop shows that floor. Node and nginx move the bytes without asking JavaScript.
 */

import { cpuTimeOf, runClient, startCommand, startServer } from "./_processes.ts";
import { type Case, measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;
const LOOP = "loop over Deno.listen()";

const echo = await startServer("_echo_server.ts", "bare");
const target = String(echo.port);
const servers = new Map([
  [LOOP, await startServer("_proxy_server.ts", "loop", target)],
  ["ours", await startServer("_proxy_server.ts", "ours", target)],
]);
if (!quick) {
  servers.set("pipeTo()", await startServer("_proxy_server.ts", "pipeTo", target));
  const file = new URL("_proxy_node.mjs", import.meta.url).pathname;
  const free = (): number => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener.addr.port;
  };
  const [socat, nginx] = [free(), free()];
  const config = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(
    config,
    `load_module modules/ngx_stream_module.so;
daemon off; master_process off; pid ${config}.pid; error_log /dev/null;
events { worker_connections 4096; }
stream { server { listen 127.0.0.1:${nginx}; proxy_pass 127.0.0.1:${target}; } }
`,
  );
  const others: [string, readonly string[], number?][] = [
    ["node", ["node", file, target]],
    ["socat", ["socat", `TCP-LISTEN:${socat},bind=127.0.0.1,fork,nodelay`, `TCP:127.0.0.1:${target},nodelay`], socat],
    ["nginx", ["nginx", "-p", "/usr/share/nginx", "-c", config], nginx],
  ];
  for (const [name, command, port] of others) {
    const server = await startCommand(command, port);
    if (server !== null) servers.set(name, server);
  }
}

const cases: Case[] = [];
for (const [size, connections, name] of [[64, 50, "64 B"], [65_536, 10, "64 KiB"]] as const) {
  const load = async (name: string): Promise<number> => {
    const { port, pid } = servers.get(name)!;
    const before = await cpuTimeOf(pid);
    const { messages } = await runClient<Record<string, number>>("_echo_load.ts", port, size, connections, ROUND);
    return (await cpuTimeOf(pid) - before) / messages!;
  };
  cases.push({
    title: `proxy of ${name}, ${connections} connections: CPU time of the proxy`,
    unit: "us/message",
    baseline: LOOP,
    candidates: [...servers.keys()].map((name) => ({ name, round: () => load(name) })),
    limits: [{ of: "ours", against: LOOP, atMost: 1.15 }],
  });
}
await measure(cases);
for (const server of [...servers.values(), echo]) await server.stop();
