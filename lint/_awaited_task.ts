/** `awaited-task`: an `await` of a task, which is no promise. */

import type { Finding, Rule } from "./_rule.ts";
import { isA, partsOf } from "./_shape_algebra.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, isCall, type Node } from "./_tree.ts";
import { returnsOf } from "./_values.ts";
import { shortText } from "./_waits.ts";

export const awaitedTask: Rule = {
  name: "awaited-task",
  *check(file: SourceFile): Iterable<Finding> {
    for (const { argument } of file.tree.all("AwaitExpression")) {
      if (isTask(file, argument)) yield found(argument);
    }
    for (const call of file.tree.all("CallExpression")) {
      if (!file.waits.isPromiseCombinator(call)) continue;
      for (const task of tasksIn(file, argumentOf(call, 0))) yield found(task);
    }
  },
};

function found(node: Node): Finding {
  const text = shortText(node);
  return {
    node,
    message: `A task is no promise: this "await" goes on at once, whether "${text}" has ended or not`,
    hint: `Write \`await ${text.includes("…") ? "task" : text}.join()\`, or nothing: the nursery waits for it`,
  };
}

function isTask(file: SourceFile, node: Node): boolean {
  return partsOf(file.values.of(node)).some((part) => part?.[0] === "ours" && isA(part[1], "Task"));
}

/** The tasks in a list of what should be promises: one that is written out, or `items.map(fn)`. */
function tasksIn(file: SourceFile, list: Node | undefined): readonly Node[] {
  if (list === undefined) return [];
  const node = bare(list);
  if (node.type === "ArrayExpression") {
    return (node.elements as readonly (Node | null)[]).flatMap((element) =>
      element !== null && element.type !== "SpreadElement" && isTask(file, element) ? [element] : []
    );
  }
  const items = file.values.of(node);
  if (items?.[0] === "list" && items[1]?.[0] === "ours" && isA(items[1][1], "Task")) return [node];
  if (!isCall(node) || node.callee.type !== "MemberExpression") return [];
  const fn = file.values.localFunction(argumentOf(node, 0));
  return fn !== null && !fn.async && returnsOf(fn).some((value) => isTask(file, value)) ? [node] : [];
}
