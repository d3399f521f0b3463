// deno-lint-ignore-file
import { sleep } from "@trefoil/io";

export async function compute(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) await sleep(0); // BAD
  await sleep(Infinity); // BAD
}
