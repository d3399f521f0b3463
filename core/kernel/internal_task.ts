/** Which tasks are the library's own. */

/** The key of the options of such a task; only that it is there counts. */
export const INTERNAL: unique symbol = Symbol("a task of the library");

/** The options of a task of the library's own. */
export function internalTask<O extends { readonly name: string }>(options: O): O {
  return { ...options, [INTERNAL]: true };
}
