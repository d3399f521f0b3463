// deno-lint-ignore-file
import { fetch, forEach } from "@trefoil/io";

export async function warmUp(urls: readonly string[]): Promise<void> {
  await forEach(urls, async (url) => {
    await fetch(url);
  }, { concurrency: 4 });
}
// ---
declare const cursor: { forEach(fn: () => Promise<void>): Promise<void> };
export async function fine(numbers: readonly number[]): Promise<void> {
  numbers.forEach((n) => console.log(n));
  await cursor.forEach(async () => {});
  for (const n of numbers) await Promise.resolve(n);
  await forEach(numbers, async (n) => console.log(n));
}
