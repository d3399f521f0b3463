/** `seconds-for-milliseconds`: a length of time that its name says to be in another unit. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, isCall, keyName, memberName, type Node } from "./_tree.ts";

/** `timeoutSeconds`, `retry_secs`, `hours`; not `timeoutMilliseconds`, nor `secret` or `min`. */
const OTHER_UNIT =
  /(?:[a-z\d](?:Seconds?|Secs?|Minutes?|Mins|Hours?|Days?)|(?:^|_)(?:seconds|secs|minutes|mins|hours|days))$/;
const SMALL = /(?:milli|micro|nano)_?seconds?$/i;
const CONSTANT = /(?:^|_)(?:SECONDS|SECS|MINUTES|MINS|HOURS|DAYS)$/;

export const secondsForMilliseconds: Rule = {
  name: "seconds-for-milliseconds",
  *check(file: SourceFile): Iterable<Finding> {
    for (const value of times(file)) {
      const name = nameOf(value);
      if (name === null || SMALL.test(name) || !(OTHER_UNIT.test(name) || CONSTANT.test(name))) continue;
      const factor = /day/i.test(name)
        ? "86_400_000"
        : /hour/i.test(name)
        ? "3_600_000"
        : /min/i.test(name)
        ? "60_000"
        : "1_000";
      yield {
        node: value,
        message: `Times are in milliseconds, and "${name}" says that it is not`,
        hint: `Write \`${file.textOf(value)} * ${factor}\``,
      };
    }
  },
};

/** All values that are lengths of time in milliseconds. */
function* times(file: SourceFile): Generator<Node> {
  for (const kind of ["CallExpression", "NewExpression"] as const) {
    for (const call of file.tree.all(kind)) {
      for (const [index, argument] of (call.arguments as readonly Node[]).entries()) {
        if (argument.type === "SpreadElement") break;
        const shape = file.values.parameterOf(call, index);
        if (shape === null) continue;
        if (shape[0] === "milliseconds") yield argument;
        else if (argument.type === "ObjectExpression") yield* timesIn(file, argument);
      }
    }
  }
}

function* timesIn(file: SourceFile, options: Deno.lint.ObjectExpression): Generator<Node> {
  for (const property of options.properties) {
    if (property.type !== "Property" || property.kind !== "init") continue;
    if (file.values.expectedOf(property.value)?.[0] === "milliseconds") yield property.value;
    else if (property.value.type === "ObjectExpression") yield* timesIn(file, property.value);
  }
}

/** The name of a value: a variable, a property, a function that gives it. */
function nameOf(value: Node): string | null {
  const node = bare(value);
  if (node.type === "Identifier") return node.name;
  if (node.type === "MemberExpression") return memberName(node);
  if (node.type === "LogicalExpression") return nameOf(node.left);
  if (isCall(node) && node.arguments.length === 0) return nameOf(node.callee);
  return node.type === "Property" ? keyName(node.key, node.computed) : null;
}
