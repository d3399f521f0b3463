// deno-lint-ignore-file
import { checkpoint, sleepForever } from "@trefoil/io";

export async function compute(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) await checkpoint();
  await sleepForever();
}
// ---
import { sleep } from "@trefoil/io";

export async function fine(ms: number): Promise<void> {
  await sleep(ms);
  await sleep(1);
}
