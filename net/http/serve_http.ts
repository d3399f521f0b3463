/**
 * Servers of HTTP, as they are made. How they serve is in `_http_server.ts`, what happens to a single request in
 * `_exchange.ts`, and what the host does in `host/deno_http.ts`.
 */

import type { TcpAddress } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { ownOptions, requireHeaderName } from "../base/check.ts";
import { checkListen, type OpenTcpListenersOptions } from "../base/listen_options.ts";
import { checkServe } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import { checkIdentity, readIdentity } from "../host/tls_options.ts";
import { serveRequests } from "./_http_server.ts";
import type { HttpHandler } from "./http_handler.ts";

/**
 * Options of `httpServer()` and `serveHttp()`.
 *
 * @category HTTP
 */
export interface ServeHttpOptions extends OpenTcpListenersOptions {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /**
   * The most requests handled at a time. Others wait for their turn. The number of connections is up to the host.
   *
   * @default {Infinity}
   */
  readonly maxRequests?: number;
  /**
   * How long a handler may take to return its response, in milliseconds. After that it fails with `TooSlowError`. The
   * sending of the body is not limited.
   *
   * @default {Infinity}
   */
  readonly handlerTimeout?: number;
  /**
   * The name of a header in which a client says how long it will wait for the answer, in milliseconds: what `fetch()`
   * sends that was given the same name. The handler is cancelled when that time is over, with nothing printed, and the
   * answer is a 504. The header can only make the time of the handler shorter. If it is no such number, the answer is a
   * 400, and the handler is not called. By default no header is looked at.
   */
  readonly deadlineHeader?: string;
  /**
   * How long the server goes on as before once a shutdown was requested, in milliseconds: it answers what comes, and its
   * handlers know nothing of the shutdown. So a proxy has the time to notice that it is to send no more. Each answer
   * tells its client to use the connection no more (`connection: close`), so that no request is on its way when the
   * server drains, after that. The grace of the shutdown runs meanwhile, and has to be longer.
   *
   * @default {0}
   */
  readonly lameDuck?: number;
  /**
   * Called when a shutdown was requested, at the beginning of `lameDuck`: to say "not ready" where the proxy asks. An
   * error of it is printed.
   */
  readonly onLameDuck?: () => unknown;
  /**
   * What to do with an error of a handler, or of a body while it is sent. A function is called with the error and the
   * request, and the server goes on. If it returns a response, that is the answer. Otherwise the answer is a plain 500,
   * or, if the answer has begun already, the connection is cut. If the response of the function cannot be sent either,
   * that error is printed.
   *
   * The function is not called for cancellations, nor when the client broke off its own request. If it throws, the
   * server fails with that error. `"fail"` fails the server with the error of the handler, as a nursery fails with that
   * of a child.
   *
   * The host may refuse a response that this server took for a good one, as its body was used at the last moment. That
   * is such an error, too. The host does not say which request it was for: the function gets a stand-in, its response
   * is dropped, and the client gets a plain 500.
   *
   * By default the error is printed, with the task, the request and its client. In a simulation the default is
   * `"fail"`.
   */
  readonly onHandlerError?:
    | "fail"
    | ((error: unknown, request: Request) => Response | void | Promise<Response | void>);
  /**
   * Called when the host could not accept connections, mostly because too many files are open. Then the host's server
   * ends, but open connections go on, and every 100 milliseconds this server tries to listen again. By default the
   * error is printed. The function is called once per burst, as for `tcpServer()`. If it throws, the server fails with
   * that error.
   */
  readonly onAcceptError?: (error: unknown) => void;
  /**
   * The certificate of the server and those of its authorities, as text in PEM. The server then serves HTTPS, with
   * HTTP/2.
   */
  readonly cert?: string;
  /** The private key of `cert`, as text in PEM. */
  readonly key?: string;
  /** The path of a file with the certificates, in place of `cert`. */
  readonly certFile?: string | URL;
  /** The path of a file with the private key, in place of `key`. */
  readonly keyFile?: string | URL;
}

