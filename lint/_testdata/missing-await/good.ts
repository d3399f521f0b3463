// deno-lint-ignore-file
import { openMemoryChannel, openNursery } from "@trefoil/io";
import { assertEquals } from "@std/assert";

const got: number[] = [];
const [send, receive] = openMemoryChannel<number>(1);
await openNursery((nursery) => {
  nursery.startSoon(async () => {
    for (let n = 0; n < 3; n++) await send.send(n);
    send.close();
  });
  nursery.startSoon(async () => {
    for await (const n of receive) got.push(n);
  });
});
assertEquals(got, [0, 1, 2]);
// ---
import { Lock, run, sleep } from "@trefoil/io";
import type { Lock as LockType } from "@trefoil/io";

const lock = new Lock();
export async function onPurpose(): Promise<void> {
  void sleep(1);
  sleep(1).catch(() => {});
  sleep(1).then(() => {}, () => {});
  sleep(1).catch(() => {}).finally(() => {});
  const kept = sleep(1);
  await kept;
  await (sleep(1) as Promise<void>);
  lock.tryAcquire()?.release();
}
export function shadowed(sleep: (ms: number) => void, send: { send(n: number): Promise<void> }): void {
  sleep(1);
  send.send(2);
  {
    const lock = { acquire: () => Promise.resolve() };
    lock.acquire();
  }
}
export function unknown(lock: any, other: LockType & { later?(): Promise<void> }): void {
  lock.acquire();
  other.later?.();
}
export function* generator(): Generator<unknown> {
  yield sleep(1);
}
const later = () => sleep(1);
export async function reaches(): Promise<void> {
  await later();
}
async function plain(): Promise<void> {
  await Promise.resolve();
}
export function calls(): void {
  // Waits for nothing of the library: not for this rule to judge.
  plain();
  [1].forEach((n) => n + 1);
}
export class Own {
  pending: Promise<unknown>[] = [];
  next?: () => Promise<void>;
  go(): void {
    this.pending.shift();
    this.next?.();
  }
}
async function* lines(): AsyncGenerator<string> {
  await sleep(1);
  yield "";
}
export function begins(): void {
  lines();
}
async function main(): Promise<void> {
  await sleep(1);
}
if (Math.random() > 2) {
  main();
  run(main);
}
export async function values(pending?: Promise<void>): Promise<void> {
  if (await lock.acquire()) console.log("x");
  if (pending !== undefined && lock.tryAcquire()) console.log("x");
  using guard = await lock.acquire();
  const tagged = (_: TemplateStringsArray, ...values: unknown[]) => values;
  console.log(tagged`${sleep(1)}`, `${await lock.acquire()}`, `${() => sleep(1)}`);
  const kept = sleep(1);
  if (kept === pending) console.log(guard);
  await kept;
}
