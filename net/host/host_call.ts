/**
 * The one way in which this folder calls the host: the network of the run, its connections and its listeners.
 *
 * That seam is public, so the host may be anybody's object, and do what it likes. What it likes ends here:
 *
 *     throws at once, returns no promise ─┐
 *     rejects                            ─┴─▶ failed(), in a later microtask: its caller has put its own state in order
 *     settles twice                      ───▶ counts once
 *     never settles                      ───▶ nothing: the wait can be cancelled, and `close()` of what it belongs to
 *                                             ends the wait and the operation
 *
 * Every call is an operation on the list of the run, until the host has ended it or what it belongs to is closed. One that
 * opens something, and was cancelled, stays there: what it brings has to be closed. What has no result (closing, options
 * of a socket) cannot fail.
 */

import { beginHostOperation, type HostOperation } from "../../core/lowlevel.ts";
import { ignore, isObject, read, withSuppressed } from "../../core/internal.ts";

/** That of the language: a promise may have one of its own. */
const { then } = Promise.prototype;

const NOT_OF_THE_HOST: HostOperation = { label: "in memory", end() {} };

/** Begins an operation of the host, or of a network in memory; exactly one of `done` and `failed` is called, never at once. */
export function callHost<T>(
  of: { readonly inMemory?: boolean },
  label: string,
  begin: () => PromiseLike<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): HostOperation {
  let operation = NOT_OF_THE_HOST;
  try {
    if (of.inMemory !== true) operation = beginHostOperation(label);
    then.call(Promise.resolve(begin()), done as (value: unknown) => void, failed);
  } catch (error) {
    Promise.reject(error).catch(failed);
  }
  return operation;
}

/** Calls the host for what it makes at once: a listener. What an `async` function makes comes too late, and is closed. */
export function makeAtOnce<T extends { close(): unknown }>(name: string, make: () => T): T {
  const made = make();
  if (typeof read(made, "then") !== "function") return made;
  then.call(Promise.resolve(made), (late) => void closeAll(late as T), ignore);
  throw new TypeError(`Cannot listen as ${name}() of the network must give a listener at once: it gave a promise`);
}

/** Calls the host for something that has no result; returns what it threw, if it did so at once. */
export function tellHost(call: () => unknown): readonly unknown[] {
  try {
    const result = call();
    // Somebody's `async close()`: its failure must not end the process.
    if (isObject(result)) then.call(Promise.resolve(result), undefined, ignore);
    return [];
  } catch (error) {
    return [error];
  }
}

/** Closes all, whatever the `close()` of one does; returns what was thrown. */
export function closeAll(...resources: readonly { close(): unknown }[]): readonly unknown[] {
  return resources.flatMap((resource) => tellHost(() => resource.close()));
}

/** Makes something of a connection or a listener; if that fails, it is closed, as nobody else has it. */
export function takeOver<C extends { close(): unknown }, S>(resource: C, make: (resource: C) => S): S {
  try {
    return make(resource);
  } catch (error) {
    throw withSuppressed(error, closeAll(resource));
  }
}
