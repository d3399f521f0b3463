/** The frames of a WebSocket (RFC 6455, section 5): pure, both ways. */

import { concat } from "./_body.ts";
import { ProtocolError } from "./reader.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a frame is (section 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame. */
export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Bytes;
}

/** The most bytes of a message: as much as Deno takes. */
export const MOST = 64 * 1024 * 1024;

/** The bytes of a frame; `mask` is that of a client. */
export function encodeFrame(opcode: number, payload: Uint8Array, mask: Uint8Array | null): Bytes {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = new Uint8Array(2 + extended);
  head[0] = 0x80 | opcode;
  head[1] = (mask === null ? 0 : 0x80) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  const view = new DataView(head.buffer);
  if (extended === 2) view.setUint16(2, length);
  else if (extended === 8) view.setBigUint64(2, BigInt(length));
  if (mask === null) return concat(head, payload);
  return concat(head, mask, masked(payload, mask));
}

/** Where bytes come from. */
export interface Source {
  exactly(size: number): Promise<Bytes>;
}

/** Reads a frame. A server takes only masked ones, a client only those that are not (section 5.1). */
export async function readFrame(source: Source, role: "client" | "server"): Promise<Frame> {
  const [first, second] = await source.exactly(2) as unknown as [number, number];
  const fin = (first & 0x80) !== 0;
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0) throw new ProtocolError("Reserved bits are not zero");
  const isControl = opcode >= 8;
  if (opcode > 10 || (opcode > 2 && opcode < 8)) throw new ProtocolError("Invalid opcode");
  if (isControl && !fin) throw new ProtocolError("Control frame must not be fragmented");
  const isMasked = (second & 0x80) !== 0;
  if (isMasked !== (role === "server")) throw new ProtocolError(isMasked ? "Frame is masked" : "Frame is not masked");
  let size = second & 0x7f;
  if (isControl && size > 125) throw new ProtocolError("Control frame too large");
  if (size === 126) size = new DataView((await source.exactly(2)).buffer).getUint16(0);
  else if (size === 127) size = Number(new DataView((await source.exactly(8)).buffer).getBigUint64(0));
  if (size > MOST) throw new ProtocolError("Frame too large");
  const mask = isMasked ? await source.exactly(4) : null;
  const payload = await source.exactly(size);
  return { fin, opcode, payload: mask === null ? payload : masked(payload, mask) };
}

function masked(payload: Uint8Array, mask: Uint8Array): Bytes {
  const out = new Uint8Array(payload.length);
  for (let i = 0; i < payload.length; i++) out[i] = payload[i]! ^ mask[i & 3]!;
  return out;
}

/** What a close frame says (section 5.5.1); 1005 if it says nothing. */
export function closeOf(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  if (payload.length === 0) return { code: 1005, reason: "" };
  if (payload.length === 1) throw new ProtocolError("Invalid close frame");
  const code = new DataView(payload.buffer, payload.byteOffset).getUint16(0);
  if (!isCloseCode(code)) throw new ProtocolError("Invalid close code");
  return { code, reason: decodeText(payload.subarray(2)) };
}

/** Whether a code may be in a frame (section 7.4). */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text, which must be UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtocolError("Invalid UTF-8", 1007);
  }
}
