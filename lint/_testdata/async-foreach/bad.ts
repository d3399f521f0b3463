// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

export async function warmUp(urls: readonly string[]): Promise<void> {
  urls.forEach(async (url) => { // BAD
    await fetch(url);
  });
}
// ---
import type { SendChannel } from "@trefoil/io";

const list = [1, 2, 3];
async function each(n: number): Promise<void> {
  await Promise.resolve(n);
}
export async function others(numbers: Set<number>, unknown: any, out: SendChannel<number>): Promise<void> {
  list.forEach((n) => out.send(n)); // BAD
  list.forEach(each); // BAD
  numbers.forEach(async (n) => await each(n)); // BAD
  [1].forEach(async function (n) { // BAD
    await each(n);
  });
  unknown.forEach(async () => {}); // BAD
  list.map((n) => n).filter(Boolean).forEach(each); // BAD
  await (list.forEach(each) as unknown); // BAD
  list?.forEach(each); // BAD
}
