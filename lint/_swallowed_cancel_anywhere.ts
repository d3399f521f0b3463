/** `swallowed-cancel-anywhere`: a `catch` that takes a cancellation for a failure, wherever it is. */

import { letsPass, lettingPass, waitCaughtBy, wordOf } from "./_catches.ts";
import { missingImports } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";

export const swallowedCancelAnywhere: Rule = {
  name: "swallowed-cancel-anywhere",
  *check(file: SourceFile): Iterable<Finding> {
    for (const handler of file.tree.all("CatchClause")) {
      // What throws does not go on; whether the right thing is thrown, another rule asks.
      if (letsPass(file, handler) || handler.body.body.at(-1)?.type === "ThrowStatement") continue;
      const wait = waitCaughtBy(file, handler);
      // It waits itself: there the next `Cancelled` passes.
      if (wait === null || file.waits.firstIn(handler.body, "cancellable") !== null) continue;
      yield {
        node: handler,
        range: wordOf(handler),
        message:
          `This catch takes "Cancelled" for a failure of "${wait.name}": what is cancelled goes on until it waits ` +
          `again`,
        hint: "Let it pass first: `if (isCancelled(error)) throw error;`",
        fix: lettingPass(file, handler),
      };
    }
    yield* missingImports(file, "isCancelled");
  },
};
