// deno-lint-ignore-file
import { moveOnAfter } from "@trefoil/io";

export async function wait(): Promise<void> {
  await moveOnAfter(1_000, async () => {
    await new Promise((resolve) => setTimeout(resolve, 60_000)); // BAD
  });
}
// ---
import { delay } from "@std/async";
import { setTimeout as later } from "node:timers/promises";
import * as timers from "node:timers/promises";

export async function others(ms: number): Promise<void> {
  await delay(ms); // BAD
  await later(ms * 2); // BAD
  await timers.setTimeout(5); // BAD
  await later(ms, "value"); // BAD, no fix
  await new Promise<void>((resolve) => setTimeout(resolve, ms)); // BAD
  await new Promise<void>((r) => setTimeout(() => r(), ms)); // BAD
  await new Promise((r) => { // BAD
    setTimeout(r, 5);
  });
  await new Promise((r) => setTimeout(r)); // BAD
  await new Promise<void>(function (resolve) { // BAD
    globalThis.setTimeout(() => {
      resolve(undefined);
    }, 5);
  });
  new Promise((r) => setTimeout(r, 5)).then(() => {}); // BAD
}
export async function taken(sleep: boolean): Promise<void> {
  if (sleep) await new Promise((r) => setTimeout(r, 5)); // BAD, no fix
}
export const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)); // BAD
