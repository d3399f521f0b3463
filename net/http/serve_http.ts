/**
 * A server of HTTP. What happens to a single request is in `_exchange.ts`, and what the host does in `_deno_http.ts`.
 */

import {
  BrokenResourceError,
  checkpointIfCancelled,
  currentTask,
  type NetworkAddress,
  openNursery,
  Semaphore,
  shielded,
  type Task,
  type TaskStatus,
  untilShutdown,
} from "../../core/mod.ts";
import { hostImmediate as nextTurn } from "../../core/internal.ts";
import { formatAddress } from "../_address.ts";
import { Breakables } from "./_breakables.ts";
import { checkServe } from "../_accept_loop.ts";
import { CUT_OFF, Exchange, serverError, type Site, unavailable } from "./_exchange.ts";
import { type HostHttpServer, hostServeHttp } from "./_deno_http.ts";
import { checkListen } from "../_listen_on_all.ts";
import { requireFunction, requireLimit } from "../_check.ts";
import { quietly } from "../_quietly.ts";
import { readIdentity } from "../open_tls_listeners.ts";
import type { OpenTcpListenersOptions } from "../open_tcp_listeners.ts";
import type { ServerStatistics } from "../serve.ts";
import { isNotCapable, textOf, waitForHost } from "../_wait_for_host.ts";

/** What a handler is told besides the request. */
export interface HttpRequestInfo {
  /** Where the client is. Asked of the host when it is read, so read it before the answer. */
  readonly remoteAddress: NetworkAddress;
}

/** Answers requests: see `serveHttp()`. */
export type HttpHandler = (request: Request, info: HttpRequestInfo) => Response | Promise<Response>;

/** How `serveHttp()` serves. */
export interface ServeHttpOptions extends OpenTcpListenersOptions {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Told the address, in an array, once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly NetworkAddress[]>;
  /**
   * The most requests handled at a time; others wait for their turn. The host decides on connections.
   *
   * @default {Infinity}
   */
  readonly maxRequests?: number;
  /**
   * How long a handler may take until it returns its response, in milliseconds; it fails with `TooSlowError` then. The
   * sending of the body is not limited.
   *
   * @default {Infinity}
   */
  readonly handlerTimeout?: number;
  /**
   * What to do with an error of a handler, or of a body while it is sent; the server goes on. Without it the error ends
   * the server. Not called for cancellations, nor when the client broke off its own request. A response that it returns
   * is the answer; otherwise, and if the answer has begun already, there is a plain 500, or the connection is cut.
   */
  readonly onHandlerError?: (error: unknown, request: Request) => Response | void | Promise<Response | void>;
  /**
   * An object of the caller's in which the server counts requests, `open` until their answer is sent (bodies that are
   * no streams: until they are handed to the host): begin with `{ open: 0, accepted: 0 }`, and look at any time.
   */
  readonly statistics?: ServerStatistics;
  /** The certificate of the server and those of its authorities, as text in PEM: serves HTTPS, HTTP/2 included. */
  readonly cert?: string;
  /** The private key of `cert`, as text in PEM. */
  readonly key?: string;
  /** In place of `cert`: the path of such a file. */
  readonly certFile?: string | URL;
  /** In place of `key`: the path of such a file. */
  readonly keyFile?: string | URL;
}

/** How long to wait, after all, for clients that do not take their answers, in milliseconds. */
const STRAGGLER_TIMEOUT = 1_000;
/** One object for all tasks: made for each request it would cost time. */
const SPAWN = { name: "request" } as const;

/**
 * Serves HTTP: calls the handler in a task of its own for each request.
 *
 * The task lives until the response is sent, also one that is a stream: whatever the handler waits for, and the source
 * of its stream, is cancelled when the client goes away (`Cancelled` with the source `"signal"`). `request.text()` and
 * its kin, and iterating `request.body`, are waits like any other. Other tasks of a request belong in a nursery that the
 * handler opens. Returns only when a shutdown was requested (`scope.shutdown()`): then it accepts no more, closes idle
 * connections, and the handlers go on until they are done or the grace is over. The host cannot stop to listen without
 * breaking uploads and WebSockets: as long as there are any, new requests are answered with a 503 instead.
 *
 * A client that ends only its own half of the connection counts as gone.
 *
 * **Not guaranteed:** that a client is noticed which goes away before it has sent its whole body, as long as nobody reads
 * that. And a client that does not take its answer is not cut off by the end of the grace: the host keeps that connection
 * open, and this returns a second later.
 *
 * **Cancellation:** the handlers are cancelled and awaited, their clients get a 503 if there is time for it, and all
 * connections are closed.
 *
 * **Cost:** three microseconds per request on top of the host's eight; a third of them is what the host takes to carry an
 * ambient scope at all, by `AsyncLocalStorage`. A handler that has to wait makes Deno print, once per process, a warning
 * about `request.signal`: it is meant for others, and `--unstable-no-legacy-abort` turns it off.
 *
 * @example A server and its client
 * ```ts
 * import { fetch, type NetworkAddress, openNursery, serveHttp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly NetworkAddress[]>((status) =>
 *     serveHttp(async (request) => new Response(`hello, ${await request.text()}`), {
 *       hostname: "127.0.0.1",
 *       port: 0,
 *       status,
 *     })
 *   );
 *   const response = await fetch(`http://127.0.0.1:${address!.port}/`, { method: "POST", body: "world" });
 *   assertEquals(await response.text(), "hello, world");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each request; returns the response.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine (`cause` is the host's error), or
 * if the host ended its server: it does when a handler calls `Deno.upgradeWebSocket()` and returns another response.
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed, and there is no `onHandlerError`.
 */
