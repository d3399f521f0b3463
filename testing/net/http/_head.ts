// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/** The heads of messages of HTTP/1.1 (RFC 9112): read strictly, and written. */

import { type ByteReader, ProtocolError } from "./reader.ts";

/** The most bytes of a head. */
const MOST = 65_536;
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The beginning of a message. */
export interface Head {
  /** The parts of its first line. */
  readonly start: readonly [string, string, string];
  readonly headers: Headers;
}

/** How the end of a body is found (RFC 9112, section 6.3). */
export type Framing = { readonly length: number } | "chunked" | "close";

/** Reads a head; `null` if nothing comes any more. */
export async function readHead(reader: ByteReader, kind: "request" | "response"): Promise<Head | null> {
  let line = await reader.line(MOST);
  // A server should ignore an empty line before a request (RFC 9112, section 2.2).
  if (line === "") line = await reader.line(MOST);
  if (line === null) return null;
  const start = kind === "request"
    ? /^(\S+) (\S+) (HTTP\/1\.[01])$/.exec(line)
    : /^(HTTP\/1\.[01]) ([1-9]\d\d)(?: (.*))?$/.exec(line);
  if (start === null || (kind === "request" && !TOKEN.test(start[1]!))) {
    throw new ProtocolError(`invalid HTTP ${kind === "request" ? "method, target or " : "status or "}version parsed`);
  }
  return { start: [start[1]!, start[2]!, start[3] ?? ""], headers: await readHeaders(reader) };
}

/** Reads headers, or trailers, to the empty line after them. */
export async function readHeaders(reader: ByteReader): Promise<Headers> {
  const headers = new Headers();
  for (let left = MOST;;) {
    const line = await reader.line(left);
    if (line === null) throw new ProtocolError("unexpected end of file");
    if (line === "") return headers;
    left -= line.length;
    if (left < 0) throw new ProtocolError(`the headers have more than ${MOST} bytes`, 431);
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (colon < 1 || !TOKEN.test(name) || /[\0\r\n]/.test(value)) throw new ProtocolError("invalid HTTP header parsed");
    headers.append(name, value);
  }
}

/** How the body of a message ends, by its headers; `null` where they say nothing. */
export function framingOf(headers: Headers): Exclude<Framing, "close"> | null {
  const encoding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (encoding !== null) {
    // Both together are how requests are smuggled (RFC 9112, section 6.1).
    if (length !== null || encoding.toLowerCase() !== "chunked") throw new ProtocolError("invalid transfer-encoding");
    return "chunked";
  }
  if (length === null) return null;
  const values = new Set(length.split(",").map((each) => each.trim()));
  const [value] = values;
  if (values.size > 1 || !/^\d{1,15}$/.test(value!)) throw new ProtocolError("invalid content-length parsed");
  return { length: Number(value) };
}

/** Whether a list in a header has a word. */
export function hasWord(headers: Headers, name: string, word: string): boolean {
  return (headers.get(name) ?? "").split(",").some((each) => each.trim().toLowerCase() === word);
}

/** The bytes of a head. */
export function formatHead(start: string, headers: Iterable<readonly [string, string]>): Uint8Array<ArrayBuffer> {
  let text = `${start}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  text += "\r\n";
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
