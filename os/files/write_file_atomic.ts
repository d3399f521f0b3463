/**
 * Writing a whole file so that nobody ever sees a part of it.
 *
 * A file beside it is written and takes its name: `rename` is the one thing that a file system does as a whole. Where
 * the path is a symbolic link, what it points to is written, as a rename would take the place of the link. An aborted
 * `Deno.writeFile` leaves a part of the file.
 */

import { composedWait, faultOf, read, show, throwFault } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import { pathOf } from "../base/paths.ts";
import { requireDeno } from "../host/processes.ts";
import { replaceFile } from "./_replace.ts";
import { requireWriteOptions } from "./_write_options.ts";

/**
 * Options of `writeFileAtomic()`.
 *
 * @category Files
 */
export interface WriteFileAtomicOptions {
  /** The permissions of the file. By default those of the file that is replaced, or `0o600` for a new one. */
  readonly mode?: number;
  /**
   * Whether to wait until the disk has it, so that it also survives a power failure. Takes about three times as long.
   *
   * @default {false}
   */
  readonly durable?: boolean;
}

const ACTION = "write a file";

/**
 * Writes a whole file: whoever reads it sees the old content or the new one, and never a part.
 *
 * The new content goes to a file beside it, which then takes its place. Of several that write at a time, the last one
 * wins. A symbolic link stays one: what it points to is written. Needs permission to read and write the folder.
 *
 * **Cancellation:** throws `Cancelled`; the old content is there, and nothing beside it. The same goes for a failure. Of
 * a stream that was given, a part has been taken.
 *
 * **Not guaranteed:** that the owner of the file, or other names for it (hard links), stay as they were.
 *
 * @example A state that survives whatever happens
 * ```ts
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/state.json`, JSON.stringify({ visits: 1 }), { durable: true });
 * assertEquals(await readTextFile(`${dir.path}/state.json`), '{"visits":1}');
 * ```
 *
 * @param path Where it is, or will be.
 * @param data The content: text, which becomes UTF-8, bytes, or a stream, which is read to its end and not closed.
 * @param options Permissions, durability.
 * @throws {TypeError} If there is something else than a file at `path`, or an argument is of the wrong kind.
 * @throws {Deno.errors.NotFound} If its folder is not there. Other errors of the host pass as they are.
 * @category Files
 */
export function writeFileAtomic(
  path: string | URL,
  data: string | Uint8Array | ReceiveStream,
  options: WriteFileAtomicOptions = {},
): Promise<void> {
  let file!: string;
  const fault = faultOf(() => {
    file = pathOf(ACTION, "path", path);
    requireWriteOptions(ACTION, options);
    if (
      typeof data !== "string" && !(data instanceof Uint8Array) && typeof read(data, "receiveSome") !== "function"
    ) {
      throw new TypeError(
        `Cannot ${ACTION} as "data" must be a string, a Uint8Array or a ReceiveStream: received ${show(data)}`,
      );
    }
    requireDeno(`write "${file}"`);
  });
  return composedWait(async () => {
    throwFault(fault);
    const { mode, durable = false } = options;
    await replaceFile(file, mode, durable, async (temporary) => {
      if (typeof data === "string") await temporary.sendText(data);
      else if (data instanceof Uint8Array) await temporary.sendAll(data);
      else {
        // Not iterated: that may close it.
        for (let chunk = await data.receiveSome(); chunk !== null; chunk = await data.receiveSome()) {
          await temporary.sendAll(chunk);
        }
      }
    });
  });
}
