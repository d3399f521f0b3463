/** `early-return`: a wait that is returned out of a block whose cleanup, or `catch`, does not wait for it. */

import { before } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { ancestorsOf, bare, functionAround, isFunction, isWithin, type Node } from "./_tree.ts";

export const earlyReturn: Rule = {
  name: "early-return",
  *check(file: SourceFile): Iterable<Finding> {
    for (const statement of file.tree.all("ReturnStatement")) {
      if (!statement.argument || functionAround(statement) === null) continue;
      const wait = file.waits.of(statement.argument);
      if (wait === null) continue;
      const isAsync = functionAround(statement)?.async === true;
      const cleanup = cleanupBefore(file, statement);
      // Without async, a catch may be there for what is thrown before there is a promise.
      const catches = cleanup === null && isAsync && isCaughtAround(statement);
      if (cleanup === null && !catches) continue;
      yield {
        node: statement.argument,
        message: catches
          ? `The "catch" of this block is over when this returns: it does not get what "${wait.name}" throws`
          : `${cleanup} happens as soon as this returns, which is before "${wait.name}" has ended`,
        hint: `Write \`return await ${wait.name}\``,
        // What would have to be put in parentheses, is left to whoever wrote it.
        fix: isAsync && bare(statement.argument) === statement.argument && statement.argument.type === "CallExpression"
          ? [before(statement.argument, "await ")]
          : undefined,
      };
    }
  },
};

/** Whether a statement is in a block with a `catch`. */
function isCaughtAround(statement: Node): boolean {
  let last = statement;
  for (const at of ancestorsOf(statement)) {
    if (isFunction(at)) return false;
    if (at.type === "TryStatement" && at.handler && at.block === last) return true;
    last = at;
  }
  return false;
}

/** What is disposed of, or cleaned up, when a function returns from a statement. */
function cleanupBefore(file: SourceFile, statement: Node): string | null {
  let last = statement;
  for (const at of ancestorsOf(statement)) {
    if (isFunction(at)) return null;
    if (at.type === "BlockStatement") {
      for (const declaration of at.body as readonly (Node | null)[]) {
        if (declaration === null || declaration.range[0] > statement.range[0]) break;
        if (declaration.type !== "VariableDeclaration" || !/using$/.test(declaration.kind)) continue;
        return `The disposal of "${file.textOf(declaration.declarations[0]?.id ?? declaration)}"`;
      }
    }
    if (at.type === "TryStatement" && at.finalizer && !isWithin(last, at.finalizer)) {
      return `The "finally" of this block`;
    }
    last = at;
  }
  return null;
}
