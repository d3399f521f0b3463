// deno-lint-ignore-file
import { CancelScope, sleep } from "@trefoil/io";

export async function twice(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const scope = new CancelScope({ timeout: 1_000 });
    await scope.run(() => sleep(5));
  }
}
// ---
export async function fine(list: readonly number[], ready: boolean): Promise<void> {
  const scope = new CancelScope();
  if (ready) await scope.run(() => sleep(5));
  else await scope.run(() => sleep(6));
  const second = new CancelScope();
  for (const n of list) {
    if (n > 5) {
      await second.run(() => sleep(5));
      break;
    }
  }
  const third = new CancelScope();
  for (const n of list) {
    if (n > 5) return void await third.run(() => sleep(5));
  }
  const fourth = new CancelScope();
  const enter = () => fourth.run(() => sleep(1));
  console.log(enter, () => fourth.run(() => sleep(2)));
}
