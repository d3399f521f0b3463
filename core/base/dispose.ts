/** Giving away what nobody wants any more. */

import { read } from "./foreign.ts";

/** Disposes of a value that can be disposed of; any other is dropped. */
export async function dispose(value: unknown): Promise<void> {
  for (const key of [Symbol.asyncDispose, Symbol.dispose]) {
    const method = read(value, key);
    if (typeof method === "function") return void await method.call(value);
  }
}
