/** Files and directories for a while. */

import {
  composedWait,
  faultOf,
  inspectable,
  requireOptions,
  requireText,
  show,
  throwFault,
} from "../../core/internal.ts";
import { pathOf } from "../base/paths.ts";
import { files } from "../host/files.ts";
import { requireDeno } from "../host/processes.ts";
import { make, removeQuietly } from "./_undo.ts";

/**
 * Options of `openTempDir()` and `openTempFile()`.
 *
 * @category Files
 */
export interface OpenTempOptions {
  /** The directory to make it in. By default that of the system. */
  readonly dir?: string | URL;
  /** How its name begins. */
  readonly prefix?: string;
  /** How its name ends. */
  readonly suffix?: string;
}

/**
 * A file or directory that is removed at the end of its block.
 *
 * @category Files
 */
export interface Temporary extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
}

/**
 * Makes an empty directory, which is removed with all that is in it at the end of the block.
 *
 * If it cannot be removed, that is printed, and the error of the block, if there is one, passes.
 *
 * **Cancellation:** throws `Cancelled`; no directory is left. Once it has begun to make one, it gives that. It is removed
 * under a shield.
 *
 * @example A place for downloads
 * ```ts
 * import { openTempDir } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let path: string;
 * {
 *   await using dir = await openTempDir();
 *   path = dir.path;
 *   await Deno.writeTextFile(`${path}/page.html`, "…");
 * }
 * assert(await Deno.stat(path).then(() => false, () => true));
 * ```
 *
 * @param options Where, and how it is called.
 * @returns The directory; `await using` removes it.
 * @throws {TypeError} If an option is not a text, or more than a part of a name. Errors of the host come as they are.
 * @category Files
 */
export function openTempDir(options: OpenTempOptions = {}): Promise<Temporary> {
  return openTemporary("make a temporary directory", options, files.tempFolder);
}

/**
 * Makes an empty file, which is removed at the end of the block.
 *
 * If it cannot be removed, that is printed, and the error of the block, if there is one, passes.
 *
 * **Cancellation:** throws `Cancelled`; no file is left. Once it has begun to make one, it gives that. It is removed under
 * a shield.
 *
 * @example A file for another program
 * ```ts
 * import { openTempFile } from "@trefoil/io/os";
 * import { assert } from "@std/assert";
 *
 * await using file = await openTempFile({ suffix: ".json" });
 * await Deno.writeTextFile(file.path, "{}");
 * assert(file.path.endsWith(".json"));
 * ```
 *
 * @param options Where, and how it is called.
 * @returns The file; `await using` removes it.
 * @throws {TypeError} If an option is not a text, or more than a part of a name. Errors of the host come as they are.
 * @category Files
 */
export function openTempFile(options: OpenTempOptions = {}): Promise<Temporary> {
  return openTemporary("make a temporary file", options, files.tempFile);
}

function openTemporary(
  action: string,
  options: OpenTempOptions,
  by: (options: Deno.MakeTempOptions) => Promise<string>,
): Promise<Temporary> {
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
  return composedWait(async () => {
    throwFault(fault);
    return new TemporaryPath(await make(action, () => by(checked)));
  });
}

class TemporaryPath implements Temporary {
  static {
    inspectable(TemporaryPath, "Temporary", ({ path }) => ({ path }));
  }

  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return composedWait(() => removeQuietly(this.path, { recursive: true }));
  }
}
