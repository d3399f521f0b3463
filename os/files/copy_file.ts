/** Copying a file, so that it can be watched and stopped. */

import {
  composedWait,
  faultOf,
  hostNow,
  requireFunction,
  requireOptions,
  requireTimeout,
  throwFault,
} from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";
import { openChecked } from "./_open.ts";
import { replaceFile } from "./_replace.ts";

/**
 * How far a copy is: see `CopyFileOptions.onProgress`.
 *
 * @category Files
 */
export interface CopyProgress {
  /** How many bytes are copied. */
  readonly bytes: number;
  /** How many there were when the copy began; more may have come since. */
  readonly total: number;
}

/**
 * Options of `copyFile()`.
 *
 * @category Files
 */
export interface CopyFileOptions {
  /**
   * Called now and then, and at the end. What it throws ends the copy, and is thrown.
   *
   * @param progress How far the copy is.
   */
  readonly onProgress?: (progress: CopyProgress) => void;
  /**
   * How often it is called at most, in milliseconds.
   *
   * @default {100}
   */
  readonly every?: number;
}

const ACTION = "copy a file";
/** How much is copied at a time, in bytes. */
const CHUNK = 1024 * 1024;
const EVERY = 100;

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
 * @param options How far it is.
 * @throws {TypeError} If an argument is of the wrong kind, or there is something else than a file at `to`.
 * @throws {Deno.errors.NotFound} If there is no such file. Other errors of the host pass as they are.
 * @category Files
 */
export function copyFile(from: string | URL, to: string | URL, options: CopyFileOptions = {}): Promise<void> {
  let [source, target] = ["", ""];
  const fault = faultOf(() => {
    source = pathOf(ACTION, "from", from);
    target = pathOf(ACTION, "to", to);
    requireOptions(ACTION, options);
    if (options.onProgress !== undefined) requireFunction(ACTION, "onProgress", options.onProgress);
    if (options.every !== undefined) requireTimeout(ACTION, "every", options.every);
    requireDeno(`copy "${source}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    const { onProgress, every = EVERY } = options;
    using file = await openChecked(source, { read: true });
    const { mode, size: total } = await hostWait(`stat ${source}`, () => files.stat(source));
    await replaceFile(target, mode === null ? undefined : mode & 0o7777, false, async (temporary) => {
      const buffer = new Uint8Array(CHUNK);
      let bytes = 0;
      let told = hostNow();
      for (let size = await file.receiveInto(buffer); size !== null; size = await file.receiveInto(buffer)) {
        await temporary.sendAll(buffer.subarray(0, size));
        bytes += size;
        if (onProgress === undefined || hostNow() - told < every) continue;
        onProgress({ bytes, total });
        told = hostNow();
      }
      onProgress?.({ bytes, total });
    });
  });
}
