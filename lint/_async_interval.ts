/** `async-interval`: a timer that calls an async function again and again, and awaits none of its calls. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare } from "./_tree.ts";

export const asyncInterval: Rule = {
  name: "async-interval",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      const callee = bare(call.callee);
      if (callee.type !== "Identifier" || callee.name !== "setInterval" || !file.scopes.isGlobal(callee)) continue;
      const fn = file.values.localFunction(argumentOf(call, 0));
      if (fn === null) continue;
      const wait = file.waits.ofFunction(fn);
      if (wait === null) continue;
      yield {
        node: callee,
        message:
          `"setInterval" awaits nothing: calls that wait for "${wait.name}" overlap when they take long, no scope ` +
          `cancels them, and their errors end the program`,
        hint: "Write a task: `nursery.startSoon(async () => { for (;;) { await sleep(ms); … } }, { daemon: true })`",
      };
    }
  },
};
