/** The outputs of the program, and its terminal. */

import { read } from "../../core/internal.ts";

/** Writes to an output of the program; gives how many bytes were taken. */
export function writeOutput(name: "stdout" | "stderr", bytes: Uint8Array): Promise<number> {
  return Deno[name].write(bytes);
}

/** Whether whoever has read an output is gone. */
export function saysNobodyReads(error: unknown): boolean {
  return read(error, "name") === "BrokenPipe";
}

/** Whether the input of the program is a terminal. */
export function inputIsTerminal(): boolean {
  return Deno.stdin.isTerminal();
}

/** Sets the mode of the terminal; `null`: the one that it had at first. */
export function setTerminalMode(mode: "raw" | "cbreak" | null): void {
  if (mode === null) Deno.stdin.setRaw(false);
  else Deno.stdin.setRaw(true, { cbreak: mode === "cbreak" });
}

/** How large the terminal is; throws if there is none. */
export function consoleSize(): { readonly columns: number; readonly rows: number } {
  return Deno.consoleSize();
}
