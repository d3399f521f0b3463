/**
 * Which calls wait for something of the library: its own functions and methods that return promises, and the functions
 * of the file that reach one of those.
 */

import type { Scopes } from "./_scopes.ts";
import type { FunctionNode } from "./_shapes.ts";
import {
  argumentOf,
  bare,
  isCall,
  isFunction,
  memberName,
  type Node,
  numberOf,
  ownNodes,
  parentOf,
  propertyOf,
} from "./_tree.ts";
import { returnsOf, type Values } from "./_values.ts";

/** A wait that somebody has to await. */
export interface Wait {
  /** The call: of the library, or of a function of the file. */
  readonly call: Node;
  /** How it is called, for messages: `out.send()`. */
  readonly name: string;
  /** Whether it is a function of the file that is called. */
  readonly own: boolean;
}

/** Which waits are looked for: all, or those that a cancellation from outside ends. */
export type Which = "all" | "cancellable";

/** What takes no notice of a cancellation from outside: cleanup under a shield of its own, and runs of their own. */
const TOLERANT = new Set([
  "shielded",
  "closeForcefully",
  "cancelShieldedCheckpoint",
  "run",
  "simulate",
  "explore",
  "sweepCancel",
  "sweepFaults",
]);
const TOLERANT_METHODS = /^(?:close|end|\[Symbol\.asyncDispose\])$/;

/** `Promise.all()` and its kin. */
const COMBINATORS = /^(?:all|allSettled|any|race)$/;

