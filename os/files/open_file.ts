/** Opening a file as a stream. */

import {
  composedWait,
  faultOf,
  requireBoolean,
  requireInteger,
  requireOptions,
  show,
  throwFault,
} from "../../core/internal.ts";
import { pathOf } from "../base/paths.ts";
import { requireDeno } from "../host/processes.ts";
import { openChecked } from "./_open.ts";
import type { FileStream } from "./file_stream.ts";

/**
 * Options of `openFile()`.
 *
 * @category Files
 */
export interface OpenFileOptions {
  /**
   * Whether it can be read.
   *
   * @default {true} unless `write` or `append` is
   */
  readonly read?: boolean;
  /**
   * Whether it can be written, from its position on.
   *
   * @default {false}
   */
  readonly write?: boolean;
  /**
   * Whether it can be written, at its end only, wherever that is by then.
   *
   * @default {false}
   */
  readonly append?: boolean;
  /**
   * Whether it is made if it is not there.
   *
   * @default {false}
   */
  readonly create?: boolean;
  /**
   * Whether it is made, and must not be there before: an error named `AlreadyExists` otherwise.
   *
   * @default {false}
   */
  readonly createNew?: boolean;
  /**
   * Whether what was in it is dropped.
   *
   * @default {false}
   */
  readonly truncate?: boolean;
  /**
   * The permissions of a file that is made, less those that the system takes away from all (`umask`).
   *
   * @default {0o666}
   */
  readonly mode?: number;
}

const ACTION = "open a file";
const WISHES = ["read", "write", "append", "create", "createNew", "truncate"] as const;

/**
 * Opens a file as a stream in both directions, with a position.
 *
 * A directory is refused, and nothing stays open then. To read or write a whole file, see `readFile()`,
 * `readTextFile()`, `readLines()` and `writeFileAtomic()`.
 *
 * **Cancellation:** throws `Cancelled`; a file that opens too late is closed. The host itself goes on to open it: a
 * named pipe without a peer, or a disk that hangs, occupies one of its threads until then. A pipe is let go by opening
 * its other end for a moment.
 *
 * @example The first bytes of a file, and its size
 * ```ts
 * import { openFile, openTempDir } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using file = await openFile(`${dir.path}/data`, { read: true, write: true, create: true });
 * await file.sendText("0123456789");
 * await file.seek(2);
 * assertEquals(await file.receiveSome(3), new TextEncoder().encode("234"));
 * assertEquals(await file.size(), 10);
 * ```
 *
 * @param path Where it is.
 * @param options How to open it.
 * @returns The file, which belongs to the caller.
 * @throws {TypeError} If an option is of the wrong kind, or two contradict each other.
 * @throws {Deno.errors.NotFound} If there is no such file, and none is to be made. Other errors of the host pass as they
 * are.
 * @category Files
 */
export function openFile(path: string | URL, options: OpenFileOptions = {}): Promise<FileStream> {
  let file!: string;
  let checked!: Deno.OpenOptions;
  const fault = faultOf(() => {
    file = pathOf(ACTION, "path", path);
    checked = checkOptions(options);
    requireDeno(`open "${file}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    return await openChecked(file, checked);
  });
}

function checkOptions(options: OpenFileOptions): Deno.OpenOptions {
  requireOptions(ACTION, options);
  for (const name of WISHES) if (options[name] !== undefined) requireBoolean(ACTION, name, options[name]);
  const { write = false, append = false, create = false, createNew = false, truncate = false, mode } = options;
  const { read = !write && !append } = options;
  if (!read && !write && !append) {
    throw new TypeError(`Cannot ${ACTION} as one of "read", "write" and "append" must be true: received none`);
  }
  for (const [name, wanted] of Object.entries({ create, createNew, truncate })) {
    if (!wanted || write || append) continue;
    throw new TypeError(`Cannot ${ACTION} with "${name}" as "write" or "append" must be true: received neither`);
  }
  if (truncate && append) {
    throw new TypeError(`Cannot ${ACTION} with "truncate" as "append" must not be true: use "write"`);
  }
  if (mode !== undefined) {
    requireInteger(ACTION, "mode", mode, 0, 0o7777);
    if (!create && !createNew) {
      throw new TypeError(
        `Cannot ${ACTION} with "mode" as "create" or "createNew" must be true: received ${show(mode)} and neither`,
      );
    }
  }
  return { read, write, append, create, createNew, truncate, ...mode === undefined ? {} : { mode } };
}
