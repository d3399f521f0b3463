/** `scope-reuse`: a `CancelScope` that is entered a second time. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { ancestorsOf, bare, isCall, isFunction, isLoop, isWithin, type Node, parentOf } from "./_tree.ts";

export const scopeReuse: Rule = {
  name: "scope-reuse",
  *check(file: SourceFile): Iterable<Finding> {
    for (const node of file.tree.all("NewExpression")) {
      if (file.values.exportedName(node.callee) !== "CancelScope") continue;
      const declarator = parentOf(node);
      if (declarator?.type !== "VariableDeclarator" || declarator.id.type !== "Identifier") continue;
      const scope = file.scopes.bindingOf(declarator.id);
      if (scope === null || scope.kind !== "const") continue;
      const entries = scope.references.flatMap((reference) => entryOf(reference) ?? []);
      const [second] = entries.filter((entry, index) =>
        isRepeated(entry, declarator) || entries.slice(0, index).some((first) => isAfter(entry, first))
      );
      if (second === undefined) continue;
      yield {
        node: second,
        range: [second.range[0], second.callee.range[1]],
        message: `"${scope.name}" is entered a second time, and a scope can be entered once: this throws`,
        hint: "Make a `new CancelScope()` for each",
      };
    }
  },
};

/** The call of `run()` that a mention of a scope is part of. */
function entryOf(reference: Node): Deno.lint.CallExpression | null {
  const member = parentOf(reference);
  if (member?.type !== "MemberExpression" || member.object !== reference || member.property.type !== "Identifier") {
    return null;
  }
  const call = parentOf(member);
  return member.property.name === "run" && isCall(call) && bare(call.callee) === member ? call : null;
}

/** Whether a call is in a loop that the scope is declared outside of; one that is left after the call enters it once. */
function isRepeated(entry: Node, declarator: Node): boolean {
  let last = entry;
  for (const at of ancestorsOf(entry)) {
    if (isFunction(at) || isWithin(declarator, at)) return false;
    if (isLoop(at) && "body" in at && last === at.body) return !isLeft(at.body, entry);
    last = at;
  }
  return false;
}

function isLeft(body: Node, entry: Node): boolean {
  for (const at of ancestorsOf(entry)) {
    if (at.type === "ReturnStatement" || at.type === "ThrowStatement") return true;
    const statements = at.type === "BlockStatement" ? at.body as readonly (Node | null)[] : [];
    if (
      statements.some((each) =>
        each !== null && each.range[0] > entry.range[1] && /^(?:Break|Return|Throw)/.test(each.type)
      )
    ) {
      return true;
    }
    if (at === body) return false;
  }
  return false;
}

/** Whether a call surely comes after another: in the same block, or in one further in. */
function isAfter(entry: Node, first: Node): boolean {
  const block = blockAround(first);
  if (block === null) return false;
  for (const at of ancestorsOf(entry)) {
    if (at === block) return !endsWith(block, first);
    if (isFunction(at)) return false;
  }
  return false;
}

function blockAround(node: Node): Node | null {
  for (const at of ancestorsOf(node)) {
    if (isFunction(at)) return null;
    if (at.type === "BlockStatement" || at.type === "Program") return at;
    if (at.type === "IfStatement" || at.type === "SwitchCase" || at.type === "ConditionalExpression") return null;
  }
  return null;
}

/** Whether a call is the last thing that happens in its block. */
function endsWith(block: Node, call: Node): boolean {
  const statements = "body" in block && Array.isArray(block.body) ? block.body as readonly (Node | null)[] : [];
  return statements.some((each) =>
    each !== null && isWithin(call, each) && /^(?:Return|Throw)Statement$/.test(each.type)
  );
}
