/** Reading files whole, or line by line. */

import { faultOf } from "../../core/internal.ts";
import { BufferedReceiver, type ReceiveStream } from "../../net/mod.ts";
import { linesOf, requireMax } from "../base/lines.ts";
import { open, readBytes, readText } from "../host/files.ts";
import { requirePath, waitForFile } from "./_file_wait.ts";
import { FileReceiver } from "./_file_receiver.ts";

/**
 * Reads a file whole.
 *
 * Errors of the host come as they are, such as `Deno.errors.NotFound`.
 *
 * **Cancellation:** throws `Cancelled`, and the reading ends; nothing is left behind.
 *
 * @example A file of this program
 * ```ts
 * import { openTempDir, readFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/logo`, new Uint8Array([1, 2, 3]));
 * assertEquals(await readFile(`${dir.path}/logo`), new Uint8Array([1, 2, 3]));
 * ```
 *
 * @param path The path, or a URL of a file.
 * @returns Its bytes.
 * @throws {TypeError} If `path` is none.
 * @category Files
 */
export function readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const fault = faultOf(() => requirePath("read a file", path));
  if (fault !== null) return Promise.reject(fault);
  return waitForFile(`read ${path}`, (signal) => readBytes(path, signal));
}

/**
 * Reads a file of text whole, as UTF-8.
 *
 * Bytes that are no UTF-8 become U+FFFD. Errors of the host come as they are, such as `Deno.errors.NotFound`.
 *
 * **Cancellation:** throws `Cancelled`, and the reading ends; nothing is left behind.
 *
 * @example The settings of a program
 * ```ts
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/settings.json`, '{ "volume": 11 }');
 * assertEquals(JSON.parse(await readTextFile(`${dir.path}/settings.json`)), { volume: 11 });
 * ```
 *
 * @param path The path, or a URL of a file.
 * @returns Its text.
 * @throws {TypeError} If `path` is none.
 * @category Files
 */
export function readTextFile(path: string | URL): Promise<string> {
  const fault = faultOf(() => requirePath("read a file", path));
  if (fault !== null) return Promise.reject(fault);
  return waitForFile(`read ${path}`, (signal) => readText(path, signal));
}

/**
 * Options of `readLines()`.
 *
 * @category Files
 */
export interface ReadLinesOptions {
  /**
   * The most bytes that a line may have.
   *
   * @default {1_048_576}
   */
  readonly max?: number;
}

/**
 * Iterates over the lines of a file, or of a stream.
 *
 * A file is opened when the first line is asked for, and closed when the loop is left, whatever ends it. A stream is lent, and not closed.
 *
 * **Cancellation:** throws `Cancelled`; the file is closed, and the lines are over. From a stream no line is lost.
 *
 * @example Counting lines of a log
 * ```ts
 * import { openTempDir, readLines, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/server.log`, "INFO up\nERROR full\nERROR full\n");
 * let errors = 0;
 * for await (const line of readLines(`${dir.path}/server.log`)) if (line.startsWith("ERROR")) errors++;
 * assertEquals(errors, 2);
 * ```
 *
 * @param source The path, a URL of a file, or a stream.
 * @param options How long a line may be.
 * @returns The lines, without their ends.
 * @throws {TypeError} If `source` is none of these.
 * @throws {RangeError} If `max` is not a whole number >= 1.
 * @category Files
 */
export function readLines(
  source: string | URL | ReceiveStream,
  options: ReadLinesOptions = {},
): AsyncIterableIterator<string> {
  const action = "read lines";
  const max = requireMax(action, options);
  if (typeof source === "object" && !(source instanceof URL)) {
    return new BufferedReceiver(source).lines({ max });
  }
  requirePath(action, source, "source");
  return linesOf(async () => {
    const file = await waitForFile(`open ${source}`, () => open(source, { read: true }), (late) => late.close());
    return new FileReceiver(file, `read ${source}`);
  }, max);
}
