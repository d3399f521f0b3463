/** `async-foreach`: `forEach()` with an async function, which nobody awaits. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, memberName, parentOf } from "./_tree.ts";

export const asyncForeach: Rule = {
  name: "async-foreach",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      const callee = bare(call.callee);
      if (callee.type !== "MemberExpression" || memberName(callee) !== "forEach") continue;
      const fn = file.values.localFunction(argumentOf(call, 0));
      if (fn === null || ("generator" in fn && fn.generator)) continue;
      if (!fn.async && file.waits.ofFunction(fn) === null) continue;
      const object = file.values.of(callee.object);
      // Others have a method of that name, too, which may await: a list has none that does.
      const isList = object?.[0] === "list" || object?.[0] === "tuple";
      if (!isList && object !== null) continue;
      if (!isList && parentOf(call)?.type !== "ExpressionStatement") continue;
      yield {
        node: callee.property,
        message: `"forEach" awaits nothing: the calls outlive this block, and their errors end the program or are lost`,
        hint: "Write `await forEach(items, fn, { concurrency })`, or a `for` loop for one after the other",
      };
    }
  },
};
