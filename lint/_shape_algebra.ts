/** What follows from shapes, without the file that they are of. */

import { shapeOf } from "./_notation.ts";
import type { Shape, TypeTable } from "./_shapes.ts";
import { TYPES } from "./_tables.ts";

/** What type parameters stand for. */
export type Bound = ReadonlyMap<string, Shape>;

const NOTHING: Bound = new Map();

/** Whether a class or interface of the library is another one, or extends it. */
export function isA(type: string, other: string, depth = 0): boolean {
  if (type === other) return true;
  const table = TYPES[type];
  if (table === undefined || depth > 8) return false;
  return [...table.bases ?? [], ...(table.alias === undefined ? [] : [table.alias])].some((base) =>
    partsOf(shapeOf(base)).some((part) => part?.[0] === "ours" && isA(part[1], other, depth + 1))
  );
}

/** What something may be, or is at once. */
export function partsOf(shape: Shape): readonly Shape[] {
  return shape?.[0] === "either" || shape?.[0] === "both" ? shape[1].flatMap(partsOf) : [shape];
}

/** What is found first among some things. */
export function firstOf<T, U>(items: Iterable<T>, find: (item: T) => U | null): U | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

/** What comes of awaiting a value. */
export function awaited(shape: Shape): Shape {
  return shape?.[0] === "promise" || shape?.[0] === "awaitable" ? shape[1] : shape;
}

/** What values have in common of which nothing is known of some. */
export function agreed(shapes: readonly Shape[]): Shape {
  const known = shapes.filter((shape) => shape !== null);
  const [first = null] = known;
  return known.every((shape) => shape === first || isSame(shape, first)) ? first : null;
}

function isSame(a: Shape, b: Shape): boolean {
  if (a === null || b === null) return a === b;
  if (a[0] !== b[0]) return false;
  if (a[0] === "ours" || a[0] === "export") return a[1] === b[1];
  if (a[0] === "promise" || a[0] === "awaitable" || a[0] === "list" || a[0] === "iterable" || a[0] === "sequence") {
    return isSame(a[1], b[1] as Shape);
  }
  return a[1] === b[1];
}

/** What the type parameters of a class stand for in an instance. */
export function boundTo({ generic = [] }: TypeTable, args: readonly Shape[]): Bound {
  return generic.length === 0 ? NOTHING : new Map(generic.map((name, index) => [name, args[index] ?? null]));
}

/** Whether there are type parameters in a shape. */
export function hasParameters(shape: Shape): boolean {
  return parametersIn(shape).length > 0;
}

/** What was found out about shapes of the tables, which are asked about for every call of a file. */
const parameters = new WeakMap<object, readonly string[]>();

/** The type parameters in a shape, in the order in which they appear. */
export function parametersIn(shape: Shape): readonly string[] {
  if (shape === null) return [];
  let found = parameters.get(shape);
  if (found === undefined) parameters.set(shape, found = search(shape));
  return found;
}

function search(shape: Shape): readonly string[] {
  switch (shape?.[0]) {
    case "parameter":
      return [shape[1]];
    case "promise":
    case "awaitable":
    case "iterable":
    case "sequence":
    case "list":
    case "rest":
      return parametersIn(shape[1]);
    case "ours":
      return [...new Set(shape[2].flatMap(parametersIn))];
    case "tuple":
    case "either":
    case "both":
      return [...new Set(shape[1].flatMap(parametersIn))];
    case "members":
      return [...new Set(Object.values(shape[1]).flatMap(parametersIn))];
    case "function":
      return [...new Set([...shape[1], shape[2]].flatMap(parametersIn))];
    default:
      return [];
  }
}

/** A shape with what its type parameters stand for; nothing is known of those that are not bound. */
export function substituted(shape: Shape, bound: Bound): Shape {
  const each = (shapes: readonly Shape[]) => shapes.map((part) => substituted(part, bound));
  switch (shape?.[0]) {
    case "parameter":
      return bound.has(shape[1]) ? bound.get(shape[1]) ?? null : shape;
    case "promise":
    case "awaitable":
    case "iterable":
    case "sequence":
    case "list":
    case "rest":
      return [shape[0], substituted(shape[1], bound)];
    case "ours":
      return shape[2].length === 0 ? shape : ["ours", shape[1], each(shape[2])];
    case "tuple":
    case "either":
    case "both":
      return [shape[0], each(shape[1])];
    case "members":
      return [
        "members",
        Object.fromEntries(Object.entries(shape[1]).map(([name, part]) => [name, substituted(part, bound)])),
      ];
    case "function":
      return ["function", each(shape[1]), substituted(shape[2], bound)];
    default:
      return shape;
  }
}
