/** `wrapped-cancel`: a `catch` that throws an error of its own, also when what it caught was a cancellation. */

import { catchAfter, type Handler, letsPass, lettingPass, waitCaughtBy, wordOf } from "./_catches.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, memberName, type Node, ownNodes } from "./_tree.ts";

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
    // `f().catch((error) => { throw new … })`
    for (const call of file.tree.all("CallExpression")) {
      const callee = bare(call.callee);
      if (callee.type !== "MemberExpression" || memberName(callee) !== "catch") continue;
      const fn = file.values.localFunction(argumentOf(call, 0));
      const last = fn?.body?.type === "BlockStatement" ? fn.body.body.at(-1) : undefined;
      if (fn === null || last?.type !== "ThrowStatement" || !last.argument) continue;
      if (bare(last.argument).type !== "NewExpression" || letsPass(file, fn) || choosesFirst(fn, last)) continue;
      const wait = file.waits.of(callee.object, "cancellable");
      if (wait === null || catchAfter(wait.call) !== call) continue;
      yield {
        node: callee.property,
        message:
          `This throws an error of its own also when "${wait.name}" was cancelled: the scope takes that for a failure, ` +
          `and a timeout comes out as an error`,
        hint: "Let it pass first: `if (isCancelled(error)) throw error;`",
      };
    }
  },
};

/** Whether a handler may throw something else before, such as a part of what it has caught. */
function choosesFirst(handler: Handler, last: Node): boolean {
  return handler.body !== null &&
    ownNodes(handler.body).some((node) =>
      node.type === "ThrowStatement" && node !== last && node.argument && bare(node.argument).type !== "NewExpression"
    );
}
