// deno-lint-ignore-file
import { CancelScope, sleep } from "@trefoil/io";

export async function twice(): Promise<void> {
  const scope = new CancelScope({ timeout: 1_000 });
  await scope.run(() => sleep(5));
  await scope.run(() => sleep(5)); // BAD
}
// ---
export async function loops(list: readonly number[], ready: boolean): Promise<void> {
  const scope = new CancelScope();
  for (const n of list) await scope.run(() => sleep(n)); // BAD
  const second = new CancelScope();
  while (ready) {
    if (ready) {
      await second.run(() => sleep(1)); // BAD
    }
  }
  const third = new CancelScope();
  await third.run(() => sleep(1));
  if (ready) await third.run(() => sleep(1)); // BAD
}
