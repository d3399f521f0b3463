/** `unbounded-shield`: a shield that nothing can end. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import {
  argumentOf,
  bare,
  isCall,
  isFunction,
  memberName,
  type Node,
  numberOf,
  onlyExpression,
  parentOf,
  propertyOf,
} from "./_tree.ts";

export const unboundedShield: Rule = {
  name: "unbounded-shield",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isTest) return;
    for (const call of file.tree.all("CallExpression")) {
      if (file.values.calledName(call) !== "shielded") continue;
      if (isBounded(argumentOf(call, 1), "timeout") || file.isSimulated(call)) continue;
      if (!endsItself(file, argumentOf(call, 0))) yield found(call.callee);
    }
    for (const node of file.tree.all("NewExpression")) {
      if (file.values.exportedName(node.callee) !== "CancelScope" || file.isSimulated(node)) continue;
      const options = argumentOf(node, 0);
      if (options?.type !== "ObjectExpression") continue;
      const shield = propertyOf(options, "shield");
      if (shield?.type !== "Literal" || shield.value !== true) continue;
      if (isBounded(options, "timeout") || isBounded(options, "deadline") || isEndedLater(file, node)) continue;
      yield found(node);
    }
  },
};

function found(node: Node): Finding {
  return {
    node,
    message: `Nothing can end this shield: if what it protects hangs, no timeout and no first Ctrl-C ends the program`,
    hint: "Give it a limit: `shielded(fn, { timeout: 5_000 })`",
  };
}

/** Whether options limit the time, or may do so. */
function isBounded(options: Node | undefined, name: string): boolean {
  if (options === undefined) return false;
  const node = bare(options);
  if (node.type !== "ObjectExpression") return true;
  if (node.properties.some(({ type }) => type === "SpreadElement")) return true;
  const value = propertyOf(node, name);
  return value !== undefined && numberOf(value) !== Infinity;
}

/** Whether what a shield protects is one call with a limit of its own: a timeout, a pause, the end of a process. */
function endsItself(file: SourceFile, fn: Node | undefined): boolean {
  const only = isFunction(fn) ? onlyExpression(fn.body) : null;
  const call = only?.type === "AwaitExpression" ? bare(only.argument) : only;
  if (!isCall(call)) return false;
  const name = file.values.calledName(call);
  if (name === "failAfter" || name === "moveOnAfter") return true;
  if (name === "sleep") return numberOf(argumentOf(call, 0)) < Infinity;
  return file.waits.of(call) !== null && file.waits.of(call, "cancellable") === null;
}

/** Whether a scope is kept where somebody gives it a deadline, takes its shield away, or cancels it. */
function isEndedLater(file: SourceFile, node: Node): boolean {
  const declarator = parentOf(node);
  if (declarator?.type !== "VariableDeclarator" || declarator.id.type !== "Identifier") {
    return parentOf(node)?.type !== "MemberExpression";
  }
  return file.scopes.bindingOf(declarator.id)?.references.some((reference) => {
    const member = parentOf(reference);
    return member?.type !== "MemberExpression" || memberName(member) !== "run";
  }) ?? true;
}
