/**
 * Errors, and whatever else may be thrown, from one side to the other. Imports nothing: it is used in workers as well.
 *
 * Structured clone keeps too little: it drops what is in fields of an error, and the errors of a group, and makes a
 * bare `Error` of the rest. So errors are taken apart here, and put together at the other side, as what they are where
 * that is a class of the language, of the web or of Deno.
 */

/** A thrown value on its way. */
export type Packed = PackedError | { readonly type: "value"; readonly value: unknown };

interface PackedError {
  readonly type: "error";
  /** The class that is made at the other side. */
  readonly class: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Its own fields that are no objects. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Its fields with errors in them. */
  readonly parts: Readonly<Record<string, Packed>>;
  readonly errors: readonly Packed[] | null;
}

/** How many errors deep a chain of causes may be: what is below is left out. */
const DEPTH = 8;

/** Fields in which other errors are. */
const PARTS = ["cause", "error", "suppressed"];
/** Fields that are told apart from the others. */
const OWN: ReadonlySet<string> = new Set(["name", "message", "stack", "errors", ...PARTS]);

type ErrorClass = new (...args: unknown[]) => Error;

/** The class of this name, of the language, the web or Deno, if it is one of errors. */
function classNamed(name: string): ErrorClass | null {
  const globals = globalThis as unknown as Record<string, unknown> & {
    readonly Deno?: { readonly errors?: Record<string, unknown> };
  };
  const found = globals[name] ?? globals.Deno?.errors?.[name];
  return typeof found === "function" && (found === Error || found.prototype instanceof Error)
    ? found as unknown as ErrorClass
    : null;
}

/** The nearest of its classes that the other side has as well. */
function classOf(error: Error): string {
  for (let proto: unknown = Object.getPrototypeOf(error); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const maker = (proto as { readonly constructor?: unknown }).constructor;
    if (typeof maker === "function" && classNamed(maker.name) === maker) return maker.name;
  }
  return "Error";
}

/** What can be sent of a thrown value. Never throws. */
export function pack(thrown: unknown, depth = DEPTH): Packed {
  try {
    return thrown instanceof Error ? packError(thrown, depth) : { type: "value", value: packValue(thrown) };
  } catch {
    return { type: "value", value: "a thrown value that cannot be looked at" };
  }
}

function packValue(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}

function packError(error: Error, depth: number): Packed {
  const from = error as unknown as Readonly<Record<string, unknown>>;
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    const value = from[key];
    if (!OWN.has(key) && (typeof value !== "object" || value === null) && typeof value !== "function") {
      if (typeof value !== "symbol") fields[key] = value;
    }
  }
  const parts: Record<string, Packed> = {};
  for (const key of PARTS) if (Object.hasOwn(error, key) && depth > 1) parts[key] = pack(from[key], depth - 1);
  const { errors } = from;
  return {
    type: "error",
    class: classOf(error),
    name: String(error.name),
    message: String(error.message),
    stack: ownStack(String(error.stack)),
    fields,
    parts,
    errors: Array.isArray(errors) ? depth > 1 ? errors.map((each) => pack(each, depth - 1)) : [] : null,
  };
}

/** What calls the functions in a worker: what is below it on a stack says nothing. */
const HOST = new URL("./_serve.ts", import.meta.url).href;

function ownStack(stack: string): string {
  const at = stack.indexOf(HOST);
  return at < 0 ? stack : stack.slice(0, stack.lastIndexOf("\n", at));
}

/** What was thrown, as far as it could be sent; `where` is a line for the end of the stack of an error. */
export function unpack(packed: Packed, where: string): unknown {
  if (packed.type === "value") return packed.value;
  const { message, name, stack, fields, parts } = packed;
  const errors = packed.errors?.map((each) => unpack(each, where));
  const error = make(packed.class, message, name, errors ?? []);
  set(error, "stack", `${stack}\n    at ${where}`);
  if (error.name !== name) set(error, "name", name);
  for (const [key, part] of Object.entries(parts)) set(error, key, unpack(part, where));
  if (errors !== undefined && !Array.isArray((error as { readonly errors?: unknown }).errors)) {
    set(error, "errors", errors);
  }
  for (const [key, value] of Object.entries(fields)) set(error, key, value, true);
  return error;
}

function make(className: string, message: string, name: string, errors: readonly unknown[]): Error {
  const maker = classNamed(className) ?? Error as unknown as ErrorClass;
  try {
    if (className === "AggregateError") return new maker(errors, message);
    if (className === "SuppressedError") return new maker(undefined, undefined, message);
    if (className === "DOMException") return new maker(message, name);
    return new maker(message);
  } catch {
    return new Error(message);
  }
}

function set(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}
