/**
 * What errors of the host mean. It may throw anything, so it is looked at carefully.
 *
 * None of this lists what may happen to a connection: what is not known here is no reason to end a listener.
 */

import { BrokenResourceError, ClosedResourceError } from "../../core/mod.ts";
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

/**
 * Whether an error says that the socket is closed; if it was not this side's stream that did it, it was somebody else.
 */
export function isClosed(error: unknown): boolean {
  return CLOSED.has(read(error, "name")) || CLOSED.has(read(error, "code"));
}

/**
 * Whether an error is of the system: it has a code. Those that nobody thought of, and faults of programs, have none.
 */
export function isOfSystem(error: unknown): boolean {
  return typeof read(error, "code") === "string";
}

/** What the failure of a socket is that this side has not closed: somebody else has closed it, or it broke. */
export function socketFault(
  doing: string,
  error: unknown,
  broken = `${doing} as the connection broke: ${messageOf(error)}`,
): Error {
  return isClosed(error)
    ? new ClosedResourceError(`${doing} as somebody else has closed the socket: ${messageOf(error)}`, { cause: error })
    : new BrokenResourceError(broken, { cause: error });
}

/** What an error says, without its name. */
export function messageOf(error: unknown): string {
  try {
    return isError(error) ? error.message : String(error);
  } catch {
    return "an error that cannot be looked at";
  }
}
