// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/**
 * HTTP and WebSockets of a simulation's network: bytes of HTTP/1.1 over its connections.
 *
 * Bytes, not messages handed over: so latency, bandwidth, partitions, resets, crashes and half-closes mean what they mean
 * for TCP, whoever speaks raw TCP is a client or a server like any other, and the log shows what was sent.
 *
 *     VirtualHttp ──▶ serve()  ──▶ _head, _body ──▶ connections of the network
 *            └──────▶ Client ────▶ _head, _body ──▶   "
 *            └──────▶ VirtualWebSocket ──▶ _frames ──▶ "
 */

import type {
  HttpHost,
  HttpListenOptions,
  HttpServeInfo,
  HttpServing,
  HttpSocket,
  HttpSocketOptions,
  HttpUpgradeOptions,
} from "../../../core/lowlevel.ts";
import { nodeCrypto } from "../../base/node_crypto.ts";
import { Client, targetOf } from "./_client.ts";
import { formatHead, hasWord, readHead } from "./_head.ts";
import { writeAll } from "./reader.ts";
import { closeQuietly, serve, upgrade } from "./_server.ts";
import { asSocket, VirtualWebSocket } from "./_web_socket.ts";
import type { HttpWire } from "./wire.ts";

/** RFC 6455, section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** See the header. */
export class VirtualHttp implements HttpHost {
  readonly inMemory = true;
  readonly #wire: HttpWire;
  readonly #client: Client;
  readonly #random: () => number;
  readonly #handles: (url: URL) => boolean;

  /** `handles`: whether a URL of HTTP or a WebSocket is for this network. */
  constructor(wire: HttpWire, random: () => number, handles: (url: URL) => boolean) {
    this.#wire = wire;
    this.#random = random;
    this.#handles = handles;
    this.#client = new Client(wire);
  }

  handles(url: string): boolean {
    // What is no URL is refused here as well as there.
    if (!URL.canParse(url)) return true;
    const parsed = new URL(url);
    return /^(?:https?|wss?):$/.test(parsed.protocol) && this.#handles(parsed);
  }

  serve(
    options: HttpListenOptions,
    handler: (request: Request, info: HttpServeInfo) => Response | Promise<Response>,
  ): HttpServing {
    return serve(this.#wire, options, handler);
  }

  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return this.#client.fetch(input, init);
  }

  upgradeWebSocket(
    request: Request,
    { protocol, idleTimeout }: HttpUpgradeOptions,
  ): { socket: HttpSocket; response: Response } {
    const key = request.headers.get("sec-websocket-key");
    if (
      key === null || !hasWord(request.headers, "connection", "upgrade") ||
      !hasWord(request.headers, "upgrade", "websocket")
    ) {
      throw new TypeError("Invalid Header: 'upgrade' header must contain 'websocket'");
    }
    const socket = this.#socket(request.url.replace(/^http/, "ws"), "server", idleTimeout);
    upgrade(request, ({ conn, reader }) => socket.opened(conn, reader, protocol ?? ""));
    const headers = new Headers({
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-accept": acceptOf(key),
      ...(protocol === undefined ? {} : { "sec-websocket-protocol": protocol }),
    });
    return { socket: asSocket(socket), response: new Response(null, { status: 101, headers }) };
  }

  openWebSocket(given: string | URL, options: HttpSocketOptions): HttpSocket {
    let url: URL;
    try {
      url = new URL(given);
    } catch (error) {
      throw new DOMException((error as Error).message, "SyntaxError");
    }
    url.protocol = { "http:": "ws:", "https:": "wss:" }[url.protocol] ?? url.protocol;
    if (url.protocol !== "ws:" && url.protocol !== "wss:") {
      throw new DOMException(
        `Only ws & wss schemes are allowed in a WebSocket URL: received ${url.protocol}`,
        "SyntaxError",
      );
    }
    if (url.hash !== "") throw new DOMException("Fragments are not allowed in a WebSocket URL", "SyntaxError");
    const { protocols = [] } = options;
    if (new Set(protocols.map((each) => each.toLowerCase())).size !== protocols.length) {
      throw new DOMException("Cannot supply multiple times the same protocol", "SyntaxError");
    }
    if (!protocols.every((each) => TOKEN.test(each))) {
      throw new DOMException("Invalid protocol value", "SyntaxError");
    }
    const socket = this.#socket(url.href, "client", Infinity);
    this.#open(socket, url, options).catch((error) =>
      socket.lost(`failed to connect to WebSocket: ${(error as Error).message}`)
    );
    return asSocket(socket);
  }

  #socket(url: string, role: "client" | "server", idleTimeout: number): VirtualWebSocket {
    return new VirtualWebSocket({
      url,
      role,
      clock: this.#wire.clock,
      random: this.#random,
      isDead: () => this.#wire.isDead(),
      idleTimeout,
    });
  }

  async #open(
    socket: VirtualWebSocket,
    url: URL,
    { protocols = [], headers, caCerts }: HttpSocketOptions,
  ): Promise<void> {
    const over = new AbortController();
    socket.addEventListener("close", () => over.abort(), { once: true });
    const { conn, reader } = await this.#client.connect(targetOf(url), over.signal, caCerts);
    try {
      const key = btoa(String.fromCharCode(...Uint8Array.from({ length: 16 }, () => this.#random() * 256)));
      const own: [string, string][] = [
        ["host", url.host],
        ["upgrade", "websocket"],
        ["connection", "Upgrade"],
        ["sec-websocket-key", key],
        ["sec-websocket-version", "13"],
        ...protocols.length === 0 ? [] : [["sec-websocket-protocol", protocols.join(", ")] as [string, string]],
      ];
      const given = [...new Headers(headers)].filter(([name]) => !own.some(([mine]) => mine === name));
      await writeAll(conn, formatHead(`GET ${url.pathname}${url.search} HTTP/1.1`, [...own, ...given]));
      const head = await readHead(reader, "response");
      if (head === null) throw new Error("connection closed before message completed");
      const { start: [, status, text], headers: answer } = head;
      if (status !== "101") throw new Error(`Invalid status code: ${status} ${text}`.trimEnd());
      if (!hasWord(answer, "upgrade", "websocket") || !hasWord(answer, "connection", "upgrade")) {
        throw new Error("Invalid upgrade header");
      }
      if (answer.get("sec-websocket-accept") !== acceptOf(key)) throw new Error("Invalid sec-websocket-accept header");
      socket.opened(conn, reader, answer.get("sec-websocket-protocol") ?? "");
    } catch (error) {
      closeQuietly(conn);
      throw error;
    }
  }
}

function acceptOf(key: string): string {
  return nodeCrypto().createHash("sha1").update(key + GUID).digest("base64");
}
