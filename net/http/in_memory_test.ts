// The tests of this folder once more, unchanged, in simulations: servers and clients over the network in memory, in
// virtual time. Those that cannot are listed, each with its reason.

import { assertEquals } from "@std/assert";
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

const EXCEPTIONS: readonly (readonly [reason: string, ...names: (string | RegExp)[]])[] = [
  ["it starts a process, which knows only real ports", /^curl: /, "serveHttp() with a certificate serves HTTPS"],
  [
    "its client is of node:net",
    "a client that resets in the middle of its body is no error of the handler, however that reads it",
  ],
  [
    "it begins a run of its own, or a simulation",
    "in a simulation what onHandlerError returns fails the server if it cannot be sent",
    "what a handler waits for is as old as it is, also where nothing but requests has come for long",
    "a source whose cancel() never settles does not keep its request when the client goes away",
    "a source that waits in its cancel(), in a shield of its own, is given the time it asks for",
    "a shutdown answers newcomers with 503, lets handlers finish within the grace, and closes idle connections at the end",
    "handlers that take longer than the grace are cancelled when it is over",
  ],
  [
    "what it says of programs is otherwise in simulations, where an error that nobody handles fails the server",
    "what onHandlerError returns is given up and told if it cannot be sent, and the server goes on",
    "what onHandlerError returns too late is given up, whatever its body does, and the server goes on",
  ],
  [
    "it is about a fault of the host, or a flag of it",
    "if the host ends its server, that is told, and another one serves on the same port",
    "serveHttp() with reusePort says which flag is missing, as serveTcp() does",
  ],
  [
    "it counts on the buffers of the system, which take 32 MB from the server at once",
    "a request is open until its client has taken the last byte of a stream",
  ],
  [
    "one of its tasks never sleeps, so virtual time does not pass",
    "select() that waits for a WebSocket and is given something else leaves its messages, and their order",
  ],
];
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
      // Those that leave a wait behind on purpose.
    }, / that nobody awaits/.test(name) ? { leaks: "ignore" } : {});
  });
};
try {
  for (const file of FILES) await import(`./${file}?in-memory`);
} finally {
  (Deno as { test: unknown }).test = register;
}

Deno.test("each exception is one of a test that there is", () => {
  assertEquals(EXCEPTIONS.flatMap(([, ...names]) => names).filter((name) => !met.has(name)), []);
});
