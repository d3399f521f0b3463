/** What was marked by `transfer()`. Imports nothing: it is used in workers as well. */

/**
 * What was marked, by the value: shared by all copies of this module, as a worker may load one of its own.
 */
const KEY = Symbol.for("@trefoil/io/transfers");
type Transfers = WeakMap<object, readonly Transferable[]>;

/** See the key. */
export function transfers(): Transfers {
  const holder = globalThis as { [KEY]?: Transfers };
  return holder[KEY] ??= new WeakMap();
}

/** What is moved of some values. */
export function transfersOf(values: readonly unknown[]): Transferable[] {
  const known = transfers();
  const all = values.flatMap((value) => typeof value === "object" && value !== null ? known.get(value) ?? [] : []);
  // Two values may share a buffer.
  return [...new Set(all)];
}
