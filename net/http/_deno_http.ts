/**
 * The host's server of HTTP and its WebSockets: the one file that calls `Deno` for them.
 *
 * Facts of Deno 2.9.6 that the rest builds on, each one tried:
 *
 * - Whether the client has gone away, nothing tells but `request.signal`, and only until the answer is handed over:
 *   afterwards it is aborted for every request, however well it went. It may be asked late: a client that went before is
 *   noticed at once. Asking costs half of the server's throughput, and makes Deno print a warning, once per process.
 *   `info.completed` is no help: it resolves for clients that went away in the middle of a body, too.
 * - While a body is streamed, the stream's `cancel()` tells it, at once, also while a pull is pending.
 * - A client that goes away in the middle of its own body fails the read of it, and nothing else: the signal stays as it
 *   is, and without a read nobody notices, before the answer cannot be sent.
 * - A client that ends its side of the connection (half-close) counts as gone.
 * - The callback is called without any async context. The pulls of a response's stream are called without one, or in
 *   that in which the stream was made, depending on its buffer.
 * - Whether a `Response` holds a stream or plain bytes, no public property tells: asking for `body` turns bytes into a
 *   stream. See `natureOf()`.
 * - A shutdown that has begun cannot be cut short: the signal of the server then throws `BadResource` where nobody can
 *   catch it. Clients that do not take what the host sends them keep it waiting.
 * - A shutdown fails the reading of all bodies of requests at once: see `_breakables.ts`.
 * - The stream of a request's body that is neither read to its end nor cancelled keeps the connection, also after the answer
 *   and the end of the server: see `abandonBody()`.
 * - A WebSocket that is opened after a shutdown has begun breaks at once.
 * - A request that was upgraded, but whose upgrade response is not returned, makes Deno close the whole server.
 * - An upgrade finds a subprotocol only in a list whose commas are followed by one blank each, and throws otherwise;
 *   headers that are set on its response are sent.
 * - If the client goes away before the answer to its upgrade is out, the socket never opens, nor fails; the connection
 *   stays until the process ends, and a shutdown waits for it for ever.
 * - A shutdown sends each WebSocket a close frame, with the code 1001.
 * - The timeout of an upgrade is in seconds; `Infinity` is taken for none, and cuts off at once.
 */

import { currentRun, type NetworkAddress } from "../../core/mod.ts";

/** A server of HTTP that the host runs. */
export interface HostHttpServer {
  /** Where it listens. */
  readonly address: NetworkAddress;
  /** Settles when the server has ended. */
  readonly finished: Promise<void>;
  /** Accepts nothing more, breaks uploads, closes idle connections, and resolves when the others are done. */
  shutdown(): Promise<void>;
  /** Closes all connections; after `shutdown()`, or when the server has ended, it is too late for that. */
  abort(): void;
}

/** What the host says of a request. */
export interface HostRequestInfo {
  readonly remoteAddr: Deno.Addr;
  readonly completed: Promise<void>;
}

/** How the host serves. */
export interface HostHttpOptions {
  readonly hostname: string;
  readonly port: number;
  readonly backlog: number | undefined;
  readonly reusePort: boolean | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Told of answers that the host cannot send. */
  readonly onError: (error: unknown) => Response;
}

