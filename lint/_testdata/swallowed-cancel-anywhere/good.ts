// deno-lint-ignore-file
import { fetch, isCancelled } from "@trefoil/io";

export async function isUp(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch (error) {
    if (isCancelled(error)) throw error;
    return false;
  }
}
// ---
import { sleep } from "@trefoil/io";

declare function foreign(): Promise<void>;
declare function reasonOf(error: unknown): Error;
export async function fine(): Promise<void> {
  try {
    await foreign();
  } catch {}
  try {
    await sleep(1);
  } catch {
    await sleep(5);
  }
  try {
    await sleep(1);
  } catch (error) {
    throw reasonOf(error);
  }
}
