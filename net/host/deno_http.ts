/**
 * The host's server of HTTP and its WebSockets: the one file that calls the host for them.
 *
 * Facts of Deno 2.9.6 that the rest builds on, each one tried:
 *
 * - Whether the client has gone away, nothing tells but `request.signal`, and only until the answer is handed over:
 *   afterwards it is aborted for every request, however well it went. It may be asked late: a client that went before
 *   is noticed at once. Asking costs as much as a whole simple request, see `http/_disconnect_sweep.ts`,
 *   and makes Deno print a warning, see `abort_warning.ts`.
 *   `info.completed` is no help: it resolves for clients that went away in the middle of a body, too.
 * - While a body is streamed, the stream's `cancel()` tells it, at once, also while a pull is pending.
 * - A client that goes away in the middle of its own body fails the read of it, and nothing else: the signal stays as
 *   it is, and without a read nobody notices, before the answer cannot be sent.
 * - A client that ends its side of the connection (half-close) counts as gone.
 * - The callback is called without any async context. The pulls of a response's stream are called without one, or in
 *   that in which the stream was made, depending on its buffer.
 * - Whether a `Response` holds a stream or plain bytes, no public property tells: asking for `body` turns bytes into a
 *   stream. See `natureOf()`.
 * - `shutdown()` is of no use: it fails the reading of all bodies at once, closes all WebSockets, waits for clients
 *   that do not take what they are sent, and cannot be cut short (the signal of the server then throws `BadResource`
 *   where nobody can catch it). So a drain is our own, and ends with an abort: that closes everything, whatever clients
 *   do, but a WebSocket whose client does not read, which stays until the client goes, and keeps the process; and,
 *   without keeping the process, TLS connections in the middle of their handshake, or with something unsent.
 * - `info.completed` resolves at once for bodies that are no streams, however long they take to send; it never resolves
 *   if it is asked for after that. What is sent of such a body when the server is aborted, is cut. See `bytesOf()`.
 * - If a connection cannot be accepted (too many open files), the host's server ends: `finished` rejects, and the port
 *   is free, but the connections that are open go on. If a request was upgraded, but its upgrade response not returned,
 *   all of it ends, and `finished` resolves.
 * - If the client goes away while its body is read and the answer is streamed at the same time, the read never ends,
 *   and the file stays open until the server is aborted.
 * - There are no limits in time for heads, bodies or idle connections.
 * - `request.url` is no URL if the client has sent such a `host`.
 * - The stream of a request's body that is neither read to its end nor cancelled keeps the connection, also after the
 *   answer: see `abandonBody()`.
 * - An upgrade finds a subprotocol only in a list whose commas are followed by one blank each, and throws otherwise;
 *   headers that are set on its response are sent.
 * - If the client resets before the answer to its upgrade is out, the socket never opens, nor fails; its file stays
 *   open, and keeps the process. That is about the turn in which it is answered: of 100 clients that reset at once, or
 *   half a millisecond later, 100 and 14 were lost so. If the upgrade waits for 5 ms, and then for five turns, with
 *   `request.signal` listened to, none of those are; of 2,800 that reset at times up to 8 ms after their request, on a
 *   busy machine, 5 were (18 with two turns), nearly all in the very moment of the answer. No wait helps against those.
 * - The timeout of an upgrade is in seconds; `Infinity` is taken for none, and cuts off at once.
 */

import type { TcpAddress } from "../../core/mod.ts";
import type {
  NetworkHttp,
  NetworkHttpRequestInfo,
  NetworkHttpServeOptions,
  NetworkHttpServer,
  NetworkUpgradeOptions,
  NetworkWebSocketOptions,
} from "../../core/lowlevel.ts";
import { isInstance } from "../../core/internal.ts";
import { requireDeno, requireReusePortFlag } from "./deno_network.ts";

// Taken at import, so that a program can put the library's in its place.
const hostFetch = globalThis.fetch;

/** The host's. */
export const denoHttp: NetworkHttp = {
  serve: hostServeHttp,
  fetch: (input, init) => hostFetch(input, init),
  upgrade: hostUpgrade,
  webSocket: hostWebSocket,
};

/** Begins to serve. */
function hostServeHttp(
  options: NetworkHttpServeOptions,
  callback: (request: Request, info: NetworkHttpRequestInfo) => Response | Promise<Response>,
): NetworkHttpServer {
  const { hostname, port, backlog, reusePort, identity, onError } = options;
  requireDeno("serve HTTP");
  const controller = new AbortController();
  if (reusePort) requireReusePortFlag();
  const server = Deno.serve({
    hostname,
    port,
    onError,
    onListen() {},
    signal: controller.signal,
    ...(backlog === undefined ? {} : { tcpBacklog: backlog }),
    ...(reusePort === undefined ? {} : { reusePort }),
    ...(identity ?? {}),
  }, callback);
  let over = false;
  server.finished.then(() => over = true, () => {});
  return {
    address: server.addr as TcpAddress,
    finished: server.finished,
    abort() {
      if (over) return;
      over = true;
      // If the server is just ending by itself, its listener throws; that ends up here, still within the call.
      const prevent = (event: ErrorEvent): void => {
        if (isInstance(event.error, Deno.errors.BadResource)) event.preventDefault();
      };
      globalThis.addEventListener("error", prevent);
      try {
        controller.abort();
      } finally {
        globalThis.removeEventListener("error", prevent);
      }
    },
  };
}

/** Answers a request with a WebSocket. `idleTimeout` is in milliseconds. */
function hostUpgrade(
  request: Request,
  options: NetworkUpgradeOptions,
): { socket: WebSocket; response: Response } {
  const { protocol, idleTimeout } = options;
  const upgrade = Deno.upgradeWebSocket(request, { idleTimeout: idleTimeout === Infinity ? 0 : idleTimeout / 1_000 });
  if (protocol !== undefined) upgrade.response.headers.set("sec-websocket-protocol", protocol);
  return upgrade;
}

