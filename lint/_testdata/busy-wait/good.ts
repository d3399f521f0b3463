// deno-lint-ignore-file
import { Event } from "@trefoil/io";

const isReady = new Event();
export async function ready(): Promise<void> {
  await isReady.wait();
}
export function begin(): void {
  isReady.set();
}
// ---
import { sleep } from "@trefoil/io";

export async function fine(next: () => Promise<boolean>): Promise<void> {
  while (true) {
    await sleep(1_000);
    console.log("tick");
  }
  while (await next()) await sleep(5);
}
