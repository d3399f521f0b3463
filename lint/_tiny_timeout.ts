/** `tiny-timeout`: a timeout that is over before anything has happened. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, numberOf } from "./_tree.ts";

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
      const ms = numberOf(time);
      if (time === undefined || !(ms > 0 && ms <= TINY) || file.isSimulated(call)) continue;
      yield {
        node: time,
        message: `Times are in milliseconds: ${ms} of them are over before a network has done anything`,
        hint: `If seconds are meant, write \`${ms}_000\``,
      };
    }
  },
};
