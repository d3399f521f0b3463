/**
 * What has to be watched so that nothing that happens to a path goes unseen: its folder, as a watch on a file itself is
 * lost with the first atomic save; those of all symbolic links on the way, as each may be turned elsewhere; and where a
 * part of the path is missing, the folder in which it would appear.
 */

import { read } from "../../core/internal.ts";
import { absoluteOf, folderOf, isAbsolute, within } from "../base/paths.ts";
import { files, mayRead } from "../host/files.ts";

/** How many symbolic links are followed; Linux has the same. */
const MOST_LINKS = 40;

/** See the header. */
export interface Anchors {
  /** The paths whose coming, going and turning elsewhere matter. */
  readonly hops: readonly string[];
  /** The folders to watch, each alone; and which they are, as another may come under the same name. */
  readonly folders: ReadonlyMap<string, string>;
  /** Whether the path leads to a folder, whose content is to be watched. */
  readonly isFolder: boolean;
  /** What is there, for comparison; `null` if nothing is. */
  readonly sign: string | null;
}

/**
 * Finds out what to watch for a path, as things are now. Fails with `NotFound` if they change meanwhile. What the program
 * may not read of the way to a folder is left out: it is watched as long as it is there.
 */
export async function anchorsOf(path: string): Promise<Anchors> {
  const hops: string[] = [];
  let target: string | null = path;
  let info: Deno.FileInfo | null = null;
  for (let links = 0; target !== null && links <= MOST_LINKS; links++) {
    const stop: Stop = await firstStop(target);
    hops.push(stop.path);
    target = stop.link;
    info = target === null ? stop.info : null;
  }
  const folders = new Map<string, string>();
  const isFolder = info?.isDirectory === true;
  for (const folder of hops.map(folderOf)) {
    if (!isFolder || mayRead(folder)) folders.set(folder, signOf(await files.stat(folder)));
  }
  return { hops, folders, isFolder, sign: info === null ? null : signOf(info) };
}

/** What tells one thing from another, and a file from what it was. The content of a folder has events of its own. */
function signOf({ dev, ino, isDirectory, mtime, size }: Deno.FileInfo): string {
  return `${dev} ${ino}${isDirectory ? "" : ` ${mtime?.getTime()} ${size}`}`;
}

interface Stop {
  readonly path: string;
  /** Where the path leads on from here; `null` where it ends. */
  readonly link: string | null;
  /** What is there at the end. */
  readonly info: Deno.FileInfo | null;
}

/** The first link on a path, the first part of it that is missing, or its end. */
async function firstStop(path: string): Promise<Stop> {
  let info: Deno.FileInfo | null = null;
  for (const part of partsOf(path)) {
    if (part !== path && !mayRead(part)) continue;
    info = await lookAt(part);
    if (info === null) return { path: part, link: null, info: null };
    if (!info.isSymlink) continue;
    const link = await files.readLink(part).catch(() => null);
    if (link === null) return { path: part, link: null, info: null };
    const to = isAbsolute(link) ? link : within(folderOf(part), link);
    return { path: part, link: absoluteOf(to + path.slice(part.length), "/"), info };
  }
  return { path, link: null, info };
}

/** The paths of all folders on the way, outermost first, and that of the end. */
function partsOf(path: string): string[] {
  const parts = [path];
  for (let folder = folderOf(path); folder !== parts[0]; folder = folderOf(folder)) parts.unshift(folder);
  return parts;
}

/** What is there, or `null`. */
export async function lookAt(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await files.lstat(path);
  } catch (error) {
    if (read(error, "name") === "NotFound" || read(error, "code") === "ENOTDIR") return null;
    throw error;
  }
}
