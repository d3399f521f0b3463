// The tests of this folder once more, unchanged, in simulations: servers and clients over the network in memory, in
// virtual time. Those that cannot are listed, each with its reason.

import { simulate } from "../../testing/mod.ts";

const FILES = [
  "fetch_test.ts",
  "serve_http_body_test.ts",
  "serve_http_clients_test.ts",
  "serve_http_errors_test.ts",
  "serve_http_gone_test.ts",
  "serve_http_shutdown_test.ts",
  "serve_http_test.ts",
  "server_sent_events_test.ts",
  "web_socket_test.ts",
];

const EXCEPTIONS: readonly (readonly [reason: string, ...names: (string | RegExp)[]])[] = [];
const met = new Set<string | RegExp>();

function isException(name: string): boolean {
  const found = EXCEPTIONS.flatMap(([, ...names]) => names).filter((one) =>
    typeof one === "string" ? one === name : one.test(name)
  );
  for (const one of found) met.add(one);
  return found.length > 0;
}

const register = Deno.test;
(Deno as { test: unknown }).test = (first: string | Deno.TestDefinition, second?: Deno.TestDefinition["fn"]): void => {
  const { name, fn } = typeof first === "string" ? { name: first, fn: second! } : first;
  if (isException(name)) return;
  register(`in memory: ${name}`, async (context) => {
    await simulate(async ({ net }) => {
      // What is sent in one piece comes in one, as it mostly does between real sockets of one machine.
      net.link("test", "test", { chunk: Infinity });
      await fn(context);
    });
  });
};
try {
  for (const file of FILES) await import(`./${file}?in-memory`);
} finally {
  (Deno as { test: unknown }).test = register;
}
