/**
 * The heads of HTTP/1.1, and how long what follows them is (RFC 9112).
 *
 * As strict as Deno 2.9.6, which answers the same faults with a 400: what two readers could understand in two ways is
 * no request.
 */

import type { ByteReader } from "./byte_reader.ts";

/** What stands before a body. */
export interface Head {
  /** The words of the first line. */
  readonly first: readonly [string, string, string];
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** How the end of a body is found. */
export type Framing = number | "chunked" | "until the end";

/** The other side does not speak HTTP. */
export class MalformedError extends Error {
  override name = "MalformedError";
}

const MOST_BYTES = 65_536;
const MOST_HEADERS = 100;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// deno-lint-ignore no-control-regex -- what a value may not hold
const NO_VALUE = /[\0-\x08\x0a-\x1f\x7f]/;

/** Reads a head; `null` if the connection ends before it begins. */
export async function readHead(source: ByteReader): Promise<Head | null> {
  for (let seen = 0;;) {
    const bytes = source.buffered;
    // Empty lines before a request are passed over (RFC 9112, section 2.2).
    if (bytes[0] === 10 || (bytes[0] === 13 && bytes[1] === 10)) {
      source.skip(bytes[0] === 10 ? 1 : 2);
      continue;
    }
    const end = endOfHead(bytes, Math.max(0, seen - 3));
    if (end > MOST_BYTES || (end < 0 && bytes.length > MOST_BYTES)) throw malformed("message head is too large");
    if (end >= 0) {
      const text = asText(bytes.subarray(0, end));
      source.skip(end);
      return parseHead(text);
    }
    seen = bytes.length;
    if (await source.more()) continue;
    if (source.size === 0) return null;
    throw malformed("message head is incomplete");
  }
}

/** Where a head ends that begins with these bytes; -1 if that is not seen yet. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

function parseHead(text: string): Head {
  const lines = text.split(/\r?\n/);
  const line = lines[0] as string;
  const [a = "", b = "", ...rest] = line.split(" ");
  const headers: [string, string][] = [];
  for (const line of lines.slice(1)) {
    if (line === "") break;
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon < 0 || !TOKEN.test(name)) throw malformed("invalid HTTP header parsed");
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (NO_VALUE.test(value)) throw malformed("invalid HTTP header parsed");
    if (headers.push([name.toLowerCase(), value]) > MOST_HEADERS) throw malformed("message head is too large");
  }
  return { first: [a, b, rest.join(" ")], headers };
}

/** The value of a header; of several, all. */
export function headerOf({ headers }: Head, name: string): string | null {
  const found = headers.filter(([key]) => key === name);
  return found.length === 0 ? null : found.map(([, value]) => value).join(", ");
}

/** Whether a header that is a list has a word. */
export function hasWord(head: Head, name: string, word: string): boolean {
  return (headerOf(head, name) ?? "").split(",").some((each) => each.trim().toLowerCase() === word);
}

/** Whether the connection may be used again after this message. */
export function keepsAlive(head: Head, version: string): boolean {
  return version === "HTTP/1.1" ? !hasWord(head, "connection", "close") : hasWord(head, "connection", "keep-alive");
}

/** How long the body is, as far as the headers say; `null` if they do not. */
export function framingOf(head: Head): Framing | null {
  const coding = headerOf(head, "transfer-encoding");
  if (coding !== null) {
    if (coding.split(",").at(-1)!.trim().toLowerCase() !== "chunked") {
      throw malformed("unexpected transfer-encoding parsed");
    }
    return "chunked";
  }
  const lengths = new Set(head.headers.filter(([name]) => name === "content-length").map(([, value]) => value));
  if (lengths.size === 0) return null;
  const [length] = lengths as unknown as [string];
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) throw malformed("invalid content-length parsed");
  return Number(length);
}

/** Puts a head into bytes. */
export function formatHead(first: string, headers: Iterable<readonly [string, string]>): Uint8Array {
  let text = `${first}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return asBytes(`${text}\r\n`);
}

/** One character for each byte. */
function asText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
}

/** One byte for each character. */
export function asBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Makes an error. */
export function malformed(what: string): MalformedError {
  return new MalformedError(what);
}
