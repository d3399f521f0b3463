/** Opening a file of the host, whatever becomes of the wait for it. */

import { beginHostOperation } from "../../core/lowlevel.ts";
import { hostWait } from "../base/host_wait.ts";
import { files, isAllowed, isFolderError } from "../host/files.ts";
import { FileStreamImpl } from "./_file_stream.ts";
import type { FileStream } from "./file_stream.ts";

/** Opens what was checked before. */
export async function openChecked(path: string, options: Deno.OpenOptions): Promise<FileStream> {
  const file = await hostWait(`open ${path}`, () => openIt(path, options), {
    late: (late) => late.close(),
    abort: () => void letGo(path),
  });
  return new FileStreamImpl(path, file);
}

/** Opens a file; what is a folder is closed at once. */
async function openIt(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  const file = await files.open(path, options);
  try {
    // One that opens, and then fails with each read.
    if (!(await file.stat()).isDirectory) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  throw isFolderError(`open "${path}"`, path);
}

/**
 * Has an open that nobody waits for any more come to its end, if it is that of a named pipe: it waits for somebody at
 * the other end, for ever perhaps, and the program could not end before.
 */
async function letGo(path: string): Promise<void> {
  const operation = beginHostOperation(`let go of ${path}`);
  try {
    if (!isAllowed(path) || !(await files.stat(path)).isFifo) return;
    // Both ends: this never waits.
    (await files.open(path, { read: true, write: true })).close();
  } catch {
    // It cannot be helped.
  } finally {
    operation.end();
  }
}
