/** `wrapped-cancel`: a `catch` that throws an error of its own, also when what it caught was a cancellation. */

import { letsPass, lettingPass, waitCaughtBy, wordOf } from "./_catches.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, type Node, ownNodes } from "./_tree.ts";

export const wrappedCancel: Rule = {
  name: "wrapped-cancel",
  *check(file: SourceFile): Iterable<Finding> {
    for (const handler of file.tree.all("CatchClause")) {
      const last = handler.body.body.at(-1);
      if (last?.type !== "ThrowStatement" || !last.argument) continue;
      const thrown = bare(last.argument);
      if (thrown.type !== "NewExpression" || letsPass(file, handler) || choosesFirst(handler, last)) continue;
      const wait = waitCaughtBy(file, handler);
      if (wait === null) continue;
      yield {
        node: handler,
        range: wordOf(handler),
        message:
          `This throws an error of its own also when "${wait.name}" was cancelled: the scope takes that for a failure, ` +
          `and a timeout comes out as an error`,
        hint: "Let it pass first: `if (isCancelled(error)) throw error;`",
        fix: lettingPass(file, handler),
      };
    }
  },
};

/** Whether a handler may throw something else before, such as a part of what it has caught. */
function choosesFirst(handler: Deno.lint.CatchClause, last: Node): boolean {
  return ownNodes(handler.body).some((node) =>
    node.type === "ThrowStatement" && node !== last && node.argument && bare(node.argument).type !== "NewExpression"
  );
}
