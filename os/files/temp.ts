/** Folders and files for a while. */

import {
  composedWait,
  faultOf,
  inspectable,
  requireOptions,
  requireText,
  show,
  throwFault,
} from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";
import { FileStreamImpl } from "./_file_stream.ts";
import type { FileStream } from "./file_stream.ts";
import { make, removeQuietly } from "./_undo.ts";

/**
 * Options of `openTempDir()` and `openTempFile()`.
 *
 * @category Files
 */
export interface TempOptions {
  /** The folder in which it is made; that of the system if left out. */
  readonly dir?: string | URL;
  /** What its name begins with. */
  readonly prefix?: string;
  /** What its name ends with. */
  readonly suffix?: string;
}

/**
 * A folder that is removed, with everything in it, when its block is left: see `openTempDir()`.
 *
 * @category Files
 */
export interface TempDir extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
}

/**
 * A file that is removed when its block is left: see `openTempFile()`.
 *
 * @category Files
 */
export interface TempFile extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
  /** The file, open to read and write. It is closed before it is removed. */
  readonly stream: FileStream;
}

/**
 * Makes a folder for a while, with a name that nobody has, which nobody else may enter.
 *
 * It is removed with everything in it when the block is left, also if that is cancelled. A failure of that is reported on
 * the console, not thrown: it must not hide why the block was left.
 *
 * **Cancellation:** throws `Cancelled`; no folder is left. Once it has begun to make one, it gives that.
 *
 * @example A folder for a block
 * ```ts
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir({ prefix: "build-" });
 * await writeFileAtomic(`${dir.path}/output`, "built");
 * assertEquals(await readTextFile(`${dir.path}/output`), "built");
 * ```
 *
 * @param options Where, and under which name.
 * @returns The folder, which belongs to the caller: `await using`.
 * @throws {TypeError} If an option is of the wrong kind.
 * @throws {Deno.errors.NotFound} If `dir` is not there. Other errors of the host pass as they are.
 * @category Files
 */
export function openTempDir(options: TempOptions = {}): Promise<TempDir> {
  const [fault, checked] = check("make a folder", options);
  return composedWait(async () => {
    throwFault(fault);
    return new Temporary(await make("make a folder", () => files.tempFolder(checked)), null) as TempDir;
  });
}

/**
 * Makes an empty file for a while, with a name that nobody has, which nobody else may read.
 *
 * It is closed and removed when the block is left, also if that is cancelled. A failure of that is reported on the
 * console, not thrown.
 *
 * **Cancellation:** throws `Cancelled`; no file is left.
 *
 * @example A file for a program that wants one
 * ```ts
 * import { openTempFile, runProcess } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using file = await openTempFile({ suffix: ".txt" });
 * await file.stream.sendText("b\na\n");
 * const { stdout } = await runProcess(["sort", file.path], { stdout: "text" });
 * assertEquals(stdout, "a\nb\n");
 * ```
 *
 * @param options Where, and under which name.
 * @returns The file, which belongs to the caller: `await using`.
 * @throws {TypeError} If an option is of the wrong kind.
 * @throws {Deno.errors.NotFound} If `dir` is not there. Other errors of the host pass as they are.
 * @category Files
 */
export function openTempFile(options: TempOptions = {}): Promise<TempFile> {
  const [fault, checked] = check("make a file", options);
  return composedWait(async () => {
    throwFault(fault);
    const path = await make("make a file", () => files.tempFile(checked));
    try {
      const file = await hostWait(`open ${path}`, () => files.open(path, { read: true, write: true }), {
        late: (late) => late.close(),
      });
      return new Temporary(path, new FileStreamImpl(path, file)) as TempFile;
    } catch (error) {
      await removeQuietly(path);
      throw error;
    }
  });
}

class Temporary {
  static {
    inspectable(Temporary, "Temporary", ({ path }) => ({ path }));
  }

  readonly path: string;
  readonly stream: FileStream | null;

  constructor(path: string, stream: FileStream | null) {
    this.path = path;
    this.stream = stream;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return composedWait(async () => {
      this.stream?.close();
      await removeQuietly(this.path, { recursive: this.stream === null });
    });
  }
}

function check(action: string, options: TempOptions): readonly [fault: unknown, checked: Deno.MakeTempOptions] {
  const checked: Deno.MakeTempOptions = {};
  const fault = faultOf(() => {
    requireOptions(action, options);
    if (options.dir !== undefined) checked.dir = pathOf(action, "dir", options.dir);
    for (const name of ["prefix", "suffix"] as const) {
      const part = options[name];
      if (part === undefined) continue;
      requireText(action, name, part);
      // It would be made in another folder.
      if (/[\\/\0]/.test(part)) {
        throw new TypeError(`Cannot ${action} as "${name}" must be a part of a name: received ${show(part)}`);
      }
      checked[name] = part;
    }
    requireDeno(action);
  });
  return [fault, checked];
}
