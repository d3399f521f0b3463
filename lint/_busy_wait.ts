/** `busy-wait`: a loop that asks again and again whether something has happened. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, onlyExpression } from "./_tree.ts";

export const busyWait: Rule = {
  name: "busy-wait",
  *check(file: SourceFile): Iterable<Finding> {
    for (const kind of ["WhileStatement", "DoWhileStatement"] as const) {
      for (const loop of file.tree.all(kind)) {
        const test = bare(loop.test);
        if (test.type === "Literal" || test.type === "AwaitExpression") continue;
        const only = onlyExpression(loop.body);
        if (only?.type !== "AwaitExpression") continue;
        const name = file.values.calledName(bare(only.argument));
        if (name !== "sleep" && name !== "checkpoint") continue;
        yield {
          node: loop,
          range: [loop.range[0], loop.range[0] + (kind === "WhileStatement" ? "while".length : "do".length)],
          message: `This asks again and again: it wakes up for nothing most of the time, and notices late`,
          hint: "Wait for it: `event.wait()`, `watch.waitFor(…)`, `channel.receive()`",
        };
      }
    }
  },
};
