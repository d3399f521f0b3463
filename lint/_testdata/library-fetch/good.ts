// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export function page(url: string): Promise<string> {
  return failAfter(5_000, async () => {
    const response = await fetch(url);
    return await response.text();
  });
}
// ---
import * as io from "@trefoil/io";
import { cancellable, currentSignal } from "@trefoil/io";

export async function signals(url: string, init: RequestInit, request: Request): Promise<void> {
  await globalThis.fetch(url, { signal: currentSignal() });
  await globalThis.fetch(url, init);
  await globalThis.fetch(url, { ...init });
  await globalThis.fetch(request);
  await globalThis.fetch(new Request(url, { signal: currentSignal() }));
  await cancellable(globalThis.fetch(url));
  await io.fetch(url);
  // The other one, on purpose.
  await globalThis.fetch(url);
}
export function handle(client: { fetch(url: string): Promise<Response> }, fetch: (url: string) => Promise<Response>) {
  return Promise.all([client.fetch("x"), fetch("y")]);
}
export const mock = { fetch: (input: RequestInfo | URL) => globalThis.fetch(input) };
