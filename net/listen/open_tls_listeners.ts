/** Listening for TLS connections. */

import { BrokenResourceError } from "../../core/mod.ts";
import type { NetworkListener } from "../../core/lowlevel.ts";
import { composedWait, failureOf, isInstance, NOTHING } from "../../core/internal.ts";
import { requireAlpn, requireMissingCloseNotify, requirePem } from "../base/check.ts";
import { ambientNetwork, readText } from "../host/deno_network.ts";
import { checkListen, listenOnAll } from "../host/listen_on_all.ts";
import type { NetworkTlsConn } from "../../core/lowlevel.ts";
import { makeAtOnce } from "../host/host_call.ts";
import { isNotCapable, isOfSystem, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import type { OpenTcpListenersOptions } from "./open_tcp_listeners.ts";
import { SocketListener } from "./socket_listener.ts";
import { TlsStream, type TlsStreamOptions } from "../streams/tls_stream.ts";

/**
 * The certificate of a server, followed by those of its authorities, and its private key, without a pass phrase: both
 * as text in PEM, or both as paths of such files.
 */
export type TlsIdentity =
  | { readonly cert: string; readonly key: string }
  | { readonly certFile: string | URL; readonly keyFile: string | URL };

/** How a server does TLS. */
export interface TlsServerOptions extends TlsStreamOptions {
  /**
   * The protocols on offer to ALPN, in the order of preference. A client that offers others only is turned away.
   *
   * @default {[]}
   */
  readonly alpn?: readonly string[];
}

/** How to listen for TLS connections. */
export type OpenTlsListenersOptions = OpenTcpListenersOptions & TlsServerOptions & TlsIdentity;

/**
 * Begins to listen for TLS connections on a TCP port, on every address the host name stands for.
 *
 * Accepting a connection does no handshake, so a client that is silent keeps no other from being accepted:
 * `TlsStream.handshake()`, in the task that serves the connection, does it, or else the first send or receive.
 * `serveTls()` takes care of all that.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example What a missing certificate looks like
 * ```ts
 * import { openTlsListeners } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const files = { certFile: "no/cert.pem", keyFile: "no/key.pem" };
 * await assertRejects(() => openTlsListeners(8443, { hostname: "127.0.0.1", alpn: ["echo/1"], ...files }), Error, "no/cert.pem");
 * ```
 *
 * @param port The port; 0 takes any free one, the same for all addresses.
 * @param options Certificate and key, protocols, and what `openTcpListeners()` takes.
 * @returns A listener for each address, at least one; they belong to the caller.
 * @throws {BrokenResourceError} If the port is in use, the address is not of this machine, or a file cannot be read; `cause`
 *   is the host's error, or the `ErrorGroup` of the failures of all addresses.
 * @throws {RangeError} If the host cannot use the certificate or the key, or `port` or `hostname` cannot be one.
 */
export function openTlsListeners(
  port: number,
  options: OpenTlsListenersOptions,
): Promise<SocketListener<TlsStream>[]> {
  return composedWait(() => listen(port, options));
}

async function listen(port: number, options: OpenTlsListenersOptions): Promise<SocketListener<TlsStream>[]> {
  const action = "listen";
  checkListen(port, options);
  const { alpn = [], missingCloseNotify = "error" } = options;
  requireAlpn(action, alpn);
  requireMissingCloseNotify(action, missingCloseNotify);
  const network = ambientNetwork();
  if (network.listenTls === undefined) {
    throw new TypeError('Cannot listen as the network of this run must have a method "listenTls": it has none');
  }
  const listenTls = network.listenTls.bind(network);
  const { cert, key } = await readIdentity(action, options);
  return await listenOnAll<NetworkListener<NetworkTlsConn>, SocketListener<TlsStream>>(port, options, {
    listen(where) {
      try {
        return makeAtOnce("listenTls", () => listenTls({ ...where, cert, key, alpnProtocols: alpn }));
      } catch (error) {
        // Errors of the network have a code; what the host says of certificates has none.
        if (isNotCapable(error) || isInstance(error, TypeError) || isOfSystem(error)) throw error;
        throw new RangeError(
          `Cannot listen as "cert" and "key" must be a certificate and its key: ${messageOf(error)}`,
          {
            cause: error,
          },
        );
      }
    },
    // `listenTls()` gives out nothing else.
    wrap: (listener) =>
      new SocketListener<TlsStream>(listener, (conn) => new TlsStream(conn as NetworkTlsConn, { missingCloseNotify })),
  });
}

/** Checks what a server says it is, and reads the files of it. */
export async function readIdentity(action: string, options: object): Promise<{ cert: string; key: string }> {
  const { cert, key, certFile, keyFile } = options as Partial<Record<"cert" | "key", string>> & {
    readonly certFile?: string | URL;
    readonly keyFile?: string | URL;
  };
  const inText = cert !== undefined && key !== undefined;
  const inFiles = certFile !== undefined && keyFile !== undefined;
  if (inText === inFiles || (inText ? certFile ?? keyFile : cert ?? key) !== undefined) {
    const given = Object.entries({ cert, key, certFile, keyFile }).filter(([, value]) => value !== undefined)
      .map(([name]) => `"${name}"`);
    throw new TypeError(
      `Cannot ${action} as either "cert" and "key" or "certFile" and "keyFile" must be given: received ${
        given.join(", ") || "none of them"
      }`,
    );
  }
  const found = inText ? { cert, key } : { cert: await read(action, certFile!), key: await read(action, keyFile!) };
  requirePem(action, inText ? "cert" : `${certFile}`, found.cert, "CERTIFICATE");
  requirePem(action, inText ? "key" : `${keyFile}`, found.key, "PRIVATE KEY");
  return found;
}

async function read(action: string, path: string | URL): Promise<string> {
  try {
    return await waitForHost(`read ${path}`, () => readText(path));
  } catch (error) {
    const failure = failureOf(error);
    if (failure === NOTHING) throw error;
    if (isNotCapable(failure)) throw failure;
    throw new BrokenResourceError(`Cannot ${action} as the file ${path} could not be read: ${messageOf(failure)}`, {
      cause: failure,
    });
  }
}
