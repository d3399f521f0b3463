/**
 * The files of the system: the one file of `os` that calls `Deno` for them.
 *
 * Facts of Deno 2.9.6, each one tried: an aborted `Deno.writeFile()` leaves a part of the file; `Deno.rename()` over a
 * symbolic link replaces the link; `tryLock()` on a file with a pending `lock()` never answers, so each lock opens a file
 * of its own; opening a FIFO without a writer occupies a thread until there is one.
 */

import { requireDeno } from "./processes.ts";

/** As much of an open file as is used. */
export interface HostFile {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  syncData(): Promise<void>;
  sync(): Promise<void>;
  lock(exclusive: boolean): Promise<void>;
  tryLock(exclusive: boolean): Promise<boolean>;
  close(): void;
}

/** Reads a file whole. */
export async function readBytes(path: string | URL, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  requireDeno("read a file");
  return await Deno.readFile(path, { signal });
}

/** Reads a file of text whole. */
export async function readText(path: string | URL, signal: AbortSignal): Promise<string> {
  requireDeno("read a file");
  return await Deno.readTextFile(path, { signal });
}

/** Opens a file. */
export async function open(path: string | URL, options: Deno.OpenOptions): Promise<HostFile> {
  requireDeno("open a file");
  return await Deno.open(path, options);
}

/** Where a path leads, and what stands there. A link that leads to nothing leads there all the same. */
export async function whereTo(path: string | URL): Promise<{ readonly target: string; readonly mode: number | null }> {
  requireDeno("write a file");
  let target: string;
  try {
    target = await Deno.realPath(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { target: await danglingTarget(asText(path)), mode: null };
  }
  const { isDirectory, mode } = await Deno.stat(target);
  if (isDirectory) throw new Deno.errors.IsADirectory(`Cannot write a file as there is a directory: ${target}`);
  return { target, mode };
}

async function danglingTarget(path: string, depth = 0): Promise<string> {
  let link: string;
  try {
    link = await Deno.readLink(path);
  } catch {
    // Nothing is there, or no link.
    return path;
  }
  if (depth > 40) return path;
  return await danglingTarget(link.startsWith("/") ? link : `${folderOf(path)}/${link}`, depth + 1);
}

/** The folder that a file is in. */
export function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
}

/** A path as text. */
export function asText(path: string | URL): string {
  return typeof path === "string" ? path : decodeURIComponent(path.pathname);
}

/** Sets the permissions of a file, where there are such. */
export function setMode(path: string, mode: number): void {
  if (Deno.build.os !== "windows") Deno.chmodSync(path, mode);
}

/** Puts a file in the place of another, in one step. */
export function replace(from: string, to: string): void {
  Deno.renameSync(from, to);
}

/** Removes a file, if it is there. */
export function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is not there any more, or will have to be removed by somebody who may.
  }
}

/** Makes the names in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}

/** How big a file is, in bytes. */
export async function sizeOf(path: string | URL): Promise<number> {
  return (await Deno.stat(path)).size;
}

/** What is made for a while. */
export interface TempOptions {
  readonly dir?: string;
  readonly prefix?: string;
  readonly suffix?: string;
}

/** Makes an empty folder. */
export async function makeTempDir(options: TempOptions): Promise<string> {
  requireDeno("make a temporary directory");
  return await Deno.makeTempDir(options);
}

/** Makes an empty file. */
export async function makeTempFile(options: TempOptions): Promise<string> {
  requireDeno("make a temporary file");
  return await Deno.makeTempFile(options);
}

/** Removes a file or a folder with all in it; that it is gone already is as good. */
export async function removeAll(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
