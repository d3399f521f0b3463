/**
 * Files of the system: what `os` asks of the host. Names and errors are the host's own.
 *
 * One place, so that a disk in memory can take it one day. Facts of Deno 2.9.6, each one tried: an aborted
 * `Deno.writeFile()` leaves a part of the file; `Deno.rename()` over a symbolic link replaces the link; `tryLock()` on a
 * file with a pending `lock()` never answers; opening a FIFO without a peer occupies a thread until there is one, and
 * the program cannot end before; closing a file gives back a lock that comes later.
 */

/** See the header. */
export const files = {
  open: (path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> => Deno.open(path, options),
  read: (path: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => Deno.readFile(path, { signal }),
  readText: (path: string, signal: AbortSignal): Promise<string> => Deno.readTextFile(path, { signal }),
  stat: (path: string): Promise<Deno.FileInfo> => Deno.stat(path),
  lstat: (path: string): Promise<Deno.FileInfo> => Deno.lstat(path),
  realPath: (path: string): Promise<string> => Deno.realPath(path),
  readLink: (path: string): Promise<string> => Deno.readLink(path),
  readFolder: (path: string): Promise<Deno.DirEntry[]> => Array.fromAsync(Deno.readDir(path)),
  rename: (from: string, to: string): Promise<void> => Deno.rename(from, to),
  chmod: (path: string, mode: number): Promise<void> => Deno.chmod(path, mode),
  remove: (path: string, options?: Deno.RemoveOptions): Promise<void> => Deno.remove(path, options),
  tempFile: (options: Deno.MakeTempOptions): Promise<string> => Deno.makeTempFile(options),
  tempFolder: (options: Deno.MakeTempOptions): Promise<string> => Deno.makeTempDir(options),
  /** Where the program is. */
  here: (): string => Deno.cwd(),
} as const;

/** Whether a file may be read and written, without asking the user. */
export function isAllowed(path: string): boolean {
  return (["read", "write"] as const).every((name) => Deno.permissions.querySync({ name, path }).state === "granted");
}

/** Whether a file may be looked at, without asking the user. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** Where a seek counts from, as the host says it. */
const WHENCE = { start: 0, current: 1, end: 2 } as const;

/** Moves the position of a file; returns where it is then. */
export function seekIn(file: Deno.FsFile, offset: number, from: keyof typeof WHENCE): Promise<number> {
  return file.seek(offset, WHENCE[from] as Deno.SeekMode);
}

/** The error of a file that is a folder, as the host has it: the host says so only when it is read. */
export function isFolderError(action: string, path: string): Error {
  const message = `Cannot ${action} as it must be a file: "${path}" is a folder`;
  return Object.assign(new Deno.errors.IsADirectory(message), { code: "EISDIR" });
}

/** The error of a file that is none. */
export function notFoundError(action: string, path: string): Error {
  const message = `Cannot ${action} as it must be there: there is no "${path}"`;
  return Object.assign(new Deno.errors.NotFound(message), { code: "ENOENT" });
}
