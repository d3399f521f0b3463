/** Functions that use the waits of the library. */

import { shielded, sleep, sleepForever } from "../../../core/mod.ts";

export async function sleepLong(started: () => Promise<void>, ended: () => Promise<void>): Promise<void> {
  try {
    started();
    await sleepForever();
  } finally {
    await shielded(() => sleep(1));
    await ended().catch(() => {});
  }
}

export async function sleepAndAdd(ms: number, a: number, b: number): Promise<number> {
  await sleep(ms);
  return a + b;
}

export async function* tick(ms: number): AsyncGenerator<number> {
  for (let n = 1;; n++) {
    await sleep(ms);
    yield n;
  }
}

export async function stubborn(ms: number): Promise<string> {
  await shielded(() => sleep(ms));
  return "done";
}
