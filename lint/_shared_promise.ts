/** `shared-promise`: a promise of a wait that is kept for all who come later. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import {
  ancestorsOf,
  argumentOf,
  bare,
  functionAround,
  isCall,
  isFunction,
  isWithin,
  memberName,
  type Node,
  parentOf,
} from "./_tree.ts";
import { shortText } from "./_waits.ts";

export const sharedPromise: Rule = {
  name: "shared-promise",
  *check(file: SourceFile): Iterable<Finding> {
    for (const node of file.tree.all("AssignmentExpression")) {
      if (!isFirstComeFirstServed(file, node) || !outlives(file, node.left, node)) continue;
      const wait = file.waits.of(node.right);
      if (wait !== null) yield found(node, wait.name, shortText(node.left), "new Lazy(() => …)");
    }
    for (const node of file.tree.all("CallExpression")) {
      const callee = bare(node.callee);
      if (callee.type !== "MemberExpression" || memberName(callee) !== "set" || node.arguments.length !== 2) continue;
      const value = argumentOf(node, 1);
      if (value === undefined || !outlives(file, callee.object, node)) continue;
      const wait = file.waits.of(value);
      if (wait !== null) yield found(node, wait.name, shortText(callee.object), "new LazyMap((key) => …)");
    }
  },
};

function found(node: Node, wait: string, kept: string, instead: string): Finding {
  return {
    node,
    message:
      `"${kept}" keeps the promise of "${wait}", which runs under the scopes of whoever comes first: when these ` +
      `are cancelled, everybody who shares it gets that "Cancelled"`,
    hint:
      `Keep \`${instead}\`, and write \`await ${kept}.get()\`: when the task that computes is cancelled, the next in line does it`,
  };
}

/** `x ??= f()`, and what comes to the same: `if (!x) x = f()`, `x = x ?? f()`, `return x ?? (x = f())`. */
function isFirstComeFirstServed(file: SourceFile, node: Deno.lint.AssignmentExpression): boolean {
  if (node.operator === "??=" || node.operator === "||=") return true;
  if (node.operator !== "=") return false;
  const target = file.textOf(node.left);
  const right = bare(node.right);
  if (right.type === "LogicalExpression" && right.operator !== "&&") return file.textOf(right.left) === target;
  for (const at of ancestorsOf(node)) {
    if (isFunction(at)) return false;
    if (at.type === "LogicalExpression" && at.operator !== "&&" && isWithin(node, at.right)) {
      return file.textOf(at.left) === target;
    }
    if (at.type === "IfStatement" && isWithin(node, at.consequent)) return asksForNothing(file, at.test, target);
  }
  return false;
}

/** Whether a test is true while there is nothing in a variable. */
function asksForNothing(file: SourceFile, test: Node, target: string): boolean {
  const node = bare(test);
  if (node.type === "UnaryExpression") return node.operator === "!" && file.textOf(node.argument) === target;
  if (node.type !== "BinaryExpression" || !/^={2,3}$/.test(node.operator)) return false;
  const other = file.textOf(node.left) === target ? node.right : file.textOf(node.right) === target ? node.left : null;
  return other !== null && /^(?:null|undefined)$/.test(file.textOf(other));
}

/** Whether something is still there when the function has returned in which it gets a value. */
function outlives(file: SourceFile, target: Node, at: Node): boolean {
  const here = functionAround(at);
  if (here === null) return false;
  let root = bare(target);
  while (root.type === "MemberExpression") root = bare(root.object);
  if (root.type === "ThisExpression") return true;
  if (isCall(root) || root.type !== "Identifier") return false;
  const binding = file.scopes.bindingOf(root);
  if (binding === null) return false;
  // What comes in as an argument belongs to somebody else; a local variable is gone with its function.
  if (binding.kind === "parameter" && binding.declaration === here) return parentOf(root)?.type === "MemberExpression";
  return !isWithin(binding.id, here);
}
