/**
 * A server of HTTP. What happens to a single request is in `_exchange.ts`, and what the host does in `host/deno_http.ts`.
 */

import {
  BrokenResourceError,
  currentSignal,
  currentTask,
  type Nursery,
  openNursery,
  Semaphore,
  shielded,
  type Task,
  type TaskStatus,
  type TcpAddress,
  untilShutdown,
} from "../../core/mod.ts";
import { checkpointIfCancelled } from "../../core/lowlevel.ts";
import {
  composedWait,
  failureOf,
  hostClear as clearHostTimeout,
  hostImmediate as nextTurn,
  hostTimeout,
  NOTHING,
  read,
} from "../../core/internal.ts";
import { checkServe } from "../serve/_accept_loop.ts";
import { AcceptTrouble, CAPACITY_PAUSE } from "../host/accept_trouble.ts";
import { formatAddress } from "../base/address.ts";
import { requireLimit } from "../base/check.ts";
import { type HostHttpServer, hostServeHttp } from "../host/deno_http.ts";
import { badRequest, CUT_OFF, Exchange, serverError, type Site, unavailable } from "./_exchange.ts";
import { followRule } from "../base/handler_errors.ts";
import { checkListen } from "../host/listen_on_all.ts";
import { readIdentity } from "../listen/open_tls_listeners.ts";
import type { OpenTcpListenersOptions } from "../listen/open_tcp_listeners.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import type { ServerStatistics } from "../serve/serve.ts";
import { Unsent } from "./_unsent.ts";
import { waitForHost } from "../host/wait_for_host.ts";

/** What a handler is told besides the request. */
export interface HttpRequestInfo {
  /** Where the client is. Asked of the host when it is read, so read it before the answer. */
  readonly remoteAddress: TcpAddress;
}

/** Answers requests: see `serveHttp()`. */
export type HttpHandler = (request: Request, info: HttpRequestInfo) => Response | Promise<Response>;

