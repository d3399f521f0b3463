/**
 * TLS by names: what a program can observe of it, without encryption.
 *
 *     client ──▶ name, protocols                     server
 *            ◀── certificate, the chosen protocol
 *            ──▶ believed (or an alert that says why not)
 *     then records, until a close_notify of each side
 *
 * Records have the framing of TLS (RFC 8446, section 5.1): so a peer that speaks something else is noticed at the first
 * byte, on both sides, the handshake takes the round trips of TLS 1.3, and an end without `close_notify` is told from a
 * whole one. What is inside is readable: see `certificates.ts` for what is checked.
 */

import type {
  NetworkConn,
  NetworkListener,
  NetworkListenTlsOptions,
  NetworkStartTlsOptions,
  NetworkTlsConn,
  NetworkTlsHandshake,
} from "../../../core/lowlevel.ts";
import type { TcpAddress } from "../../../core/mod.ts";
import { hostError } from "../_host_errors.ts";
import { faultOf } from "./certificates.ts";

const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;
const HEADER = 5;
/** The most that a record holds. */
const MOST = 16_384;
/** What an alert says that is no fault. */
const CLOSE_NOTIFY = "close_notify";
const NO_CLOSE_NOTIFY =
  "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof";

interface Received {
  readonly type: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Agrees on the rest of a connection; what it throws is told to the other side. */
type Negotiate = (conn: TlsConn) => Promise<NetworkTlsHandshake>;

/** See the header. */
export class TlsConn implements NetworkTlsConn {
  readonly inMemory = true;
  readonly localAddr: TcpAddress;
  readonly remoteAddr: TcpAddress;
  readonly #conn: NetworkConn;
  readonly #negotiate: Negotiate;
  #handshake: Promise<NetworkTlsHandshake> | null = null;
  #agreed = false;
  #closed = false;
  #ended = false;
  /** What has come of a record and was not read. */
  #plain = new Uint8Array();
  /** The record that is being received. */
  #header = new Uint8Array(HEADER);
  #body: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  /** One after the other, whoever calls. */
  #reading: Promise<unknown> = Promise.resolve();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(conn: NetworkConn, negotiate: Negotiate) {
    this.#conn = conn;
    this.#negotiate = negotiate;
    this.localAddr = conn.localAddr;
    this.remoteAddr = conn.remoteAddr;
  }

  /** That under it, for who knows it. */
  get inner(): NetworkConn {
    return this.#conn;
  }

  handshake(): Promise<NetworkTlsHandshake> {
    return this.#handshake ??= this.#begin();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const result = this.#reading.then(() => this.#read(buffer));
    this.#reading = result.catch(() => {});
    return result;
  }

