/**
 * How a server of HTTP serves: it listens, again if it must, and drains. What happens to a request is in
 * `_exchange.ts`.
 */

import {
  BrokenResourceError,
  currentSignal,
  type Nursery,
  openNursery,
  Semaphore,
  shielded,
  type TaskStatus,
  type TcpAddress,
  untilShutdown,
} from "../../core/mod.ts";
import { checkpointIfCancelled, currentRun, type NetworkHttp, type NetworkHttpServer } from "../../core/lowlevel.ts";
import { failureOf, hostImmediate as nextTurn, ignore, NOTHING, read } from "../../core/internal.ts";
import { formatAddress } from "../base/address.ts";
import { followRule, type HandlerErrorRule } from "../base/handler_errors.ts";
import type { OpenTcpListenersOptions } from "../base/listen_options.ts";
import { withLameDuck } from "../base/serve_options.ts";
import type { Counts } from "../base/server.ts";
import { AcceptTrouble, CAPACITY_PAUSE } from "../host/accept_trouble.ts";
import { ambientHttp, httpTimeout } from "../host/ambient_http.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { abandonAnswer, badRequest, CUT_OFF, LAST_WORDS, serverError, unavailable } from "./_answers.ts";
import { DisconnectSweep } from "./_disconnect_sweep.ts";
import { Exchange, type ServerContext } from "./_exchange.ts";
import type { HttpHandler } from "./http_handler.ts";
import { Pending } from "./_pending.ts";

/** What is read here of the options of a server. */
interface HttpServerOptions extends OpenTcpListenersOptions {
  readonly port: number;
  readonly maxRequests?: number;
  readonly handlerTimeout?: number;
  readonly deadlineHeader?: string;
  readonly lameDuck?: number;
  readonly onLameDuck?: () => unknown;
  readonly onHandlerError?: HandlerErrorRule<[request: Request]>;
  readonly onAcceptError?: (error: unknown) => void;
}

/** How long the host may take to close all connections, in milliseconds. */
const CLOSE_TIMEOUT = 1_000;
/** How many host servers that have ended may still have connections. */
const MOST_SERVERS = 16;
/** So many turns the host has to send answers that fit into the buffers of their sockets. It was seen to need one. */
const TURNS_TO_SEND = 3;
/** One object for all tasks: made for each request it would cost time. */
const SPAWN = { name: "request" } as const;

/** What a server of HTTP is started with, besides its options. */
export interface HttpStart {
  /** The certificate and its key, for HTTPS. */
  readonly identity: { readonly cert: string; readonly key: string } | null;
  readonly counts: Counts;
  readonly status: TaskStatus<readonly [TcpAddress]> | undefined;
}

/** Serves requests until a shutdown. The arguments have been checked. */
export async function serveRequests(
  handler: HttpHandler,
  options: HttpServerOptions,
  { identity, counts, status }: HttpStart,
): Promise<void> {
  // Listening is no wait.
  await checkpointIfCancelled();
  const { handlerTimeout = Infinity, maxRequests = Infinity, onHandlerError } = options;
  const http = ambientHttp("serve HTTP");
  const pending = new Pending();
  const disconnects = new DisconnectSweep();
  const context: ServerContext = {
    http,
    handler,
    handlerTimeout,
    deadlineHeader: options.deadlineHeader,
    isLeaving: false,
    onHandlerError,
    slots: maxRequests === Infinity ? null : new Semaphore(maxRequests, { name: "slots for requests" }),
    pending,
    counts,
    disconnects,
  };
  const isUrl = urlChecker();
  const trouble = new AcceptTrouble(options.onAcceptError);

  let accept: HostCallback = unavailable;
  let refused: (error: unknown) => void = ignore;
  const listenOn = (port: number): NetworkHttpServer =>
    listen(http, {
      ...options,
      port,
      identity,
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
        await waitForHost(`serve ${where}`, () => server.finished, { network: http });
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
    const run = currentRun();
    accept = (request, info) => {
      if (!isUrl(request.url)) return badRequest();
      // Nothing that the run knows of has ended: without this, what the handler waits for would seem to be older.
      run.refreshTime();
      counts.open++;
      counts.accepted++;
      pending.begin();
      return new Promise<Response>((respond) => {
        const exchange = new Exchange(context, request, info, respond);
        nursery.startSoon(() => exchange.run(), SPAWN);
      });
    };
    refused = (error) =>
      void nursery.startSoon(async () => {
        // The host does not say whose answer it was, and has none to give any more but a plain one.
        const request = new Request(`http://${formatAddress(address)}/`);
        abandonAnswer(await followRule(onHandlerError, error, () => `a request to ${where}`, request));
      }, SPAWN);
  }

  const closeAll = (): void => {
    for (const each of servers) each.abort();
  };
  let notClosing: (() => void) | undefined;
  const serving = (): Promise<void> =>
    openNursery(async (nursery) => {
      begin(nursery);
      // A handler may await a promise of somebody else's, which reads the body of its request: only the end of its
      // connection ends that, and so the handler.
      currentSignal().addEventListener("abort", () => notClosing = httpTimeout(http, closeAll, LAST_WORDS), {
        once: true,
      });
      try {
        status?.started([address]);
        await untilShutdown(serve);
      } finally {
        accept = unavailable;
      }
      await pending.over();
      // Within the nursery: an answer that the host refuses it refuses in these turns, and that has to be reported.
      await waitForHost(
        `send the last answers of ${where}`,
        () => server.flushed === undefined ? turnsToSend() : server.flushed(),
        { network: http },
      );
    }, { name: "server" });
  try {
    await withLameDuck(options, serving, () => context.isLeaving = true);
  } finally {
    refused = ignore;
    disconnects.end();
    notClosing?.();
    closeAll();
    const over = Promise.allSettled(servers.map(({ finished }) => finished));
    await shielded(() => waitForHost(`close ${where}`, () => over, { network: http }), { timeout: CLOSE_TIMEOUT });
  }
}

async function turnsToSend(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SEND; turn++) await new Promise((resolve) => nextTurn(resolve));
}

/**
 * Tells whether the URL of a request is one, which a `host` like `a b` makes it not. What follows the host cannot spoil
 * it, and one request after the other names the same host.
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

function listen(
  http: NetworkHttp,
  options: HttpServerOptions & Pick<HttpStart, "identity"> & { readonly onError: (error: unknown) => Response },
  callback: HostCallback,
): NetworkHttpServer {
  const { port, hostname = "0.0.0.0", backlog, reusePort, identity, onError } = options;
  const where = formatAddress({ hostname, port });
  try {
    return http.serve({ hostname, port, backlog, reusePort, identity, onError }, callback);
  } catch (error) {
    if (isNotCapable(error) || error instanceof TypeError) throw error;
    // Errors of the network have a code; what the host says of certificates has none.
    if (read(error, "code") === undefined && identity !== null) {
      throw new RangeError(`Cannot serve as "cert" and "key" must be a certificate and its key: ${messageOf(error)}`, {
        cause: error,
      });
    }
    throw new BrokenResourceError(`Cannot listen on ${where} as the network refused: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

type HostCallback = Parameters<NetworkHttp["serve"]>[1];
