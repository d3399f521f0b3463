// deno-lint-ignore-file no-console
/**
 * The servers of the HTTP benchmark, each in a process of its own: prints its port.
 *
 * Usage: bare | ours | by hand | careful | hono | fastify | express, handler
 */

import { httpServer, run, sleep } from "../mod.ts";

type Handler = () => Response | Promise<Response>;

const HERE = { hostname: "127.0.0.1", port: 0 };
/** What the careful servers see to. */
const LIMITS = { maxRequests: 1_000, handlerTimeout: 5_000 };
const [name, kind] = Deno.args as [string, string];
const isOurs = name === "ours" || name === "careful";
const wait = isOurs ? sleep : (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const handlers: Record<string, Handler> = {
  "at once": () => new Response("Hello, World!"),
  // deno-lint-ignore require-await -- what most handlers look like
  "async": async () => new Response("Hello, World!"),
  "waits 2 ms": async () => {
    await wait(2);
    return new Response("Hello, World!");
  },
};

let open = 0;
const waiting: (() => void)[] = [];

/** The limits as people write them without a library: a count, a timeout, and the signal of the request. */
async function byHand(
  request: Request,
  work: (signal: AbortSignal) => Response | Promise<Response>,
): Promise<Response> {
  if (open >= LIMITS.maxRequests) await new Promise<void>((resolve) => waiting.push(resolve));
  open++;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new Error("too slow")), LIMITS.handlerTimeout);
  try {
    const signal = AbortSignal.any([request.signal, timeout.signal]);
    return await new Promise<Response>((resolve, reject) => {
      signal.addEventListener("abort", () => resolve(new Response(null, { status: 503 })), { once: true });
      Promise.resolve(work(signal)).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    open--;
    waiting.shift()?.();
  }
}

/** The frameworks that a user may take instead, as their documentation shows them. */
const frameworks: Record<string, () => Promise<void>> = {
  async hono() {
    const { Hono } = await import("npm:hono@4.13.19" as string);
    const app = new Hono();
    app.get("/", async (c: { text(text: string): Response }) => {
      if (kind === "waits 2 ms") await wait(2);
      return c.text("Hello, World!");
    });
    Deno.serve({ ...HERE, onListen: ({ port }) => console.log(port) }, app.fetch);
  },
  async fastify() {
    const { default: fastify } = await import("npm:fastify@5.12.8" as string);
    const app = fastify();
    app.get("/", async () => {
      if (kind === "waits 2 ms") await wait(2);
      return "Hello, World!";
    });
    await app.listen({ host: HERE.hostname, port: 0 });
    console.log(app.server.address().port);
  },
  async express() {
    const { default: express } = await import("npm:express@5.3.0" as string);
    const app = express();
    app.get("/", async (_: unknown, response: { send(text: string): void }) => {
      if (kind === "waits 2 ms") await wait(2);
      response.send("Hello, World!");
    });
    const server = app.listen(0, HERE.hostname, () => console.log(server.address().port));
  },
};

const handler = handlers[kind]!;
if (frameworks[name] !== undefined) {
  await frameworks[name]();
} else if (isOurs) {
  const options = name === "careful" ? { ...HERE, ...LIMITS } : HERE;
  run(() => httpServer(handler, options)({ started: ([address]) => console.log(address.port) }));
} else {
  const onListen = ({ port }: { port: number }) => console.log(port);
  Deno.serve({ ...HERE, onListen }, name === "bare" ? handler : (request) => byHand(request, handler));
}
