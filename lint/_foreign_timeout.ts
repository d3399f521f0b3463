/** `foreign-timeout`: a timeout made of a timer and a signal, where a scope would do. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, isCall, isFunction, memberName, type Node, onlyExpression, parentOf } from "./_tree.ts";

export const foreignTimeout: Rule = {
  name: "foreign-timeout",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isForWorkers || file.isTest) return;
    for (const call of file.tree.all("CallExpression")) {
      const callee = bare(call.callee);
      const isSignal = callee.type === "MemberExpression" && memberName(callee) === "timeout" &&
        callee.object.type === "Identifier" && callee.object.name === "AbortSignal" &&
        file.scopes.isGlobal(callee.object);
      if (!isSignal && !isAbortLater(file, call, callee)) continue;
      if (file.isSimulated(call) || file.isHandedTo(call, (name) => name === "withSignal")) continue;
      yield {
        node: call,
        range: [call.range[0], callee.range[1]],
        message: `This timeout ends nothing but what looks at its signal, which no wait of this library does`,
        hint: "Write `failAfter(ms, () => …)` around it, and hand `currentSignal()` to what takes a signal",
      };
    }
  },
};

/** `setTimeout(() => controller.abort(), ms)`, of a controller that the file makes, and whose signal it hands on. */
function isAbortLater(file: SourceFile, call: Deno.lint.CallExpression, callee: Node): boolean {
  if (callee.type !== "Identifier" || callee.name !== "setTimeout" || !file.scopes.isGlobal(callee)) return false;
  const fn = argumentOf(call, 0);
  const abort = isFunction(fn) ? onlyExpression(fn.body) : null;
  if (!isCall(abort)) return false;
  const target = bare(abort.callee);
  if (target.type !== "MemberExpression" || memberName(target) !== "abort" || target.object.type !== "Identifier") {
    return false;
  }
  const controller = file.scopes.bindingOf(target.object);
  if (controller?.declaration.type !== "VariableDeclarator") return false;
  const { init } = controller.declaration;
  const isMade = init?.type === "NewExpression" && init.callee.type === "Identifier" &&
    init.callee.name === "AbortController";
  return isMade && controller.references.some((reference) => {
    const member = parentOf(reference);
    return member?.type === "MemberExpression" && memberName(member) === "signal";
  });
}
