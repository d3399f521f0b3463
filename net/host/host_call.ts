/**
 * Calls that the host answers at once: it makes a listener, takes an option, closes something. For those that take time
 * see `callHost()`, which also says what a host may do. What has no result cannot fail.
 */

import { ignore, isObject, read } from "../../core/internal.ts";
import { withOthers } from "../base/with_others.ts";

/** That of the language: a promise may have one of its own. */
const { then } = Promise.prototype;

/**
 * Calls the host for what it makes at once: a listener. What an `async` function makes comes too late, and is closed.
 */
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
    throw withOthers(error, closeAll(resource));
  }
}
