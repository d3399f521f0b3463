/** `unshielded-cleanup`: cleanup that waits, in a scope that may be cancelled by then. */

import { isCaught, letsPass, waitCaughtBy } from "./_catches.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { type Node, ownNodes } from "./_tree.ts";

export const unshieldedCleanup: Rule = {
  name: "unshielded-cleanup",
  *check(file: SourceFile): Iterable<Finding> {
    for (const { block, handler, finalizer } of file.tree.all("TryStatement")) {
      if (file.waits.isShielded(block)) continue;
      if (finalizer && mayBeCancelled(block)) yield* lost(file, finalizer);
      // A handler that throws on what it has caught is cleanup as well.
      const last = handler?.body.body.at(-1);
      if (handler && last?.type === "ThrowStatement" && isCaught(file, last.argument, handler)) {
        const isSelective = handler.body.body.slice(0, -1).some((statement) =>
          statement.type === "IfStatement" && letsPass(file, handler, statement)
        );
        if (!isSelective && waitCaughtBy(file, handler) !== null) yield* lost(file, handler.body);
      }
    }
  },
};

/** Whether the scope may be cancelled while a block runs: it awaits something. */
function mayBeCancelled(block: Node): boolean {
  return [...ownNodes(block)].some((node) =>
    node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)
  );
}

function* lost(file: SourceFile, cleanup: Node): Generator<Finding> {
  for (const { call, name } of file.waits.allIn(cleanup, "cancellable")) {
    yield {
      node: call,
      message: `A cancelled scope refuses "${name}" here: this cleanup does not happen just when it is needed`,
      hint: `Write \`await shielded(() => ${name}, { timeout: 5_000 })\``,
    };
  }
}
