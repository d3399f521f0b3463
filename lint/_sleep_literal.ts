/** `sleep-literal`: a sleep of no time, or for ever, which have names of their own. */

import { missingImports, nameOf, replace } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, numberOf } from "./_tree.ts";

export const sleepLiteral: Rule = {
  name: "sleep-literal",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      if (file.values.calledName(call) !== "sleep" || call.arguments.length !== 1) continue;
      const ms = numberOf(argumentOf(call, 0));
      if (ms !== 0 && ms !== Infinity) continue;
      const instead = ms === 0 ? "checkpoint" : "sleepForever";
      const ours = nameOf(file, instead, call);
      yield {
        node: call,
        message: ms === 0
          ? `"sleep(0)" waits for nothing: what it does, letting others run and noticing a cancellation, has a name`
          : `"sleep(Infinity)" waits until it is cancelled, which has a name`,
        hint: `Write \`${instead}()\``,
        fix: ours === null ? undefined : [...ours.edits, replace(call, `${ours.name}()`)],
      };
    }
    yield* missingImports(file, "checkpoint", "sleepForever");
  },
};
