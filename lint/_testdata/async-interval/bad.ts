// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

export function watch(url: string): void {
  setInterval(async () => { // BAD
    const response = await fetch(url);
    console.log(response.status);
  }, 10_000);
}
// ---
import { type Lock, sleep } from "@trefoil/io";

export function others(lock: Lock): void {
  async function tick(): Promise<void> {
    using _ = await lock.acquire();
  }
  setInterval(tick, 5); // BAD
  setInterval(() => sleep(1), 5); // BAD
}
