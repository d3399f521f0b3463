// deno-lint-ignore-file no-console
/** The servers of the HTTP benchmark, each in a process of its own: prints its port. Usage: bare | ours, handler */

import { httpServer, run } from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

const handlers: Record<string, () => Response | Promise<Response>> = {
  "at once": () => new Response("Hello, World!"),
  // deno-lint-ignore require-await -- what most handlers look like
  "async": async () => new Response("Hello, World!"),
};

const [name, kind] = Deno.args as [string, string];
const handler = handlers[kind]!;
if (name === "ours") {
  run(() => httpServer(handler, HERE)({ started: ([address]) => console.log(address.port) }));
} else Deno.serve({ ...HERE, onListen: ({ port }) => console.log(port) }, handler);
