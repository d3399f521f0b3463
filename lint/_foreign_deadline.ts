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
  parentOf,
  propertyOf,
} from "./_tree.ts";

const DEADLINES = /^(?:failAt|moveOnAt|sleepUntil)$/;

export const foreignDeadline: Rule = {
  name: "foreign-deadline",
  *check(file: SourceFile): Iterable<Finding> {
    for (const deadline of deadlines(file)) {
      const clock = clockIn(file, deadline, 0);
      if (clock !== null) {
        const isDirect = isNow(clock) && clock.range[0] >= deadline.range[0] && clock.range[1] <= deadline.range[1];
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
    for (const { length, now } of pointsForLengths(file)) {
      yield {
        node: length,
        message: `This is a point in time, and what is wanted is a length: "${file.textOf(now)}" makes it years`,
        hint: "Leave the clock out, or write `failAt()` and its kin, which take a time on the run's clock",
      };
    }
    yield* missingImports(file, "currentTime");
  },
};

/** Whether a clock tells the present, and not the time of some date. */
function isNow(clock: Node): boolean {
  if (!isCall(clock) || clock.callee.type !== "MemberExpression") return false;
  const { object } = clock.callee;
  return object.type !== "NewExpression" || object.arguments.length === 0;
}

/** `failAfter(Date.now() + 5_000, …)`: lengths of time to which a clock is added. */
function* pointsForLengths(file: SourceFile): Generator<{ readonly length: Node; readonly now: Node }> {
  for (const sum of file.tree.all("BinaryExpression")) {
    if (sum.operator !== "+") continue;
    const now = [sum.left, sum.right].find((side) =>
      isCall(side) && (isHostClock(file, side) || file.values.calledName(side) === "currentTime")
    );
    if (now !== undefined && file.values.expectedOf(sum)?.[0] === "milliseconds") yield { length: sum, now };
  }
}

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
    const values = valuesOf(file, part);
    const first = firstInLoop(file, part);
    const begins = first === null ? null : clockIn(file, first, depth + 1);
    if (begins !== null) return begins;
    // One that is set by the clock of the run as well may be the right one here.
    if (values.some((value) => ownNodes(value).some((of) => file.values.calledName(of) === "currentTime"))) continue;
    for (const value of values) {
      const clock = clockIn(file, value, depth + 1);
      if (clock !== null) return clock;
    }
  }
  return null;
}

/** What a variable that is declared in the head of a loop begins with: its first turn has it for sure. */
function firstInLoop(file: SourceFile, name: Node): Node | null {
  const binding = file.scopes.bindingOf(name);
  const declarator = binding?.declaration;
  if (declarator?.type !== "VariableDeclarator" || declarator.id.type !== "Identifier") return null;
  const declaration = parentOf(declarator);
  const loop = declaration === null ? null : parentOf(declaration);
  return loop?.type === "ForStatement" && loop.init === declaration ? declarator.init : null;
}

/** What a variable is set to: at its declaration, and later on. */
function valuesOf(file: SourceFile, name: Node): Node[] {
  const binding = file.scopes.bindingOf(name);
  if (binding?.declaration.type !== "VariableDeclarator" || !/^(?:const|let)$/.test(binding.kind)) return [];
  const { init, id } = binding.declaration;
  if (id.type !== "Identifier") return [];
  const later = binding.references.flatMap((reference) => {
    const set = parentOf(reference);
    return set?.type === "AssignmentExpression" && set.left === reference ? [set.right] : [];
  });
  return init ? [init, ...later] : later;
}

function isHostClock(file: SourceFile, call: Deno.lint.CallExpression): boolean {
  const callee = bare(call.callee);
  if (callee.type !== "MemberExpression") return false;
  const object = bare(callee.object);
  const name = memberName(callee);
  if (object.type === "Identifier" && file.scopes.isGlobal(object)) {
    return name === "now" && (object.name === "Date" || object.name === "performance");
  }
  return (name === "getTime" || name === "valueOf") && object.type === "NewExpression" &&
    object.callee.type === "Identifier" && object.callee.name === "Date";
}
