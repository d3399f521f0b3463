/** What the core needs of the host, found by looking, so that it works on Deno, Node and Bun alike. */

import { hostClear, hostTimeout } from "./host_time.ts";

/** Signals the core knows of. */
export type Signal = "SIGINT" | "SIGTERM" | "SIGQUIT";

interface DenoLike {
  exit(code?: number): never;
  exitCode: number;
  addSignalListener(signal: string, handler: () => void): void;
  removeSignalListener(signal: string, handler: () => void): void;
  unrefTimer(id: number): void;
  permissions: { querySync(descriptor: { name: "env"; variable: string }): { state: string } };
  env: { get(name: string): string | undefined };
}

interface ProcessLike {
  exit(code?: number): never;
  exitCode: number | string | null | undefined;
  env: Readonly<Record<string, string | undefined>>;
  on(event: string, handler: () => void): void;
  off(event: string, handler: () => void): void;
}

const { Deno: deno } = globalThis as { Deno?: DenoLike };
/** Of Node and Bun. On Deno the first look at it loads a good part of Node: 17 ms of CPU time, and 8 MB. */
const process = deno !== undefined ? undefined : (globalThis as { process?: ProcessLike }).process;

/** Begins to listen for a signal; returns how to stop. */
export function onSignal(signal: Signal, handler: () => void): () => void {
  if (deno !== undefined) {
    deno.addSignalListener(signal, handler);
    return () => deno.removeSignalListener(signal, handler);
  }
  process?.on(signal, handler);
  return () => process?.off(signal, handler);
}

/** Sets the code with which the process will end. */
export function setExitCode(code: number): void {
  if (deno !== undefined) deno.exitCode = code;
  else if (process !== undefined) process.exitCode = code;
}

/** Ends the process at once; without a code with that of `setExitCode()`. */
export function exitNow(code?: number): void {
  (deno ?? process)?.exit(code);
}

/** Calls back after a time, if the process lives that long: it does not wait for it. Returns how to prevent it. */
export function ifStillAlive(ms: number, callback: () => void): () => void {
  const timer = hostTimeout(callback, ms) as number | { unref(): void };
  if (typeof timer === "number") deno?.unrefTimer(timer);
  else timer.unref();
  return () => hostClear(timer as number);
}

/** Calls back when the event loop has nothing left to do; returns how to stop listening. */
export function onLoopEmpty(callback: () => void): () => void {
  const listener = (event: Event) => {
    event.preventDefault();
    callback();
  };
  if (deno !== undefined) {
    globalThis.addEventListener("beforeunload", listener);
    return () => globalThis.removeEventListener("beforeunload", listener);
  }
  process?.on("beforeExit", callback);
  return () => process?.off("beforeExit", callback);
}

/** A variable of the environment, if it may be read: asking for the permission would be worse than not to know. */
export function environment(name: string): string | undefined {
  try {
    if (deno === undefined) return process?.env[name];
    return deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
      ? deno.env.get(name)
      : undefined;
  } catch {
    return undefined;
  }
}

let evaluated = false;
// While the main module awaits at its top level, Deno does not say when the loop is empty: see `kernel/deadlock.ts`.
globalThis.addEventListener?.("load", () => evaluated = true, { once: true });

/** Whether the main module has been evaluated to its end. */
export function mainModuleEvaluated(): boolean {
  return evaluated;
}
