/**
 * HTTP and WebSockets of a network in memory: finds hosts by their names, and puts servers and clients of HTTP/1.1 on
 * connections of that network.
 */

import type {
  Clock,
  Network,
  NetworkConn,
  NetworkHttp,
  NetworkHttpServeOptions,
  NetworkUpgradeOptions,
  NetworkWebSocketOptions,
  ResolvedAddress,
} from "../../../core/lowlevel.ts";
import type { NetworkLog } from "../network_log.ts";
import type { VirtualConn } from "../_virtual_conn.ts";
import { TlsConn } from "../tls/tls_conn.ts";
import { closeQuietly } from "./byte_reader.ts";
import { type FetchContext, HttpClient } from "./http_client.ts";
import { type HttpCallback, HttpServer, type ServerParts } from "./http_server.ts";
import { trustOf } from "./trust.ts";
import { acceptOf, checkRequest, VirtualWebSocket } from "./web_socket.ts";

/** What it needs of its network. */
export interface HttpNetwork
  extends Required<Pick<Network, "listen" | "listenTls" | "connect" | "resolve" | "startTls">> {
  readonly clock: Clock;
  readonly events: NetworkLog;
}

type Holder = { readonly id: number; readonly name: string };

/** See the header. */
export class VirtualHttp implements NetworkHttp {
  readonly inMemory = true;
  readonly #network: HttpNetwork;
  readonly #client: HttpClient;
  readonly #upgrades: ServerParts["upgrades"] = new WeakMap();
  readonly #requests: ServerParts["requests"] = new WeakMap();
  /** The tasks that answer, by the client's end of the connection, and what was asked for on which. */
  readonly #handlers = new Map<string, Holder>();
  readonly #asked = new WeakMap<AbortSignal, NetworkConn>();
  #bits = 1;

