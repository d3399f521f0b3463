/**
 * A syntax tree as the rules look at it: a copy of what the host gives.
 *
 * A node of the host decodes each field anew whenever it is read, and the rules read most of them many times: a name is
 * resolved by climbing. One copy, made once for all rules of a file, is cheaper than that, and it makes the rules
 * independent of the host: any linter with trees of this form will do.
 */

import { FIELDS } from "./_fields.ts";
import type { FunctionNode } from "./_shapes.ts";

/** A node of a syntax tree; Deno's type of all nodes leaves one out. */
export type Node = Deno.lint.Node | Deno.lint.TSParameterProperty;

/** The nodes of a kind. */
export type NodeOf<K extends Node["type"]> = Extract<Node, { type: K }>;

/** A loop of any kind. */
export type LoopNode =
  | Deno.lint.WhileStatement
  | Deno.lint.DoWhileStatement
  | Deno.lint.ForStatement
  | Deno.lint.ForInStatement
  | Deno.lint.ForOfStatement;

const CHILDREN = Symbol("children");
const PARENT = Symbol("parent");

interface Copied {
  [CHILDREN]: Node[];
  [PARENT]: Node | null;
  [field: string]: unknown;
}

/** The copy of a tree, and its nodes by their kind, in the order of the text. */
export class Tree {
  readonly program: Deno.lint.Program;
  readonly #byKind = new Map<string, Node[]>();
  readonly #text: string;

  constructor(program: Deno.lint.Program, text: string) {
    this.#text = text;
    this.program = this.#copy(program, null) as Deno.lint.Program;
  }

  all<K extends Node["type"]>(kind: K): readonly NodeOf<K>[] {
    return (this.#byKind.get(kind) ?? []) as NodeOf<K>[];
  }

  #copy(node: Node, parent: Node | null): Node {
    const copy: Copied = { type: node.type, range: node.range, [CHILDREN]: [], [PARENT]: parent };
    const self = copy as unknown as Node;
    this.#add(self);
    for (const field of fieldsOf(node.type)) {
      const value = (node as unknown as Record<string, unknown>)[field];
      if (Array.isArray(value)) {
        copy[field] = value.map((item) => isNode(item) ? this.#child(item, self, copy) : item);
      } else copy[field] = isNode(value) ? this.#child(value, self, copy) : value;
    }
    if (node.type === "ArrayPattern") this.#addHidden(self as Deno.lint.ArrayPattern, copy);
    copy[CHILDREN].sort((a, b) => a.range[0] - b.range[0]);
    return self;
  }

  #add(node: Node): void {
    const same = this.#byKind.get(node.type);
    if (same === undefined) this.#byKind.set(node.type, [node]);
    else same.push(node);
  }

  /**
   * Adds what the host leaves out of a pattern: all that follows a hole (Deno 2.9), as in `const [, receive] = …`. It is
   * read from the text: names as they are; of anything else, only that it declares the names in it.
   */
  #addHidden(pattern: Deno.lint.ArrayPattern, copy: Copied): void {
    const parts = partsOfPattern(this.#text, pattern.range[0]);
    const hole = parts.findIndex(({ text }) => text === "");
    if (hole < 0 || pattern.elements.length > hole) return;
    const make = (fields: { readonly type: string; readonly [field: string]: unknown }, at: number, length: number) => {
      const node = { range: [at, at + length], [CHILDREN]: [], [PARENT]: pattern, ...fields } as unknown as Node;
      this.#add(node);
      return node;
    };
    const elements: (Node | null)[] = [...pattern.elements];
    for (const { text, at } of parts.slice(elements.length)) {
      if (text === "") {
        elements.push(null);
        continue;
      }
      const names = /^[A-Za-z_$][\w$]*$/.test(text)
        ? [{ name: text, at }]
        : [...text.matchAll(/(?<!(?:^|[^.])\.|[\w$])[A-Za-z_$][\w$]*(?!\s*[:\w$])/g)].map(({ 0: name, index }) => ({
          name,
          at: at + index,
        }));
      const ids = names.map(({ name, at }) => make({ type: "Identifier", name }, at, name.length));
      const isName = ids.length === 1 && names[0]?.name === text;
      const element = isName ? ids[0] as Node : make(
        { type: "RestElement", argument: make({ type: "ArrayPattern", elements: ids }, at, text.length) },
        at,
        text.length,
      );
      elements.push(element);
      copy[CHILDREN].push(...ids);
    }
    copy.elements = elements;
  }

  #child(node: Node, parent: Node, copy: Copied): Node {
    const child = this.#copy(node, parent);
    copy[CHILDREN].push(child);
    return child;
  }
}

/** The parts of a pattern that begins at a place, between its commas. */
function partsOfPattern(text: string, start: number): { readonly text: string; readonly at: number }[] {
  const parts: { text: string; at: number }[] = [];
  let depth = 0;
  let from = start + 1;
  for (let at = start; at < text.length; at++) {
    const sign = text[at] ?? "";
    if (/[[({]/.test(sign)) depth++;
    else if (/[\])}]/.test(sign)) depth--;
    if (depth === 0 || (depth === 1 && sign === ",")) {
      const part = text.slice(from, at);
      // Nothing after the last comma is no hole.
      if (depth === 1 || part.trim() !== "") {
        parts.push({ text: part.trim(), at: from + part.length - part.trimStart().length });
      }
      from = at + 1;
    }
    if (depth === 0) break;
  }
  return parts;
}

/** Fields that no rule asks for. To read one from a node of the host takes a while, and each node has some. */
const UNREAD =
  /^(?:declare|optional|override|readonly|accessibility|abstract|definite|in|out|const|exportKind|attributes|regex|bigint|cooked|tail|global)$/;

