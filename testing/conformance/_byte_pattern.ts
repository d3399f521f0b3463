/** Bytes that tell where they stand, so that a lost, doubled or swapped one is noticed. */

/** Returns `size` bytes, beginning with that of position `from`. */
export function pattern(size: number, from = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = byteAt(from + i);
  return bytes;
}

/** Finds the first byte that is not the one of its position; -1 if there is none. */
export function firstWrong(bytes: Uint8Array, from = 0): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== byteAt(from + i)) return from + i;
  return -1;
}

/** No byte equals its neighbours, and the sequence does not repeat within 16 MiB. */
function byteAt(position: number): number {
  return (position + (position >> 8) * 7 + (position >> 16) * 31) & 255;
}
