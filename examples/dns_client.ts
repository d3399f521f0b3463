// deno-lint-ignore-file no-console
/**
 * A client of DNS over UDP: asks name servers for the addresses of a name (RFC 1035), again and in turn while no answer
 * comes.
 *
 * Run it: deno run --allow-net examples/dns_client.ts example.com [name server [port]]
 *
 * A datagram may get lost, come late or twice, or come from somebody else. So each question has a random number, only an
 * answer from the server that was asked, with that number and that question, counts, and each attempt has a timeout.
 */
import { moveOnAfter, openUdpSocket, run, type UdpSocket } from "@trefoil/io";

/** How to ask. */
export interface LookupOptions {
  /** The name servers, asked in turn. */
  readonly servers: readonly { readonly hostname: string; readonly port?: number }[];
  /** How long an answer may take, in milliseconds. @default {1_000} */
  readonly timeout?: number;
  /** How often each server is asked. @default {3} */
  readonly attempts?: number;
}

/** There is no such name, or no server that says so. */
export class DnsError extends Error {
  override readonly name = "DnsError";
}

/** The codes of answers that say no (RFC 1035, section 4.1.1). */
const SERVER_FAILED = 2;
const NO_SUCH_NAME = 3;
const TYPE_A = 1;
const CLASS_IN = 1;

/** Looks up the IPv4 addresses of a name. */
export async function lookup(name: string, options: LookupOptions): Promise<string[]> {
  const { servers, timeout = 1_000, attempts = 3 } = options;
  for (let attempt = 0; attempt < attempts; attempt++) {
    for (const { hostname, port = 53 } of servers) {
      using socket = await openUdpSocket({ remote: { hostname, port } });
      const outcome = await moveOnAfter(timeout, () => ask(socket, name));
      if (!outcome.cancelledCaught && outcome.value !== null) return outcome.value;
    }
  }
  throw new DnsError(`Cannot look up "${name}" as no name server has answered`);
}

/** Asks once, and waits for the answer to that; `null` if the server cannot tell. */
async function ask(socket: UdpSocket, name: string): Promise<string[] | null> {
  const [id] = crypto.getRandomValues(new Uint16Array(1)) as unknown as [number];
  const question = questionFor(name);
  await socket.send(encode(id, question));
  for await (const { data } of socket) {
    const answer = decode(data, id, question);
    if (answer === null) continue;
    if (answer.code === NO_SUCH_NAME) throw new DnsError(`Cannot look up "${name}" as there is no such name`);
    return answer.code === SERVER_FAILED ? null : answer.addresses;
  }
  return null;
}

function questionFor(name: string): Uint8Array {
  const bytes: number[] = [];
  for (const label of name.replace(/\.$/, "").split(".")) {
    const part = new TextEncoder().encode(label.toLowerCase());
    if (part.length === 0 || part.length > 63) throw new DnsError(`Cannot look up "${name}" as it is no host name`);
    bytes.push(part.length, ...part);
  }
  return new Uint8Array([...bytes, 0, 0, TYPE_A, 0, CLASS_IN]);
}

function encode(id: number, question: Uint8Array): Uint8Array {
  const message = new Uint8Array(12 + question.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, id);
  // The server shall ask others, if it does not know.
  view.setUint16(2, 0x0100);
  view.setUint16(4, 1);
  message.set(question, 12);
  return message;
}

interface Answer {
  readonly code: number;
  readonly addresses: string[];
}

/** What an answer says; `null` for what is no answer to this question. */
export function decode(message: Uint8Array, id: number, question: Uint8Array): Answer | null {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 12 + question.length;
  if (message.length < at || view.getUint16(0) !== id || (view.getUint16(2) & 0x8000) === 0) return null;
  if (view.getUint16(4) !== 1 || question.some((byte, i) => byte !== message[12 + i])) return null;
  const addresses: string[] = [];
  for (let left = view.getUint16(6); left > 0; left--) {
    at = skipName(message, at);
    if (at + 10 > message.length) return null;
    const size = view.getUint16(at + 8);
    const data = message.subarray(at + 10, at + 10 + size);
    if (view.getUint16(at) === TYPE_A && data.length === 4) addresses.push(data.join("."));
    at += 10 + size;
  }
  return { code: view.getUint16(2) & 0x000f, addresses };
}

/** Where a name ends; the second half of it may stand elsewhere (RFC 1035, section 4.1.4). */
function skipName(message: Uint8Array, at: number): number {
  while (at < message.length && message[at] !== 0) {
    if (message[at]! >= 0xc0) return at + 2;
    at += 1 + message[at]!;
  }
  return at + 1;
}

if (import.meta.main) {
  const [name = "example.com", hostname = "1.1.1.1", port = "53"] = Deno.args;
  await run(async () => {
    try {
      console.log((await lookup(name, { servers: [{ hostname, port: Number(port) }] })).join("\n"));
    } catch (error) {
      if (!(error instanceof DnsError)) throw error;
      console.error(error.message);
      Deno.exitCode = 1;
    }
  });
}