export function serveHttp(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  return quietly(listenAndServe(handler, options));
}

async function listenAndServe(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  const identity = await check(handler, options);
  // Listening is no wait.
  await checkpointIfCancelled();
  const { handlerTimeout = Infinity, maxRequests = Infinity, onHandlerError } = options;
  const { status, statistics = { open: 0, accepted: 0 } } = options;
  const breakables = new Breakables();
  const site: Site = {
    handler,
    handlerTimeout,
    onHandlerError,
    places: maxRequests === Infinity ? null : new Semaphore(maxRequests, { name: "places for requests" }),
    breakables,
    statistics,
    watchSoon: watchman(),
  };

  let accept: HostCallback = unavailable;
  let refused: (error: unknown) => void = () => {};
  const server = listen({
    ...options,
    ...identity,
    onError(error) {
      // An answer that the host refuses is the handler's fault; a body's own error is known already.
      if (error !== CUT_OFF) refused(error);
      return serverError();
    },
  }, (request, info) => accept(request, info));
  const { address, finished } = server;
  const where = `HTTP on ${formatAddress(address)}`;
  try {
    await openNursery(async (nursery) => {
      accept = (request, info) => {
        statistics.open++;
        statistics.accepted++;
        return new Promise<Response>((respond) => {
          const exchange = new Exchange(site, request, info, respond);
          nursery.startSoon(() => exchange.run(), SPAWN);
        });
      };
      refused = (error) =>
        void nursery.startSoon(async () => {
          if (onHandlerError === undefined) throw error;
          await onHandlerError(error, new Request(`http://${formatAddress(address)}/`));
        }, SPAWN);
      try {
        status?.started([address]);
        const serving = await untilShutdown(() => waitForHost(`serve ${where}`, () => finished));
        if (!serving.cancelledCaught) {
          throw new BrokenResourceError(
            `Cannot go on serving ${where} as the host ended its server: use upgradeWebSocket() for WebSockets`,
          );
        }
        accept = unavailable;
        await breakables.over();
        const drained = server.shutdown();
        await waitForHost(`drain ${where}`, () => drained);
      } finally {
        accept = unavailable;
        refused = () => {};
      }
    }, { name: "server" });
  } finally {
    server.abort();
    await shielded(() => waitForHost(`close ${where}`, () => finished), { timeout: STRAGGLER_TIMEOUT });
  }
}

/** Collects what is not over within its turn, to have it watched from the next one on: one host callback for all. */
function watchman(): (exchange: Exchange) => void {
  let waiting: [Exchange, Task][] = [];
  const sweep = (): void => {
    const due = waiting;
    waiting = [];
    for (const [exchange, task] of due) exchange.watch(task);
  };
  return (exchange) => {
    if (waiting.push([exchange, currentTask()]) === 1) nextTurn(sweep);
  };
}

function listen(
  options: ServeHttpOptions & Identity & { readonly onError: (error: unknown) => Response },
  callback: HostCallback,
): HostHttpServer {
  const { port, hostname = "0.0.0.0", backlog, reusePort, cert, key, onError } = options;
  const where = formatAddress({ hostname, port });
  try {
    return hostServeHttp({ hostname, port, backlog, reusePort, cert, key, onError }, callback);
  } catch (error) {
    if (isNotCapable(error) || error instanceof TypeError) throw error;
    // Errors of the network have a code; what the host says of certificates has none.
    if ((error as { code?: string }).code === undefined && cert !== undefined) {
      throw new RangeError(`Cannot serve as "cert" and "key" must be a certificate and its key: ${textOf(error)}`, {
        cause: error,
      });
    }
    throw new BrokenResourceError(`Cannot listen on ${where} as the network refused: ${textOf(error)}`, {
      cause: error,
    });
  }
}

type HostCallback = Parameters<typeof hostServeHttp>[1];

interface Identity {
  readonly cert?: string;
  readonly key?: string;
}

async function check(handler: unknown, options: ServeHttpOptions): Promise<Identity> {
  const { handlerTimeout, maxRequests, onHandlerError, statistics, cert, key, certFile, keyFile } = options;
  checkServe(handler, {
    ...(handlerTimeout === undefined ? {} : { handlerTimeout }),
    ...(statistics === undefined ? {} : { statistics }),
  });
  checkListen(options.port, options);
  if (onHandlerError !== undefined) requireFunction("serve", "onHandlerError", onHandlerError);
  if (maxRequests !== undefined) requireLimit("serve", "maxRequests", maxRequests);
  if ((cert ?? key ?? certFile ?? keyFile) === undefined) return {};
  return await readIdentity("serve", options);
}
