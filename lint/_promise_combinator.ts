/** `promise-combinator`: `Promise.all()` and its kin over waits of the library. */

import { missingImports, nameOf, replace } from "./_fixes.ts";
import type { Edit, Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { allNodes, argumentOf, bare, isCall, isFunction, memberName, type Node, ownNodes, parentOf } from "./_tree.ts";

export const promiseCombinator: Rule = {
  name: "promise-combinator",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      if (!file.waits.isPromiseCombinator(call)) continue;
      const name = memberName(bare(call.callee) as Deno.lint.MemberExpression) ?? "";
      const list = argumentOf(call, 0);
      const wait = file.waits.ofList(list);
      if (list === undefined || wait === null || isJoin(file, wait.call)) continue;
      const isMany = bare(list).type !== "ArrayExpression";
      const leaves = name === "all"
        ? `fails at the first failure, and leaves the others running`
        : name === "allSettled"
        ? `does not own what it waits for: it goes on when this is cancelled`
        : `leaves the losers running`;
      yield {
        node: call,
        range: [call.range[0], bare(call.callee).range[1]],
        message: `"Promise.${name}" ${leaves}, such as "${wait.name}"`,
        hint: isMany && (name === "all" || name === "allSettled")
          ? "Write `await map(items, fn)`: it cancels the others, waits for them, and takes a limit (`concurrency`)"
          : `Write \`await ${name}([() => …, () => …])\`: it cancels the others, and waits for them`,
        fix: fixOf(file, call, name, list),
      };
    }
    yield* missingImports(file, "all", "allSettled", "any", "race");
  },
};

/** Tasks belong to a nursery, whoever waits for them. */
function isJoin(file: SourceFile, call: Node): boolean {
  return file.values.calledMethod(call)?.name === "join";
}

/** A list that is written out, of nothing but waits, can become one of functions. */
function fixOf(file: SourceFile, call: Deno.lint.CallExpression, name: string, list: Node): Edit[] | undefined {
  const parent = parentOf(call);
  if (list.type !== "ArrayExpression" || call.arguments.length !== 1 || parent?.type !== "AwaitExpression") {
    return undefined;
  }
  const elements = list.elements as readonly (Node | null)[];
  const areWaits = elements.every((element) => isCall(element) && file.waits.of(element) !== null);
  if (!areWaits || elements.length === 0) return undefined;
  if (elements.some((element) => element === null || !staysTheSame(file, element))) return undefined;
  const ours = nameOf(file, name, call);
  if (ours === null) return undefined;
  return [
    ...ours.edits,
    replace(call.callee, ours.name),
    ...elements.map((element): Edit => ({
      range: [element?.range[0] ?? 0, element?.range[0] ?? 0],
      text: "() => ",
    })),
  ];
}

/** Whether an expression means the same in a function of its own, which runs a little later. */
function staysTheSame(file: SourceFile, element: Node): boolean {
  for (const node of ownNodes(element)) {
    if (node.type === "AwaitExpression" || node.type === "YieldExpression") return false;
  }
  for (const node of allNodes(element)) {
    if (node.type === "Identifier" && node.name === "arguments") return false;
    const binding = node.type === "Identifier" ? file.scopes.bindingOf(node) : null;
    // A variable may have another value by then, and another type in the eyes of the compiler.
    if (binding !== null && binding.writes.length > 0 && !isInside(binding.id, element)) return false;
    if (node.type === "AssignmentExpression" || node.type === "UpdateExpression") return false;
  }
  return !isFunction(element);
}

function isInside(node: Node, outer: Node): boolean {
  return node.range[0] >= outer.range[0] && node.range[1] <= outer.range[1];
}
