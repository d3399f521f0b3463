/** Files and directories for a while. */

import { faultOf, reportHook, requireOptions, requireText } from "../../core/internal.ts";
import { composedWait } from "../../core/lowlevel.ts";
import { shielded } from "../../core/mod.ts";
import { makeTempDir, makeTempFile, removeAll, type TempOptions } from "../host/files.ts";
import { waitForMoment } from "./_file_wait.ts";

/**
 * Options of `openTempDir()` and `openTempFile()`.
 *
 * @category Files
 */
export interface OpenTempOptions {
  /** The directory to make it in. By default that of the system. */
  readonly dir?: string;
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
 * **Cancellation:** throws `Cancelled`; no directory is left. It is removed under a shield.
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
 * @throws {TypeError} If an option is not a text. Errors of the host come as they are.
 * @category Files
 */
export function openTempDir(options: OpenTempOptions = {}): Promise<Temporary> {
  return openTemporary("make a temporary directory", options, makeTempDir);
}

/**
 * Makes an empty file, which is removed at the end of the block.
 *
 * If it cannot be removed, that is printed, and the error of the block, if there is one, passes.
 *
 * **Cancellation:** throws `Cancelled`; no file is left. It is removed under a shield.
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
 * @throws {TypeError} If an option is not a text. Errors of the host come as they are.
 * @category Files
 */
export function openTempFile(options: OpenTempOptions = {}): Promise<Temporary> {
  return openTemporary("make a temporary file", options, makeTempFile);
}

function openTemporary(
  action: string,
  options: OpenTempOptions,
  make: (options: TempOptions) => Promise<string>,
): Promise<Temporary> {
  const fault = faultOf(() => {
    requireOptions(action, options);
    for (const name of ["dir", "prefix", "suffix"] as const) requireText(action, name, options[name]);
  });
  if (fault !== null) return Promise.reject(fault);
  return composedWait(async () => new TemporaryPath(await waitForMoment(action, () => make(options))));
}

class TemporaryPath implements Temporary {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await shielded(() => waitForMoment(`remove ${this.path}`, () => removeAll(this.path)));
    } catch (error) {
      reportHook(`Cannot remove ${this.path} as the host refused`, error);
    }
  }
}
