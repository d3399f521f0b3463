/** `generator-as-task`: a generator function where the library calls a function. */

import { functionArguments } from "./_function_arguments.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { FunctionNode } from "./_shapes.ts";
import type { SourceFile } from "./_source_file.ts";
import { isCall, isFunction, type Node } from "./_tree.ts";

export const generatorAsTask: Rule = {
  name: "generator-as-task",
  *check(file: SourceFile): Iterable<Finding> {
    for (const { value, to } of functionArguments(file)) {
      const fn = file.values.localFunction(value);
      if (fn === null || !givesIterator(file, fn, value, to)) continue;
      yield {
        node: value,
        range: isFunction(value) ? [value.range[0], value.body?.range[0] ?? value.range[1]] : value.range,
        message:
          `A generator function does nothing when it is called: "${to}" gets an iterator, and no line of it runs`,
        hint: "Write an async function, in which `for await` takes what the generator gives",
      };
    }
  },
};

/** Whether a function gives an iterator: it is a generator function, or a task that is nothing but a call of one. */
function givesIterator(file: SourceFile, fn: FunctionNode, value: Node, to: string): boolean {
  if ("generator" in fn && fn.generator) return true;
  if (fn !== value || fn.type !== "ArrowFunctionExpression" || !/\b(?:startSoon|start|startSystemTask)$/.test(to)) {
    return false;
  }
  const called = isCall(fn.body) ? file.values.localFunction(fn.body.callee) : null;
  return called !== null && "generator" in called && called.generator;
}
