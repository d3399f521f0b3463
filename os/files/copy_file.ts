/** Copying a file, so that it can be watched and stopped. */

import { composedWait, faultOf, hostNow, requireFunction, requireTimeout, throwFault } from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";
import { openChecked } from "./_open.ts";
import { replaceFile } from "./_replace.ts";
import { requireWriteOptions } from "./_write_options.ts";
import type { WriteFileAtomicOptions } from "./write_file_atomic.ts";

/**
 * Options of `copyFile()`.
 *
 * @category Files
 */
export interface CopyFileOptions extends WriteFileAtomicOptions {
  /**
   * Told how far it is, in bytes, after each megabyte and at the end. What it throws ends the copy, and is thrown.
   *
   * @param progress How many bytes are copied, and how many there were when the copy began.
   */
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void;
  /**
   * How much time must lie between two calls of `onProgress`, but for the one at the end, in milliseconds.
   *
   * @default {0}
   */
  readonly every?: number;
}

const ACTION = "copy a file";
/** How much is copied at a time, in bytes. */
const CHUNK = 1024 * 1024;

/**
 * Copies a file, with its permissions, so that whoever reads the copy sees the old content or all of the new one.
 *
 * `Deno.copyFile()` may be quicker where the file system shares the content between both files. But it cannot be
 * cancelled, and does not say how far it is.
 *
 * **Cancellation:** throws `Cancelled`; what was at `to` is there as before, and nothing beside it.
 *
 * @example How far it is
 * ```ts
 * import { copyFile } from "@trefoil/io/os";
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/from`, "hello");
 * let share = 0;
 * await copyFile(`${dir.path}/from`, `${dir.path}/to`, { onProgress: ({ bytes, total }) => share = bytes / total });
 * assertEquals([share, await readTextFile(`${dir.path}/to`)], [1, "hello"]);
 * ```
 *
 * @param from The file to copy.
 * @param to Where the copy goes.
 * @param options Permissions, durability, and who is told how far it is.
 * @throws {TypeError} If an argument is of the wrong kind, or there is something else than a file at `to`.
 * @throws {Deno.errors.NotFound} If there is no such file. Other errors of the host pass as they are.
 * @category Files
 */
export function copyFile(from: string | URL, to: string | URL, options: CopyFileOptions = {}): Promise<void> {
  let [source, target] = ["", ""];
  const fault = faultOf(() => {
    source = pathOf(ACTION, "from", from);
    target = pathOf(ACTION, "to", to);
    requireWriteOptions(ACTION, options);
    if (options.onProgress !== undefined) requireFunction(ACTION, "onProgress", options.onProgress);
    if (options.every !== undefined) requireTimeout(ACTION, "every", options.every);
    requireDeno(`copy "${source}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    const { onProgress, every = 0, durable = false } = options;
    using file = await openChecked(source, { read: true });
    const { mode, size: total } = await hostWait(`stat ${source}`, () => files.stat(source));
    await replaceFile(
      target,
      options.mode ?? (mode === null ? undefined : mode & 0o777),
      durable,
      async (temporary) => {
        const buffer = new Uint8Array(CHUNK);
        let [bytes, told] = [0, -1];
        let toldAt = hostNow();
        const tell = (): void => {
          [told, toldAt] = [bytes, hostNow()];
          onProgress?.({ bytes, total });
        };
        for (let size = await file.receiveInto(buffer); size !== null; size = await file.receiveInto(buffer)) {
          await temporary.sendAll(buffer.subarray(0, size));
          bytes += size;
          if (bytes - told >= CHUNK && hostNow() - toldAt >= every) tell();
        }
        if (told !== bytes) tell();
      },
    );
  });
}