/** Begins to open a WebSocket. */
function hostWebSocket(url: string | URL, options: NetworkWebSocketOptions): WebSocket {
  const { protocols = [], headers, caCerts } = options;
  // Node and Bun have a `WebSocket`, too, but how one fails and ends was tried on Deno alone.
  requireDeno("open a WebSocket");
  // It has what it needs of its client once it is made.
  const client = caCerts === undefined ? undefined : Deno.createHttpClient({ caCerts: [...caCerts] });
  try {
    return new WebSocket(url, {
      protocols: [...protocols],
      ...(headers === undefined ? {} : { headers }),
      ...(client === undefined ? {} : { client }),
    });
  } finally {
    client?.close();
  }
}

/**
 * What has to be done to answer with a response: nothing, if it is `"plain"`; of a `"large"` one it has to be known
 * when it is sent; a `"stream"` has to be read in the scope of its request. One whose body was `"used"`, or that is an
 * `"error"`, cannot be sent.
 */
export type Nature = "plain" | "large" | "stream" | "upgrade" | "used" | "error";

/**
 * Bodies of more bytes (of texts: characters) are large: a socket may not take them at once. Smaller ones it does, as
 * the system gives it that much room before it knows the other side (tcp(7); Linux begins with ten segments, in twice
 * the room).
 */
const LARGE = 65_536;

/** What the probe looks at. */
interface Insides {
  readonly status: number;
  readonly body: null | {
    readonly streamOrStatic: ReadableStream | { readonly consumed: boolean; readonly body: string | Uint8Array };
  };
}

const encoder = new TextEncoder();

/** The body of a response that is `"large"`. */
export function bytesOf(response: Response): Uint8Array<ArrayBuffer> {
  const [inside, lazyText] = keysOfInsides();
  const { body } = response[inside] as Insides;
  const bytes = body === null
    ? response[lazyText] as string
    : (body.streamOrStatic as { readonly body: string | Uint8Array<ArrayBuffer> }).body;
  return typeof bytes === "string" ? encoder.encode(bytes) : bytes;
}

/**
 * The keys of the insides, and of a text that is not in them yet, if there are such. Not at import: it loads half of
 * the Web.
 */
function keysOfInsides(): readonly [never, never] {
  return keys ??= ["response", "lazy static body"].map((name) =>
    Object.getOwnPropertySymbols(new Response()).find(({ description }) => description === name)
  ) as never[] as [never, never];
}

let keys: readonly [never, never] | undefined;

/**
 * The nature of a response.
 *
 * Found by looking into the object, as the host itself does: to ask for `status`, `bodyUsed` and `body` costs time, and
 * the last one turns bytes into a stream. But only if that gives the right answers for responses whose nature is known;
 * otherwise every body counts as a stream, which is right, too, but slow.
 */
export function natureOf(response: Response): Nature {
  // Not at import: it loads half of the Web.
  probe ??= chooseProbe();
  return probe(response);
}

let probe: ((response: Response) => Nature) | undefined;

function chooseProbe(): (response: Response) => Nature {
  const used = new Response("text");
  used.text();
  const usedStream = new Response(new ReadableStream());
  usedStream.body!.cancel();
  const known = (): readonly (readonly [Nature, Response])[] => [
    ["plain", new Response(null)],
    ["plain", new Response("text")],
    ["plain", new Response(new Uint8Array(1))],
    ["large", new Response("x".repeat(LARGE + 1))],
    ["large", new Response(new Uint8Array(LARGE + 1))],
    ["plain", new Response("text", { headers: { "x-y": "z" }, status: 404 })],
    ["plain", Response.json({})],
    ["stream", new Response(new ReadableStream())],
    ["upgrade", new Response(null, { status: 101 })],
    ["used", used],
    ["used", usedStream],
    ["error", Response.error()],
  ];
  const [inside, lazyText] = keysOfInsides();
  const byInsides = (response: Response): Nature => {
    const { body, status }: Insides = response[inside];
    if (body === null) {
      if (status === 101) return "upgrade";
      if (status === 0) return "error";
      const text = response[lazyText] as string | null;
      return text !== null && text.length > LARGE ? "large" : "plain";
    }
    const { streamOrStatic } = body;
    if (!(streamOrStatic instanceof ReadableStream)) {
      return streamOrStatic.consumed ? "used" : streamOrStatic.body.length > LARGE ? "large" : "plain";
    }
    return response.bodyUsed ? "used" : "stream";
  };
  try {
    if (known().every(([nature, response]) => byInsides(response) === nature)) return byInsides;
  } catch {
    // Another version, or another host: with other insides, or without a response that stands for an upgrade.
  }
  return ({ status, bodyUsed, body }) =>
    status === 101 ? "upgrade" : status === 0 ? "error" : bodyUsed ? "used" : body === null ? "plain" : "stream";
}

/**
 * Whether an error that a handler has failed with can only be what the host fails the reading of a body with: for those
 * who read it in a way that we do not see, such as a branch of `tee()`.
 */
export function isBodyFault(error: unknown): boolean {
  if (isInstance(error, Deno.errors.Http)) return true;
  if (isInstance(error, Deno.errors.BadResource)) return /^Cannot read (request )?body as/.test(error.message);
  // Those of `fetch()` read alike, but are all of that class.
  if (isInstance(error, TypeError)) return false;
  return isInstance(error, Error) && /^invalid HTTP|^error reading a body/.test(error.message);
}
