/** The protocol of NATS, as a server reads and writes it: lines, of which some are followed by a payload. */

/** What a client has sent. */
export type Frame =
  | { readonly verb: "CONNECT"; readonly options: ConnectOptions }
  | { readonly verb: "PING" | "PONG" }
  | { readonly verb: "SUB"; readonly subject: string; readonly queue: string; readonly sid: string }
  | { readonly verb: "UNSUB"; readonly sid: string; readonly max: number }
  | ({ readonly verb: "PUB" } & Message);

/** What clients say about themselves. */
export interface ConnectOptions {
  readonly verbose?: boolean;
  readonly pedantic?: boolean;
  readonly echo?: boolean;
  readonly headers?: boolean;
  readonly no_responders?: boolean;
}

/** A message. */
export interface Message {
  readonly subject: string;
  /** Where answers go; empty if none is wanted. */
  readonly reply: string;
  /** `NATS/1.0` and lines of headers, as on the wire; `null` without. */
  readonly headers: Uint8Array | null;
  readonly payload: Uint8Array;
}

/** What a client must not send. */
export class WireError extends Error {
  override name = "WireError";

  /** `said` is what the client is told; empty if it is hung up on in silence. */
  constructor(readonly said: string) {
    super(`Cannot go on with a client as it must speak the protocol: ${said || "a malformed line"}`);
  }
}

/** With a reason that is said as the real one says it. */
function fault(said: string): WireError {
  return new WireError(said);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const EMPTY: Uint8Array = new Uint8Array();
const CRLF = encoder.encode("\r\n");
const LF = 10;
/** As in the real one: how long a line may be, in bytes. */
const MAX_LINE = 4_096;

/** Takes the bytes of a connection apart. */
export class FrameParser {
  readonly #maxPayload: number;
  #bytes: Uint8Array = EMPTY;
  /** The line whose payload has not come in full. */
  #awaited: { subject: string; reply: string; headers: number; total: number } | null = null;

  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload;
  }

  /** Takes what has come; gives each frame that is complete. */
  *feed(chunk: Uint8Array): Generator<Frame> {
    this.#bytes = this.#bytes.length === 0 ? chunk : concat([this.#bytes, chunk]);
    let at = 0;
    try {
      while (true) {
        if (this.#awaited !== null) {
          const { subject, reply, headers, total } = this.#awaited;
          if (this.#bytes.length - at < total + CRLF.length) return;
          const end = at + total;
          if (this.#bytes[end] !== CRLF[0] || this.#bytes[end + 1] !== LF) {
            throw fault("Unknown Protocol Operation");
          }
          const body = this.#bytes.slice(at, end);
          at = end + CRLF.length;
          this.#awaited = null;
          yield {
            verb: "PUB",
            subject,
            reply,
            headers: headers === 0 ? null : body.subarray(0, headers),
            payload: body.subarray(headers),
          };
          continue;
        }
        const end = this.#bytes.indexOf(LF, at);
        if (end === -1) {
          if (this.#bytes.length - at > MAX_LINE) throw fault("maximum control line exceeded");
          return;
        }
        const line = decoder.decode(this.#bytes.subarray(at, end)).trim();
        at = end + 1;
        const frame = this.#read(line);
        if (frame !== null) yield frame;
      }
    } finally {
      this.#bytes = this.#bytes.subarray(at);
    }
  }

  /** Reads a line; gives `null` if a payload follows. */
  #read(line: string): Frame | null {
    const [verb = "", ...args] = line.split(/[ \t]+/);
    switch (verb.toUpperCase()) {
      case "CONNECT":
        return { verb: "CONNECT", options: parseConnect(line.slice(verb.length)) };
      case "PING":
        return { verb: "PING" };
      case "PONG":
        return { verb: "PONG" };
      case "SUB": {
        const [subject, queue, sid] = args.length === 2 ? [args[0], "", args[1]] : args;
        if (args.length < 2 || args.length > 3) throw fault("");
        return { verb: "SUB", subject: subject!, queue: queue!, sid: sid! };
      }
      case "UNSUB": {
        const [sid, max = "0"] = args;
        if (args.length < 1 || args.length > 2) throw fault("");
        return { verb: "UNSUB", sid: sid!, max: wholeNumber(max) };
      }
      case "PUB":
        if (args.length < 2 || args.length > 3) throw fault("");
        this.#await(args[0]!, args.length === 3 ? args[1]! : "", { headers: 0, total: wholeNumber(args.at(-1)!) });
        return null;
      case "HPUB": {
        if (args.length < 3 || args.length > 4) throw fault("");
        const [headers, total] = args.slice(-2).map(wholeNumber) as [number, number];
        if (headers > total) throw fault("");
        this.#await(args[0]!, args.length === 4 ? args[1]! : "", { headers, total });
        return null;
      }
      default:
        throw fault("Unknown Protocol Operation");
    }
  }

  #await(subject: string, reply: string, { headers, total }: { headers: number; total: number }): void {
    if (total > this.#maxPayload) throw fault("Maximum Payload Violation");
    this.#awaited = { subject, reply, headers, total };
  }
}

/** A message, as it goes to a subscription: what is the same for all of them is given as it is. */
export function messageTo(sid: string, { subject, reply, headers, payload }: Message): readonly Uint8Array[] {
  const where = reply === "" ? `${subject} ${sid}` : `${subject} ${sid} ${reply}`;
  if (headers === null) return [encoder.encode(`MSG ${where} ${payload.length}\r\n`), payload, CRLF];
  const sizes = `${headers.length} ${headers.length + payload.length}`;
  return [encoder.encode(`HMSG ${where} ${sizes}\r\n`), headers, payload, CRLF];
}

/** Headers, as on the wire. `status` stands in their first line, such as `503`. */
export function headersOf(status: string, fields: Readonly<Record<string, string | number>> = {}): Uint8Array {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return encoder.encode(`NATS/1.0${status === "" ? "" : ` ${status}`}\r\n${lines}\r\n`);
}

/** Headers with more fields. */
export function withHeaders(bytes: Uint8Array | null, fields: Readonly<Record<string, string | number>>): Uint8Array {
  if (bytes === null) return headersOf("", fields);
  return concat([bytes.subarray(0, -CRLF.length), headersOf("", fields).subarray("NATS/1.0\r\n".length)]);
}

/** Headers, by their names, as written; of several of a name the first. */
export function parseHeaders(bytes: Uint8Array | null): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (bytes === null) return found;
  for (const line of decoder.decode(bytes).split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon > 0 && !found.has(name)) found.set(name, line.slice(colon + 1).trim());
  }
  return found;
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function parseConnect(text: string): ConnectOptions {
  try {
    return JSON.parse(text) as ConnectOptions;
  } catch {
    throw fault("");
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw fault("");
  return Number(text);
}
