// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string, timeout: number): Promise<Response> { // BAD
  return await failAfter(timeout, () => fetch(url));
}
// ---
import { withSignal } from "@trefoil/io";

export const more = async (url: string, { signal }: { signal: AbortSignal }) => { // BAD
  return await withSignal(signal, () => fetch(url));
};
