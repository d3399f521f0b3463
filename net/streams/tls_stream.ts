/**
 * A TLS connection as a stream of bytes.
 *
 * The host does the encryption, so everything `SocketStream` knows about reads in flight, partial writes and broken
 * connections holds as it stands; what is added is the handshake and the end of the stream.
 *
 * The host can do the handshake any number of times and cannot take it back. So it is begun once: all wait for that
 * one, a cancelled task just stops waiting, and how it ended is kept for ever. It is a `LeftBehind` that is soon over.
 */

import type { NetworkConn, NetworkTlsConn, NetworkTlsHandshake } from "../../core/lowlevel.ts";
import { isObject, LeftBehind, read, requireOptions, show, type Words } from "../../core/internal.ts";
import { formatAddress } from "../base/address.ts";
import { requireMethod } from "../base/check.ts";
import { messageOf, socketFault } from "../host/host_errors.ts";
import { SocketStream } from "./socket_stream.ts";

const WORDS: Words = { action: "complete the TLS handshake", what: "the stream", busy: null };

/**
 * Options of `TlsStream`.
 *
 * @category Streams
 */
export interface TlsStreamOptions {
  /**
   * How to treat a connection that ends without `close_notify`. `"error"` is safe, as somebody between the ends may
   * have cut off the rest. `"end"` is for protocols that say how much there is to receive (HTTP with a length), and for
   * peers that never send it.
   *
   * @default {"error"}
   */
  readonly missingCloseNotify?: "error" | "end";
}

/**
 * A TLS connection as a stream of bytes.
 *
 * `openTlsStream()`, `startTls()` and `serveTls()` make it, and complete the handshake first. The listeners of
 * `openTlsListeners()` make it, too, without a handshake. `sendEof()` sends `close_notify`, and receiving goes on.
 * `close()` sends it as well.
 *
 * If the connection ends without `close_notify`, receiving throws `BrokenResourceError`, as what was received may be
 * only a part. With `missingCloseNotify: "end"` that is a plain end.
 *
 * **Not guaranteed:** that bytes are on the wire when `sendAll()` returns: the host keeps up to 64 KiB for encryption.
 * Nor that closing in the middle of a handshake ends the connection: Deno 2.9.6 keeps the socket until the peer ends
 * it.
 *
 * @example A peer that does not speak TLS
 * ```ts
 * import { BrokenResourceError, openNursery, openTcpListeners, openTlsStream } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using stream = await listener.accept();
 *     await stream.sendAll(new TextEncoder().encode("220 hello\r\n"));
 *     await stream.receiveSome();
 *   });
 *   await assertRejects(() => openTlsStream("127.0.0.1", listener.address.port), BrokenResourceError, "handshake");
 * });
 * listener.close();
 * ```
 *
 * @category Streams
 */
export class TlsStream extends SocketStream {
  readonly #handshake: Handshake;

  /**
   * Wraps a TLS connection and takes it over.
   *
   * @param conn An open TLS connection of the host.
   * @param options How to treat a missing `close_notify`.
   * @throws {TypeError} If `conn` is not a TLS connection.
   */
  constructor(conn: NetworkTlsConn, options: TlsStreamOptions = {}) {
    requireMethod("make a TlsStream", "conn", conn, "handshake");
    requireOptions("make a TlsStream", options);
    super(options.missingCloseNotify === "end" ? endingQuietly(conn) : conn);
    this.#handshake = new Handshake(conn);
  }

  /** The protocol that ALPN chose; `null` if it chose none, or until `handshake()` is done. */
  get alpnProtocol(): string | null {
    return this.#handshake.agreed?.alpnProtocol ?? null;
  }

