/**
 * Writing a file so that whoever reads it sees the old content or the new one, and never a part.
 *
 *     new file beside it ──written──▶ renamed over the old one, in one step
 *              └── cancelled, or failed: removed; the old one is as it was
 */

import { faultOf, requireBoolean, requireInteger, requireOptions, show } from "../../core/internal.ts";
import { checkpointIfCancelled, composedWait } from "../../core/lowlevel.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import {
  asText,
  folderOf,
  type HostFile,
  open,
  removeQuietly,
  replace,
  setMode,
  sizeOf,
  syncFolder,
  whereTo,
} from "../host/files.ts";
import { requirePath, waitForFile } from "./_file_wait.ts";
import { FileReceiver } from "./_file_receiver.ts";

/**
 * Options of `writeFileAtomic()`.
 *
 * @category Files
 */
export interface WriteFileAtomicOptions {
  /** The permissions of the file. By default those of the file that is replaced, or `0o600` for a new one. */
  readonly mode?: number;
  /**
   * Whether the new content survives a loss of power once the promise has resolved. Costs a few milliseconds.
   *
   * @default {false}
   */
  readonly durable?: boolean;
}

/**
 * Options of `copyFile()`.
 *
 * @category Files
 */
export interface CopyFileOptions extends WriteFileAtomicOptions {
  /** Told how far it is, in bytes, after each megabyte and at the end. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void;
}

const encoder = new TextEncoder();
/** How much of a text or an array is written at a time, in bytes. */
const PIECE = 1_048_576;
/** Who may read and write a new file: its owner. */
const PRIVATE = 0o600;

/**
 * Writes a file in one step: others see the old content or the new one, and never a part.
 *
 * The content goes into a new file in the same directory, which is then renamed over the old one. A symbolic link stays
 * one: the file that it leads to is replaced. A stream is lent, and not closed.
 *
 * **Cancellation:** throws `Cancelled`; the old content is intact, and no other file is left.
 *
 * **Cost:** hardly more than a plain write; three times that if it is durable.
 *
 * @example Saving settings
 * ```ts
 * import { openTempDir, readTextFile, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * const path = `${dir.path}/settings.json`;
 * await writeFileAtomic(path, JSON.stringify({ volume: 11 }));
 * assertEquals(await readTextFile(path), '{"volume":11}');
 * ```
 *
 * @param path The path, or a URL of a file.
 * @param data A text, bytes, or a stream of bytes.
 * @param options Permissions, and whether it must survive a loss of power.
 * @throws {TypeError} If `path` is none, or `data` is none of these. Errors of the host come as they are, such as
 * `Deno.errors.IsADirectory`.
 * @category Files
 */
export function writeFileAtomic(
  path: string | URL,
  data: string | Uint8Array | ReceiveStream,
  options: WriteFileAtomicOptions = {},
): Promise<void> {
  const action = "write a file";
  const fault = faultOf(() => {
    requirePath(action, path);
    requireWriteOptions(action, options);
    if (typeof data === "string" || data instanceof Uint8Array) return;
    if (typeof (data as Partial<ReceiveStream> | null)?.receiveSome === "function") return;
    throw new TypeError(
      `Cannot ${action} as "data" must be a string, a Uint8Array or a ReceiveStream: received ${show(data)}`,
    );
  });
  if (fault !== null) return Promise.reject(fault);
  return composedWait(() => write(path, piecesOf(data), options));
}

/**
 * Copies a file, in one step: others see the old content at `to`, or the new one, and never a part.
 *
 * `Deno.copyFile()` is as fast, and on some file systems much faster; but it cannot be cancelled, and says nothing
 * meanwhile.
 *
 * **Cancellation:** throws `Cancelled`; what was at `to` is intact, and no other file is left.
 *
 * @example A copy with its progress
 * ```ts
 * import { copyFile, openTempDir, writeFileAtomic } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * await writeFileAtomic(`${dir.path}/film`, new Uint8Array(3_000_000));
 * let done = 0;
 * await copyFile(`${dir.path}/film`, `${dir.path}/copy`, { onProgress: ({ bytes, total }) => done = bytes / total });
 * assertEquals(done, 1);
 * ```
 *
 * @param from The path of the file, or its URL.
 * @param to The path of the copy, or its URL.
 * @param options Permissions, durability, and who is told how far it is.
 * @throws {TypeError} If a path is none. Errors of the host come as they are.
 * @category Files
 */
export function copyFile(from: string | URL, to: string | URL, options: CopyFileOptions = {}): Promise<void> {
  const action = "copy a file";
  const fault = faultOf(() => {
    requirePath(action, from, "from");
    requirePath(action, to, "to");
    requireWriteOptions(action, options);
    const { onProgress } = options;
    if (onProgress !== undefined && typeof onProgress !== "function") {
      throw new TypeError(`Cannot ${action} as "onProgress" must be a function: received ${show(onProgress)}`);
    }
  });
  if (fault !== null) return Promise.reject(fault);
  return composedWait(async () => {
    const { onProgress, ...rest } = options;
    const total = await waitForFile(`look at ${from}`, () => sizeOf(from));
    const file = await waitForFile(`open ${from}`, () => open(from, { read: true }), (late) => late.close());
    using stream = new FileReceiver(file, `read ${from}`);
    let bytes = 0;
    let told = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for (let chunk = await stream.receiveSome(); chunk !== null; chunk = await stream.receiveSome()) {
        yield chunk;
        bytes += chunk.length;
        if (bytes - told >= PIECE) onProgress?.({ bytes: told = bytes, total });
      }
      onProgress?.({ bytes, total });
    }
    const mode = rest.mode ?? (await waitForFile(`look at ${from}`, () => whereTo(from))).mode ?? PRIVATE;
    await write(to, counted(), { ...rest, mode: mode & 0o777 });
  });
}