  write(data: Uint8Array): Promise<number> {
    const part = data.slice(0, MOST);
    const result = this.#writing.then(async () => {
      await this.handshake();
      await this.send(DATA, part);
      return part.length;
    });
    this.#writing = result.catch(() => {});
    return result;
  }

  closeWrite(): Promise<void> {
    const result = this.#writing.then(async () => {
      await this.handshake();
      await this.send(ALERT, encode(CLOSE_NOTIFY));
      await this.#conn.closeWrite();
    });
    this.#writing = result.catch(() => {});
    return result;
  }

  close(): void {
    if (this.#agreed && !this.#closed) this.send(ALERT, encode(CLOSE_NOTIFY)).catch(() => {});
    this.#closed = true;
    this.#conn.close();
  }

  async #begin(): Promise<NetworkTlsHandshake> {
    try {
      const agreed = await this.#negotiate(this as TlsConn);
      this.#agreed = true;
      return agreed;
    } catch (error) {
      if ((error as Error).name === "InvalidData" && !this.#closed) {
        await this.send(ALERT, encode(alertFor((error as Error).message))).catch(() => {});
      }
      throw error;
    }
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    await this.handshake();
    while (this.#plain.length === 0 && !this.#ended) {
      const record = await this.receive();
      if (record === null) throw hostError("UnexpectedEof", NO_CLOSE_NOTIFY);
      if (record.type === DATA) this.#plain = record.bytes;
      else if (record.type === ALERT) this.#end(decode(record.bytes));
      else throw corrupt();
    }
    if (this.#plain.length === 0) return null;
    const part = this.#plain.subarray(0, buffer.length);
    buffer.set(part);
    this.#plain = this.#plain.subarray(part.length);
    return part.length;
  }

  #end(alert: string): void {
    if (alert !== CLOSE_NOTIFY) throw hostError("InvalidData", `received fatal alert: ${alert}`);
    this.#ended = true;
  }

  /** Sends a record. */
  async send(type: number, bytes: Uint8Array): Promise<void> {
    const record = new Uint8Array(HEADER + bytes.length);
    record.set([type, 3, 3, bytes.length >> 8, bytes.length & 255]);
    record.set(bytes, HEADER);
    for (let at = 0; at < record.length;) at += await this.#conn.write(record.subarray(at));
  }

  /** Receives a record; `null` at the end of the connection. */
  async receive(): Promise<Received | null> {
    while (true) {
      const into: Uint8Array = this.#body ?? this.#header;
      if (this.#filled < into.length) {
        const size = await this.#conn.read(into.subarray(this.#filled));
        if (size === null) return null;
        this.#filled += size;
        const type = this.#header[0] as number;
        if (this.#body === null && (type < ALERT || type > DATA)) throw corrupt();
        continue;
      }
      this.#filled = 0;
      const [type, , , high, low] = this.#header as unknown as [number, number, number, number, number];
      const bytes = this.#body;
      if (bytes !== null) {
        this.#body = null;
        return { type, bytes };
      }
      this.#body = new Uint8Array(high * 256 + low);
    }
  }

  /** Receives what a step of the handshake says. */
  async step(): Promise<Record<string, unknown>> {
    const record = await this.receive();
    if (record === null) throw hostError("UnexpectedEof", "tls handshake eof");
    if (record.type === ALERT) this.#end(decode(record.bytes));
    if (record.type !== HANDSHAKE) throw corrupt();
    return JSON.parse(decode(record.bytes));
  }

  /** Sends one. */
  say(step: Record<string, unknown>): Promise<void> {
    return this.send(HANDSHAKE, encode(JSON.stringify(step)));
  }
}

/** The client's side. */
export function tlsClient(
  conn: NetworkConn,
  { serverName, caCerts = [], alpnProtocols = [] }: NetworkStartTlsOptions,
): TlsConn {
  return new TlsConn(conn, async (tls) => {
    await tls.say({ serverName, alpnProtocols });
    const { cert, alpnProtocol = null } = await tls.step() as { cert: string; alpnProtocol?: string | null };
    const fault = faultOf(cert, serverName, caCerts);
    if (fault !== null) throw hostError("InvalidData", fault);
    await tls.say({});
    return { alpnProtocol };
  });
}

/** The server's side of what a listener accepts. */
export function tlsListener(
  listener: NetworkListener,
  { cert, alpnProtocols: own = [] }: Pick<NetworkListenTlsOptions, "cert" | "alpnProtocols">,
): NetworkListener<NetworkTlsConn> {
  const negotiate: Negotiate = async (tls) => {
    const { alpnProtocols } = await tls.step() as { alpnProtocols: readonly string[] };
    const alpnProtocol = own.find((protocol) => alpnProtocols.includes(protocol)) ?? null;
    if (alpnProtocol === null && own.length > 0 && alpnProtocols.length > 0) {
      throw hostError("InvalidData", "peer doesn't support any known protocol");
    }
    await tls.say({ cert, alpnProtocol });
    await tls.step();
    return { alpnProtocol };
  };
  return {
    addr: listener.addr,
    inMemory: true,
    accept: async () => new TlsConn(await listener.accept(), negotiate),
    close: () => listener.close(),
  };
}

/** What the other side is told of a fault. */
function alertFor(fault: string): string {
  if (fault.includes("UnknownIssuer")) return "UnknownCA";
  if (fault.includes("not valid for name")) return "BadCertificate";
  return fault.includes("any known protocol") ? "NoApplicationProtocol" : "DecodeError";
}

function corrupt(): Error {
  return hostError("InvalidData", "received corrupt message of type InvalidContentType");
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text).slice(0, 65_535);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
