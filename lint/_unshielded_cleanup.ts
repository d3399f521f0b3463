/** `unshielded-cleanup`: cleanup that waits, in a scope that may be cancelled by then. */

import { isCaught, letsPass, waitCaughtBy } from "./_catches.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { FunctionNode } from "./_shapes.ts";
import type { SourceFile } from "./_source_file.ts";
import { ancestorsOf, argumentOf, bare, isFunction, isWithin, memberName, type Node, ownNodes } from "./_tree.ts";
import type { Wait } from "./_waits.ts";

export const unshieldedCleanup: Rule = {
  name: "unshielded-cleanup",
  *check(file: SourceFile): Iterable<Finding> {
    for (const { block, handler, finalizer } of file.tree.all("TryStatement")) {
      if (file.waits.isShielded(block)) continue;
      if (finalizer && mayBeCancelled(block)) yield* lost(file, finalizer, null);
      // A handler that throws on what it has caught is cleanup as well.
      const last = handler?.body.body.at(-1);
      if (handler && last?.type === "ThrowStatement" && isCaught(file, last.argument, handler)) {
        const isSelective = handler.body.body.slice(0, -1).some((statement) =>
          statement.type === "IfStatement" && letsPass(file, handler, statement)
        );
        if (!isSelective && waitCaughtBy(file, handler) !== null) yield* lost(file, handler.body, handler);
      }
    }
    for (const fn of cleanups(file)) {
      if (!fn.body || file.waits.isShielded(fn)) continue;
      yield* lost(file, fn.body, null);
      const returned = fn.body.type === "BlockStatement" ? null : file.waits.of(fn.body, "cancellable");
      if (returned !== null) yield refused(returned);
    }
  },
};

/**
 * The functions that `finally()` is given. Disposers are not among them: one that waits is a goodbye for those who have
 * time for it, and `closeForcefully()` counts on its being refused.
 */
function* cleanups(file: SourceFile): Generator<FunctionNode> {
  for (const call of file.tree.all("CallExpression")) {
    const callee = bare(call.callee);
    if (callee.type !== "MemberExpression" || memberName(callee) !== "finally") continue;
    const fn = argumentOf(call, 0);
    if (isFunction(fn) && file.waits.of(callee.object) !== null) yield fn;
  }
}

/** Whether the scope may be cancelled while a block runs: it awaits something. */
function mayBeCancelled(block: Node): boolean {
  return ownNodes(block).some((node) =>
    node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)
  );
}

function* lost(file: SourceFile, cleanup: Node, handler: Deno.lint.CatchClause | null): Generator<Finding> {
  for (const { call, name } of file.waits.allIn(cleanup, "cancellable")) {
    // A promise that was made before is under way: it is not refused here.
    if (!isWithin(call, cleanup) || (handler !== null && isForOthers(file, call, handler))) continue;
    yield refused({ call, name });
  }
}

function refused({ call, name }: Pick<Wait, "call" | "name">): Finding {
  return {
    node: call,
    message: `A cancelled scope refuses "${name}" here: this cleanup does not happen just when it is needed`,
    hint: `Write \`await shielded(() => ${name}, { timeout: 5_000 })\``,
  };
}

/** Whether a part of a handler is reached only with failures of a class of their own, which no cancellation is of. */
function isForOthers(file: SourceFile, part: Node, handler: Deno.lint.CatchClause): boolean {
  for (const at of ancestorsOf(part)) {
    if (at === handler) return false;
    if (at.type === "IfStatement" && isWithin(part, at.consequent) && asksForClass(file, at.test, handler)) return true;
  }
  return false;
}

function asksForClass(file: SourceFile, test: Node, handler: Deno.lint.CatchClause): boolean {
  const node = bare(test);
  if (node.type === "LogicalExpression" && node.operator === "&&") {
    return asksForClass(file, node.left, handler) || asksForClass(file, node.right, handler);
  }
  if (node.type !== "BinaryExpression" || node.operator !== "instanceof") return false;
  return isCaught(file, node.left, handler) &&
    !(node.right.type === "Identifier" && /^(?:Error|Cancelled)$/.test(node.right.name));
}
