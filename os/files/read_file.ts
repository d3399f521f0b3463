/** Reading whole files. */

import { composedWait, faultOf, throwFault } from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";

/**
 * Reads a whole file.
 *
 * **Cancellation:** throws `Cancelled` at once, however large the file is; the host is told to stop reading.
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
  return readBy(path, files.read);
}

/**
 * Reads a whole file as text. Bytes that are not UTF-8 become U+FFFD.
 *
 * **Cancellation:** throws `Cancelled` at once, however large the file is; the host is told to stop reading.
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
  return readBy(path, files.readText);
}

function readBy<T>(path: string | URL, by: (path: string, signal: AbortSignal) => Promise<T>): Promise<T> {
  let file!: string;
  const fault = faultOf(() => {
    file = pathOf("read a file", "path", path);
    requireDeno(`read "${file}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    const controller = new AbortController();
    return await hostWait(`read ${file}`, () => by(file, controller.signal), { abort: () => controller.abort() });
  });
}
