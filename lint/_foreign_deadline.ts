/** `foreign-deadline`: a deadline on a clock other than the run's. */

import { missingImports, nameOf, replace } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import {
  argumentOf,
  bare,
  isCall,
  isFunction,
  memberName,
  type Node,
  numberOf,
  ownNodes,
  propertyOf,
} from "./_tree.ts";

const DEADLINES = /^(?:failAt|moveOnAt|sleepUntil)$/;

export const foreignDeadline: Rule = {
  name: "foreign-deadline",
  *check(file: SourceFile): Iterable<Finding> {
    for (const deadline of deadlines(file)) {
      const clock = clockIn(file, deadline, 0);
      if (clock !== null) {
        const isDirect = clock.range[0] >= deadline.range[0] && clock.range[1] <= deadline.range[1];
        const time = isDirect ? nameOf(file, "currentTime", deadline) : null;
        yield {
          node: clock,
          message: `"${file.textOf(clock)}" is another clock than the run's: the deadline is at no time that is meant`,
          hint: "Write `currentTime() + ms`",
          fix: time === null ? undefined : [...time.edits, replace(clock, `${time.name}()`)],
        };
        continue;
      }
      const constant = numberOf(deadline);
      if (!(constant > 0 && constant < Infinity) || file.isTest || file.isSimulated(deadline)) continue;
      yield {
        node: deadline,
        message: `A deadline is a time on the run's clock, which began at no time in particular: ${constant} is none`,
        hint: "Write `currentTime() + ms`, or `failAfter(ms, …)` and its kin, which take a length of time",
      };
    }
    yield* missingImports(file, "currentTime");
  },
};

/** All values that are deadlines. */
function* deadlines(file: SourceFile): Generator<Node> {
  for (const call of file.tree.all("CallExpression")) {
    const argument = argumentOf(call, 0);
    if (argument !== undefined && DEADLINES.test(file.values.calledName(call) ?? "")) yield argument;
  }
  for (const node of file.tree.all("NewExpression")) {
    const options = argumentOf(node, 0);
    if (file.values.exportedName(node.callee) !== "CancelScope" || options?.type !== "ObjectExpression") continue;
    const deadline = propertyOf(options, "deadline");
    if (deadline !== undefined) yield deadline;
  }
  for (const { left, right, operator } of file.tree.all("AssignmentExpression")) {
    if (operator !== "=" || left.type !== "MemberExpression" || memberName(left) !== "deadline") continue;
    const shape = file.values.of(left.object);
    if (shape?.[0] === "ours" && shape[1] === "CancelScope") yield right;
  }
}

/** The clock that a time is read from, if it is one of the host's. */
function clockIn(file: SourceFile, node: Node, depth: number): Node | null {
  for (const part of ownNodes(node)) {
    if (isFunction(part)) return null;
    if (isCall(part) && isHostClock(file, part)) return part;
    if (part.type !== "Identifier" || depth > 3) continue;
    const binding = file.scopes.bindingOf(part);
    if (binding?.kind !== "const" || binding.declaration.type !== "VariableDeclarator") continue;
    const { init, id } = binding.declaration;
    if (!init || id.type !== "Identifier") continue;
    const clock = clockIn(file, init, depth + 1);
    if (clock !== null) return clock;
  }
  return null;
}

function isHostClock(file: SourceFile, call: Deno.lint.CallExpression): boolean {
  const callee = bare(call.callee);
  if (callee.type !== "MemberExpression") return false;
  const object = bare(callee.object);
  const name = memberName(callee);
  if (object.type === "Identifier" && file.scopes.isGlobal(object)) {
    return name === "now" && (object.name === "Date" || object.name === "performance");
  }
  return name === "getTime" && object.type === "NewExpression" && object.arguments.length === 0 &&
    object.callee.type === "Identifier" && object.callee.name === "Date";
}
