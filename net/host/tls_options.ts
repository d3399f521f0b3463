/** What TLS can be told, on both sides, checked before any effect; and the reading of what is in files. */

import { BrokenResourceError } from "../../core/mod.ts";
import { failureOf, NOTHING, requireTimeout, show } from "../../core/internal.ts";
import { requireAlpn, requireMissingCloseNotify, requirePem } from "../base/check.ts";
import { checkListen, type OpenTcpListenersOptions } from "../base/listen_options.ts";
import type { TlsStreamOptions } from "../streams/tls_stream.ts";
import { readText } from "./deno_network.ts";
import { isNotCapable, messageOf } from "./host_errors.ts";
import { waitForHost } from "./wait_for_host.ts";

/**
 * Options of `openTlsStream()` and `startTls()` about TLS.
 *
 * @category Connecting
 */
export interface TlsClientOptions extends TlsStreamOptions {
  /**
   * Certificates of authorities to trust besides those the host trusts: texts in PEM.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[];
  /**
   * The protocols to offer by ALPN, in the order of preference. The server may ignore them.
   *
   * @default {[]}
   */
  readonly alpn?: readonly string[];
  /**
   * How long the handshake may take, in milliseconds. After that it fails with `TooSlowError`.
   *
   * @default {Infinity}
   */
  readonly handshakeTimeout?: number;
}

/**
 * Options of `startTls()`.
 *
 * @category Connecting
 */
export interface StartTlsOptions extends TlsClientOptions {
  /** The name, or IP address, that the certificate of the server must be for. */
  readonly serverName: string;
}

/**
 * The certificate of a server and its private key.
 *
 * The certificate is followed by those of its authorities, if there are any. The key has no pass phrase. Both are given
 * as text in PEM, or both as paths of such files.
 *
 * @category Listening
 */
export type TlsIdentity =
  | { readonly cert: string; readonly key: string }
  | { readonly certFile: string | URL; readonly keyFile: string | URL };

/**
 * Options of `openTlsListeners()` and of `tlsServer()` about TLS.
 *
 * @category Listening
 */
export interface TlsServerOptions extends TlsStreamOptions {
  /**
   * The protocols to offer by ALPN, in the order of preference. A client that offers only other protocols is turned
   * away.
   *
   * @default {[]}
   */
  readonly alpn?: readonly string[];
}

/**
 * Options of `openTlsListeners()`.
 *
 * @category Listening
 */
export type OpenTlsListenersOptions = OpenTcpListenersOptions & TlsServerOptions & TlsIdentity;

/** Checks options of a client. */
export function checkTlsClient(action: string, options: TlsClientOptions): void {
  const { caCerts = [], alpn = [], handshakeTimeout = Infinity, missingCloseNotify = "error" } = options;
  if (!Array.isArray(caCerts)) {
    throw new TypeError(`Cannot ${action} as "caCerts" must be an array of texts in PEM: received ${show(caCerts)}`);
  }
  // The host passes over what it cannot read, and then just trusts nobody.
  for (const cert of caCerts) requirePem(action, "caCerts", cert, "CERTIFICATE");
  requireAlpn(action, alpn);
  requireTimeout(action, "handshakeTimeout", handshakeTimeout);
  requireMissingCloseNotify(action, missingCloseNotify);
}

/** Checks options of a server. */
export function checkListenTls(port: unknown, options: OpenTlsListenersOptions): void {
  const action = "listen";
  checkListen(port, options);
  const { alpn = [], missingCloseNotify = "error" } = options;
  requireAlpn(action, alpn);
  requireMissingCloseNotify(action, missingCloseNotify);
  checkIdentity(action, options);
}

/** What may be given of an identity, well or not. */
interface Given {
  readonly cert?: string;
  readonly key?: string;
  readonly certFile?: string | URL;
  readonly keyFile?: string | URL;
}

/** Checks what a server says it is: that it is given once, and looks like PEM as far as it is no file. */
export function checkIdentity(action: string, options: object): void {
  const { cert, key, certFile, keyFile } = options as Given;
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
  if (inText) {
    requirePem(action, "cert", cert, "CERTIFICATE");
    requirePem(action, "key", key, "PRIVATE KEY");
  } else {
    requirePath(action, "certFile", certFile);
    requirePath(action, "keyFile", keyFile);
  }
}

/** Reads the files of an identity that was checked, and checks what is in them. */
export async function readIdentity(action: string, options: object): Promise<{ cert: string; key: string }> {
  const { cert, key, certFile, keyFile } = options as Given;
  if (cert !== undefined && key !== undefined) return { cert, key };
  const found = {
    cert: await read(action, certFile as string | URL),
    key: await read(action, keyFile as string | URL),
  };
  requirePem(action, `${certFile}`, found.cert, "CERTIFICATE");
  requirePem(action, `${keyFile}`, found.key, "PRIVATE KEY");
  return found;
}

function requirePath(action: string, name: string, path: unknown): void {
  if (typeof path === "string" || path instanceof URL) return;
  throw new TypeError(`Cannot ${action} as "${name}" must be a path or a URL: received ${show(path)}`);
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
