/** `promise-for-function`: what already runs is handed over where the library calls a function. */

import { before } from "./_fixes.ts";
import { functionArguments } from "./_function_arguments.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, isCall, ownNodes } from "./_tree.ts";
import { nameOfCall } from "./_waits.ts";

export const promiseForFunction: Rule = {
  name: "promise-for-function",
  *check(file: SourceFile): Iterable<Finding> {
    for (const { value, to } of functionArguments(file)) {
      const call = bare(value);
      if (!isCall(call) || !/^(?:promise|awaitable)$/.test(file.values.of(call)?.[0] ?? "")) continue;
      const keepsOrder = !ownNodes(call).some(({ type }) => type === "AwaitExpression" || type === "YieldExpression");
      yield {
        node: value,
        message:
          `"${to}" takes a function, and this is the promise of "${nameOfCall(call)}", which already runs outside ` +
          `of it`,
        hint: `Write \`() => ${nameOfCall(call)}\``,
        fix: keepsOrder ? [before(value, "() => ")] : undefined,
      };
    }
  },
};
