// deno-lint-ignore-file
import { currentSignal, failAfter, type Lock } from "@trefoil/io";

export async function ask(lock: Lock, query: (signal: AbortSignal) => Promise<string>): Promise<string> {
  return await failAfter(5_000, async () => {
    using _ = await lock.acquire();
    return await query(currentSignal());
  });
}
// ---
import { simulated, sleep, withSignal } from "@trefoil/io";

export async function fine(controller: AbortController): Promise<void> {
  await withSignal(AbortSignal.timeout(5), () => sleep(10));
  setTimeout(() => controller.abort(), 5);
  setTimeout(() => {
    console.log("late");
    controller.abort();
  }, 5);
  const own = { abort() {} };
  setTimeout(() => own.abort(), 5);
}
export function fromOutside(work: (options: { signal: AbortSignal }) => void): void {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 5);
  work(controller);
}
export const inSimulation = simulated(async () => {
  await sleep(5);
  AbortSignal.timeout(5);
});
export function shadowed(AbortSignal: { timeout(ms: number): void }): void {
  AbortSignal.timeout(5);
}