/** Begins to serve. */
export function hostServeHttp(
  options: HostHttpOptions,
  callback: (request: Request, info: HostRequestInfo) => Response | Promise<Response>,
): HostHttpServer {
  const { hostname, port, backlog, reusePort, cert, key, onError } = options;
  // A network in memory has no HTTP: a test must not open a real port unawares.
  currentRun().network?.requireHost?.("serve HTTP");
  const controller = new AbortController();
  let closing = false;
  const server = Deno.serve({
    hostname,
    port,
    onError,
    onListen() {},
    signal: controller.signal,
    ...(backlog === undefined ? {} : { tcpBacklog: backlog }),
    ...(reusePort === undefined ? {} : { reusePort }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }, callback);
  const ended = (): void => void (closing = true);
  server.finished.then(ended, ended);
  return {
    address: server.addr as NetworkAddress,
    finished: server.finished,
    shutdown() {
      closing = true;
      return server.shutdown();
    },
    abort() {
      if (!closing) controller.abort();
      closing = true;
    },
  };
}

/** Answers a request with a WebSocket. `idleTimeout` is in milliseconds. */
export function hostUpgrade(
  request: Request,
  options: { readonly protocol: string | undefined; readonly idleTimeout: number },
): { socket: WebSocket; response: Response } {
  const { protocol, idleTimeout } = options;
  const upgrade = Deno.upgradeWebSocket(request, { idleTimeout: idleTimeout === Infinity ? 0 : idleTimeout / 1_000 });
  if (protocol !== undefined) upgrade.response.headers.set("sec-websocket-protocol", protocol);
  return upgrade;
}

/** Begins to open a WebSocket. */
export function hostWebSocket(
  url: string | URL,
  options: {
    readonly protocols?: readonly string[];
    readonly headers?: HeadersInit;
    readonly caCerts?: readonly string[];
  },
): WebSocket {
  const { protocols = [], headers, caCerts } = options;
  // It has what it needs of its client once it is made.
  using client = caCerts === undefined ? undefined : Deno.createHttpClient({ caCerts: [...caCerts] });
  return new WebSocket(url, {
    protocols: [...protocols],
    ...(headers === undefined ? {} : { headers }),
    ...(client === undefined ? {} : { client }),
  });
}

/**
 * What has to be done to answer with a response: nothing, if it is `"plain"`; a `"stream"` has to be read in the scope of
 * its request. One whose body was `"used"`, or that is an `"error"`, cannot be sent.
 */
export type Nature = "plain" | "stream" | "upgrade" | "used" | "error";

/**
 * The nature of a response.
 *
 * Found by looking into the object, as the host itself does: to ask for `status`, `bodyUsed` and `body` costs time, and the
 * last one turns bytes into a stream. But only if that gives the right answers for responses whose nature is known;
 * otherwise every body counts as a stream, which is right, too, but slow.
 */
export const natureOf: (response: Response) => Nature = chooseProbe();

/** What the probe looks at. */
interface Insides {
  readonly status: number;
  readonly body: null | { readonly streamOrStatic: ReadableStream | { readonly consumed: boolean } };
}

function chooseProbe(): (response: Response) => Nature {
  const used = new Response("text");
  used.text();
  const usedStream = new Response(new ReadableStream());
  usedStream.body!.cancel();
  const known: readonly (readonly [Nature, Response])[] = [
    ["plain", new Response(null)],
    ["plain", new Response("text")],
    ["plain", new Response(new Uint8Array(1))],
    ["plain", new Response("text", { headers: { "x-y": "z" }, status: 404 })],
    ["plain", Response.json({})],
    ["stream", new Response(new ReadableStream())],
    ["upgrade", new Response(null, { status: 101 })],
    ["used", used],
    ["used", usedStream],
    ["error", Response.error()],
  ];
  const inside = Object.getOwnPropertySymbols(used).find(({ description }) => description === "response") as never;
  const probe = (response: Response): Nature => {
    const { body, status }: Insides = response[inside];
    if (body === null) return status === 101 ? "upgrade" : status === 0 ? "error" : "plain";
    const { streamOrStatic } = body;
    if (!(streamOrStatic instanceof ReadableStream)) return streamOrStatic.consumed ? "used" : "plain";
    return response.bodyUsed ? "used" : "stream";
  };
  try {
    if (known.every(([nature, response]) => probe(response) === nature)) return probe;
  } catch {
    // Another version, with other insides.
  }
  return ({ status, bodyUsed, body }) =>
    status === 101 ? "upgrade" : status === 0 ? "error" : bodyUsed ? "used" : body === null ? "plain" : "stream";
}

/**
 * Whether an error is what the host fails the reading of a body with when its client ends, or sends what is not one.
 * `own`: it came from a method that reads a whole body, whose errors of other kinds are well known.
 */
export function isBodyFault(error: unknown, own: boolean): boolean {
  if (error instanceof Deno.errors.BadResource && /^Cannot read (request )?body as/.test(error.message)) return true;
  // hyper's errors come as plain ones.
  if (!(error instanceof Error) || error.constructor !== Error) return false;
  return own || /^invalid HTTP|^error reading a body/.test(error.message);
}
