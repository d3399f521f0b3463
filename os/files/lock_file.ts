/** Locks between processes. */

import { faultOf, requireBoolean, requireOptions } from "../../core/internal.ts";
import { composedWait } from "../../core/lowlevel.ts";
import { type HostFile, open } from "../host/files.ts";
import { requirePath, waitForFile } from "./_file_wait.ts";

/**
 * Options of `lockFile()` and `tryLockFile()`.
 *
 * @category Files
 */
export interface LockFileOptions {
  /**
   * Whether nobody else may have the lock. Those that are not exclusive can have it together.
   *
   * @default {true}
   */
  readonly exclusive?: boolean;
}

/**
 * A lock on a file: `using` gives it back.
 *
 * @category Files
 */
export interface FileLock extends Disposable {
  /** The path of the file, as it was given. */
  readonly path: string | URL;
  /** Gives it back. Harmless when repeated. */
  release(): void;
}

/**
 * Locks a file for this process, waiting while another has the lock; makes the file if there is none.
 *
 * The lock is advisory: it holds among those that ask for it. It ends with the process at the latest. Two calls in one
 * process exclude each other as well.
 *
 * **Order:** that of the system, which promises none.
 *
 * **Cancellation:** throws `Cancelled`; if the lock comes after that, it is given back at once. A wait that was cancelled
 * occupies a thread of the host until then.
 *
 * @example One program at a time
 * ```ts
 * import { lockFile, openTempDir, tryLockFile } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using _ = await lockFile(`${dir.path}/backup.lock`);
 * assertEquals(await tryLockFile(`${dir.path}/backup.lock`), null);
 * ```
 *
 * @param path The path, or a URL of a file.
 * @param options Whether others may have it, too.
 * @returns The lock.
 * @throws {TypeError} If `path` is none. Errors of the host come as they are.
 * @category Files
 */
export function lockFile(path: string | URL, options: LockFileOptions = {}): Promise<FileLock> {
  const fault = faultOf(() => check(path, options));
  if (fault !== null) return Promise.reject(fault);
  const { exclusive = true } = options;
  return composedWait(async () => {
    const file = await openToLock(path);
    const given = async (): Promise<HostFile> => {
      try {
        await file.lock(exclusive);
      } catch (error) {
        file.close();
        throw error;
      }
      return file;
    };
    return new Held(path, await waitForFile(`lock ${path}`, given, (late) => late.close()));
  });
}

/**
 * Locks a file for this process, if no other has the lock; makes the file if there is none.
 *
 * **Cancellation:** throws `Cancelled`; no lock is held.
 *
 * @example Somebody else is at it
 * ```ts
 * import { openTempDir, tryLockFile } from "@trefoil/io/os";
 * import { assert } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using lock = await tryLockFile(`${dir.path}/backup.lock`);
 * assert(lock !== null);
 * ```
 *
 * @param path The path, or a URL of a file.
 * @param options Whether others may have it, too.
 * @returns The lock; `null` if somebody else has it.
 * @throws {TypeError} If `path` is none. Errors of the host come as they are.
 * @category Files
 */
export function tryLockFile(path: string | URL, options: LockFileOptions = {}): Promise<FileLock | null> {
  const fault = faultOf(() => check(path, options));
  if (fault !== null) return Promise.reject(fault);
  const { exclusive = true } = options;
  return composedWait(async () => {
    const file = await openToLock(path);
    let got = false;
    try {
      got = await waitForFile(`lock ${path}`, () => file.tryLock(exclusive));
    } finally {
      if (!got) file.close();
    }
    return got ? new Held(path, file) : null;
  });
}

function check(path: string | URL, options: LockFileOptions): void {
  requirePath("lock a file", path);
  requireOptions("lock a file", options);
  if (options.exclusive !== undefined) requireBoolean("lock a file", "exclusive", options.exclusive);
}

/** A file of its own each time: see `host/files.ts`. */
function openToLock(path: string | URL): Promise<HostFile> {
  const how = { read: true, write: true, create: true };
  return waitForFile(`open ${path}`, () => open(path, how), (late) => late.close());
}

class Held implements FileLock {
  readonly path: string | URL;
  #file: HostFile | null;

  constructor(path: string | URL, file: HostFile) {
    this.path = path;
    this.#file = file;
  }

  release(): void {
    // The system gives it back.
    this.#file?.close();
    this.#file = null;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
