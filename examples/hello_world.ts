// deno-lint-ignore-file no-console
/**
 * Says hello, waits, says world.
 *
 * Run it: deno run examples/hello_world.ts
 */
import { run, sleep } from "@trefoil/io";

/** Prints three lines in one second. */
export async function helloWorld(print: (line: string) => void = console.log): Promise<void> {
  print("hello");
  print("wait");
  await sleep(1_000);
  print("world");
}

if (import.meta.main) run(helloWorld);
