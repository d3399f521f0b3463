/** Servers for TLS. */

import { failAfter, type TaskStatus, type TcpAddress } from "../../core/mod.ts";
import { composedWait, failureOf, NOTHING, requireFunction, requireTimeout } from "../../core/internal.ts";
import { checkServe, serveAll, telling } from "./_accept_loop.ts";
import { openTlsListeners, type OpenTlsListenersOptions } from "../listen/open_tls_listeners.ts";
import type { ServeOptions } from "./serve.ts";
import type { TlsStream } from "../streams/tls_stream.ts";

/** What `serveTls()` is told besides where to listen, as whom, and the limits. */
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

/** How `serveTls()` serves. */
export type ServeTlsOptions = OpenTlsListenersOptions & ServeOptions<TlsStream> & HandshakeOptions & {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Told the addresses once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly TcpAddress[]>;
};

/** What Go's HTTP gives the other side for a handshake, in milliseconds. */
const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/**
 * Serves TLS connections: completes the handshake and calls the handler, in a task of its own for each.
 *
 * A client that is silent, or does not speak TLS, holds up nobody: it is turned away, which is no error of the server.
 * Until then it counts for `maxConnections`; `handlerTimeout` begins after the handshake. The other rules are those of
 * `serveTcp()`.
 *
 * **Cost:** the host collects small sends on the server's end of TLS (Nagle's algorithm, which cannot be switched off
 * there), so a message sent in several parts may wait 40 ms for the client's acknowledgement: send it in one.
 *
 * **Not guaranteed:** that a client that was turned away in the middle of its handshake sees the end of the connection:
 * Deno 2.9.6 keeps such a socket open until the client ends it, and it counts among the open files of the process, though
 * no longer for `maxConnections`. So whoever can open as many connections as the process may have files, and stays silent,
 * keeps everybody else out. Where that is to be feared, put a proxy that limits connections per client in front.
 *
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
 *
 * @example What a missing certificate looks like
 * ```ts
 * import { serveTls, type TlsStream } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * async function echo(stream: TlsStream): Promise<void> {
 *   for await (const chunk of stream) await stream.sendAll(chunk);
 * }
 * const options = { port: 8443, hostname: "127.0.0.1", certFile: "no/cert.pem", keyFile: "no/key.pem", alpn: ["echo/1"] };
 * await assertRejects(() => serveTls(echo, options), Error, "no/cert.pem");
 * ```
 *
 * @param handler Called with each connection, after its handshake.
 * @param options Where to listen, as whom, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use.
 * @throws {RangeError} If the host cannot use the certificate or the key.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself; if the listener was closed.
 */
export function serveTls(handler: (stream: TlsStream) => unknown, options: ServeTlsOptions): Promise<void> {
  return composedWait(() => listenAndServe(handler, options));
}

async function listenAndServe(handler: (stream: TlsStream) => unknown, options: ServeTlsOptions): Promise<void> {
  checkServe(handler, options);
  const { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, onHandshakeError } = options;
  requireTimeout("serve", "handshakeTimeout", handshakeTimeout);
  if (onHandshakeError !== undefined) requireFunction("serve", "onHandshakeError", onHandshakeError);

  async function greet(stream: TlsStream): Promise<boolean> {
    try {
      await failAfter(handshakeTimeout, () => stream.handshake());
      return true;
    } catch (error) {
      const failure = failureOf(error);
      if (failure === NOTHING) throw error;
      await onHandshakeError?.(failure, stream);
      return false;
    }
  }

  const listeners = await openTlsListeners(options.port, options);
  await serveAll(handler, listeners, { ...options, status: telling(options.status, listeners), greet });
}
