/** SHA-1 (RFC 3174), at once: the host's is a promise of its own time. For the handshake of WebSockets, nothing else. */

/** The digest of a text of single-byte characters. */
export function sha1(text: string): Uint8Array<ArrayBuffer> {
  const blocks = (text.length + 8 >> 6) + 1;
  const words = new DataView(new ArrayBuffer(blocks * 64));
  for (let i = 0; i < text.length; i++) words.setUint8(i, text.charCodeAt(i));
  words.setUint8(text.length, 0x80);
  words.setUint32(blocks * 64 - 4, text.length * 8);
  const h = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as [number, number, number, number, number];
  const w = new Int32Array(80);
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 16; i++) w[i] = words.getInt32(block * 64 + i * 4);
    for (let i = 16; i < 80; i++) w[i] = rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
    let [a, b, c, d, e] = h;
    for (let i = 0; i < 80; i++) {
      const [f, k] = i < 20
        ? [(b & c) | (~b & d), 0x5a827999]
        : i < 40
        ? [b ^ c ^ d, 0x6ed9eba1]
        : i < 60
        ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
        : [b ^ c ^ d, 0xca62c1d6];
      [a, b, c, d, e] = [(rotate(a, 5) + f + e + k + w[i]!) | 0, a, rotate(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((value, i) => h[i] = ((h[i] as number) + value) | 0);
  }
  const digest = new DataView(new ArrayBuffer(20));
  h.forEach((value, i) => digest.setInt32(i * 4, value));
  return new Uint8Array(digest.buffer);
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
