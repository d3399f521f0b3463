/** What the benchmark of workers calls. */

export default function addOne(n: number): number {
  return n + 1;
}

export { addOne };

export function lengthOf(bytes: Uint8Array): number {
  return bytes.length;
}

export function* count(to: number): Generator<number> {
  for (let n = 0; n < to; n++) yield n;
}
