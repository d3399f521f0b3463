/** `timeout-parameter`: a function that takes a timeout or a signal, only to make a scope of it. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { namesIn } from "./_scopes.ts";
import { isCall, isFunction, type Node, parentOf } from "./_tree.ts";

const NAMES = /^(?:timeout|timeoutMs|signal|abortSignal)$/;

export const timeoutParameter: Rule = {
  name: "timeout-parameter",
  *check(file: SourceFile): Iterable<Finding> {
    for (const kind of ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"] as const) {
      for (const fn of file.tree.all(kind)) {
        if (!isFunction(fn) || !fn.async) continue;
        for (const id of fn.params.flatMap((param) => namesIn(param))) {
          const binding = id.type === "Identifier" && NAMES.test(id.name) ? file.scopes.bindingOf(id) : null;
          if (binding === null || binding.references.length !== 1) continue;
          const to = scopeMadeOf(file, binding.references[0] as Node);
          if (to === null) continue;
          yield {
            node: id,
            message:
              `"${binding.name}" only goes into "${to}": whoever calls this function can write that around the call`,
            hint: `Leave it out; callers write \`${to}(…, () => …)\``,
          };
        }
      }
    }
  },
};

/** The function that makes a scope of an argument. */
function scopeMadeOf(file: SourceFile, reference: Node): string | null {
  const call = parentOf(reference);
  if (!isCall(call) || call.arguments[0] !== reference) return null;
  const name = file.values.calledName(call);
  return name === "failAfter" || name === "withSignal" ? name : null;
}
