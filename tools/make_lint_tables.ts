// deno-lint-ignore-file no-console
/**
 * Writes what the lint plugin for users knows of the library, `lint/_tables.ts`, from `deno doc --json` of all entry
 * points, and what it knows of syntax trees, `lint/_fields.ts`, from `deno types`. A test of the plugin makes both anew
 * and compares, so that the plugin never knows less than the library has.
 *
 * Over 400 lines, as what `deno doc` says of types is of many shapes, and nothing else reads them.
 *
 * Usage: deno run --allow-run --allow-read --allow-write tools/make_lint_tables.ts
 */

import { formatted } from "./_formatted.ts";

/** A shape as the tables hold it: see `lint/_shapes.ts`. */
type Shape = null | readonly [string, ...unknown[]];

interface Type {
  readonly kind: string;
  readonly value?: unknown;
}

interface Param {
  readonly kind: string;
  readonly name?: string;
  /** Of a parameter with a default: the parameter. */
  readonly left?: Param;
  /** Of a rest parameter: the parameter. */
  readonly arg?: Param;
  readonly tsType?: Type;
}

interface Signature {
  readonly params?: readonly Param[];
  readonly returnType?: Type;
  readonly hasBody?: boolean;
  readonly typeParams?: readonly { readonly name: string }[];
}

interface Documentation {
  readonly doc?: string;
}

interface Method extends Signature {
  readonly name: string;
  readonly kind?: string;
  readonly accessibility?: string;
  readonly isStatic?: boolean;
  readonly functionDef?: Signature;
}

interface Property {
  readonly name: string;
  readonly accessibility?: string;
  readonly isStatic?: boolean;
  readonly tsType?: Type;
  readonly jsDoc?: Documentation;
}

interface Definition extends Signature {
  readonly target?: unknown;
  readonly constructors?: readonly Signature[];
  readonly callSignatures?: readonly { readonly params: readonly Param[]; readonly tsType?: Type }[];
  readonly methods?: readonly Method[];
  readonly properties?: readonly Property[];
  readonly extends?: string | readonly Type[] | null;
  readonly superTypeParams?: readonly Type[];
  readonly implements?: readonly Type[];
  readonly tsType?: Type;
}

interface Declaration {
  readonly kind: string;
  readonly def?: Definition;
}

interface Doc {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocSymbol[] }>>;
}

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** What a host of the library implements: what it promises is no wait, and no scope cancels it. */
const SEAMS =
  /^(?:Network|Network[A-Z]\w*|HostProcess\w*|ProcessHost|HostWorker|Worker(?:Host|Port|Server)|SignalSource|StandardInput)$/;

const root = new URL("../", import.meta.url);

/** The text of `lint/_tables.ts`. */
export async function makeTables(): Promise<string> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    exports: Readonly<Record<string, string>>;
  };
  const entries = Object.entries(exports).filter(([entry]) => !/^\.\/(?:lint|testing\/register)/.test(entry));
  const doc = JSON.parse(await output(["doc", "--json", ...entries.map(([, file]) => file)])) as Doc;
  const symbols = new Map<string, Declaration[]>();
  const exported: Record<string, string> = {};
  for (const [entry, file] of entries) {
    const own = doc.nodes[new URL(file, root).href]?.symbols ?? [];
    exported[entry.slice(2)] = own.map(({ name }) => name).sort().join(" ");
    for (const { name, declarations } of own) {
      const known = symbols.get(name) ?? [];
      known.push(...declarations.filter(({ def }) => def?.target === undefined));
      symbols.set(name, known);
    }
  }
  const maker = new ShapeMaker(symbols);
  return await formatted(
    `/**
 * What the library exports, and what its functions take and give. Made by \`tools/make_lint_tables.ts\`, from
 * the documentation of the entry points: do not edit. Over 400 lines, as it is a table.
 */

import type { TypeTable } from "./_shapes.ts";

/** The names of each entry point of the package, with a blank between them. */
export const EXPORTS: Readonly<Record<string, string>> = ${JSON.stringify(exported)};

/** The exported functions, in the notation of \`_notation.ts\`. */
export const FUNCTIONS: Readonly<Record<string, string>> = ${JSON.stringify(maker.functions())};

/** The exported classes and interfaces. */
export const TYPES: Readonly<Record<string, TypeTable>> = ${JSON.stringify(maker.types())};
`,
    "ts",
  );
}

