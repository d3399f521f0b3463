/** Servers for TLS. */

import { failAfter, type TcpAddress } from "../../core/mod.ts";
import { composedWait, failureOf, NOTHING, requireFunction, requireTimeout } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { checkServe, type ServeOptions } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import { checkListenTls, type OpenTlsListenersOptions } from "../host/tls_options.ts";
import { openTlsListeners } from "../listen/open_tls_listeners.ts";
import type { TlsStream } from "../streams/tls_stream.ts";
import { type Prepare, reportAddresses, serveAll } from "./_accept_loop.ts";

/**
 * Options of `tlsServer()` and `serveTls()` about handshakes.
 *
 * @category Servers
 */
export interface HandshakeOptions {
  /**
   * How long a client may take for the handshake, in milliseconds. After that it is turned away.
   *
   * @default {10_000}
   */
  readonly handshakeTimeout?: number;
  /**
   * Called with the reason why a client was turned away: mostly a `BrokenResourceError` or a `TooSlowError`. The stream
   * is closed afterwards. What the function throws counts as an error of the handler. By default nothing is reported,
   * as every server on the open network meets clients that do not speak TLS.
   */
  readonly onHandshakeError?: (error: unknown, stream: TlsStream) => void | Promise<void>;
}

/**
 * Options of `tlsServer()` and `serveTls()`.
 *
 * @category Servers
 */
export type ServeTlsOptions = OpenTlsListenersOptions & ServeOptions<TlsStream> & HandshakeOptions & {
  /** The port; 0 takes any free one. */
  readonly port: number;
};

/** What Go's HTTP gives the other side for a handshake, in milliseconds. */
const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/**
 * Makes a server that calls a handler for each TLS connection, after the handshake.
 *
 * Each connection has its own task. A client that is silent, or does not speak TLS, holds up no other client: it is
 * turned away, which is not an error of the server. Until then it counts towards `maxConnections`. `handlerTimeout`
 * begins after the handshake. A handshake that is in progress when a shutdown begins is given up at once, without
 * grace: the connection is closed, and neither its handler nor `onHandshakeError` is called. The other rules are those
 * of `tcpServer()`.
 *
 * **Cost:** on the server's end of TLS the host collects small sends (Nagle's algorithm), which cannot be switched off.
 * So a message sent in several parts may wait 40 ms for the client's acknowledgement: send it in one.
 *
 * **Not guaranteed:** that a client that was turned away in the middle of its handshake sees the end of the connection.
 * Deno 2.9.6 keeps such a socket open until the client ends it. The socket counts among the open files of the process,
 * but no longer towards `maxConnections`. So a client that opens as many connections as the process may have files, and
 * stays silent, keeps all others out. Where you fear that, put a proxy in front that limits the connections per client.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, and everything is closed.
 *
 * @example What a missing certificate looks like
 * ```ts
 * import { tlsServer, type TlsStream } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * async function echo(stream: TlsStream): Promise<void> {
 *   for await (const chunk of stream) await stream.sendAll(chunk);
 * }
 * const files = { certFile: "no/cert.pem", keyFile: "no/key.pem" };
 * const server = tlsServer(echo, { port: 8443, hostname: "127.0.0.1", alpn: ["echo/1"], ...files });
 * await assertRejects(() => server(), Error, "no/cert.pem");
 * ```
 *
 * @param handler Called with each connection, after its handshake.
 * @param options Where to listen, as whom, and what the limits are.
 * @returns The server, to be started once. Starting it fails with `BrokenResourceError` if the port is in use or a file
 *   cannot be read, and with `RangeError` if the host cannot use the certificate or the key.
 * @throws {TypeError} If `handler` is not a function, or an option is missing or of the wrong kind.
 * @throws {RangeError} If `port`, `hostname` or another option is out of its range.
 * @category Servers
 */
export function tlsServer(handler: (stream: TlsStream) => unknown, options: ServeTlsOptions): Server<TcpAddress> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxConnections");
  const prepare = handshakes(own);
  checkListenTls(own.port, own);
  return makeServer(async (counts, status) => {
    const listeners = await openTlsListeners(own.port, own);
    await serveAll(handler, listeners, { ...own, counts, started: reportAddresses(status, listeners), prepare });
  });
}

/**
 * Serves TLS connections until a shutdown: short for `tlsServer(handler, options)()`.
 *
 * **Cancellation:** the handlers are cancelled and awaited, and everything is closed.
 *
 * @example What a missing key looks like
 * ```ts
 * import { serveTls } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const options = { port: 8443, cert: "-----BEGIN CERTIFICATE-----", key: "" };
 * await assertRejects(() => serveTls(() => {}, options), RangeError, 'without "BEGIN PRIVATE KEY"');
 * ```
 *
 * @param handler Called with each connection, after its handshake.
 * @param options Where to listen, as whom, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use, or a file cannot be read.
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"` or throws; or if the listener was closed.
 * @category Servers
 */
export function serveTls(handler: (stream: TlsStream) => unknown, options: ServeTlsOptions): Promise<void> {
  return composedWait(() => tlsServer(handler, options)());
}

/** Completes handshakes as the options say, which it checks. */
function handshakes(
  { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, onHandshakeError }: HandshakeOptions,
): Prepare<TlsStream> {
  requireTimeout("serve", "handshakeTimeout", handshakeTimeout);
  if (onHandshakeError !== undefined) requireFunction("serve", "onHandshakeError", onHandshakeError);
  return async (stream) => {
    try {
      await failAfter(handshakeTimeout, () => stream.handshake());
      return true;
    } catch (error) {
      const failure = failureOf(error);
      if (failure === NOTHING) throw error;
      await onHandshakeError?.(failure, stream);
      return false;
    }
  };
}
