// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string, timeoutSeconds: number): Promise<Response> {
  return await failAfter(timeoutSeconds * 1_000, () => fetch(url));
}
// ---
import { CapacityLimiter, openMemoryChannel, shielded, sleep } from "@trefoil/io";

export async function fine(
  timeoutMilliseconds: number,
  secret: number,
  min: number,
  ms: number,
  nanoSeconds: number,
  hours: number,
): Promise<void> {
  await sleep(timeoutMilliseconds);
  await sleep(secret);
  await sleep(min);
  await sleep(ms);
  await sleep(nanoSeconds);
  await sleep(hours * 3_600_000);
  openMemoryChannel(hours);
  new CapacityLimiter(hours);
  await shielded(() => {}, { timeout: hours * 60 * 60 * 1_000 });
}
export async function shadowed(sleep: (seconds: number) => Promise<void>, seconds: number): Promise<void> {
  await sleep(seconds);
}
