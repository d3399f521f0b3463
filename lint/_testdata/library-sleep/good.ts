// deno-lint-ignore-file
import { moveOnAfter, sleep } from "@trefoil/io";

export async function wait(): Promise<void> {
  await moveOnAfter(1_000, async () => {
    await sleep(60_000);
  });
}
// ---
import { delay } from "@std/async";
import { cancellable, currentSignal } from "@trefoil/io";
import { hostOperation } from "@trefoil/io/lowlevel";

export async function fine(ms: number): Promise<void> {
  await delay(ms, { signal: currentSignal() });
  await cancellable(new Promise((resolve) => setTimeout(resolve, ms)));
  await hostOperation("wait", delay(ms));
  // These do more than wait.
  await new Promise((_, reject) => setTimeout(() => reject(new Error("too slow")), ms));
  await new Promise<number>((resolve) => setTimeout(() => resolve(5), ms));
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    addEventListener("unload", () => clearTimeout(timer));
  });
  setTimeout(() => {}, 5);
}
export async function shadowed(setTimeout: (fn: unknown, ms: number) => void): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
