/**
 * HTTP as programs call it that know nothing of this library: `Deno.serve()`, `Deno.upgradeWebSocket()`, `fetch()` and
 * `WebSocket`, over the network of a simulation.
 */

import type { Clock, NetworkHttp, NetworkHttpRequestInfo } from "../../../core/lowlevel.ts";
import { VirtualEventSource } from "./event_source.ts";

/** What the globals of a simulation need. */
export interface GlobalHttp {
  readonly http: NetworkHttp;
  /** Runs a handler as a task, so that what it waits for is known. */
  spawn<T>(name: string, fn: () => T | Promise<T>): Promise<T>;
}

type ServeHandler = (request: Request, info: unknown) => Response | Promise<Response>;

interface ServeOptions {
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string;
  readonly signal?: AbortSignal;
  readonly reusePort?: boolean;
  readonly tcpBacklog?: number;
  readonly cert?: string;
  readonly key?: string;
  readonly onListen?: (address: unknown) => void;
  readonly onError?: (error: unknown) => Response | Promise<Response>;
  readonly handler?: ServeHandler;
}

/** `Deno.serve()`. */
export function serveAsDeno(own: GlobalHttp, args: readonly unknown[]): unknown {
  const functions = args.filter((arg) => typeof arg === "function");
  const options = (args.find((arg) => typeof arg === "object" && arg !== null) ?? {}) as ServeOptions;
  const handler = (functions[0] ?? options.handler) as ServeHandler | undefined;
  if (handler === undefined) throw new TypeError("A handler function must be provided");
  if (options.path !== undefined) {
    throw new TypeError(
      "Cannot serve HTTP as the network in memory must be asked for a port: it serves no Unix sockets",
    );
  }
  const { hostname = "0.0.0.0", port = 8_000, signal, cert, key, onListen, onError = plainError } = options;
  const server = own.http.serve({
    hostname: hostname === "localhost" ? "127.0.0.1" : hostname,
    port,
    backlog: options.tcpBacklog,
    reusePort: options.reusePort,
    identity: cert === undefined || key === undefined ? null : { cert, key },
    onError: () => new Response("Internal Server Error", { status: 500 }),
  }, (request, info) =>
    own.spawn("Deno.serve request", async () => {
      try {
        const response = await handler(request, infoOf(info));
        if (response instanceof Response) return response;
        throw new TypeError("Return value from serve handler must be a response or a promise resolving to a response");
      } catch (error) {
        return await onError(error);
      }
    })) as ReturnType<NetworkHttp["serve"]> & { drain?(): Promise<void> };
  let stopping: Promise<void> | null = null;
  const shutdown = (): Promise<void> => stopping ??= server.drain?.() ?? Promise.resolve(server.abort());
  const abort = (): void => server.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  onListen?.({ ...server.address });
  return {
    addr: server.address,
    finished: server.finished,
    ref() {},
    unref() {},
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

/** What Deno does with an error of a handler unless told: it says so, and answers with a 500. */
function plainError(error: unknown): Response {
  // deno-lint-ignore no-console -- as Deno does
  console.error(error);
  return new Response("Internal Server Error", { status: 500 });
}

function infoOf({ remoteAddr, completed }: NetworkHttpRequestInfo): unknown {
  return { remoteAddr, completed };
}

/** `Deno.upgradeWebSocket()`. */
export function upgradeAsDeno({ http }: GlobalHttp, args: readonly unknown[]): unknown {
  const [request, { protocol, idleTimeout = 30 } = {}] = args as [
    Request,
    { readonly protocol?: string; readonly idleTimeout?: number }?,
  ];
  const { headers } = request;
  const say = (name: string, word: string): void => {
    if (headers.get(name)?.toLowerCase().split(",").some((each) => each.trim() === word)) return;
    throw new TypeError(`Invalid Header: '${name}' header must contain '${word}'`);
  };
  say("upgrade", "websocket");
  say("connection", "upgrade");
  if (!headers.has("sec-websocket-key")) {
    throw new TypeError("Invalid Header: 'sec-websocket-key' header must be set");
  }
  const offered = headers.get("sec-websocket-protocol");
  if (protocol !== undefined && !offered?.split(",").some((each) => each.trim() === protocol)) {
    throw new TypeError(`Protocol '${protocol}' not in the request's protocol list`);
  }
  return http.upgrade(request, { protocol, idleTimeout: idleTimeout === 0 ? Infinity : idleTimeout * 1_000 });
}

/** `new WebSocket()`: an object of the host's class, for everybody who asks. */
export function webSocketAsHost({ http }: GlobalHttp, args: readonly unknown[]): WebSocket {
  const [url, options] = args as [
    string | URL,
    (string | string[] | { protocols?: string | string[]; headers?: HeadersInit })?,
  ];
  const own = typeof options === "object" && !Array.isArray(options) ? options : { protocols: options ?? [] };
  const { protocols = [], headers } = own as { protocols?: string | string[]; headers?: HeadersInit };
  return http.webSocket(url, {
    protocols: typeof protocols === "string" ? [protocols] : [...protocols],
    ...(headers === undefined ? {} : { headers }),
  });
}

/** `new EventSource()`. */
export function eventSourceAsHost({ http }: GlobalHttp, clock: Clock, [url, init]: readonly unknown[]): EventSource {
  const target = new URL(String(url));
  const { withCredentials = false } = (init ?? {}) as EventSourceInit;
  return new VirtualEventSource(http, clock, target, withCredentials) as unknown as EventSource;
}

/** Makes objects in memory `instanceof` the host's class. */
export function adoptClass(own: { readonly prototype: object }, host: { readonly prototype: object }): void {
  if (Object.getPrototypeOf(own.prototype) !== host.prototype) Object.setPrototypeOf(own.prototype, host.prototype);
}
