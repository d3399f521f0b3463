/**
 * What a network has beyond bytes: HTTP and WebSockets.
 *
 * The shapes are those of Deno's own functions, so that these fit as they are. A network in memory speaks HTTP over its
 * own connections; one that has none leaves it to the host.
 */

import type { TcpAddress } from "./address.ts";

/**
 * The HTTP of a `Network`: what `serveHttp()`, `fetch()`, `openWebSocket()` and `upgradeWebSocket()` use. By default it
 * is Deno's.
 *
 * @category Seams
 */
export interface HttpHost {
  /** Whether it is in memory: then its operations do not count as operations of the host. */
  readonly inMemory?: boolean;
  /**
   * Whether a request to a URL is for this one, and not for the host. Without this method, all are.
   *
   * @param url The URL.
   */
  handles?(url: string): boolean;
  /**
   * Begins to serve. Throws if it cannot listen.
   *
   * @param options Where to listen.
   * @param handler Called with each request.
   */
  serve(
    options: HttpListenOptions,
    handler: (request: Request, info: HttpServeInfo) => Response | Promise<Response>,
  ): HttpServing;
  /**
   * Makes a request, as the global `fetch` does.
   *
   * **Cancellation:** none of its own. The caller aborts the signal in `init`.
   *
   * @param input The URL, or a request.
   * @param init The options of the global `fetch`.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /**
   * Answers a request with a WebSocket.
   *
   * @param request A request that `serve()` gave to its handler.
   * @param options What was agreed.
   */
  upgradeWebSocket(request: Request, options: HttpUpgradeOptions): { socket: HttpSocket; response: Response };
  /**
   * Begins to open a WebSocket.
   *
   * @param url Its address.
   * @param options What to ask for.
   */
  openWebSocket(url: string | URL, options: HttpSocketOptions): HttpSocket;
}

/**
 * How an `HttpHost` serves.
 *
 * @category Seams
 */
export interface HttpListenOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** How many connections the host keeps waiting to be accepted. */
  readonly backlog?: number | undefined;
  /** Whether other sockets may listen on the same port, to share its connections. */
  readonly reusePort?: boolean | undefined;
  /** The certificate and its key, for HTTPS. */
  readonly identity?: { readonly cert: string; readonly key: string } | null;
  /** Told of answers that cannot be sent. */
  readonly onError: (error: unknown) => Response;
}

/**
 * What an `HttpHost` says of a request.
 *
 * @category Seams
 */
export interface HttpServeInfo {
  /** The client. */
  readonly remoteAddr: TcpAddress;
  /** Settles when the answer is sent, or cannot be. */
  readonly completed: Promise<void>;
}

/**
 * A server of an `HttpHost`.
 *
 * @category Seams
 */
export interface HttpServing {
  /** Where it listens. */
  readonly address: TcpAddress;
  /** Settles when the server has ended; rejects if it could not accept a connection, those that are open go on then. */
  readonly finished: Promise<void>;
  /** Closes all connections. */
  abort(): void;
}

/**
 * How an `HttpHost` answers with a WebSocket.
 *
 * @category Seams
 */
export interface HttpUpgradeOptions {
  /** The subprotocol to agree to. */
  readonly protocol: string | undefined;
  /** After how long without a message the peer is asked whether it is there, in milliseconds; `Infinity` for never. */
  readonly idleTimeout: number;
}

/**
 * How an `HttpHost` opens a WebSocket.
 *
 * @category Seams
 */
export interface HttpSocketOptions {
  /** The subprotocols on offer. */
  readonly protocols?: readonly string[];
  /** Further headers of the request. */
  readonly headers?: HeadersInit;
  /** Certificates of authorities to trust, in PEM. */
  readonly caCerts?: readonly string[];
}

/**
 * The WebSocket of an `HttpHost`.
 *
 * @category Seams
 */
export interface HttpSocket extends WebSocket {
  /**
   * Calls back once when something of `bufferedAmount` has been sent; returns what prevents it. Without it, the amount
   * is looked at from time to time.
   *
   * @param callback Called once.
   */
  onceSent?(callback: () => void): () => void;
}
