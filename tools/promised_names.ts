// deno-lint-ignore-file no-console
/**
 * The lists of everything exported that returns a promise, or something to be iterated asynchronously (functions, and
 * the methods of exported classes and interfaces, inherited ones as well), and of everything that takes options. From
 * `deno doc --json`, so that what is new is on them the day it appears: the laws in `laws/` beside this go over them.
 *
 * Usage: deno run --allow-run tools/promised_names.ts
 */

interface Type {
  readonly kind: string;
  readonly repr?: string;
  readonly value?: unknown;
}

interface Param {
  readonly name?: string;
  /** Of a parameter with a default, which `kind` says: the parameter. */
  readonly left?: Param;
}

interface Member {
  readonly name: string;
  readonly accessibility?: string;
  readonly isStatic?: boolean;
  readonly kind?: string;
  readonly returnType?: Type;
  readonly params?: readonly Param[];
  readonly functionDef?: { readonly returnType?: Type; readonly params?: readonly Param[] };
  readonly tsType?: Type;
}

/** A place where something is declared. */
export interface Place {
  readonly filename: string;
  readonly line: number;
  readonly col: number;
}

interface Definition {
  /** Of what is exported from another file that was asked about, too. */
  readonly target?: Place;
  readonly returnType?: Type;
  readonly params?: readonly Param[];
  readonly constructors?: readonly { readonly params?: readonly Param[] }[];
  readonly methods?: readonly Member[];
  readonly properties?: readonly Member[];
  /** Of a class its base, by name; of an interface a list of types. */
  readonly extends?: string | readonly Type[] | null;
  readonly implements?: readonly Type[];
}

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly { readonly kind: string; readonly location?: Place; readonly def?: Definition }[];
}

/** The entry points; together they show everything that is exported. */
export const ENTRIES: readonly string[] = [
  "mod.ts",
  "core/mod.ts",
  "core/lowlevel.ts",
  "net/mod.ts",
  "os/mod.ts",
  "os/workers/worker.ts",
  "observe/mod.ts",
  "testing/mod.ts",
  "lint/mod.ts",
  "lint/strict.ts",
];

/** What `deno doc --json` prints. */
export interface Doc {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocSymbol[] }>>;
}

const PROMISED = /^(?:Promise|PromiseLike|AsyncIterable|AsyncIterator|AsyncIterableIterator|AsyncGenerator)$/;

/** What the interfaces of the language promise. */
const OF_LANGUAGE: Readonly<Record<string, readonly string[]>> = {
  AsyncIterable: ["[Symbol.asyncIterator]"],
  AsyncIterableIterator: ["[Symbol.asyncIterator]", "next"],
  AsyncIterator: ["next"],
  AsyncDisposable: ["[Symbol.asyncDispose]"],
};

/** The names: `sleep`, `Lock.acquire`, `ReceiveStream.[Symbol.asyncIterator]`, sorted. */
export function promisedNames(doc: Doc): string[] {
  const symbols = new Map<string, DocSymbol>();
  // One that several entry points export is described at one of them, and referred to at the others.
  for (const { name, declarations } of Object.values(doc.nodes).flatMap(({ symbols }) => symbols)) {
    symbols.set(name, { name, declarations: [...symbols.get(name)?.declarations ?? [], ...declarations] });
  }
  const names = new Set<string>();
  for (const { name, declarations } of symbols.values()) {
    for (const { kind, def } of declarations) {
      if (kind === "function" && promises(def?.returnType)) names.add(name);
    }
    for (const member of membersOf(name, symbols, new Set())) names.add(`${name}.${member}`);
  }
  return [...names].sort();
}

/** The names of everything exported that takes `options`: `retry`, `Task.cancel`, `new Lock`, sorted. */
export function namesWithOptions(doc: Doc): string[] {
  const takes = (params: readonly Param[] = []): boolean =>
    params.some((param) => (param.left ?? param).name === "options");
  const names = new Set<string>();
  for (const { name, declarations } of Object.values(doc.nodes).flatMap(({ symbols }) => symbols)) {
    for (const { kind, def } of declarations) {
      if (kind === "function" && takes(def?.params)) names.add(name);
      for (const { params } of def?.constructors ?? []) if (takes(params)) names.add(`new ${name}`);
      for (const { name: member, accessibility, functionDef, params } of def?.methods ?? []) {
        if (accessibility !== "private" && takes(functionDef?.params ?? params)) names.add(`${name}.${member}`);
      }
    }
  }
  return [...names].sort();
}

/** Reads the documentation of entry points of this repository. */
export async function readDoc(...entries: readonly string[]): Promise<Doc> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...entries],
    cwd: new URL("../", import.meta.url),
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot list what is exported as deno doc failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The members of a class or interface that promise something, also those of what it extends and does not override. */
function membersOf(name: string, symbols: ReadonlyMap<string, DocSymbol>, seen: Set<string>): Set<string> {
  const members = new Set<string>(OF_LANGUAGE[name]);
  if (seen.has(name)) return members;
  seen.add(name);
  for (const { kind, def } of symbols.get(name)?.declarations ?? []) {
    if (kind !== "class" && kind !== "interface" || def === undefined) continue;
    const own = [...def.methods ?? [], ...def.properties ?? []];
    for (const member of own) {
      if (member.accessibility === "private" || member.accessibility === "protected") continue;
      if (promises(member.functionDef?.returnType ?? member.returnType ?? member.tsType)) members.add(member.name);
    }
    const parents = typeof def.extends === "string" ? [def.extends] : (def.extends ?? []).map(({ repr }) => repr ?? "");
    for (const parent of parents) {
      for (const member of membersOf(parent, symbols, seen)) {
        if (!own.some(({ name }) => name === member)) members.add(member);
      }
    }
  }
  return members;
}

/** Whether a type is a promise or the like, may be one, or is a function that gives one. */
function promises(type: Type | undefined): boolean {
  if (type === undefined) return false;
  if (type.kind === "typeRef") return PROMISED.test(type.repr ?? "");
  if (type.kind === "union") return (type.value as readonly Type[]).some(promises);
  if (type.kind === "fnOrConstructor") return promises((type.value as { readonly tsType?: Type }).tsType);
  return type.kind === "optional" || type.kind === "parenthesized" ? promises(type.value as Type) : false;
}

if (import.meta.main) console.log(promisedNames(await readDoc(...ENTRIES)).join("\n"));
