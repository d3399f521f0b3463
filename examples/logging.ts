// deno-lint-ignore-file no-console
/**
 * A server whose log says which request and which task each line belongs to, also deep in a library that knows of
 * neither: the request is an async-local value, which tasks inherit, and the task is the one that runs the code.
 *
 * Run it: deno run --allow-net examples/logging.ts [port]
 * Try it: curl http://127.0.0.1:8000/orders/7
 *
 * With a logger of your own it is the same two fields: pino({ mixin: () => whereabouts() }), or the formatter of
 * @std/log. With OTEL_DENO=true there is nothing to do: the lines of the console belong to the span of their request.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { all, currentTask, run, serveHttp, sleep } from "@trefoil/io";

const requests = new AsyncLocalStorage<string>();

/** What every line says: the task, and the request if there is one. */
export function whereabouts(): Record<string, string | number> {
  const { name, id } = currentTask();
  const request = requests.getStore();
  return { task: name, taskId: id, ...request === undefined ? {} : { request } };
}

/** Writes a line of JSON. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

export function makeLog(write: (line: string) => void): Log {
  return (message, fields = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), ...whereabouts(), message, ...fields }));
}

/** Puts a handler into a request of its own, and logs its beginning and its end. */
export function logged(
  log: Log,
  handler: (request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  let last = 0;
  return (request) =>
    requests.run(`r${++last}`, async () => {
      const { pathname } = new URL(request.url);
      const start = Date.now();
      log("begin", { method: request.method, path: pathname });
      let status = 500;
      try {
        const response = await handler(request);
        status = response.status;
        return response;
      } finally {
        // Also for a client that has gone away, whose request is cancelled.
        log("end", { status, ms: Date.now() - start });
      }
    });
}

/** An order is looked up in two places at once, neither of which knows of requests. */
export function orders(log: Log): (request: Request) => Promise<Response> {
  const lookUp = async (where: string, ms: number): Promise<string> => {
    log(`look up in ${where}`);
    await sleep(ms);
    return where;
  };
  return async () => {
    return Response.json(await all([() => lookUp("stock", 20), () => lookUp("prices", 30)]));
  };
}

if (import.meta.main) {
  const log = makeLog((line) => console.log(line));
  run(() => serveHttp(logged(log, orders(log)), { port: Number(Deno.args[0] ?? 8000) }));
}
