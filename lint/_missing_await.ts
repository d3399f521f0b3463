/** `missing-await`: a wait that nobody awaits. */

import { before } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, functionAround, isCall, mayAwait, memberName, type Node, parentOf } from "./_tree.ts";
import type { Wait } from "./_waits.ts";

/** What goes on until it is told to end: to await it may be what nobody means. */
const LONG = /^(?:serve\w*|proxy|pipe|sleepForever|openNursery|run|runProcess|runPipeline|simulate|explore)$/;

export const missingAwait: Rule = {
  name: "missing-await",
  *check(file: SourceFile): Iterable<Finding> {
    for (const statement of file.tree.all("ExpressionStatement")) {
      for (const call of dropped(statement.expression)) {
        const wait = file.waits.of(call);
        if (wait === null || isMeant(file, call, wait)) continue;
        yield wait.own ? ofOwn(call, wait) : ofLibrary(file, call, wait);
      }
    }
    for (const value of takenAsValues(file)) {
      const wait = isCall(bare(value)) ? file.waits.of(value) : null;
      if (wait === null || file.waits.isPromiseCombinator(bare(value) as Deno.lint.CallExpression)) continue;
      yield {
        node: value,
        message: `"${wait.name}" waits, and what is taken here is its promise, not what it brings`,
        hint: `Write \`await ${wait.name}\``,
        fix: mayAwait(value) && value.type === "CallExpression" ? [before(value, "await ")] : undefined,
      };
    }
  },
};

/** What is asked whether it is true, compared, put into a text, or disposed of: no promise is meant there. */
function* takenAsValues(file: SourceFile): Generator<Node> {
  for (
    const kind of [
      "IfStatement",
      "WhileStatement",
      "DoWhileStatement",
      "ForStatement",
      "ConditionalExpression",
    ] as const
  ) {
    for (const { test } of file.tree.all(kind)) if (test) yield* operands(test);
  }
  for (const { operator, argument } of file.tree.all("UnaryExpression")) {
    if (operator === "!") yield* operands(argument);
  }
  for (const { operator, left, right } of file.tree.all("BinaryExpression")) {
    if (/^(?:[<>=!]=?=?|\+)$/.test(operator)) yield* [left, right];
  }
  for (const text of file.tree.all("TemplateLiteral")) {
    // Its tag may do anything with them.
    if (parentOf(text)?.type !== "TaggedTemplateExpression") yield* text.expressions;
  }
  for (const { discriminant } of file.tree.all("SwitchStatement")) yield discriminant;
  for (const { kind, declarations } of file.tree.all("VariableDeclaration")) {
    if (!/using$/.test(kind)) continue;
    for (const { init } of declarations) if (init) yield init;
  }
}

/** The parts of a condition. */
function* operands(test: Node): Generator<Node> {
  const node = bare(test);
  if (node.type === "LogicalExpression") {
    yield* operands(node.left);
    yield* operands(node.right);
  } else if (node.type !== "UnaryExpression") yield test;
}

function ofLibrary(file: SourceFile, call: Node, wait: Wait): Finding {
  const isLong = LONG.test(file.values.calledName(wait.call) ?? "") || file.values.calledName(wait.call) === null &&
      file.values.calledMethod(wait.call) === null;
  return {
    node: call,
    message: `"${wait.name}" waits, and nobody awaits it: the code goes on at once, and the wait is left to whoever ` +
      `ends this scope`,
    hint: isLong
      ? `Write \`await ${wait.name}\`, or \`nursery.startSoon(() => ${wait.name})\` if it shall go on beside`
      : mayAwait(call)
      ? `Write \`await ${wait.name}\``
      : `Make the function async, and write \`await ${wait.name}\``,
    // What a type is claimed for would be something else, if it were awaited.
    fix: !isLong && mayAwait(call) && isCall(bare(call)) && !/^TS(?:As|Satisfies|TypeAssertion)/.test(call.type)
      ? [before(call, "await ")]
      : undefined,
  };
}

function ofOwn(call: Node, wait: Wait): Finding {
  const name = wait.name.startsWith("…") ? "This async function" : `"${wait.name}"`;
  return {
    node: call,
    message: `${name} waits, and nobody awaits it: it outlives this block, and its error ends the program or is lost`,
    hint: `Write \`await\` before it, or \`nursery.startSoon(() => ${wait.name})\` if it shall go on beside`,
  };
}

/** The calls in a statement whose promises nobody gets. */
function* dropped(expression: Node): Generator<Node> {
  const node = bare(expression);
  switch (node.type) {
    case "CallExpression": {
      const callee = bare(node.callee);
      const name = callee.type === "MemberExpression" ? memberName(callee) : null;
      // Whoever looks at the failure of a promise lets it go on its own.
      if (name === "catch" || (name === "then" && node.arguments.length > 1)) return;
      yield expression;
      break;
    }
    case "LogicalExpression":
      yield* dropped(node.right);
      break;
    case "ConditionalExpression":
      yield* dropped(node.consequent);
      yield* dropped(node.alternate);
      break;
    case "SequenceExpression":
      for (const part of node.expressions) yield* dropped(part);
      break;
  }
}

/** Whether a promise is let go on purpose: at the end of the module nothing comes after it, and the process waits. */
function isMeant(file: SourceFile, call: Node, { own, call: waiting }: Wait): boolean {
  const node = bare(call);
  // A chain looks at failures further on: `work().catch(report).finally(done)`.
  for (let at: Node = node; isCall(at);) {
    const callee: Node = bare(at.callee);
    if (callee.type !== "MemberExpression") break;
    const name = memberName(callee);
    if (name === "catch" || (name === "then" && argumentOf(at, 1) !== undefined)) return true;
    at = bare(callee.object);
  }
  if (functionAround(call) !== null) return false;
  const name = file.values.calledName(waiting);
  if (name === "run") return true;
  if (!own) return false;
  const statement = parentOf(call);
  return waiting.type === "CallExpression" && waiting.callee.type === "Identifier" && waiting.callee.name === "main" ||
    (statement !== null && file.tree.program.body.at(-1) === statement);
}
