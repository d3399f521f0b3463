/**
 * TLS in memory: names and certificates are checked, nothing is encrypted.
 *
 * What a program can observe of TLS is who it talks to, and that it refuses to talk to others. So a handshake is one line
 * each way, over the connection, and takes its round trip:
 *
 *     client ──hello: name, protocols──▶ server
 *     client ◀──certificate, protocol── server         (checked here: the name, and who has signed it)
 *     client ──alert──▶ server                         (if it does not like it; the server's handshake fails as well)
 *
 * Checked are the names of the certificate (RFC 9525: alternative names, one wildcard label), and that it, or the one
 * that signed it, is among those that the client trusts. Not checked are dates, as the year of a simulation is made up,
 * and longer chains. A certificate of `certificate()` is trusted by all, as if its authority were known to every host.
 */

import type { NetworkConn, NetworkTlsConn, NetworkTlsHandshake } from "../../core/lowlevel.ts";
import type { TcpAddress } from "../../core/mod.ts";
import { ByteReader, writeAll } from "./http/reader.ts";
import { nodeCrypto } from "../base/node_crypto.ts";
import { hostError } from "./_host_errors.ts";

/** The longest line of a handshake: the certificates are in it. */
const MOST = 1_048_576;
const HELLO = "TLS in memory ";
const encoder = new TextEncoder();

/** A certificate and its key, as texts in the form of PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** What one side brings to a handshake. */
export type TlsSide =
  | { readonly role: "server"; readonly cert: string; readonly alpn: readonly string[] }
  | {
    readonly role: "client";
    readonly serverName: string;
    readonly caCerts: readonly string[];
    readonly alpn: readonly string[];
  };

/** Makes a certificate that only simulations know. */
export function makeCertificate(names: readonly string[]): TlsPair {
  const text = btoa(JSON.stringify({ trefoil: names }));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Requires a certificate and its key; throws as the host does. */
export function checkPair({ cert, key }: TlsPair): void {
  const own = namesInside(cert);
  if (own !== null) {
    if (bodyOf(key) === bodyOf(cert)) return;
    throw hostError("InvalidData", "keys may not be consistent: KeyMismatch");
  }
  const { createPrivateKey, X509Certificate } = nodeCrypto();
  let matches: boolean;
  try {
    matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw hostError("InvalidData", `Unable to read the certificate or the key: ${(error as Error).message}`);
  }
  if (!matches) throw hostError("InvalidData", "keys may not be consistent: KeyMismatch");
}

/** A connection with TLS; its handshake is done when it is first used. */
export class VirtualTlsConn implements NetworkTlsConn {
  readonly inMemory = true;
  readonly localAddr: TcpAddress;
  readonly remoteAddr: TcpAddress;
  readonly #conn: NetworkConn;
  readonly #side: TlsSide;
  readonly #reader: ByteReader;
  #handshake: Promise<NetworkTlsHandshake> | null = null;

  constructor(conn: NetworkConn, side: TlsSide) {
    this.#conn = conn;
    this.#side = side;
    this.#reader = new ByteReader(conn);
    this.localAddr = conn.localAddr;
    this.remoteAddr = conn.remoteAddr;
  }

  handshake(): Promise<NetworkTlsHandshake> {
    if (this.#handshake === null) {
      this.#handshake = this.#side.role === "client" ? this.#greet(this.#side) : this.#welcome(this.#side);
      this.#handshake.catch(() => {});
    }
    return this.#handshake;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    await this.handshake();
    if (this.#reader.available === 0) return await this.#conn.read(buffer);
    const bytes = (await this.#reader.some(buffer.length))!;
    buffer.set(bytes);
    return bytes.length;
  }

  async write(data: Uint8Array): Promise<number> {
    await this.handshake();
    return await this.#conn.write(data);
  }

  async closeWrite(): Promise<void> {
    await this.handshake();
    await this.#conn.closeWrite();
  }

  close(): void {
    this.#conn.close();
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  async #greet({ serverName, caCerts, alpn }: TlsSide & { role: "client" }): Promise<NetworkTlsHandshake> {
    await this.#say({ serverName, alpn });
    const { cert, alpnProtocol, alert } = await this.#hear();
    if (typeof alert === "string") throw hostError("InvalidData", `received fatal alert: ${alert}`);
    const fault = faultOf(String(cert), serverName, caCerts);
    if (fault !== null) {
      await this.#say({ alert: fault.alert }).catch(() => {});
      throw hostError("InvalidData", `invalid peer certificate: ${fault.text}`);
    }
    await this.#say({});
    return { alpnProtocol: typeof alpnProtocol === "string" ? alpnProtocol : null };
  }

  async #welcome({ cert, alpn }: TlsSide & { role: "server" }): Promise<NetworkTlsHandshake> {
    const { alpn: offered } = await this.#hear();
    const theirs = Array.isArray(offered) ? offered.map(String) : [];
    const chosen = alpn.find((each) => theirs.includes(each)) ?? null;
    if (chosen === null && alpn.length > 0 && theirs.length > 0) {
      await this.#say({ alert: "NoApplicationProtocol" });
      throw hostError("InvalidData", "peer doesn't support any known protocol");
    }
    await this.#say({ cert, alpnProtocol: chosen });
    const { alert } = await this.#hear();
    if (typeof alert === "string") throw hostError("InvalidData", `received fatal alert: ${alert}`);
    return { alpnProtocol: chosen };
  }

  async #say(what: object): Promise<void> {
    await writeAll(this.#conn, encoder.encode(`${HELLO}${JSON.stringify(what)}\n`));
  }

  async #hear(): Promise<Record<string, unknown>> {
    let line: string | null;
    try {
      line = await this.#reader.line(MOST);
    } catch (error) {
      if ((error as Error).name !== "ProtocolError") throw error;
      line = null;
    }
    if (line === null) throw hostError("UnexpectedEof", "tls handshake eof");
    if (!line.startsWith(HELLO)) {
      throw hostError("InvalidData", "received corrupt message of type InvalidContentType");
    }
    return JSON.parse(line.slice(HELLO.length));
  }
}

/** What a client has against a certificate. */
function faultOf(
  cert: string,
  serverName: string,
  caCerts: readonly string[],
): { readonly text: string; readonly alert: string } | null {
  const own = namesInside(cert);
  let trusted = own !== null;
  let names = own ?? [];
  if (own === null) {
    const { X509Certificate } = nodeCrypto();
    const leaf = new X509Certificate(cert);
    names = (leaf.subjectAltName ?? "").split(", ").map((each) => each.replace(/^(?:DNS|IP Address):/, ""));
    trusted = caCerts.some((text) => {
      try {
        const authority = new X509Certificate(text);
        return authority.fingerprint256 === leaf.fingerprint256 || leaf.verify(authority.publicKey);
      } catch {
        return false;
      }
    });
  }
  if (!trusted) return { text: "UnknownIssuer", alert: "UnknownCA" };
  if (names.some((name) => covers(name.toLowerCase(), serverName.toLowerCase()))) return null;
  return {
    text: `certificate not valid for name "${serverName}"; certificate is only valid for ${
      names.map((name) => `DnsName("${name}")`).join(" or ")
    }`,
    alert: "BadCertificate",
  };
}

/** Whether the name of a certificate stands for a name (RFC 9525, section 6.3). */
function covers(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}

/** The names in a certificate of `makeCertificate()`; `null` for a real one. */
function namesInside(cert: string): readonly string[] | null {
  try {
    return JSON.parse(atob(bodyOf(cert))).trefoil;
  } catch {
    return null;
  }
}

function bodyOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