/**
 * Makes an HTTP server that calls a handler for each request, in a task for that request.
 *
 * `nursery.start()` starts it, and returns its address once it listens.
 *
 * The task lives until the response is sent, even if that is a stream. When the client goes away, whatever the handler
 * waits for is cancelled, and so is the source of its stream (`Cancelled` with the source `"disconnect"`).
 * `request.text()` and its kin, and iterating `request.body`, are waits like any other. Other tasks of a request belong
 * in a nursery that the handler opens.
 *
 * The server outlives its handlers: an error of a handler is printed, its client gets a 500, and the server goes on
 * (see `onHandlerError`). A mistake of a client is not an error of a handler. If its `host` header makes `request.url`
 * an invalid URL, it gets a 400, and the handler is not called. If the body cannot be read, it gets a 400, too. If the
 * host's server ends by itself, that is reported (see `onAcceptError`), and a new one begins.
 *
 * The server ends only when a shutdown was requested (`scope.shutdown()`). Then, at once or after `lameDuck`, new
 * requests are answered with a 503.
 * The handlers go on until they are done and their answers are sent, or until the grace is over. At the end all
 * connections are closed: idle ones, and those whose clients do not take their answer.
 *
 * A client that ends only its own direction of the connection counts as gone. A client that goes away is noticed up to
 * 20 milliseconds later, and not at all if the answer is ready by then.
 *
 * **Not guaranteed:** limits in time. The host has none for the head of a request, for its body, or for idle
 * connections, so slow clients can use up the open files of the process. Put a proxy that has such limits in front of a
 * public server, and limit the reading of bodies with `failAfter()`. A client that disconnects mid-body is noticed only
 * if somebody reads the body. If a client goes away while its body is read and the answer is streamed, the host keeps
 * its open file until the server ends. If a TLS client does not take what it is sent, the host keeps its open file
 * until the client goes away.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, their clients get a 503 if there is time for
 * it, and all connections are closed.
 *
 * **Cost:** two microseconds per request besides the eight of the host. If a request is not answered within 15 to 20
 * milliseconds, its client is watched, which costs as much again.
 *
 * @example A server and its client
 * ```ts
 * import { fetch, httpServer, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const server = httpServer(async (request) => new Response(`hello, ${await request.text()}`), {
 *   hostname: "127.0.0.1",
 *   port: 0,
 * });
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(server);
 *   const response = await fetch(`http://127.0.0.1:${address.port}/`, { method: "POST", body: "world" });
 *   assertEquals(await response.text(), "hello, world");
 *   assertEquals(server.statistics().accepted, 1);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each request; returns the response.
 * @param options Where to listen, and what the limits are.
 * @returns The server, to be started once. Its `statistics()` count requests. A request is `open` until its answer is
 *   sent; if the body is not a stream, until it is handed to the host. Starting it fails with `BrokenResourceError` if
 *   the port is in use or the address is not of this machine, and with `RangeError` if the host cannot use the
 *   certificate or the key.
 * @throws {TypeError} If `handler` is not a function, or an option is of the wrong kind.
 * @throws {RangeError} If `port`, `hostname` or another option is out of its range.
 * @category HTTP
 */
export function httpServer(handler: HttpHandler, options: ServeHttpOptions): Server<TcpAddress> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxRequests");
  if (own.deadlineHeader !== undefined) requireHeaderName("serve", "deadlineHeader", own.deadlineHeader);
  checkListen(own.port, own);
  const isSecure = (own.cert ?? own.key ?? own.certFile ?? own.keyFile) !== undefined;
  if (isSecure) checkIdentity("serve", own);
  return makeServer(async (counts, status) => {
    const identity = isSecure ? await readIdentity("serve", own) : null;
    await serveRequests(handler, own, { identity, counts, status });
  });
}

/**
 * Serves HTTP until a shutdown: short for `httpServer(handler, options)()`.
 *
 * **Cancellation:** the handlers are cancelled and awaited, their clients get a 503 if there is time for it, and all
 * connections are closed.
 *
 * @example A program that only serves
 * ```ts
 * import { moveOnAfter, serveHttp } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, () =>
 *   serveHttp(() => new Response("hello"), { hostname: "127.0.0.1", port: 0 })
 * );
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param handler Called with each request; returns the response.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine (`cause` is the host's
 *   error).
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"` or throws.
 * @category HTTP
 */
export function serveHttp(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  return composedWait(() => httpServer(handler, options)());
}
