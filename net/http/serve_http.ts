/**
 * Servers of HTTP, as they are made. How they serve is in `_http_server.ts`, what happens to a single request in
 * `_exchange.ts`, and what the host does in `host/deno_http.ts`.
 */

import type { TcpAddress } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { checkListen, type OpenTcpListenersOptions } from "../base/listen_options.ts";
import { checkServe } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import { checkIdentity, readIdentity } from "../host/tls_options.ts";
import { serveRequests } from "./_http_server.ts";
import type { HttpHandler } from "./http_handler.ts";

/** Options of `httpServer()` and `serveHttp()`. */
export interface ServeHttpOptions extends OpenTcpListenersOptions {
  /** The port; 0 takes any free one. */
  readonly port: number;
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
   * otherwise, and if the answer has begun already, there is a plain 500, or the connection is cut. If that response cannot
   * be sent either, its error is printed. What the function throws itself fails the server. `"fail"` fails the server with
   * the error of the handler, as a nursery fails with that of a child.
   *
   * A response that the host refuses, which this server took for a good one (its body was used at the last moment), is
   * such an error, too. The host does not say which request it was for: the function gets a stand-in, what it returns is
   * dropped, and the client gets a plain 500.
   *
   * By default the error is printed, with the task, the request and its client. In a simulation the default is `"fail"`.
   */
  readonly onHandlerError?:
    | "fail"
    | ((error: unknown, request: Request) => Response | void | Promise<Response | void>);
  /**
   * Called when the host could not accept connections, mostly because too many files are open: then its server ends. The
   * connections that are open go on, and every 100 milliseconds the server tries to listen again. Called once per burst,
   * as for `tcpServer()`. What it throws fails the server. By default the error is printed.
   */
  readonly onAcceptError?: (error: unknown) => void;
  /** The certificate of the server and those of its authorities, as text in PEM: serves HTTPS, HTTP/2 included. */
  readonly cert?: string;
  /** The private key of `cert`, as text in PEM. */
  readonly key?: string;
  /** In place of `cert`: the path of such a file. */
  readonly certFile?: string | URL;
  /** In place of `key`: the path of such a file. */
  readonly keyFile?: string | URL;
}

/**
 * Makes a server of HTTP, which calls the handler in a task of its own for each request.
 *
 * `nursery.start()` starts it and returns the address, once it listens.
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
 * It ends only when a shutdown was requested (`scope.shutdown()`): then new requests are answered with a 503, and the
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
 * **Cancellation:** once started, the handlers are cancelled and awaited, their clients get a 503 if there is time for it, and all
 * connections are closed.
 *
 * **Cost:** three microseconds per request on top of the host's eight; a third of them is what the host takes to carry an
 * ambient scope at all, by `AsyncLocalStorage`. A handler that has to wait makes Deno print, once per process, a warning
 * about `request.signal`: it is meant for others, and `--unstable-no-legacy-abort` turns it off.
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
 * @returns The server, to be started once; `statistics()` counts requests, `open` until their answer is sent (bodies that
 *   are no streams: until they are handed to the host). Starting it fails with `BrokenResourceError` if the port is in use
 *   or the address is not of this machine, and with `RangeError` if the host cannot use the certificate or the key.
 * @throws {TypeError} If `handler` is not a function, or an option is of the wrong kind.
 * @throws {RangeError} If `port`, `hostname` or another option is out of its range.
 */
export function httpServer(handler: HttpHandler, options: ServeHttpOptions): Server<TcpAddress> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxRequests");
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
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine (`cause` is the host's error).
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself.
 */
export function serveHttp(handler: HttpHandler, options: ServeHttpOptions): Promise<void> {
  return composedWait(() => httpServer(handler, options)());
}
