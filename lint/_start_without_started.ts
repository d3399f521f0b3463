/** `start-without-started`: a child that can never say that it has started. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { allNodes, argumentOf, isFunction } from "./_tree.ts";

export const startWithoutStarted: Rule = {
  name: "start-without-started",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      if (!file.values.isMethod(call, "Nursery", "start")) continue;
      const argument = argumentOf(call, 0);
      const fn = file.values.localFunction(argument);
      if (argument === undefined || fn === null || !fn.body) continue;
      const [status] = fn.params;
      if (status !== undefined) {
        if (status.type !== "Identifier") continue;
        const binding = file.scopes.bindingOf(status);
        if (binding === null || binding.references.length > 0) continue;
      } else if (usesArguments(fn.body)) continue;
      yield {
        node: argument,
        range: isFunction(argument)
          ? [argument.range[0], argument.body?.range[0] ?? argument.range[1]]
          : argument.range,
        message:
          `"start" waits until the child calls "status.started()", which this function cannot: it takes no status`,
        hint:
          "Take the status, and hand it on: `nursery.start((status) => …)`; or write `nursery.startSoon()`, which " +
          "waits for nothing",
      };
    }
  },
};

function usesArguments(body: Deno.lint.Node): boolean {
  return allNodes(body).some((node) => node.type === "Identifier" && node.name === "arguments");
}
