/** Putting a new file in the place of another one, as a whole or not at all: see `write_file_atomic.ts`. */

import { hostTimeout, read } from "../../core/internal.ts";
import { checkpoint, shielded } from "../../core/mod.ts";
import { hostWait } from "../base/host_wait.ts";
import { folderOf, isAbsolute, nameOf, within } from "../base/paths.ts";
import { files, isFolderError } from "../host/files.ts";
import { isWindows } from "../host/processes.ts";
import type { FileStream } from "./file_stream.ts";
import { FileStreamImpl } from "./_file_stream.ts";
import { make, removeQuietly } from "./_undo.ts";

/** How many symbolic links are followed; Linux has the same. */
const MOST_LINKS = 40;
/** How much of the name goes into that of the temporary file, in characters: names may have 255 bytes. */
const MOST_NAME = 40;
/** Windows refuses to replace a file that somebody has open: how often that is tried, and how long apart, in ms. */
const TRIES = 3;
const PAUSE = 50;

/** Has `fill` write the new content of a file; `mode` is that of the file, by default as it was. */
export async function replaceFile(
  path: string,
  mode: number | undefined,
  durable: boolean,
  fill: (temporary: FileStream) => Promise<void>,
): Promise<void> {
  const target = await targetOf(path);
  const old = await missing(hostWait(`stat ${target}`, () => files.stat(target)));
  if (old?.isDirectory) throw isFolderError(`write "${path}"`, path);
  if (old?.isFile === false) {
    throw new TypeError(`Cannot write "${path}" as it must be a file: it is a device, a pipe or a socket`);
  }
  const folder = folderOf(target);
  // Made by the host, under a name that nobody has, and for nobody else to read.
  const options = { dir: folder, prefix: `.${nameOf(target).slice(0, MOST_NAME)}.`, suffix: ".tmp" };
  const temporary = await make(`make a file in ${folder}`, () => files.tempFile(options));
  let placed = false;
  try {
    const file = new FileStreamImpl(
      temporary,
      await hostWait(`open ${temporary}`, () => files.open(temporary, { write: true }), {
        late: (late) => late.close(),
      }),
    );
    try {
      await fill(file);
      if (durable) await file.sync();
    } finally {
      file.close();
    }
    const wanted = mode ?? ((old?.mode ?? 0o600) & 0o7777);
    if (wanted !== 0o600 && !isWindows) await hostWait(`chmod ${temporary}`, () => files.chmod(temporary, wanted));
    await checkpoint();
    // From here on there is no way back.
    await shielded(async () => {
      await rename(temporary, target);
      placed = true;
      if (durable && !isWindows) await syncFolder(folder);
    });
  } finally {
    if (!placed) await removeQuietly(temporary);
  }
}

/** Where a path leads, also if there is nothing yet. */
async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const there = target;
    const real = await missing(hostWait(`real path of ${there}`, () => files.realPath(there)));
    if (real !== null) return real;
    // A link to what is not there is followed as well.
    const link = await missing(hostWait(`read link ${there}`, () => files.readLink(there)), "InvalidData", "EINVAL");
    if (link === null) return there;
    target = isAbsolute(link) ? link : within(folderOf(there), link);
  }
  return target;
}

/** `null` if something is not there; or not of the kind that the host names so. */
async function missing<T>(promise: Promise<T>, ...others: readonly string[]): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const [name, code] = [read(error, "name"), read(error, "code")];
    if (name === "NotFound" || others.includes(name as string) || others.includes(code as string)) return null;
    throw error;
  }
}

async function rename(from: string, to: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await hostWait(`rename ${from}`, () => files.rename(from, to));
    } catch (error) {
      if (!isWindows || tries === TRIES || read(error, "code") !== "EPERM") throw error;
    }
    await hostWait("wait for a file to be closed", () => new Promise<void>((resolve) => hostTimeout(resolve, PAUSE)));
  }
}

/** The name of a file is in its folder, which the disk has to have as well. */
async function syncFolder(folder: string): Promise<void> {
  const file = await hostWait(`open ${folder}`, () => files.open(folder, { read: true }), {
    late: (late) => late.close(),
  });
  try {
    await hostWait(`sync ${folder}`, () => file.sync());
  } finally {
    file.close();
  }
}
