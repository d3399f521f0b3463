/** What the program reads. */

import type { StandardInput } from "../../core/lowlevel.ts";
import { currentRun } from "../../core/lowlevel.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import { requireMax } from "../base/lines.ts";
import { requireDeno } from "../host/processes.ts";
import { programInput } from "../host/stdin.ts";
import { StdinLines } from "./_stdin_lines.ts";
import { StdinStream } from "./_stdin_stream.ts";

/**
 * Opens the standard input of the program.
 *
 * Nothing is read ahead, and nothing is in flight between two receives, so the program can end when it likes. Closing
 * ends this stream, not the input: another one goes on where this one has stopped. One task at a time receives, over all
 * streams. In simulated time the test writes it: see `Simulation.stdin`.
 *
 * **Not guaranteed:** anything beside `Deno.stdin`, `prompt()` and `process.stdin`, which take what they get.
 *
 * @example Copying what comes
 * ```ts
 * import { openStdin } from "@trefoil/io";
 * import { simulate } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async (sim) => {
 *   sim.stdin.send("hello");
 *   sim.stdin.end();
 *   using stdin = openStdin();
 *   const chunks = await Array.fromAsync(stdin, (chunk) => new TextDecoder().decode(chunk));
 *   assertEquals(chunks, ["hello"]);
 * });
 * ```
 *
 * @returns The stream, which belongs to the caller.
 * @category Terminal
 */
export function openStdin(): ReceiveStream {
  return new StdinStream(sourceOf("open stdin"));
}

/**
 * Options of `stdinLines()`.
 *
 * @category Terminal
 */
export interface StdinLinesOptions {
  /**
   * The most bytes that a line may have.
   *
   * @default {1_048_576}
   */
  readonly max?: number;
}

/**
 * Iterates over the lines of the standard input.
 *
 * Lines end with `\n` or `\r\n`; the last one need not end. Bytes that are not UTF-8 become U+FFFD. Leaving the loop
 * takes no byte beyond the last line: go on with another loop, or with `openStdin()`. A line that is longer than `max`
 * is a `MessageTooLongError`, and its bytes stay where they are.
 *
 * **Cancellation:** throws `Cancelled`; no byte is lost, and lines can be asked for again.
 *
 * @example Until somebody says goodbye
 * ```ts
 * import { stdinLines } from "@trefoil/io";
 * import { simulate } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async (sim) => {
 *   sim.stdin.send("hello\nbye\nand more\n");
 *   const lines: string[] = [];
 *   for await (const line of stdinLines()) {
 *     if (line === "bye") break;
 *     lines.push(line);
 *   }
 *   assertEquals(lines, ["hello"]);
 *   assertEquals(await stdinLines().next(), { done: false, value: "and more" });
 * });
 * ```
 *
 * @param options How long a line may be.
 * @returns The lines, without their ends.
 * @throws {RangeError} If `max` is not a whole number >= 1.
 * @category Terminal
 */
export function stdinLines(options: StdinLinesOptions = {}): AsyncIterableIterator<string> {
  const action = "read lines of stdin";
  const max = requireMax(action, options);
  const source = sourceOf(action);
  return new StdinLines(new StdinStream(source), max);
}

function sourceOf(action: string): StandardInput {
  const { stdin } = currentRun();
  if (stdin === undefined) requireDeno(action);
  return stdin ?? programInput;
}
