// deno-lint-ignore-file no-console
/**
 * An HTTP server with slow answers that drains when it is told to stop: on Ctrl-C or SIGTERM it takes no more requests,
 * lets those at work finish for ten seconds, and ends. A second signal cancels them.
 *
 * Run it: deno run --allow-net examples/http_server.ts [port]
 * Try it: curl http://127.0.0.1:8000/report?seconds=3 and curl -N http://127.0.0.1:8000/clock
 *
 * What it shows: a request is a task, which is cancelled when its client goes away; a timeout per request; a stream of
 * events that ends with the server; and a shutdown that an orchestrator would wish for.
 */
import {
  currentTime,
  httpServer,
  run,
  type ServeHttpOptions,
  type Server,
  serverSentEvents,
  shutdownRequested,
  sleep,
  type TcpAddress,
  untilShutdown,
} from "@trefoil/io";

/** How long work in progress may go on after a signal, in milliseconds. */
const GRACE = 10_000;
/** How long one answer may take, in milliseconds. */
const TIMEOUT = 30_000;

/** Answers after a while, as if it had much to compute. */
async function report(url: URL): Promise<Response> {
  const seconds = Number(url.searchParams.get("seconds") ?? 1);
  if (!(seconds >= 0 && seconds <= 60)) return new Response("seconds must be from 0 to 60\n", { status: 400 });
  await sleep(seconds * 1_000);
  return new Response(`took ${seconds} seconds\n`);
}

/** An event each second, until the client goes or the server ends. */
async function* clock(): AsyncGenerator<{ event: string; data: string }> {
  const start = currentTime();
  while (!shutdownRequested()) {
    yield { event: "tick", data: `${Math.round((currentTime() - start) / 1_000)}` };
    // Idle: this is where a shutdown may end it.
    await untilShutdown(() => sleep(1_000));
  }
  yield { event: "end", data: "the server is closing" };
}

/** Answers slowly, and streams events. */
export function reportServer(options: ServeHttpOptions): Server<TcpAddress> {
  return httpServer((request) => {
    const url = new URL(request.url);
    if (url.pathname === "/report") return report(url);
    if (url.pathname === "/clock") return serverSentEvents(clock());
    return new Response("try /report?seconds=3 or /clock\n", { status: 404 });
  }, {
    handlerTimeout: TIMEOUT,
    onHandlerError: (error, request) => console.error(`${request.method} ${request.url} failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const server = reportServer({ port: Number(Deno.args[0] ?? 8000) });
  const started = ([address]: readonly [TcpAddress, ...TcpAddress[]]) =>
    console.log(`serving on port ${address.port}, Ctrl-C to stop`);
  run(() => server({ started }), { grace: GRACE });
}
