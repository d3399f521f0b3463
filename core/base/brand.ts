/**
 * Which of our classes an object is of, across copies of this package.
 *
 * Two versions in one dependency graph are everyday, and then `instanceof` fails. A marker that can be asked for would
 * do, but asking runs code of others: a proxy answers "yes" to every question, or throws, in the middle of a step of
 * the kernel. So the marker is a private field, which no proxy has and no code can fake, and each copy leaves with all
 * the others a function that reads its own.
 */

class Itself {
  constructor(object: object) {
    // What a constructor returns is what the derived one puts its fields on.
    return object;
  }
}

class Marked extends Itself {
  readonly #brand: string;

  constructor(object: object, brand: string) {
    super(object);
    this.#brand = brand;
  }

  static brandOf(value: object): string | undefined {
    return #brand in value ? value.#brand : undefined;
  }
}

type Reader = (value: object) => string | undefined;

const READERS = Symbol.for("@trefoil/io/brands");
const shared = globalThis as { [READERS]?: Reader[] };
const readers = (shared[READERS] ??= []);
const { brandOf } = Marked;
readers.push(brandOf);

/** Marks an object as of a class of ours; returns the brand, for the field `name`. */
export function branded<B extends string>(object: object, brand: B): B {
  new Marked(object, brand);
  return brand;
}

/** Whether an object is of a class of ours, made by whichever copy. Runs no code of the object. */
export function hasBrand(value: unknown, brand: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  const own = brandOf(value);
  if (own !== undefined) return own === brand;
  return readers.length > 1 && readers.some((read) => read !== brandOf && read(value) === brand);
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
