/** The lines of a file, or of anything else that gives bytes. */

import { read } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import { pathOf } from "../base/paths.ts";
import { linesOf, requireMax } from "../base/lines.ts";
import { requireDeno } from "../host/processes.ts";
import { openChecked } from "./_open.ts";

/**
 * Options of `readLines()` and `stdinLines()`.
 *
 * @category Files
 */
export interface ReadLinesOptions {
  /**
   * The most bytes that a line may have, without its end.
   *
   * @default {1_048_576}
   */
  readonly max?: number;
}

const ACTION = "read lines";

/**
 * Iterates over the lines of a file, or of a stream, without ever holding more than a part of it.
 *
 * Lines end with `\n` or `\r\n`, which is not part of the line; the last one need not end. Bytes that are not UTF-8
 * become U+FFFD. A file is opened when the first line is asked for. It is closed at its end, when the loop is left, and
 * when a line cannot be had. A stream is lent, and not closed; but what was received of it beyond the last line is gone:
 * to go on with that, use `BufferedReceiver.lines()`.
 *
 * **Cancellation:** throws `Cancelled` between any two lines, and closes the file.
 *
 * @example Counting lines
 * ```ts
 * import { openTempDir, readLines, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/log`, "one\ntwo\nthree");
 * const lines: string[] = [];
 * for await (const line of readLines(`${dir.path}/log`)) lines.push(line);
 * assertEquals(lines, ["one", "two", "three"]);
 * ```
 *
 * @param source The path of a file, or a stream: an open file, a connection, the output of a process.
 * @param options How long a line may be.
 * @returns An iterator over the lines; its `next()` throws what opening and reading the file throw.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `max` is not a whole number >= 1.
 * @throws {MessageTooLongError} By `next()`, if a line is longer than `max`.
 * @category Files
 */
export function readLines(
  source: string | URL | ReceiveStream,
  options: ReadLinesOptions = {},
): AsyncIterableIterator<string> {
  const max = requireMax(ACTION, options);
  if (isStream(source)) return linesOf(() => source, max, () => {});
  const path = pathOf(ACTION, "source", source);
  requireDeno(`read "${path}"`);
  return linesOf(() => openChecked(path, { read: true }), max, (file) => file.close());
}

function isStream(source: unknown): source is ReceiveStream {
  return typeof read(source, "receiveInto") === "function";
}
