// deno-lint-ignore-file
import { sleep } from "@trefoil/io";

let isReady = false;
export async function ready(): Promise<void> {
  while (!isReady) await sleep(50); // BAD
}
export function begin(): void {
  isReady = true;
}
// ---
import { checkpoint } from "@trefoil/io";

export async function more(list: readonly number[]): Promise<void> {
  while (list.length < 5) { // BAD
    await checkpoint();
  }
  do await sleep(5); while (list.length < 5); // BAD
}
