/**
 * The seam to HTTP and WebSockets: what a network does of them. Only types; the host's is in `net/`, one in memory in
 * `testing/`.
 *
 * The shapes are those of the Web and of `Deno.serve`. What is in memory says so by `inMemory`, as for connections: its
 * operations are none of the host, and its times are those of the run.
 */

import type { TcpAddress } from "./address.ts";

/**
 * A server of HTTP that a network runs.
 *
 * @category Low level
 */
export interface NetworkHttpServer {
  /** Where it listens. */
  readonly address: TcpAddress;
  /** Settles when the server has ended; rejects if it could not accept a connection, those that are open go on then. */
  readonly finished: Promise<void>;
  /** Closes all connections. */
  abort(): void;
  /** Resolves when answers that were handed over, and are not streams, are on their way. By default after some turns. */
  flushed?(): Promise<void>;
}

/**
 * What a network says of a request that has come in.
 *
 * @category Low level
 */
export interface NetworkHttpRequestInfo {
  /** The client's address. */
  readonly remoteAddr: unknown;
  /** Settles when the answer has been sent, or cannot be. */
  readonly completed: Promise<void>;
  /** Told which task answers the request, for reports; the argument is asked for its name when it is shown. */
  handledBy?(task: { readonly id: number; readonly name: string }): void;
}

/**
 * Options of `NetworkHttp.serve()`.
 *
 * @category Low level
 */
export interface NetworkHttpServeOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** How many connections wait to be accepted. */
  readonly backlog: number | undefined;
  /** Whether other sockets may listen on the same port. */
  readonly reusePort: boolean | undefined;
  /** The certificate and its key in PEM, for HTTPS. */
  readonly identity: { readonly cert: string; readonly key: string } | null;
  /** Told of answers that cannot be sent; returns the one to send instead. */
  readonly onError: (error: unknown) => Response;
}

/**
 * Options of `NetworkHttp.upgrade()`.
 *
 * @category Low level
 */
export interface NetworkUpgradeOptions {
  /** The subprotocol that was chosen. */
  readonly protocol: string | undefined;
  /** How long a client may be silent, in milliseconds. */
  readonly idleTimeout: number;
}

/**
 * Options of `NetworkHttp.webSocket()`.
 *
 * @category Low level
 */
export interface NetworkWebSocketOptions {
  /** The subprotocols to offer, the preferred one first. */
  readonly protocols?: readonly string[];
  /** Headers of the request. */
  readonly headers?: HeadersInit;
  /** Certificates of authorities to trust, in PEM. */
  readonly caCerts?: readonly string[];
}

/**
 * HTTP and WebSockets of a network: see `Network.http`.
 *
 * @category Low level
 */
export interface NetworkHttp {
  /** Begins to serve: calls back with each request. Throws errors of the host, such as `AddrInUse`. */
  serve(
    options: NetworkHttpServeOptions,
    callback: (request: Request, info: NetworkHttpRequestInfo) => Response | Promise<Response>,
  ): NetworkHttpServer;
  /** Makes a request, as the global `fetch`; only ever called for `http:` and `https:`. */
  fetch(input: RequestInfo | URL, init: RequestInit): Promise<Response>;
  /** Turns a request that came in by `serve()` into a WebSocket; the response has to be the answer to it. */
  upgrade(
    request: Request,
    options: NetworkUpgradeOptions,
  ): { readonly socket: WebSocket; readonly response: Response };
  /** Begins to open a WebSocket. Throws a `DOMException` if the URL or a subprotocol is not valid. */
  webSocket(url: string | URL, options: NetworkWebSocketOptions): WebSocket;
  /** The task that answers what was asked for with a signal, if that is known. */
  answering?(signal: AbortSignal): { readonly id: number; readonly name: string } | null;
  /** Calls back when a WebSocket holds less that is not sent; returns how to prevent that. By default it is asked. */
  onceSent?(socket: WebSocket, callback: () => void): () => void;
  /** Whether it is in memory: then its operations are none of the host, and its times are those of the run. */
  readonly inMemory?: boolean;
}