function requireWriteOptions(action: string, options: WriteFileAtomicOptions): void {
  requireOptions(action, options);
  if (options.mode !== undefined) requireInteger(action, "mode", options.mode, 0, 0o777);
  if (options.durable !== undefined) requireBoolean(action, "durable", options.durable);
}

async function write(
  path: string | URL,
  pieces: AsyncIterable<Uint8Array>,
  { mode, durable = false }: WriteFileAtomicOptions,
): Promise<void> {
  await checkpointIfCancelled();
  const what = `write ${asText(path)}`;
  const { target, mode: before } = await waitForFile(what, () => whereTo(path));
  const folder = folderOf(target);
  const name = target.slice(target.lastIndexOf("/") + 1);
  const temporary = `${folder}/.${name}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const discard = (late: HostFile): void => {
    late.close();
    removeQuietly(temporary);
  };
  const file = await waitForFile(what, () => open(temporary, { write: true, createNew: true, mode: PRIVATE }), discard);
  let closed = false;
  try {
    for await (const piece of pieces) {
      for (let sent = 0; sent < piece.length;) {
        sent += await waitForFile(what, () => file.write(piece.subarray(sent)));
      }
    }
    if (durable) await waitForFile(what, () => file.syncData());
    setMode(temporary, mode ?? (before === null ? PRIVATE : before & 0o777));
    closed = true;
    file.close();
    replace(temporary, target);
  } catch (error) {
    if (!closed) file.close();
    removeQuietly(temporary);
    throw error;
  }
  if (durable) await waitForFile(what, () => syncFolder(folder));
}

async function* piecesOf(data: string | Uint8Array | ReceiveStream): AsyncGenerator<Uint8Array> {
  if (typeof data === "string" || data instanceof Uint8Array) {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
    return;
  }
  for (let chunk = await data.receiveSome(); chunk !== null; chunk = await data.receiveSome()) yield chunk;
}
