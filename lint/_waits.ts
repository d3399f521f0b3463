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
  isWithin,
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

/** What may be a wait: it is one if it is of the library, or if the function that it calls waits. */
interface Candidate extends Wait {
  /** The function of the file that is called. */
  readonly fn: FunctionNode | null;
  /** Whether it is the function's own wait that is meant, since its call is not written out: `items.map(fn)`. */
  readonly isInside: boolean;
}

export class Waits {
  readonly #scopes: Scopes;
  readonly #values: Values;
  readonly #candidates: Readonly<Record<Which, Map<FunctionNode, readonly Candidate[]>>> = {
    all: new Map(),
    cancellable: new Map(),
  };
  readonly #waiting: Readonly<Record<Which, Map<FunctionNode, boolean>>> = { all: new Map(), cancellable: new Map() };

  constructor(scopes: Scopes, values: Values) {
    this.#scopes = scopes;
    this.#values = values;
  }

  /** The wait that an expression is a promise of. */
  of(expression: Node | null | undefined, which: Which = "all"): Wait | null {
    return this.#firstOf(this.#of(expression, which), which);
  }

  /** The wait that a function of the file comes to, if it comes to one. */
  ofFunction(fn: FunctionNode, which: Which = "all"): Wait | null {
    return this.#waits(fn, which) ? this.#firstOf(this.#in(fn, which), which) : null;
  }

  /** The first wait that is awaited in a part of a function. */
  firstIn(part: Node | null | undefined, which: Which = "all"): Wait | null {
    if (part === null || part === undefined) return null;
    for (const wait of this.allIn(part, which)) return wait;
    return null;
  }

  /** The waits that are awaited in a part of a function, in the order of the text. */
  *allIn(part: Node, which: Which = "all"): Generator<Wait> {
    for (const candidates of this.#awaitedIn(part, which)) {
      const wait = this.#firstOf(candidates, which);
      if (wait !== null) yield wait;
    }
  }

  /** The first wait in a list of promises: one that is written out, or `items.map(fn)`. */
  ofList(list: Node | undefined, which: Which = "all"): Wait | null {
    return this.#firstOf(this.#ofList(list, which), which);
  }

  #firstOf(candidates: readonly Candidate[], which: Which): Wait | null {
    for (const candidate of candidates) {
      if (candidate.fn === null) return candidate;
      if (!this.#waits(candidate.fn, which)) continue;
      return candidate.isInside ? this.ofFunction(candidate.fn, which) : candidate;
    }
    return null;
  }

  /** Whether a function reaches a wait, by whatever calls. What none is reached from, reaches none either. */
  #waits(fn: FunctionNode, which: Which): boolean {
    const known = this.#waiting[which];
    const before = known.get(fn);
    if (before !== undefined) return before;
    const reached = new Set([fn]);
    for (const each of reached) {
      if (known.get(each) === false) continue;
      if (known.get(each) || this.#in(each, which).some((candidate) => candidate.fn === null)) {
        known.set(fn, true);
        return true;
      }
      for (const candidate of this.#in(each, which)) if (candidate.fn !== null) reached.add(candidate.fn);
    }
    for (const each of reached) known.set(each, false);
    return false;
  }

  /** What may be awaited in a function, or returned by it. */
  #in(fn: FunctionNode, which: Which): readonly Candidate[] {
    const known = this.#candidates[which];
    let found = known.get(fn);
    if (found === undefined) {
      known.set(fn, []);
      const isGenerator = "generator" in fn && fn.generator;
      found = [
        ...(fn.body ? this.#awaitedIn(fn.body, which).flat() : []),
        ...(isGenerator ? [] : returnsOf(fn).flatMap((value) => this.#of(value, which))),
      ];
      known.set(fn, found);
    }
    return found;
  }

  #awaitedIn(part: Node, which: Which): (readonly Candidate[])[] {
    const awaited: (readonly Candidate[])[] = [];
    for (const node of ownNodes(part)) {
      if (node.type === "AwaitExpression") awaited.push(this.#of(node.argument, which));
      else if (node.type === "ForOfStatement" && node.await) awaited.push(this.#ofLoop(node));
      else if (node.type === "YieldExpression" && node.delegate) awaited.push(this.#of(node.argument, which));
    }
    return awaited;
  }

  #of(expression: Node | null | undefined, which: Which): readonly Candidate[] {
    if (expression === null || expression === undefined) return [];
    const node = bare(expression);
    switch (node.type) {
      case "CallExpression":
        return this.#ofCall(node, which);
      case "LogicalExpression":
        return [...this.#of(node.right, which), ...this.#of(node.left, which)];
      case "ConditionalExpression":
        return [...this.#of(node.consequent, which), ...this.#of(node.alternate, which)];
      case "SequenceExpression":
        return this.#of(node.expressions.at(-1), which);
      case "AssignmentExpression":
        return this.#of(node.right, which);
      case "Identifier":
        // A promise that was kept in a variable.
        return this.#of(this.#constant(node), which);
      default:
        return [];
    }
  }

  /** What a name that is declared as a constant stands for. */
  #constant(id: Node): Node | null {
    const binding = this.#scopes.bindingOf(id);
    if (binding?.kind !== "const" || binding.declaration.type !== "VariableDeclarator") return null;
    const { id: pattern, init } = binding.declaration;
    // One that is declared by itself stands for nothing.
    return pattern.type === "Identifier" && init && !isWithin(id, init) ? init : null;
  }

  #ofLoop(loop: Deno.lint.ForOfStatement): readonly Candidate[] {
    const source = bare(loop.right);
    const name = isCall(source) ? nameOfCall(source) : shortText(source);
    if (this.#values.isIterable(this.#values.of(source))) {
      return [{ call: source, name, own: false, fn: null, isInside: false }];
    }
    // An async generator of the file.
    const fn = isCall(source) ? this.#values.localFunction(source.callee) : null;
    const isGenerator = fn !== null && "generator" in fn && fn.generator;
    return isGenerator ? [{ call: source, name, own: true, fn, isInside: false }] : [];
  }

  #ofCall(call: Deno.lint.CallExpression, which: Which): readonly Candidate[] {
    const callee = bare(call.callee);
    if (callee.type === "MemberExpression") {
      if (this.isPromiseCombinator(call)) return this.#ofList(argumentOf(call, 0), which);
      // What is done after a promise is awaited with it.
      if (/^(?:then|catch|finally)$/.test(memberName(callee) ?? "")) {
        const before = this.#of(callee.object, which);
        if (before.length > 0) return before;
      }
    }
    const fn = this.#values.localFunction(callee);
    if (fn !== null) {
      // Calling a generator function runs none of it.
      const isGenerator = "generator" in fn && fn.generator;
      return isGenerator ? [] : [{ call, name: nameOfCall(call), own: true, fn, isInside: false }];
    }
    if (this.#values.signatureOf(call)?.[2]?.[0] !== "promise") return [];
    if (which === "cancellable" && this.#isTolerant(call)) return [];
    return [{ call, name: nameOfCall(call), own: false, fn: null, isInside: false }];
  }

  #ofList(list: Node | undefined, which: Which): readonly Candidate[] {
    if (list === undefined) return [];
    const node = bare(list);
    if (node.type === "ArrayExpression") {
      return (node.elements as readonly (Node | null)[]).flatMap((element) =>
        element?.type === "SpreadElement" ? this.#ofList(element.argument, which) : this.#of(element, which)
      );
    }
    if (node.type === "Identifier") {
      return [...this.#ofList(this.#constant(node) ?? undefined, which), ...this.#pushedTo(node, which)];
    }
    if (!isCall(node)) return [];
    const callee = bare(node.callee);
    if (callee.type !== "MemberExpression") return [];
    const isFrom = memberName(callee) === "from" && callee.object.type === "Identifier" &&
      callee.object.name === "Array";
    if (memberName(callee) !== "map" && !isFrom) return [];
    const fn = this.#values.localFunction(argumentOf(node, isFrom ? 1 : 0));
    if (fn === null || ("generator" in fn && fn.generator)) return [];
    return [{ call: node, name: "", own: true, fn, isInside: true }];
  }

  /** Whether a call is of `Promise.all()` or its kin, the global one. */
  isPromiseCombinator(call: Deno.lint.CallExpression): boolean {
    const callee = bare(call.callee);
    return callee.type === "MemberExpression" && callee.object.type === "Identifier" &&
      callee.object.name === "Promise" && this.#scopes.isGlobal(callee.object) &&
      COMBINATORS.test(memberName(callee) ?? "");
  }

  /** What is put into a list after it was made: `promises.push(f())`. */
  #pushedTo(list: Node, which: Which): readonly Candidate[] {
    const binding = this.#scopes.bindingOf(list);
    if (binding?.kind !== "const" && binding?.kind !== "let") return [];
    return binding.references.flatMap((reference) => {
      const member = parentOf(reference);
      const call = member?.type === "MemberExpression" && member.object === reference ? parentOf(member) : null;
      if (member?.type !== "MemberExpression" || memberName(member) !== "push" || !isCall(call)) return [];
      return (call.arguments as readonly Node[]).flatMap((argument) =>
        argument.type === "SpreadElement" ? this.#ofList(argument.argument, which) : this.#of(argument, which)
      );
    });
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
