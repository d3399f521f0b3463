// deno-lint-ignore-file
import type { Lock } from "@trefoil/io";

export async function ask(lock: Lock, query: (signal: AbortSignal) => Promise<string>): Promise<string> {
  using _ = await lock.acquire();
  return await query(AbortSignal.timeout(5_000)); // BAD
}
// ---
const controller = new AbortController();
export const { signal } = { signal: controller.signal };
export function later(ms: number): AbortSignal {
  setTimeout(() => controller.abort(), ms); // BAD
  const own = new AbortController();
  setTimeout(() => { // BAD
    own.abort(new Error("too slow"));
  }, 5);
  return own.signal;
}
