// deno-lint-ignore-file
import { failAfter } from "@trefoil/io";

export async function sum(numbers: readonly number[]): Promise<number> {
  let total = 0;
  await failAfter(50, () => { // BAD
    for (const n of numbers) total += Math.sqrt(n);
  });
  return total;
}
// ---
import * as io from "@trefoil/io";
import { CancelScope, currentTime, moveOnAfter, moveOnAt } from "@trefoil/io";

declare function compute(): number;
const job = async () => {
  for (let i = 0; i < 1e9; i++) compute();
};
export async function others(): Promise<void> {
  await moveOnAfter(50, async () => { // BAD
    const result = compute();
    return { result };
  });
  await moveOnAt(currentTime() + 5, job); // BAD
  await io.failAt(currentTime() + 5, function () { // BAD
    compute();
    return 5;
  });
}
export async function scoped(): Promise<void> {
  await new CancelScope({ timeout: 50 }).run(() => { // BAD
    for (let i = 0; i < 1e9; i++) compute();
  });
}