  constructor(network: HttpNetwork) {
    this.#network = network;
    this.#client = new HttpClient({
      dial: (url, caCerts, signal) => this.#dial(url, caCerts, signal),
      keep,
      note: (conn, text) => this.#note(conn, text),
      asking: (signal, conn) => void (conn === null ? this.#asked.delete(signal) : this.#asked.set(signal, conn)),
    });
  }

  serve(options: NetworkHttpServeOptions, callback: HttpCallback): HttpServer {
    const { hostname, port, backlog, reusePort, identity, onError } = options;
    const where = {
      hostname,
      port,
      ...(backlog === undefined ? {} : { backlog }),
      ...(reusePort === undefined ? {} : { reusePort }),
    };
    const listener = identity === null
      ? this.#network.listen(where)
      : this.#network.listenTls({ ...where, ...identity, alpnProtocols: ["http/1.1"] });
    const parts: ServerParts = {
      listener,
      scheme: identity === null ? "http" : "https",
      upgrades: this.#upgrades,
      requests: this.#requests,
      note: (conn, text) => this.#note(conn, text),
      handledBy: (conn, task) => {
        const key = keyOf(conn, "remote");
        if (task === null) this.#handlers.delete(key);
        else this.#handlers.set(key, task);
      },
    };
    return new HttpServer(parts, callback, onError);
  }

  fetch(input: RequestInfo | URL, init?: RequestInit, context?: FetchContext): Promise<Response> {
    return this.#client.fetch(input, init, { ...context, caCerts: trustOf(init) });
  }

  /** Whether a request came in by a server of this network. */
  has(request: Request): boolean {
    return this.#requests.has(request);
  }

  upgrade(
    request: Request,
    { protocol, idleTimeout }: NetworkUpgradeOptions,
  ): { socket: WebSocket; response: Response } {
    const key = request.headers.get("sec-websocket-key");
    if (key === null || !this.#requests.has(request)) {
      throw new TypeError("Cannot upgrade to a WebSocket as the request must ask for one: it does not");
    }
    const socket = new VirtualWebSocket(this.#socketParts(), { protocol: protocol ?? "", idleTimeout });
    const headers: HeadersInit = protocol === undefined ? {} : { "sec-websocket-protocol": protocol };
    const response = new Response(null, { status: 101, headers });
    this.#upgrades.set(response, { attach: (conn, source) => socket.attach(conn, source), accept: acceptOf(key) });
    return { socket: socket as unknown as WebSocket, response };
  }

  webSocket(url: string | URL, options: NetworkWebSocketOptions): WebSocket {
    return new VirtualWebSocket(this.#socketParts(), checkRequest(url, options)) as unknown as WebSocket;
  }

  onceSent(socket: WebSocket, callback: () => void): () => void {
    return (socket as unknown as VirtualWebSocket).onceSent(callback);
  }

  answering(signal: AbortSignal): Holder | null {
    const conn = this.#asked.get(signal);
    return conn === undefined ? null : this.#handlers.get(keyOf(conn, "local")) ?? null;
  }

  /** Closes what is idle: the simulation is over. */
  end(): void {
    this.#client.end();
  }

  #socketParts() {
    return {
      clock: this.#network.clock,
      random: () => this.#random(),
      dial: (url: URL, caCerts: readonly string[], signal: AbortSignal) => this.#dial(url, caCerts, signal),
      keep,
      note: (conn: NetworkConn, text: string) => this.#note(conn, text),
    };
  }

  async #dial(url: URL, caCerts: readonly string[], signal: AbortSignal): Promise<NetworkConn> {
    const isSecure = url.protocol === "https:";
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
    const plain = await this.#connect(hostname, port, signal);
    if (!isSecure) return plain;
    const tls = await this.#network.startTls(plain, { serverName: hostname, caCerts, alpnProtocols: ["http/1.1"] });
    const abort = (): void => closeQuietly(plain);
    signal.addEventListener("abort", abort);
    try {
      await tls.handshake();
      return tls;
    } catch (error) {
      closeQuietly(plain);
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #connect(hostname: string, port: number, signal: AbortSignal): Promise<NetworkConn> {
    let fault: unknown;
    for (const { address } of await this.#addressesOf(hostname)) {
      try {
        return await this.#network.connect({ hostname: address, port, signal });
      } catch (error) {
        signal.throwIfAborted();
        fault ??= error;
      }
    }
    const { message } = fault as Error;
    // deno-lint-ignore trefoil/error-message -- the words are those of the host
    throw new Error(`tcp connect error: ${message}`, { cause: fault });
  }

  async #addressesOf(hostname: string): Promise<readonly ResolvedAddress[]> {
    if (/^[\d.]+$/.test(hostname)) return [{ address: hostname, family: 4 }];
    if (hostname.includes(":")) return [{ address: hostname, family: 6 }];
    try {
      const found = await this.#network.resolve(hostname);
      if (found.length > 0) return found;
      // deno-lint-ignore trefoil/error-message -- the words are those of the host
      throw new Error("no addresses");
    } catch (error) {
      throw new Error(
        // deno-lint-ignore trefoil/error-message -- the words are those of the host
        `dns error: failed to lookup address information: Name or service not known (no host "${hostname}": make it with sim.net.host())`,
        { cause: error },
      );
    }
  }

  #note(conn: NetworkConn, text: string): void {
    this.#network.events.event(this.#network.clock.now(), innermost(conn).out.label, text);
  }

  /** Keys and masks are no secrets here, and must move no other source of random numbers. */
  #random(): number {
    this.#bits = Math.imul(this.#bits, 1_664_525) + 1_013_904_223 >>> 0;
    return this.#bits / 2 ** 32;
  }
}

function innermost(conn: NetworkConn): VirtualConn {
  return (conn instanceof TlsConn ? innermost(conn.inner) : conn) as unknown as VirtualConn;
}

/** Nobody has to close it any more: it is no leak. */
function keep(conn: NetworkConn): void {
  const inner = innermost(conn);
  inner.onClose?.();
  inner.onClose = () => {};
}

/** The client's end of a connection. */
function keyOf(conn: NetworkConn, end: "local" | "remote"): string {
  const { hostname, port } = end === "local" ? conn.localAddr : conn.remoteAddr;
  return `${hostname.replace(/^::ffff:/, "")} ${port}`;
}
