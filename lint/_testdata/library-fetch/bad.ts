// deno-lint-ignore-file
import { failAfter } from "@trefoil/io";

export function page(url: string): Promise<string> {
  return failAfter(5_000, async () => {
    const response = await fetch(url); // BAD
    return await response.text();
  });
}
// ---
export async function more(url: URL): Promise<void> {
  await globalThis.fetch(url); // BAD
  await fetch(url, { method: "POST", body: "x" }); // BAD
  await fetch(new Request(url)); // BAD
  await Promise.all([fetch(url)]); // BAD
  const options = { headers: {} };
  await fetch(url, options); // BAD
  await fetch(`${url}/x`); // BAD
  fetch(url).then(() => {}); // BAD
}
