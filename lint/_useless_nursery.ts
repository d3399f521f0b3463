/** `useless-nursery`: a nursery with one task, and nothing beside it. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, isCall, isFunction, memberName, onlyExpression } from "./_tree.ts";

export const uselessNursery: Rule = {
  name: "useless-nursery",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isTest) return;
    for (const call of file.tree.all("CallExpression")) {
      if (file.values.calledName(call) !== "openNursery") continue;
      const fn = argumentOf(call, 0);
      if (!isFunction(fn) || !fn.body) continue;
      const [param] = fn.params;
      const binding = param?.type === "Identifier" ? file.scopes.bindingOf(param) : null;
      // Whoever mentions the nursery a second time may hand it to somebody who starts more.
      if (binding?.references.length !== 1) continue;
      const only = onlyExpression(fn.body);
      if (!isCall(only) || only.callee.type !== "MemberExpression" || memberName(only.callee) !== "startSoon") continue;
      if (only.arguments.length !== 1) continue;
      yield {
        node: call.callee,
        message: `This nursery has one task, and nothing runs beside it`,
        hint: "Call the function: `await work()`",
      };
    }
  },
};
