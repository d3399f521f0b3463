/**
 * What errors of the host mean. It may throw anything, so it is looked at carefully.
 *
 * None of this lists what may happen to a connection: what is not known here is no reason to end a listener.
 */

import { isError, read } from "../../core/internal.ts";

/** Too many open files, in the process or the system; no memory, no buffers. */
const CAPACITY = new Set<unknown>(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);
/** What an operation on a socket says that was closed before, or meanwhile. */
const CLOSED = new Set<unknown>(["BadResource", "Interrupted", "EBADF", "ENOTSOCK"]);

/** Whether an error says that this process lacks a permission: that is nothing the network did. */
export function isNotCapable(error: unknown): boolean {
  return read(error, "name") === "NotCapable";
}

/** Whether an error says that the host has no more resources; it may have some later. */
export function isOutOfResources(error: unknown): boolean {
  return CAPACITY.has(read(error, "code"));
}

/** Whether an error says that the socket is closed; if it was not this side's stream that did it, it was somebody else. */
export function isClosed(error: unknown): boolean {
  return CLOSED.has(read(error, "name")) || CLOSED.has(read(error, "code"));
}

/** Whether an error is of the system: it has a code. Those that nobody thought of, and faults of programs, have none. */
export function isOfSystem(error: unknown): boolean {
  return typeof read(error, "code") === "string";
}

/** What an error says. */
export function textOf(error: unknown): string {
  try {
    return isError(error) ? error.message : String(error);
  } catch {
    return "an error that cannot be looked at";
  }
}
