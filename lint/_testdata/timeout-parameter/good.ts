// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  return await fetch(url);
}
const response = () => failAfter(5_000, () => load("https://example.com"));
// ---
import { moveOnAfter, sleep } from "@trefoil/io";

export async function fine(timeout: number, signal: AbortSignal): Promise<void> {
  console.log(signal.aborted, response);
  // What is made of it is more than the caller could write.
  await failAfter(timeout / 2, () => sleep(1));
  await moveOnAfter(timeout, () => sleep(1));
}