const lists = new Map<string, readonly string[]>();

function fieldsOf(kind: string): readonly string[] {
  let list = lists.get(kind);
  if (list === undefined) {
    lists.set(
      kind,
      list = FIELDS[kind]?.split(" ").filter((field) => field !== "" && !UNREAD.test(field)) ?? [],
    );
  }
  return list;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

export function parentOf(node: Node): Node | null {
  return (node as unknown as Copied)[PARENT];
}

export function childrenOf(node: Node): readonly Node[] {
  return (node as unknown as Copied)[CHILDREN];
}

export function isFunction(node: Node | null | undefined): node is FunctionNode {
  return node?.type === "ArrowFunctionExpression" || node?.type === "FunctionExpression" ||
    node?.type === "FunctionDeclaration";
}

export function isLoop(node: Node): node is LoopNode {
  return /^(?:While|DoWhile|For|ForIn|ForOf)Statement$/.test(node.type);
}

export function isClass(node: Node): node is Deno.lint.ClassDeclaration | Deno.lint.ClassExpression {
  return node.type === "ClassDeclaration" || node.type === "ClassExpression";
}

/** The nodes around a node, the nearest first. */
export function* ancestorsOf(node: Node): Generator<Node> {
  for (let at = parentOf(node); at !== null; at = parentOf(at)) yield at;
}

/** The function whose body, or a parameter of which, a node is in; `null` at the top of the module. */
export function functionAround(node: Node): FunctionNode | null {
  for (const at of ancestorsOf(node)) if (isFunction(at)) return at;
  return null;
}

/** Whether `await` may be written at a node. */
export function mayAwait(node: Node): boolean {
  for (const at of ancestorsOf(node)) {
    if (isFunction(at)) return at.async;
    if (at.type === "StaticBlock" || at.type === "PropertyDefinition") return false;
  }
  return true;
}

/** Whether a node is inside of another, or is that. */
export function isWithin(node: Node, outer: Node): boolean {
  return node.range[0] >= outer.range[0] && node.range[1] <= outer.range[1];
}

/** A node and what is in it, without what is in other functions: it runs at another time. */
export function ownNodes(node: Node, into: Node[] = []): readonly Node[] {
  into.push(node);
  for (const child of childrenOf(node)) {
    if (!isFunction(child) && !isClass(child)) ownNodes(child, into);
  }
  return into;
}

/** A node and all that is in it. */
export function allNodes(node: Node, into: Node[] = []): readonly Node[] {
  into.push(node);
  for (const child of childrenOf(node)) allNodes(child, into);
  return into;
}

/** An expression without what is said of its type, and without the mark of an optional chain. */
export function bare(node: Node): Node {
  let at = node;
  while (
    at.type === "TSAsExpression" || at.type === "TSSatisfiesExpression" || at.type === "TSNonNullExpression" ||
    at.type === "TSTypeAssertion" || at.type === "ChainExpression"
  ) at = at.expression;
  return at;
}

/** The expression that is all that a body does: of an arrow function, of a block with one statement. */
export function onlyExpression(body: Node | null | undefined): Node | null {
  if (body === null || body === undefined) return null;
  if (body.type === "ExpressionStatement") return bare(body.expression);
  if (body.type === "ReturnStatement") return body.argument ? bare(body.argument) : null;
  if (body.type !== "BlockStatement") return /Statement$|Declaration$/.test(body.type) ? null : bare(body);
  return body.body.length === 1 && body.body[0]?.type !== "BlockStatement" ? onlyExpression(body.body[0]) : null;
}

/** The value of an argument, if it is not spread. */
export function argumentOf(call: Deno.lint.CallExpression | Deno.lint.NewExpression, index: number): Node | undefined {
  const before = call.arguments.slice(0, index + 1);
  return before.some(({ type }) => type === "SpreadElement") ? undefined : before[index];
}

/** The name of a property that is accessed or declared, if it is written out. */
export function keyName(key: Node, computed: boolean): string | null {
  if (key.type === "PrivateIdentifier") return `#${key.name}`;
  if (key.type === "Literal") return typeof key.value === "string" ? key.value : key.raw;
  if (key.type === "Identifier") return computed ? null : key.name;
  // That a method has a key like this is not always called computed.
  if (key.type !== "MemberExpression" || key.object.type !== "Identifier" || key.property.type !== "Identifier") {
    return null;
  }
  return `[${key.object.name}.${key.property.name}]`;
}

/** The name of a member: `send` of `channel.send`, `channel?.send` and `channel["send"]`. */
export function memberName(node: Deno.lint.MemberExpression): string | null {
  return keyName(node.property, node.computed);
}

/** The value of a property that an object literal writes out. */
export function propertyOf(object: Deno.lint.ObjectExpression, name: string): Node | undefined {
  for (const property of object.properties) {
    if (property.type === "Property" && keyName(property.key, property.computed) === name) return property.value;
  }
  return undefined;
}

/** The number that a literal writes, with `_` as well; `NaN` for anything else. */
export function numberOf(node: Node | undefined): number {
  if (node === undefined) return NaN;
  const value = bare(node);
  if (value.type === "Identifier" && value.name === "Infinity") return Infinity;
  if (value.type !== "Literal" || typeof value.value !== "number") return NaN;
  return Number(value.raw.replaceAll("_", ""));
}

/** Whether a node is a call. */
export function isCall(node: Node | null | undefined): node is Deno.lint.CallExpression {
  return node?.type === "CallExpression";
}
