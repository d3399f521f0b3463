/**
 * Certificates as far as a simulation checks them: for which names they are, and who has issued them.
 *
 * Checked: that the certificate is for the name asked for (RFC 6125: names and addresses in the alternative names, a
 * `*` for one whole label), that a chain of issuers leads to an authority that is trusted, by name, and that the one of
 * the server is not an authority's own. Not checked: signatures, keys and dates, as nothing is encrypted and a
 * simulation begins in the year 2000.
 *
 * Real certificates, texts in PEM, are read for that. Those that a simulation makes are not real: no program outside it
 * could read them.
 */

import { read } from "../../../core/internal.ts";
import { hostError } from "../_host_errors.ts";

/** What a certificate says. */
interface Certificate {
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  readonly isAuthority: boolean;
}

/** Who has issued the certificates of a simulation, unless told otherwise; everybody in it trusts it. */
const EVERYBODY_TRUSTS = "the authority of the simulation";

/** A certificate with its key and that of its authority, in the form of PEM. */
export interface MadeCertificate {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Makes a certificate for names; one by an authority of its own is not trusted by those who are not told to. */
export function makeCertificate(names: readonly string[], authority?: string): MadeCertificate {
  const issuer = authority === undefined ? EVERYBODY_TRUSTS : `authority ${authority}`;
  const subject = names[0] as string;
  return {
    cert: pem("CERTIFICATE", { subject, issuer, names, isAuthority: false }),
    key: pem("PRIVATE KEY", { subject, issuer, names, isAuthority: false }),
    ca: pem("CERTIFICATE", { subject: issuer, issuer, names: [], isAuthority: true }),
  };
}

/** Why a client does not believe a server, in the words of the host; `null` if it does. */
export function faultOf(cert: string, serverName: string, caCerts: readonly string[]): string | null {
  const [leaf, ...others] = parseAll(cert);
  if (leaf === undefined) return "invalid peer certificate: BadEncoding";
  if (leaf.isAuthority) return "invalid peer certificate: CaUsedAsEndEntity";
  const trusted = new Set([EVERYBODY_TRUSTS, ...caCerts.flatMap(parseAll).map(({ subject }) => subject)]);
  const seen = new Set<string>();
  for (let { issuer } = leaf; !trusted.has(issuer);) {
    const next = others.find(({ subject, isAuthority }) => isAuthority && subject === issuer);
    if (next === undefined || seen.has(issuer)) return "invalid peer certificate: UnknownIssuer";
    seen.add(issuer);
    issuer = next.issuer;
  }
  if (leaf.names.some((name) => isFor(name.toLowerCase(), serverName.toLowerCase()))) return null;
  const names = leaf.names.map((name) => isAddress(name) ? `IpAddress(${name})` : `DnsName("${name}")`);
  const last = names.pop();
  const all = names.length === 0 ? last : `${names.join(", ")} or ${last}`;
  return `invalid peer certificate: certificate not valid for name "${serverName}"; certificate is ${
    all === undefined ? "not valid for any names" : `only valid for ${all}`
  }`;
}

/** Checks what a server says it is, as the host does when it begins to listen. Throws an error of the host. */
export function requireIdentity(cert: string, key: string): void {
  if (parseAll(cert).length === 0) throw hostError("InvalidData", "Unable to decode certificate");
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) throw hostError("InvalidData", "No keys found in key data");
  const made = blocks(key, "PRIVATE KEY").map(fromJson).find((one) => one !== null);
  const mine = blocks(cert, "CERTIFICATE").map(fromJson).find((one) => one !== null);
  // Of real ones that is not checked.
  if ((made ?? mine) !== undefined && JSON.stringify(made) !== JSON.stringify(mine)) {
    throw hostError("InvalidData", "keys may not be consistent: KeyMismatch");
  }
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^[\d.]+$/.test(name);
}

function isFor(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  if (!pattern.startsWith("*.")) return false;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}

function pem(kind: string, content: Certificate): string {
  const lines = toBase64(new TextEncoder().encode(JSON.stringify(content))).replace(/.{64}/g, "$&\n");
  return `-----BEGIN ${kind}-----\n${lines}\n-----END ${kind}-----\n`;
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** All certificates of a text that can be read. */
function parseAll(text: string): Certificate[] {
  return blocks(text, "CERTIFICATE").map((bytes) => fromJson(bytes) ?? fromDer(bytes)).filter((one) => one !== null);
}

function blocks(text: string, kind: string): Uint8Array[] {
  const pattern = new RegExp(`-----BEGIN ${kind}-----([^-]*)-----END ${kind}-----`, "g");
  return [...text.matchAll(pattern)].map(([, base64]) => {
    try {
      return Uint8Array.from(atob((base64 as string).replace(/\s/g, "")), (char) => char.charCodeAt(0));
    } catch {
      return new Uint8Array();
    }
  });
}

function fromJson(bytes: Uint8Array): Certificate | null {
  if (bytes[0] !== 0x7b) return null;
  try {
    const content = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(read(content, "names")) ? content : null;
  } catch {
    return null;
  }
}

// X.509 (RFC 5280), as far as needed.

interface Der {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";

function fromDer(bytes: Uint8Array): Certificate | null {
  try {
    const [certificate] = childrenOf(bytes) as [Der];
    const [tbs] = childrenOf(certificate.bytes) as [Der];
    const fields = childrenOf(tbs.bytes);
    if (fields[0]!.tag === 0xa0) fields.shift();
    const [, , issuer, , subject] = fields as [Der, Der, Der, Der, Der];
    const extensions = fields.find(({ tag }) => tag === 0xa3);
    let names: string[] = [];
    let isAuthority = false;
    for (const { bytes } of extensions === undefined ? [] : childrenOf(childrenOf(extensions.bytes)[0]!.bytes)) {
      const parts = childrenOf(bytes);
      const [content] = childrenOf(parts.at(-1)!.bytes) as [Der];
      const id = hex(parts[0]!.bytes);
      if (id === SUBJECT_ALT_NAME) names = childrenOf(content.bytes).flatMap(nameOf);
      if (id === BASIC_CONSTRAINTS) {
        isAuthority = childrenOf(content.bytes).some(({ tag, bytes }) => tag === 1 && bytes[0] !== 0);
      }
    }
    return { subject: hex(subject.bytes), issuer: hex(issuer.bytes), names, isAuthority };
  } catch {
    return null;
  }
}

function nameOf({ tag, bytes }: Der): string[] {
  if (tag === 0x82) return [new TextDecoder().decode(bytes)];
  if (tag !== 0x87) return [];
  if (bytes.length === 4) return [bytes.join(".")];
  const groups = hex(bytes).match(/.{4}/g)?.join(":") ?? "";
  return [new URL(`http://[${groups}]`).hostname.slice(1, -1)];
}

function childrenOf(bytes: Uint8Array): Der[] {
  const children: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++] as number;
    let length = bytes[at++] as number;
    if (length > 0x80) {
      let size = 0;
      for (let left = length & 0x7f; left > 0; left--) size = size * 256 + (bytes[at++] as number);
      length = size;
    }
    if (at + length > bytes.length) {
      throw new RangeError("Cannot read a certificate as its parts must fit: one is too long");
    }
    children.push({ tag, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return children;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
