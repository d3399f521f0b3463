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

/** Options of `tlsServer()` and `serveTls()` about handshakes. */
export interface HandshakeOptions {
  /**
   * How long a client may take for the handshake, in milliseconds; it is turned away then.
   *
   * @default {10_000}
   */
  readonly handshakeTimeout?: number;
  /**
   * Called with the reason why a client was turned away: mostly a `BrokenResourceError`, or a `TooSlowError`. Without
   * it nobody is told, as every server on the open network meets clients that do not speak TLS. The stream is closed
   * after it. What it throws counts as an error of the handler.
   */
  readonly onHandshakeError?: (error: unknown, stream: TlsStream) => void | Promise<void>;
}

/** Options of `tlsServer()` and `serveTls()`. */
export type ServeTlsOptions = OpenTlsListenersOptions & ServeOptions<TlsStream> & HandshakeOptions & {
  /** The port; 0 takes any free one. */
  readonly port: number;
};

/** What Go's HTTP gives the other side for a handshake, in milliseconds. */
const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/**
 * Makes a server for TLS connections, which completes the handshake and calls the handler, in a task of its own for each.
 *
 * A client that is silent, or does not speak TLS, holds up nobody: it is turned away, which is no error of the server.
 * Until then it counts for `maxConnections`; `handlerTimeout` begins after the handshake. A handshake that is in progress
 * when a shutdown begins is given up at once, without grace: the connection is closed, its handler is not called, and
 * `onHandshakeError` is not either. The other rules are those of `tcpServer()`.
 *
 * **Cost:** the host collects small sends on the server's end of TLS (Nagle's algorithm, which cannot be switched off
 * there), so a message sent in several parts may wait 40 ms for the client's acknowledgement: send it in one.
 *
 * **Not guaranteed:** that a client that was turned away in the middle of its handshake sees the end of the connection:
 * Deno 2.9.6 keeps such a socket open until the client ends it, and it counts among the open files of the process, though
 * no longer for `maxConnections`. So whoever can open as many connections as the process may have files, and stays silent,
 * keeps everybody else out. Where that is to be feared, put a proxy that limits connections per client in front.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, everything is closed.
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
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
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
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself; if the listener was closed.
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