export class Waits {
  readonly #scopes: Scopes;
  readonly #values: Values;
  readonly #functions: Readonly<Record<Which, Map<FunctionNode, Wait | null>>> = {
    all: new Map(),
    cancellable: new Map(),
  };
  /** The functions that are looked at just now. */
  readonly #open = new Set<FunctionNode>();
  /** Whether one of these was come across again, so that what was found out may not be all. */
  #cut = false;

  constructor(scopes: Scopes, values: Values) {
    this.#scopes = scopes;
    this.#values = values;
  }

  /** The wait that an expression is a promise of. */
  of(expression: Node | null | undefined, which: Which = "all"): Wait | null {
    if (expression === null || expression === undefined) return null;
    const node = bare(expression);
    switch (node.type) {
      case "CallExpression":
        return this.#ofCall(node, which);
      case "LogicalExpression":
        return this.of(node.right, which) ?? this.of(node.left, which);
      case "ConditionalExpression":
        return this.of(node.consequent, which) ?? this.of(node.alternate, which);
      case "SequenceExpression":
        return this.of(node.expressions.at(-1), which);
      case "AssignmentExpression":
        return this.of(node.right, which);
      case "Identifier": {
        // A promise that was kept in a variable.
        const binding = this.#scopes.bindingOf(node);
        if (binding?.kind !== "const" || binding.declaration.type !== "VariableDeclarator") return null;
        return binding.declaration.id.type === "Identifier" ? this.of(binding.declaration.init, which) : null;
      }
      default:
        return null;
    }
  }

  /** The wait that a function of the file comes to, if it comes to one. */
  ofFunction(fn: FunctionNode, which: Which = "all"): Wait | null {
    const known = this.#functions[which];
    const before = known.get(fn);
    if (before !== undefined) return before;
    if (this.#open.has(fn)) {
      this.#cut = true;
      return null;
    }
    const outermost = this.#open.size === 0;
    if (outermost) this.#cut = false;
    this.#open.add(fn);
    const found = this.firstIn(fn.body, which) ?? this.#returnedBy(fn, which);
    this.#open.delete(fn);
    // Functions that call each other: what one of them lacks, another one may have.
    if (found !== null || outermost || !this.#cut) known.set(fn, found);
    return found;
  }

  /** The first wait that is awaited in a part of a function. */
  firstIn(part: Node | null | undefined, which: Which = "all"): Wait | null {
    if (part === null || part === undefined) return null;
    for (const wait of this.allIn(part, which)) return wait;
    return null;
  }

  /** The waits that are awaited in a part of a function, in the order of the text. */
  *allIn(part: Node, which: Which = "all"): Generator<Wait> {
    for (const node of ownNodes(part)) {
      if (node.type === "AwaitExpression") {
        const wait = this.of(node.argument, which);
        if (wait !== null) yield wait;
      } else if (node.type === "ForOfStatement" && node.await) {
        const wait = this.#ofLoop(node, which);
        if (wait !== null) yield wait;
      } else if (node.type === "YieldExpression" && node.delegate) {
        const wait = this.of(node.argument, which);
        if (wait !== null) yield wait;
      }
    }
  }

  #returnedBy(fn: FunctionNode, which: Which): Wait | null {
    if ("generator" in fn && fn.generator) return null;
    for (const value of returnsOf(fn)) {
      const wait = this.of(value, which);
      if (wait !== null) return wait;
    }
    return null;
  }

  #ofLoop(loop: Deno.lint.ForOfStatement, which: Which): Wait | null {
    const source = bare(loop.right);
    if (this.#values.iterated(this.#values.of(source)) !== null) {
      return { call: source, name: isCall(source) ? nameOfCall(source) : shortText(source), own: false };
    }
    // An async generator of the file.
    if (!isCall(source)) return null;
    const fn = this.#values.localFunction(source.callee);
    if (fn === null || !("generator" in fn) || !fn.generator) return null;
    return this.ofFunction(fn, which) === null ? null : { call: source, name: nameOfCall(source), own: true };
  }

  #ofCall(call: Deno.lint.CallExpression, which: Which): Wait | null {
    const callee = bare(call.callee);
    if (callee.type === "MemberExpression") {
      const name = memberName(callee) ?? "";
      if (this.isPromiseCombinator(call)) return this.ofList(argumentOf(call, 0), which);
      // What is done after a promise is awaited with it.
      if (/^(?:then|catch|finally)$/.test(name)) {
        const before = this.of(callee.object, which);
        if (before !== null) return before;
      }
    }
    const fn = this.#values.localFunction(callee);
    if (fn !== null) {
      // Calling a generator function runs none of it.
      if ("generator" in fn && fn.generator) return null;
      return this.ofFunction(fn, which) === null ? null : { call, name: nameOfCall(call), own: true };
    }
    if (this.#values.signatureOf(call)?.[2]?.[0] !== "promise") return null;
    if (which === "cancellable" && this.#isTolerant(call)) return null;
    return { call, name: nameOfCall(call), own: false };
  }

  /** Whether a call is of `Promise.all()` or its kin, the global one. */
  isPromiseCombinator(call: Deno.lint.CallExpression): boolean {
    const callee = bare(call.callee);
    return callee.type === "MemberExpression" && callee.object.type === "Identifier" &&
      callee.object.name === "Promise" && this.#scopes.isGlobal(callee.object) &&
      COMBINATORS.test(memberName(callee) ?? "");
  }

  /** The first wait in a list of promises: one that is written out, or `items.map(fn)`. */
  ofList(list: Node | undefined, which: Which = "all"): Wait | null {
    if (list === undefined) return null;
    const node = bare(list);
    if (node.type === "ArrayExpression") {
      for (const element of node.elements as readonly (Node | null)[]) {
        if (element === null) continue;
        const wait = element.type === "SpreadElement" ? this.ofList(element.argument, which) : this.of(element, which);
        if (wait !== null) return wait;
      }
      return null;
    }
    if (node.type === "Identifier") {
      const binding = this.#scopes.bindingOf(node);
      if (binding?.kind !== "const" || binding.declaration.type !== "VariableDeclarator") return null;
      return binding.declaration.id.type === "Identifier" && binding.declaration.init
        ? this.ofList(binding.declaration.init, which)
        : null;
    }
    if (!isCall(node)) return null;
    const callee = bare(node.callee);
    if (callee.type !== "MemberExpression") return null;
    const isFrom = memberName(callee) === "from" && callee.object.type === "Identifier" &&
      callee.object.name === "Array";
    if (memberName(callee) !== "map" && !isFrom) return null;
    const given = argumentOf(node, isFrom ? 1 : 0);
    const fn = this.#values.localFunction(given);
    return fn === null || ("generator" in fn && fn.generator) ? null : this.ofFunction(fn, which);
  }

  #isTolerant(call: Deno.lint.CallExpression): boolean {
    const name = this.#values.calledName(call);
    if (name !== null) return TOLERANT.has(name);
    const method = this.#values.calledMethod(call);
    if (method === null) return false;
    return TOLERANT_METHODS.test(method.name) ||
      (method.type === "CancelScope" && method.name === "run" && this.isShield(method.object));
  }

  /** Whether a scope is made with a shield. */
  isShield(scope: Node): boolean {
    const node = bare(scope);
    if (node.type === "Identifier") {
      const declaration = this.#scopes.bindingOf(node)?.declaration;
      return declaration?.type === "VariableDeclarator" && declaration.init !== null && this.isShield(declaration.init);
    }
    if (node.type !== "NewExpression" || this.#values.exportedName(node.callee) !== "CancelScope") return false;
    const options = argumentOf(node, 0);
    const shield = options?.type === "ObjectExpression" ? propertyOf(options, "shield") : undefined;
    return shield?.type === "Literal" && shield.value === true;
  }

  /** Whether a node is in a function that runs under a shield. */
  isShielded(node: Node): boolean {
    for (let at: Node | null = node; at !== null; at = parentOf(at)) {
      if (!isFunction(at)) continue;
      const call = parentOf(at);
      if (!isCall(call)) continue;
      if (this.#values.calledName(call) === "shielded") return true;
      const method = this.#values.calledMethod(call);
      if (method?.type === "CancelScope" && method.name === "run" && this.isShield(method.object)) return true;
    }
    return false;
  }
}

/** How a call is written, for messages: `sleep()`, `out.send()`, `….close()` where it is long. */
export function nameOfCall(call: Node): string {
  const node = bare(call);
  return node.type === "CallExpression" || node.type === "NewExpression"
    ? `${shortText(node.callee)}()`
    : shortText(node);
}

/** How an expression is written, if it is names and dots; the rest is left out. */
export function shortText(node: Node): string {
  const at = bare(node);
  switch (at.type) {
    case "Identifier":
      return at.name;
    case "PrivateIdentifier":
      return `#${at.name}`;
    case "ThisExpression":
      return "this";
    case "Super":
      return "super";
    case "MemberExpression": {
      const name = memberName(at);
      if (name === null) return `${shortText(at.object)}[…]`;
      return `${shortText(at.object)}${name.startsWith("[") ? "" : "."}${name}`;
    }
    case "CallExpression":
      return `${shortText(at.callee)}(…)`;
    case "Literal":
      return at.raw.length <= 20 ? at.raw : "…";
    default:
      return Number.isNaN(numberOf(at)) ? "…" : String(numberOf(at));
  }
}
