/** `tiny-timeout`: a timeout that is over before anything has happened. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, type Node, numberOf } from "./_tree.ts";

/** Shorter than a round trip, longer than "at once". */
const TINY = 60;

export const tinyTimeout: Rule = {
  name: "tiny-timeout",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isTest) return;
    for (const call of file.tree.all("CallExpression")) {
      const name = file.values.calledName(call);
      if (name !== "failAfter" && name !== "moveOnAfter") continue;
      const time = argumentOf(call, 0);
      const ms = lengthOf(file, time);
      if (time === undefined || !(ms > 0 && ms <= TINY) || file.isSimulated(call)) continue;
      yield {
        node: time,
        message: `Times are in milliseconds: ${ms} of them are over before a network has done anything`,
        hint: `If seconds are meant, write \`${ms}_000\``,
      };
    }
  },
};

/** A length that is written out, or a constant that is. */
function lengthOf(file: SourceFile, time: Node | undefined): number {
  const binding = time?.type === "Identifier" ? file.scopes.bindingOf(time) : null;
  if (binding?.kind !== "const" || binding.declaration.type !== "VariableDeclarator") return numberOf(time);
  return numberOf(binding.declaration.init ?? undefined);
}
