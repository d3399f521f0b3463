/**
 * What is known of a value, by evidence alone: an instance of one of the library's classes, a promise of one, a function
 * with what it takes and gives, or a part of the file. `null` is what nothing is known of, and no rule speaks of that.
 */

/** What is known of a value. */
export type Shape =
  | null
  /** An instance of an exported class or interface, with what stands for its type parameters. */
  | readonly ["ours", string, readonly Shape[]]
  /** A promise that the library gives. */
  | readonly ["promise", Shape]
  /** Another one, of which only its value is known. */
  | readonly ["awaitable", Shape]
  /** Something of the library to be iterated asynchronously. */
  | readonly ["iterable", Shape]
  /** Another one, of which only its items are known. */
  | readonly ["sequence", Shape]
  | readonly ["list", Shape]
  | readonly ["tuple", readonly Shape[]]
  | readonly ["function", readonly Shape[], Shape]
  /** What may be called in several ways, or is one of several things. */
  | readonly ["either", readonly Shape[]]
  | readonly ["both", readonly Shape[]]
  | readonly ["members", Readonly<Record<string, Shape>>]
  /** A type parameter, bound where a function is called. */
  | readonly ["parameter", string]
  /** The rest of the parameters of a function. */
  | readonly ["rest", Shape]
  /** A length of time in milliseconds. */
  | readonly ["milliseconds"]
  /** A function of the file. */
  | readonly ["local", FunctionNode]
  /** An instance of a class of the file. */
  | readonly ["instance", ClassNode]
  /** Something that the library exports, by its name. */
  | readonly ["export", string]
  /** A class of the file, itself. */
  | readonly ["local class", ClassNode]
  /** A type that the file writes out, and an object that it does. */
  | readonly ["declared", Deno.lint.TSInterfaceDeclaration | Deno.lint.TSTypeLiteral]
  | readonly ["object", Deno.lint.ObjectExpression]
  /** What `import * as` of the library gives. */
  | readonly ["namespace"];

/** What is known of an exported class or interface; shapes are in the notation of `_notation.ts`. */
export interface TypeTable {
  /** The names of its type parameters. */
  readonly generic?: readonly string[];
  /** Of a class: its constructor, as a function. */
  readonly constructs?: string;
  /** Of what can be called itself. */
  readonly calls?: string;
  readonly bases?: readonly string[];
  readonly members?: Readonly<Record<string, string>>;
  /** Of another name for a type. */
  readonly alias?: string;
}

/** A function of the file that has a body. */
export type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** A class of the file. */
export type ClassNode = Deno.lint.ClassDeclaration | Deno.lint.ClassExpression;
