/** Reading whole files. */

import { composedWait, faultOf, throwFault } from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";
import { openChecked } from "./_open.ts";

/**
 * Reads a whole file.
 *
 * **Cancellation:** throws `Cancelled` at once, however large the file is, and no more than 64 MiB are read after that.
 *
 * @example Bytes
 * ```ts
 * import { openTempDir, readFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/data`, new Uint8Array([1, 2, 3]));
 * assertEquals(await readFile(`${dir.path}/data`), new Uint8Array([1, 2, 3]));
 * ```
 *
 * @param path Where it is.
 * @returns Its bytes, which belong to the caller.
 * @throws {Deno.errors.NotFound} If there is no such file. Other errors of the host pass as they are.
 * @category Files
 */
export function readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  return readBy(path, files.read, (bytes) => bytes);
}

/**
 * Reads a whole file as text. Bytes that are not UTF-8 become U+FFFD.
 *
 * **Cancellation:** throws `Cancelled` at once, however large the file is, and no more than 64 MiB are read after that.
 *
 * @example A text
 * ```ts
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/greeting.txt`, "hello");
 * assertEquals(await readTextFile(`${dir.path}/greeting.txt`), "hello");
 * ```
 *
 * @param path Where it is.
 * @returns Its text.
 * @throws {Deno.errors.NotFound} If there is no such file. Other errors of the host pass as they are.
 * @category Files
 */
export function readTextFile(path: string | URL): Promise<string> {
  return readBy(path, files.readText, (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}

/** What the host reads at once, in bytes. */
const MOST = 64 * 1024 * 1024;

/**
 * The host reads a file to its end, whoever has aborted that (Deno 2.9.6): of `/dev/zero`, or of a pipe that somebody
 * writes to for ever, until there is no memory left. So it gets only what has an end that is near.
 */
function readBy<T>(
  path: string | URL,
  by: (path: string, signal: AbortSignal) => Promise<T>,
  from: (bytes: Uint8Array<ArrayBuffer>) => T,
): Promise<T> {
  let file!: string;
  const fault = faultOf(() => {
    file = pathOf("read a file", "path", path);
    requireDeno(`read "${file}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    const label = `read ${file}`;
    const { isFile, isDirectory, size } = await hostWait(label, () => files.stat(file));
    // Of a folder the host says what is wrong.
    if (isDirectory || isFile && size > 0 && size <= MOST) {
      const controller = new AbortController();
      return await hostWait(label, () => by(file, controller.signal), { abort: () => controller.abort() });
    }
    using stream = await openChecked(file, { read: true });
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return from(joined(chunks));
  });
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
