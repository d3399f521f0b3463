/**
 * What the console shows of objects whose state is private: `console.log(lock)` would print `Lock {}`.
 *
 * The hosts ask for it by two symbols, with different arguments: Deno for `Deno.customInspect`, Node and Bun for
 * `nodejs.util.inspect.custom`. The methods are defined here and not written in the classes, as they are nobody's to
 * call and belong into no type.
 */

/**
 * What is shown: the fields that say something, with plain values. A task is shown by its name, or the picture has no
 * end.
 */
export type Picture = Readonly<Record<string, unknown>>;

type Inspect = (value: unknown, options: object) => string;

const DENO = Symbol.for("Deno.customInspect");
const NODE = Symbol.for("nodejs.util.inspect.custom");

/** What is being shown: a value inside may hold the object itself. */
const open = new Set<object>();

/**
 * Lets the console show the objects of a class as its name and some fields; those that are `undefined` or empty texts
 * are left out. Called in a `static` block, for access to what is private.
 */
export function inspectable<T extends object>(
  Class: { readonly prototype: T },
  name: string,
  picture: (object: T) => Picture,
): void {
  const show = (object: T, inspect: (fields: object) => string): string => {
    if (open.has(object)) return `[Circular ${name}]`;
    open.add(object);
    try {
      const fields = Object.entries(picture(object)).filter(([, value]) => value !== undefined && value !== "");
      return fields.length === 0 ? name : `${name} ${inspect(Object.fromEntries(fields))}`;
    } catch {
      // The prototype itself, which has no state; or a value inside that cannot be looked at.
      return name;
    } finally {
      open.delete(object);
    }
  };
  const define = (key: symbol, value: unknown): void =>
    void Object.defineProperty(Class.prototype, key, { value, configurable: true, writable: true });
  define(DENO, function (this: T, inspect: Inspect, options: object): string {
    return show(this, (fields) => inspect(fields, options));
  });
  define(NODE, function (this: T, depth: number, options: object, inspect: Inspect): string {
    return depth < 0 ? `[${name}]` : show(this, (fields) => inspect(fields, { ...options, depth }));
  });
}
