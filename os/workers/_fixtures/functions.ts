// deno-lint-ignore-file trefoil/error-message -- what users throw
/** Functions that tests call in workers. */

import { checkCancelled, transfer, workerSignal } from "../worker.ts";

/** Something that is no function. */
export const constant = 42;

export function add(a: number, b: number): number {
  return a + b;
}

export function give(value: unknown): unknown {
  return value;
}

/** What kind of value has arrived. */
export function look(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function lengthOf(bytes: Uint8Array): number {
  return bytes.length;
}

export function bytes(length: number): Uint8Array {
  return transfer(new Uint8Array(length).fill(7));
}

export function giveFunction(): unknown {
  return () => 1;
}

export function giveUrl(): unknown {
  return new URL("http://localhost/");
}

export class Broken extends TypeError {
  override readonly name = "Broken";
  readonly code = "E_BROKEN";
}

export function fail(how: "subclass" | "group" | "host" | "dom" | "text" | "cycle"): never {
  if (how === "subclass") throw new Broken("it broke", { cause: new RangeError("too far") });
  if (how === "group") throw new AggregateError([new RangeError("a"), "b"], "two");
  if (how === "host") throw new Deno.errors.NotFound("no such file");
  if (how === "dom") throw new DOMException("no", "DataError");
  // deno-lint-ignore no-throw-literal -- what users may do
  if (how === "text") throw "plain text";
  const error = new Error("itself");
  error.cause = error;
  throw error;
}

export function* squares(to: number, ended?: () => Promise<void>): Generator<number> {
  try {
    for (let n = 1; n <= to; n++) yield n * n;
  } finally {
    ended?.();
  }
}

export async function* waiting(ended: (how: string) => Promise<void>): AsyncGenerator<number> {
  try {
    yield 1;
    await untilAborted();
  } finally {
    await ended(workerSignal().aborted ? "aborted" : "not aborted").catch(() => {});
  }
}

export async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw new RangeError("after one");
}

/** Yields the functions of nobody. */
export function* functions(): Generator<unknown> {
  yield () => 1;
}

export function untilAborted(started?: () => Promise<void>): Promise<never> {
  const signal = workerSignal();
  started?.();
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Is aborted, and fails with something else. */
export async function failToStop(started: () => Promise<void>): Promise<never> {
  try {
    return await untilAborted(started);
  } catch {
    throw new RangeError("the cleanup has failed");
  }
}

export async function computeUntilCancelled(started: () => Promise<void>): Promise<never> {
  await started();
  for (;;) checkCancelled();
}

/** Blocks the thread until the first number is set; then says so in the second. */
export async function blockUntil(shared: SharedArrayBuffer, started: () => Promise<void>): Promise<string> {
  await started();
  const numbers = new Int32Array(shared);
  Atomics.wait(numbers, 0, 0);
  return "late";
}

export async function computeForever(started: () => Promise<void>): Promise<never> {
  await started();
  for (;;);
}

export async function report(to: number, progress: (n: number) => Promise<number>): Promise<number[]> {
  const answers: number[] = [];
  for (let n = 1; n <= to; n++) answers.push(await progress(n));
  return answers;
}

export async function reportAtOnce(to: number, progress: (n: number) => Promise<number>): Promise<number[]> {
  return await Promise.all(Array.from({ length: to }, (_, n) => progress(n + 1)));
}

/** What a callback has thrown, as it is seen here. */
export async function catchFrom(ask: () => Promise<void>): Promise<string> {
  try {
    await ask();
    return "nothing";
  } catch (error) {
    return `${error instanceof RangeError} ${error}`;
  }
}

export function askTwice(ask: (n: number) => number): number {
  return ask(1) + ask(2);
}

/** Keeps a callback beyond its call, and calls it in the next one. */
let kept: (() => Promise<void>) | null = null;
export async function keep(callback: () => Promise<void>): Promise<string> {
  if (kept === null) {
    kept = callback;
    return "kept";
  }
  try {
    await kept();
    return "called";
  } catch (error) {
    return (error as Error).message;
  }
}

export function leave(code: number): never {
  Deno.exit(code);
}

/** An error that nobody catches, amid a call that goes on. */
export async function failBeside(how: "error" | "rejection"): Promise<never> {
  if (how === "error") {
    setTimeout(() => {
      throw new RangeError("beside");
    });
  } else Promise.reject(new RangeError("beside"));
  return await new Promise(() => {});
}

/** Writes to stdout, past the console. */
export function writeOut(text: string): number {
  return Deno.stdout.writeSync(new TextEncoder().encode(text));
}

export function print(text: string): void {
  // deno-lint-ignore no-console -- that is the point
  console.log(text);
  // deno-lint-ignore no-console -- that is the point
  console.count(text);
}

export function fill(mebibytes: number): number {
  const all: unknown[][] = [];
  for (let n = 0; n < mebibytes; n++) all.push(Array.from({ length: 131_072 }, (_, i) => ({ i })));
  return all.length;
}

export async function mayRead(path: string): Promise<string> {
  return (await Deno.permissions.query({ name: "read", path })).state;
}

export function isMain(): boolean {
  return import.meta.main;
}

export function pid(): number {
  return Deno.pid;
}

export async function computeAWhile(started: () => Promise<void>): Promise<void> {
  await started();
  const end = performance.now() + 300;
  while (performance.now() < end);
}

/** A generator whose cleanup fails. */
export function* leftBadly(): Generator<number> {
  try {
    for (let n = 1;; n++) yield n;
  } finally {
    // deno-lint-ignore no-unsafe-finally -- what is tested
    throw new RangeError("the cleanup has failed");
  }
}
