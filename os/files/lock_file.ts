/**
 * Locks between processes, by files (`flock`).
 *
 * Each lock opens the file for itself: to the system the lock belongs to that opening, so two tasks of one program keep
 * each other out as two programs do. (Deno's `tryLock()` hangs on a file with a `lock()` that waits.) A file that was
 * removed or replaced meanwhile, by `writeFileAtomic()` say, is not the one that others lock: then once more.
 */

import {
  composedWait,
  faultOf,
  inspectable,
  read,
  requireBoolean,
  requireOptions,
  throwFault,
} from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files, isFolderError } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";

/**
 * Options of `lockFile()` and `tryLockFile()`.
 *
 * @category Files
 */
export interface LockFileOptions {
  /**
   * Whether nobody else may have a lock at the same time. Otherwise others that are not exclusive may.
   *
   * @default {true}
   */
  readonly exclusive?: boolean;
}

/**
 * A lock on a file, until it is released or its block is left: see `lockFile()`.
 *
 * @category Files
 */
export interface FileLock extends Disposable {
  /** The path of the file, as it was given. */
  readonly path: string | URL;
  /** Gives it back. Harmless when repeated. */
  release(): void;
}

const ACTION = "lock a file";

/**
 * Waits for a lock on a file, which keeps out everybody who asks for one as well: other tasks, and other programs.
 *
 * The file is made if it is not there, and stays. The lock is given back when the program ends, however it does. It is
 * advice only: who does not ask for a lock reads and writes as ever.
 *
 * **Cancellation:** throws `Cancelled`; no lock is held: one that comes later is given back at once. Until then it
 * occupies a thread of the host, and the program cannot end by itself.
 *
 * **Order:** that of the system, which promises none.
 *
 * @example One at a time
 * ```ts
 * import { lockFile, openTempDir, tryLockFile } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using _ = await lockFile(`${dir.path}/backup.lock`);
 * assertEquals(await tryLockFile(`${dir.path}/backup.lock`), null);
 * ```
 *
 * @param path The file; best one that is for this alone.
 * @param options Whether the lock is exclusive.
 * @returns The lock, which belongs to the caller: `using`.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {Deno.errors.PermissionDenied} If the file may not be opened. Other errors of the host pass as they are.
 * @category Files
 */
export function lockFile(path: string | URL, options: LockFileOptions = {}): Promise<FileLock> {
  const { fault, file, exclusive } = check(path, options);
  return composedWait(async () => {
    throwFault(fault);
    while (true) {
      const opened = await open(file);
      try {
        // Closing it gives back a lock that comes too late.
        await hostWait(`lock ${file}`, () => opened.lock(exclusive));
        if (await isStillThere(opened, file)) return new Lock(path, opened);
      } catch (error) {
        opened.close();
        throw error;
      }
      opened.close();
    }
  });
}

/**
 * Takes a lock on a file if nobody else has it now; does not wait for it.
 *
 * **Cancellation:** throws `Cancelled`; no lock is held.
 *
 * @example A program that runs once at a time
 * ```ts
 * import { openTempDir, tryLockFile } from "@trefoil/io/os";
 * import { assert } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using lock = await tryLockFile(`${dir.path}/lock`);
 * assert(lock !== null, "another one is running");
 * ```
 *
 * @param path The file; best one that is for this alone.
 * @param options Whether the lock is exclusive.
 * @returns The lock, which belongs to the caller, or `null` if somebody has it.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {Deno.errors.PermissionDenied} If the file may not be opened. Other errors of the host pass as they are.
 * @category Files
 */
export function tryLockFile(path: string | URL, options: LockFileOptions = {}): Promise<FileLock | null> {
  const { fault, file, exclusive } = check(path, options);
  return composedWait(async () => {
    throwFault(fault);
    while (true) {
      const opened = await open(file);
      let locked = false;
      try {
        locked = await hostWait(`lock ${file}`, () => opened.tryLock(exclusive));
        if (locked && await isStillThere(opened, file)) return new Lock(path, opened);
      } catch (error) {
        opened.close();
        throw error;
      }
      opened.close();
      if (!locked) return null;
    }
  });
}

class Lock implements FileLock {
  static {
    inspectable(Lock, "FileLock", ({ path }) => ({ path }));
  }

  readonly path: string | URL;
  #file: Deno.FsFile | null;

  constructor(path: string | URL, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  release(): void {
    this.#file?.close();
    this.#file = null;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function check(path: unknown, options: LockFileOptions): { fault: unknown; file: string; exclusive: boolean } {
  let file = "";
  let exclusive = true;
  const fault = faultOf(() => {
    file = pathOf(ACTION, "path", path);
    requireOptions(ACTION, options);
    if (options.exclusive !== undefined) requireBoolean(ACTION, "exclusive", options.exclusive);
    exclusive = options.exclusive ?? true;
    requireDeno(`lock "${file}"`);
  });
  return { fault, file, exclusive };
}

/** Opens the file, and makes it if it is not there; one that may only be read will do. */
async function open(path: string): Promise<Deno.FsFile> {
  const as = (options: Deno.OpenOptions): Promise<Deno.FsFile> =>
    hostWait(`open ${path}`, () => files.open(path, options), { late: (late) => late.close() });
  try {
    return await as({ read: true, write: true, create: true });
  } catch (error) {
    if (read(error, "name") === "IsADirectory") throw isFolderError(`lock "${path}"`, path);
    if (read(error, "name") !== "PermissionDenied") throw error;
    try {
      return await as({ read: true });
    } catch (second) {
      throw read(second, "name") === "NotFound" ? error : second;
    }
  }
}

/** Whether what is open is what others would open now. */
async function isStillThere(opened: Deno.FsFile, path: string): Promise<boolean> {
  const ours = await hostWait(`stat ${path}`, () => opened.stat());
  try {
    const theirs = await hostWait(`stat ${path}`, () => files.stat(path));
    return ours.ino === theirs.ino && ours.dev === theirs.dev;
  } catch (error) {
    if (read(error, "name") !== "NotFound") throw error;
    return false;
  }
}