/** How `serveHttp()` serves. */
export interface ServeHttpOptions extends OpenTcpListenersOptions {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Told the address, in an array, once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly TcpAddress[]>;
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
   * What to do with an error of a handler, or of a body while it is sent; the server goes on. Not called for
   * cancellations, nor when the client broke off its own request. A response that the function returns is the answer;
   * otherwise, and if the answer has begun already, there is a plain 500, or the connection is cut. What it throws itself
   * fails the server. `"fail"` fails the server with the error of the handler, as a nursery fails with that of a child.
   *
   * By default the error is printed, with the task, the request and its client. In a simulation the default is `"fail"`.
   */
  readonly onHandlerError?:
    | "fail"
    | ((error: unknown, request: Request) => Response | void | Promise<Response | void>);
  /**
   * Called when the host could not accept connections, mostly because too many files are open: then its server ends. The
   * connections that are open go on, and every 100 milliseconds the server tries to listen again. Called once per burst,
   * as for `serveTcp()`. What it throws fails the server. By default the error is printed.
   */
  readonly onAcceptError?: (error: unknown) => void;
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

/** How long the host may take to close all connections, in milliseconds. */
const CLOSE_TIMEOUT = 1_000;
/** How many host servers that have ended may still have connections. */
const MOST_SERVERS = 16;
/** How long handlers that are cancelled may take until their connections are closed, in milliseconds. */
const LAST_WORDS = 500;
/** So many turns the host has to send answers that fit into the buffers of their sockets. It was seen to need one. */
const TURNS_TO_SEND = 3;
/** One object for all tasks: made for each request it would cost time. */
const SPAWN = { name: "request" } as const;

/**
 * Serves HTTP: calls the handler in a task of its own for each request.
 *
 * The task lives until the response is sent, also one that is a stream: whatever the handler waits for, and the source
 * of its stream, is cancelled when the client goes away (`Cancelled` with the source `"disconnect"`). `request.text()` and
 * its kin, and iterating `request.body`, are waits like any other. Other tasks of a request belong in a nursery that the
 * handler opens.
 *
 * The server outlives its handlers: an error of one is printed, its client gets a 500, and the server goes on (see
 * `onHandlerError`). What a client does wrong is no error of a handler: a request whose `host` makes `request.url` no URL
 * gets a 400 before the handler is called, and so does one whose body cannot be read. If the host's server ends by itself,
 * that is reported (see `onAcceptError`), and it is begun again.
 *
 * Returns only when a shutdown was requested (`scope.shutdown()`): then new requests are answered with a 503, and the
 * handlers go on until they are done, and their answers sent, or the grace is over. At the end all connections are closed,
 * idle ones as well as those whose clients do not take their answer.
 *
 * A client that ends only its own half of the connection counts as gone.
 *
 * **Not guaranteed:** limits in time. The host has none for the head of a request, for its body, nor for idle
 * connections, so slow clients can use up the open files of the process: put a proxy that has such limits in front of a
 * server for everybody, and limit the reading of bodies with `failAfter()`. A client that goes away before it has sent
 * its whole body is noticed only when the body is read. The host keeps the open file of a client that goes away while
 * its body is read and the answer is streamed, until the server ends; and that of a TLS client that does not take what
 * it is sent, until the client goes away.
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
 * import { fetch, type TcpAddress, openNursery, serveHttp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
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
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine (`cause` is the host's error).
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself.
 */
export function serveHttp(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  return composedWait(() => listenAndServe(handler, options));
}

async function listenAndServe(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  const identity = await check(handler, options);
  // Listening is no wait.
  await checkpointIfCancelled();
  const { handlerTimeout = Infinity, maxRequests = Infinity, onHandlerError } = options;
  const { status, statistics = { open: 0, accepted: 0 } } = options;
  const unsent = new Unsent();
  const site: Site = {
    handler,
    handlerTimeout,
    onHandlerError,
    places: maxRequests === Infinity ? null : new Semaphore(maxRequests, { name: "places for requests" }),
    unsent,
    statistics,
    watchSoon: watchman(),
  };
  const isUrl = urlChecker();
  const trouble = new AcceptTrouble(options.onAcceptError);

  let accept: HostCallback = unavailable;
  let refused: (error: unknown) => void = () => {};
  const listenOn = (port: number): HostHttpServer =>
    listen({
      ...options,
      ...identity,
      port,
      onError(error) {
        // An answer that the host refuses is the handler's fault; a body's own error is known already.
        if (error !== CUT_OFF) refused(error);
        return serverError();
      },
    }, (request, info) => accept(request, info));
  let server = listenOn(options.port);
  /** All that may still have connections. */
  const servers = [server];
  const { address } = server;
  const where = `HTTP on ${formatAddress(address)}`;

  /** Serves until it is cancelled. */
  async function serve(): Promise<never> {
    while (true) {
      let end: unknown = NOTHING;
      try {
        await waitForHost(`serve ${where}`, () => server.finished);
        // It has closed its connections.
        servers.splice(servers.indexOf(server), 1);
        end = new BrokenResourceError(
          `Cannot serve ${where} without a break as the host ended its server: use upgradeWebSocket() for WebSockets`,
        );
      } catch (error) {
        end = failureOf(error);
        if (end === NOTHING) throw error;
      }
      await trouble.over(end, CAPACITY_PAUSE);
      await listenAgain();
    }
  }

  async function listenAgain(): Promise<void> {
    while (true) {
      try {
        servers.push(server = listenOn(address.port));
        // One that failed may have connections still; but a want of files may last, and end ten servers a second.
        if (servers.length > MOST_SERVERS) servers.shift()?.abort();
        return;
      } catch (error) {
        if (isNotCapable(error)) throw error;
        await trouble.over(error, CAPACITY_PAUSE);
      }
    }
  }

  function begin(nursery: Nursery): void {
    accept = (request, info) => {
      if (!isUrl(request.url)) return badRequest();
      statistics.open++;
      statistics.accepted++;
      return new Promise<Response>((respond) => {
        const exchange = new Exchange(site, request, info, respond);
        nursery.startSoon(() => exchange.run(), SPAWN);
      });
    };
    refused = (error) =>
      void nursery.startSoon(async () => {
        const request = new Request(`http://${formatAddress(address)}/`);
        await followRule(onHandlerError, error, () => `a request to ${where}`, request);
      }, SPAWN);
  }

  const closeAll = (): void => {
    for (const each of servers) each.abort();
  };
  let closing: ReturnType<typeof hostTimeout> | undefined;
  try {
    await openNursery(async (nursery) => {
      begin(nursery);
      // A handler may await a promise of somebody else's, which reads the body of its request: only the end of its
      // connection ends that, and so the handler.
      currentSignal().addEventListener("abort", () => closing = hostTimeout(closeAll, LAST_WORDS), { once: true });
      try {
        status?.started([address]);
        await untilShutdown(serve);
      } finally {
        accept = unavailable;
        refused = () => {};
      }
    }, { name: "server" });
    await unsent.over();
    await waitForHost(`send the last answers of ${where}`, turnsToSend);
  } finally {
    clearHostTimeout(closing);
    closeAll();
    const over = Promise.allSettled(servers.map(({ finished }) => finished));
    await shielded(() => waitForHost(`close ${where}`, () => over), { timeout: CLOSE_TIMEOUT });
  }
}

async function turnsToSend(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SEND; turn++) await new Promise((resolve) => nextTurn(resolve));
}

/**
 * Tells whether the URL of a request is one, which a `host` like `a b` makes it not. What follows the host cannot spoil it,
 * and one request after the other names the same host.
 */
function urlChecker(): (url: string) => boolean {
  let good = "a URL";
  return (url) => {
    if (url.startsWith(good)) return true;
    if (!URL.canParse(url)) return false;
    const end = url.indexOf("/", url.indexOf("//") + 2);
    if (end > 0) good = url.slice(0, end + 1);
    return true;
  };
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
    if (read(error, "code") === undefined && cert !== undefined) {
      throw new RangeError(`Cannot serve as "cert" and "key" must be a certificate and its key: ${messageOf(error)}`, {
        cause: error,
      });
    }
    throw new BrokenResourceError(`Cannot listen on ${where} as the network refused: ${messageOf(error)}`, {
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
  const { maxRequests, cert, key, certFile, keyFile } = options;
  checkServe(handler, options as object);
  checkListen(options.port, options);
  if (maxRequests !== undefined) requireLimit("serve", "maxRequests", maxRequests);
  if ((cert ?? key ?? certFile ?? keyFile) === undefined) return {};
  return await readIdentity("serve", options);
}
