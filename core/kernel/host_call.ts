/**
 * The one way in which the library calls the host: the network of the run, its connections and listeners, Web Streams.
 *
 * That seam is public, so the host may be anybody's object, and do what it likes. What it likes ends here:
 *
 *     throws at once      ─┐
 *     rejects             ─┴─▶ failed(), in a later microtask: its caller has put its own state in order
 *     resolves            ─┐
 *     returns no promise  ─┴─▶ done(), in a later microtask, with whatever that is: `done` looks at it
 *     settles twice       ───▶ counts once
 *     never settles       ───▶ nothing: its wait can be cancelled, and closing what it belongs to ends both
 *
 * Every call is an operation on the list of the run, until the host has ended it or what it belongs to is closed. One
 * that opens something, and was cancelled, stays there: what it brings has to be closed.
 */

import { currentRuntime } from "./runtime.ts";
import { OperationInFlight } from "./host_operations.ts";

/** Whose operations they are: those of a network in memory are no operations of the host. */
export interface Owner {
  readonly inMemory?: boolean;
}

/** The host itself. */
export const HOST: Owner = {};

/** An operation on the list of the run, or one that is on none. */
export interface InFlight {
  end(): void;
}

const NOT_OF_THE_HOST: InFlight = { end() {} };

/** That of the language: a promise may have one of its own. */
const { then } = Promise.prototype;

/** Something that calls the host. */
export interface Call<T> {
  begin(): PromiseLike<T>;
}

/** Begins an operation of the host, or in memory; exactly one of `done` and `failed` is called, never at once. */
export function callHost<T>(
  of: Owner,
  label: string,
  call: Call<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): InFlight {
  let operation = NOT_OF_THE_HOST;
  try {
    if (of.inMemory !== true) operation = new OperationInFlight(label, currentRuntime().hostOperations);
    then.call(Promise.resolve(call.begin()), done as (value: unknown) => void, failed);
  } catch (error) {
    Promise.reject(error).catch(failed);
  }
  return operation;
}
