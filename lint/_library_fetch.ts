/** `library-fetch`: a request that no scope can cancel. */

import { importOf, replace } from "./_fixes.ts";
import type { Edit, Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, memberName, type Node, propertyOf } from "./_tree.ts";

/** What awaits foreign promises on purpose, and may abandon them. */
const WAITS_FOR_OTHERS = /^(?:cancellable|hostOperation|beginHostOperation)$/;

export const libraryFetch: Rule = {
  name: "library-fetch",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isForWorkers) return;
    const imported = file.scopes.lookup("fetch", file.tree.program);
    const isOurs = imported !== null && file.values.ofBinding(imported)?.[0] === "export";
    for (const call of file.tree.all("CallExpression")) {
      const callee = bare(call.callee);
      const isMember = callee.type === "MemberExpression" && memberName(callee) === "fetch" &&
        callee.object.type === "Identifier" && /^(?:globalThis|self|window)$/.test(callee.object.name) &&
        file.scopes.isGlobal(callee.object);
      const isGlobal = callee.type === "Identifier" && callee.name === "fetch" && file.scopes.isGlobal(callee);
      if (!isMember && !isGlobal) continue;
      // Whoever has ours at hand, and writes out where the other one is, means that.
      if (isMember && isOurs) continue;
      if (mayHaveSignal(file, call) || file.isHandedTo(call, (name) => WAITS_FOR_OTHERS.test(name))) continue;
      yield {
        node: callee,
        message: `The global "fetch" knows nothing of scopes: a timeout or a cancelled task does not end this request`,
        hint:
          'Import it from here, it is called in the same way: `import { fetch } from "@trefoil/io"`; or hand over ' +
          "`signal: currentSignal()`",
        fix: fixOf(file, callee, isMember),
      };
    }
  },
};

/** Whether a request comes with a signal, or with something in which there may be one. */
function mayHaveSignal(file: SourceFile, call: Deno.lint.CallExpression): boolean {
  if (call.arguments.some(({ type }) => type === "SpreadElement") || call.arguments.length === 0) return true;
  const input = bare(call.arguments[0] as Node);
  if (input.type === "NewExpression" && input.callee.type === "Identifier" && input.callee.name === "Request") {
    if (input.arguments.length > 1 && optionsMayHaveSignal(file, input.arguments[1] as Node)) return true;
  } else if (input.type === "Identifier") {
    if (/^(?:input|req|request)$|Request$/.test(input.name)) return true;
    const declared = (file.scopes.bindingOf(input)?.id as { typeAnnotation?: Node | null } | undefined)?.typeAnnotation;
    if (declared && /\b(?:Request|RequestInfo)\b/.test(file.textOf(declared))) return true;
  } else if (isRequestOf(input)) return true;
  const options = call.arguments[1];
  return options !== undefined && optionsMayHaveSignal(file, options as Node);
}

/** `event.request`, `context.req.raw` and the like. */
function isRequestOf(node: Node): boolean {
  return node.type === "MemberExpression" && /^(?:request|req|raw)$/.test(memberName(node) ?? "");
}

function optionsMayHaveSignal(file: SourceFile, options: Node): boolean {
  const node = bare(options);
  if (node.type === "Identifier") {
    const binding = file.scopes.bindingOf(node);
    const init = binding?.declaration.type === "VariableDeclarator" ? binding.declaration.init : null;
    if (!init || binding?.writes.length !== 0) return true;
    // Whatever is done to the object between may give it a signal.
    const isOnlyRead = binding.references.length === 1;
    return !isOnlyRead || optionsMayHaveSignal(file, init);
  }
  if (node.type !== "ObjectExpression") return true;
  return propertyOf(node, "signal") !== undefined || node.properties.some(({ type }) => type === "SpreadElement");
}

/** To import the name is all it takes, for all requests of the file; the first has the change, and so have the others. */
function fixOf(file: SourceFile, callee: Node, isMember: boolean): readonly Edit[] | undefined {
  if (file.scopes.isDeclared("fetch", file.tree.program)) return undefined;
  const edit = importOf(file, "fetch");
  if (edit === null) return undefined;
  return isMember ? (file.scopes.isDeclared("fetch", callee) ? undefined : [edit, replace(callee, "fetch")]) : [edit];
}
