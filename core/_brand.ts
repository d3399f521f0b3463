/**
 * Which of our classes an object is of, across copies of this package.
 *
 * Two versions in one dependency graph are everyday, and then `instanceof` fails. A marker on the object would do, but to
 * ask for it runs code of others: a proxy answers "yes" to every question, or throws, in the middle of a step of the
 * kernel. So the answer is kept beside the objects, in a table that all copies share: looking into it runs nobody's code.
 */

const TABLE = Symbol.for("@trefoil/io/brands");
const shared = globalThis as { [TABLE]?: WeakMap<object, string> };
const brands = (shared[TABLE] ??= new WeakMap<object, string>());

/** Notes what an object is; returns the brand, for the field `name`. */
export function branded<B extends string>(object: object, brand: B): B {
  brands.set(object, brand);
  return brand;
}

/** Whether an object is of a class of ours, made by whichever copy. Runs no code of the object. */
export function hasBrand(value: unknown, brand: string): boolean {
  return typeof value === "object" && value !== null && brands.get(value) === brand;
}

/** Makes `instanceof` recognise the objects of other copies. Classes derived from it are told apart as usual. */
export function recogniseBrand(Class: abstract new (...args: never[]) => object, brand: string): void {
  const ordinary = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(Class, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      return this === Class ? hasBrand(value, brand) : ordinary.call(this, value);
    },
  });
}