  /**
   * Completes the handshake; without this call the first send or receive does it.
   *
   * When it returns, the peer has proved its identity, as far as it had to. Further calls, also from other tasks, give
   * the result of the one handshake.
   *
   * **Cancellation:** throws `Cancelled`; the handshake goes on, and another call can wait for it.
   *
   * @example Seeing what was agreed on
   * ```ts
   * import { TlsStream } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * // A connection such as the host makes: it has agreed on a protocol, and ends at once.
   * const address = { transport: "tcp", hostname: "127.0.0.1", port: 8443 } as const;
   * using stream = new TlsStream({
   *   localAddr: address,
   *   remoteAddr: address,
   *   handshake: () => Promise.resolve({ alpnProtocol: "echo/1" }),
   *   read: () => Promise.resolve(null),
   *   write: (data) => Promise.resolve(data.length),
   *   closeWrite: () => Promise.resolve(),
   *   close: () => {},
   * });
   * assertEquals(stream.alpnProtocol, null);
   * assertEquals(await stream.handshake(), { alpnProtocol: "echo/1" });
   * assertEquals(stream.alpnProtocol, "echo/1");
   * ```
   *
   * @returns The protocol that ALPN chose.
   * @throws {BrokenResourceError} If the handshake failed: an untrusted certificate, no common protocol, a peer without
   *   TLS.
   * @throws {ClosedResourceError} If this end is closed.
   */
  handshake(): Promise<NetworkTlsHandshake> {
    return this.#handshake.wait();
  }

  /** Closes both directions at once; blocked operations fail with `ClosedResourceError`. Idempotent. Never throws. */
  override close(): void {
    this.#handshake.shut();
    super.close();
  }
}

class Handshake extends LeftBehind<NetworkTlsHandshake, NetworkTlsHandshake> {
  agreed: NetworkTlsHandshake | null = null;
  readonly #conn: NetworkTlsConn;
  readonly #peer: string;

  constructor(conn: NetworkTlsConn) {
    const peer = formatAddress(conn.remoteAddr);
    super(WORDS, { kind: "TLS handshake with", label: peer }, conn);
    this.#conn = conn;
    this.#peer = peer;
  }

  protected override get label(): string {
    return "TLS handshake";
  }

  override begin(): Promise<NetworkTlsHandshake> {
    return this.#conn.handshake();
  }

  protected override landed(agreed: unknown): void {
    if (!isObject(agreed)) {
      const message = `Cannot go on as a handshake must say what was agreed on: it gave ${show(agreed)}`;
      return this.failed(new TypeError(message));
    }
    const protocol = read(agreed, "alpnProtocol");
    this.agreed = { alpnProtocol: typeof protocol === "string" ? protocol : null };
    this.over({ value: this.agreed });
  }

  protected override failed(error: unknown): void {
    const doing = `Cannot complete the TLS handshake with ${this.#peer}`;
    this.over({ error: socketFault(doing, error, `${doing}: ${explain(error)}`) });
  }
}

/** What the host says, and what to do about what happens most. */
function explain(error: unknown): string {
  const text = messageOf(error);
  if (/UnknownIssuer|UnknownCA/.test(text)) return `${text} (an authority of one's own goes into "caCerts")`;
  if (text.includes("CaUsedAsEndEntity")) {
    return `${text} (a server needs a certificate that is not an authority's: basicConstraints=CA:FALSE)`;
  }
  if (text.includes("InvalidContentType")) return `${text} (the peer does not speak TLS)`;
  return text;
}

/** A connection whose end is an end even without `close_notify`, unless it came before the handshake was done. */
function endingQuietly(conn: NetworkTlsConn): NetworkConn {
  return {
    localAddr: conn.localAddr,
    remoteAddr: conn.remoteAddr,
    inMemory: conn.inMemory === true,
    async read(buffer) {
      try {
        return await conn.read(buffer);
      } catch (error) {
        if (read(error, "name") !== "UnexpectedEof") throw error;
        await conn.handshake();
        return null;
      }
    },
    write: (data) => conn.write(data),
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
    setNoDelay: (noDelay) => conn.setNoDelay?.(noDelay),
  };
}
