/** What an open file is. */

import type { Stream, TextSender } from "../../net/mod.ts";

/**
 * An open file: a stream in both directions, which share one position. See `openFile()`.
 *
 * One operation at a time in all, as they share the position: a second one is a `BusyResourceError`. Errors of the host
 * pass as they are, with their class and `code`, and the file can be used on: after `ENOSPC`, say, once there is room.
 * The end is where the file ends now: a receive there gives `null`, and bytes when the file has grown.
 *
 * @category Files
 */
export interface FileStream extends Stream, TextSender {
  /** Where it is, as it was given to `openFile()`. */
  readonly path: string;
  /**
   * Moves the position, where the next bytes are read and written.
   *
   * **Cancellation:** throws `Cancelled`; it may have moved.
   *
   * @example Over the end, and back
   * ```ts
   * import { openFile, openTempDir } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * await using dir = await openTempDir();
   * using file = await openFile(`${dir.path}/data`, { read: true, write: true, create: true });
   * await file.sendText("hello");
   * assertEquals(await file.seek(-2, "end"), 3);
   * assertEquals(await file.receiveSome(), new TextEncoder().encode("lo"));
   * ```
   *
   * @param offset How far, in bytes.
   * @param from Where that counts from; `"start"` if left out.
   * @returns The new position, from the start.
   * @throws {RangeError} If `offset` is not a whole number, or the position would be before the start.
   * @throws {BusyResourceError} If another task is using the file.
   * @throws {ClosedResourceError} If it is closed.
   */
  seek(offset: number, from?: "start" | "current" | "end"): Promise<number>;
  /**
   * Asks how large the file is now, in bytes.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost.
   *
   * @throws {BusyResourceError} If another task is using the file.
   * @throws {ClosedResourceError} If it is closed.
   */
  size(): Promise<number>;
  /**
   * Waits until the system has written everything to the disk.
   *
   * **Cancellation:** throws `Cancelled`; it is written all the same.
   *
   * @throws {BusyResourceError} If another task is using the file.
   * @throws {ClosedResourceError} If it is closed.
   */
  sync(): Promise<void>;
  /**
   * Cuts the file off, or fills it up with zeros. The position stays where it is.
   *
   * **Cancellation:** throws `Cancelled`; it may have been done.
   *
   * @param size How large it is to be, in bytes; `0` if left out.
   * @throws {RangeError} If `size` is not a whole number >= 0.
   * @throws {BusyResourceError} If another task is using the file.
   * @throws {ClosedResourceError} If it is closed.
   */
  truncate(size?: number): Promise<void>;
}
