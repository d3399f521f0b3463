// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

export async function isUp(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch { // BAD
    return false;
  }
}
// ---
import { sleep } from "@trefoil/io";

export async function more(): Promise<void> {
  try {
    await sleep(1);
  } catch (error) { // BAD
    console.log(error);
  }
}