/** The text of `lint/_fields.ts`. */
export async function makeFields(): Promise<string> {
  const types = await output(["types"]);
  const start = types.indexOf("export namespace lint {");
  if (start < 0) throw new Error("Cannot make the table of fields as deno types has no namespace lint");
  const fields = new Map<string, Set<string>>();
  for (const [, body] of types.slice(start).matchAll(/^ {4}export interface \w+ \{\n(.*?)^ {4}\}$/gms)) {
    const kind = /^ {6}type: "(\w+)";$/m.exec(body ?? "")?.[1];
    if (kind === undefined) continue;
    const known = fields.get(kind) ?? new Set<string>();
    fields.set(kind, known);
    for (const [, field] of (body ?? "").matchAll(/^ {6}(\w+)\??:/gm)) {
      if (field !== undefined && !/^(?:type|range|parent|comments|tokens)$/.test(field)) known.add(field);
    }
  }
  const sorted = Object.fromEntries(
    [...fields].sort(([a], [b]) => a < b ? -1 : 1).map((
      [kind, known],
    ) => [kind, [...known].join(" ")]),
  );
  return await formatted(
    `/**
 * The fields of each kind of node in a syntax tree. Made by \`tools/make_lint_tables.ts\`, from \`deno types\`: do not
 * edit. A node of Deno tells of all fields that nodes have, so a table is the only way to those that it has itself.
 */

export const FIELDS: Readonly<Record<string, string>> = ${JSON.stringify(sorted)};
`,
    "ts",
  );
}

/** Makes shapes of types as `deno doc` describes them. */
class ShapeMaker {
  readonly #symbols: ReadonlyMap<string, readonly Declaration[]>;
  /** What `this` is in a type. */
  #self: Shape = null;

  constructor(symbols: ReadonlyMap<string, readonly Declaration[]>) {
    this.#symbols = symbols;
  }

  functions(): Record<string, string> {
    const functions: Record<string, string> = {};
    for (const [name, declarations] of this.#sorted()) {
      const own = declarations.filter(({ kind }) => kind === "function").flatMap(({ def }) => def ?? []);
      const shape = own.length > 0 ? this.#overloads(own) : null;
      if (shape !== null) functions[name] = text(shape);
    }
    return functions;
  }

  types(): Record<string, unknown> {
    const types: Record<string, unknown> = {};
    for (const [name, declarations] of this.#sorted()) {
      if (SEAMS.test(name)) continue;
      const members: Record<string, string> = {};
      const row: Record<string, unknown> = {};
      const bases: string[] = [];
      this.#self = ["ours", name, []];
      const add = (member: string, shape: Shape) => {
        if (shape !== null) members[member] = text(shape);
      };
      const addBases = (shapes: readonly Shape[]) => {
        for (const shape of shapes) if (shape !== null) bases.push(text(shape));
      };
      for (const { kind, def } of declarations) {
        if (def === undefined) continue;
        const generic = (def.typeParams ?? []).map(({ name }) => name);
        if (generic.length > 0) row.generic = generic;
        if (kind === "typeAlias") {
          const shape = this.shape(def.tsType);
          if (shape !== null) row.alias = text(shape);
        }
        if (kind !== "class" && kind !== "interface") continue;
        if (kind === "class") row.constructs = text(this.#overloads(def.constructors ?? []));
        const calls = (def.callSignatures ?? []).map(({ params, tsType }): Signature => ({
          params,
          ...(tsType === undefined ? {} : { returnType: tsType }),
        }));
        if (calls.length > 0) row.calls = text(this.#overloads(calls));
        if (typeof def.extends === "string") {
          addBases([this.#reference(def.extends, def.superTypeParams ?? [])]);
        } else addBases((def.extends ?? []).map((type) => this.shape(type)));
        addBases((def.implements ?? []).map((type) => this.shape(type)));
        const methods = Map.groupBy(
          (def.methods ?? []).filter(({ accessibility, kind, isStatic }) =>
            accessibility !== "private" && kind !== "setter" && !isStatic
          ),
          ({ name }) => name,
        );
        for (const [member, all] of methods) {
          add(
            member,
            all[0]?.kind === "getter"
              ? this.shape(all[0].functionDef?.returnType)
              : this.#overloads(all.map(({ functionDef, ...method }) => functionDef ?? method)),
          );
        }
        for (const { name: member, tsType, accessibility, isStatic, jsDoc } of def.properties ?? []) {
          if (accessibility === "private" || isStatic) continue;
          add(
            member,
            isMilliseconds(jsDoc?.doc) && isNumber(tsType) && !/deadline/i.test(member)
              ? ["milliseconds"]
              : this.shape(tsType),
          );
        }
      }
      if (bases.length > 0) row.bases = bases;
      if (Object.keys(members).length > 0) row.members = members;
      if (Object.keys(row).length > 0) types[name] = row;
    }
    return types;
  }

  /** The shape of a type; `null` if nothing can be made of it. */
  shape(type: Type | undefined): Shape {
    const value = type?.value;
    switch (type?.kind) {
      case "typeRef": {
        const { typeName, typeParams = [], resolution } = value as {
          readonly typeName: string;
          readonly typeParams?: readonly Type[];
          readonly resolution?: { readonly kind: string };
        };
        const first = () => this.shape(typeParams[0]);
        if (/^Promise(?:Like)?$/.test(typeName)) return ["promise", first()];
        if (/^Async(?:IterableIterator|Iterable|Iterator|Generator)$/.test(typeName)) return ["iterable", first()];
        if (/^(?:Readonly|Partial|Required|NonNullable|Omit|Pick)$/.test(typeName)) return first();
        if (/^(?:Readonly)?Array$/.test(typeName)) return ["list", first()];
        if (resolution?.kind === "typeParam" && !this.#symbols.has(typeName)) return ["parameter", typeName];
        return this.#reference(typeName, typeParams);
      }
      case "array":
        return listOf(this.shape(value as Type));
      case "tuple": {
        const items = (value as readonly Type[]).map((item) =>
          item.kind === "rest" ? this.#rest(item) : this.shape(item)
        );
        return items.every((item) => item === null) ? null : ["tuple", items];
      }
      case "fnOrConstructor": {
        const { params, tsType } = value as { readonly params: readonly Param[]; readonly tsType?: Type };
        // A function is known to be one, even where nothing is known of what it takes.
        return ["function", this.#params(params), this.shape(tsType)];
      }
      case "optional":
      case "parenthesized":
        return this.shape(value as Type);
      case "typeOperator":
        return this.shape((value as { readonly tsType?: Type }).tsType);
      case "union":
        return this.#union((value as readonly Type[]).filter((part) => !isNothing(part)));
      case "intersection": {
        const parts = (value as readonly Type[]).map((part) => this.shape(part)).filter((part) => part !== null);
        return parts.length > 1 ? ["both", parts] : parts[0] ?? null;
      }
      case "typeLiteral": {
        const { properties = [], methods = [] } = value as {
          readonly properties?: readonly Property[];
          readonly methods?: readonly Method[];
        };
        const members: Record<string, Shape> = {};
        for (const { name, tsType } of properties) {
          const shape = this.shape(tsType);
          if (shape !== null) members[name] = shape;
        }
        for (const method of methods) {
          const shape = this.#overloads([method]);
          if (shape !== null) members[method.name] = shape;
        }
        return Object.keys(members).length > 0 ? ["members", members] : null;
      }
      case "this":
        return this.#self;
      default:
        return null;
    }
  }

  #sorted(): [string, readonly Declaration[]][] {
    return [...this.#symbols].sort(([a], [b]) => a < b ? -1 : 1);
  }

  #reference(name: string, typeParams: readonly Type[]): Shape {
    if (!this.#symbols.has(name) || SEAMS.test(name)) return null;
    const args = typeParams.map((param) => this.shape(param));
    while (args.at(-1) === null) args.pop();
    return ["ours", name, args];
  }

  #rest(type: Type): Shape {
    const inner = this.shape((type.value as Type | undefined) ?? undefined);
    return inner?.[0] === "list" ? inner[1] as Shape : inner;
  }

  #params(params: readonly Param[]): Shape[] {
    return params.map((param) => {
      const { name, tsType } = param.left ?? param.arg ?? param;
      const type = tsType ?? param.tsType;
      const shape = name === "ms" && isNumber(type) ? ["milliseconds"] as const : this.shape(type);
      return param.kind === "rest" ? ["rest", shape?.[0] === "list" ? shape[1] : shape] : shape;
    });
  }

  /** What may be called in one way or in several; of those, the last is not for callers if it has a body. */
  #overloads(signatures: readonly Signature[]): Shape {
    const open = signatures.length > 1 && signatures.at(-1)?.hasBody ? signatures.slice(0, -1) : signatures;
    const shapes = open.map(({ params = [], returnType }): Shape => {
      const taken = this.#params(params);
      const given = this.shape(returnType);
      return given === null && taken.every((param) => param === null) ? null : ["function", taken, given];
    });
    return shapes.length === 1 || shapes.every((shape) => shape === null) ? shapes[0] ?? null : ["either", shapes];
  }

  #union(parts: readonly Type[]): Shape {
    const shapes = parts.map((part) => this.shape(part));
    // Objects of several forms, as outcomes are: what a field is known to be in one of them.
    if (parts.length > 1 && parts.every(({ kind }) => kind === "typeLiteral")) {
      const members = Object.assign({}, ...shapes.map((shape) => shape?.[1]));
      return Object.keys(members).length > 0 ? ["members", members] : null;
    }
    return unionOf(shapes);
  }
}

/** A part of a union that says nothing: `null`, `undefined`, literals and keywords. */
function isNothing({ kind, value }: Type): boolean {
  return kind === "literal" || (kind === "keyword" && /^(?:null|undefined)$/.test(String(value)));
}

/** What is one of several things; what is there at once or as a promise counts as the thing itself. */
function unionOf(shapes: readonly Shape[]): Shape {
  const bare = shapes.filter((shape) =>
    shape?.[0] !== "promise" || !shapes.some((other) => JSON.stringify(other) === JSON.stringify(shape[1]))
  );
  const distinct = [...new Map(bare.map((shape) => [JSON.stringify(shape), shape])).values()];
  if (distinct.length < 2) return distinct[0] ?? null;
  return distinct.every((shape) => shape === null) ? null : ["either", distinct];
}

/** A shape in the notation of the tables: see `lint/_notation.ts`. */
function text(shape: Shape): string {
  if (shape === null) return "?";
  const [kind, first, second] = shape;
  const list = (shapes: unknown) => (shapes as readonly Shape[]).map(text).join(", ");
  switch (kind) {
    case "promise":
      return `Promise<${text(first as Shape)}>`;
    case "iterable":
      return `AsyncIterable<${text(first as Shape)}>`;
    case "list":
      return `List<${text(first as Shape)}>`;
    case "tuple":
      return `[${list(first)}]`;
    case "function":
      return `(${list(first)}) => ${text(second as Shape)}`;
    case "either":
      return (first as readonly Shape[]).map((shape) => `(${text(shape)})`).join(" | ");
    case "both":
      return (first as readonly Shape[]).map((shape) => `(${text(shape)})`).join(" & ");
    case "members":
      return `{ ${
        Object.entries(first as Record<string, Shape>).map(([name, shape]) => `${name}: ${text(shape)}`).join(", ")
      } }`;
    case "parameter":
      return `$${first}`;
    case "rest":
      return `...${text(first as Shape)}`;
    case "milliseconds":
      return "ms";
    case "ours":
      return (second as readonly Shape[]).length > 0 ? `${first}<${list(second)}>` : String(first);
    default:
      throw new Error(`Cannot write a shape down as it must be of a known kind: received "${kind}"`);
  }
}

function listOf(shape: Shape): Shape {
  return shape === null ? null : ["list", shape];
}

function isNumber(type: Type | undefined): boolean {
  return type?.kind === "keyword" && type.value === "number";
}

function isMilliseconds(doc: string | undefined): boolean {
  return /\bin milliseconds\b/.test(doc ?? "") && !/\bon the run's clock\b/.test(doc ?? "");
}

/** Runs Deno, and gives what it prints. */
async function output(args: readonly string[]): Promise<string> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`Cannot make the tables as "deno ${args[0]}" failed`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  for (const [file, text] of [["_tables.ts", await makeTables()], ["_fields.ts", await makeFields()]] as const) {
    await Deno.writeTextFile(new URL(`lint/${file}`, root), text);
    console.log(`lint/${file}: ${text.split("\n").length - 1} lines`);
  }
}
