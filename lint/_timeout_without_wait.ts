/** `timeout-without-wait`: a timeout of something that never waits. */

import type { Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, isCall, isFunction, type Node, numberOf, ownNodes, propertyOf } from "./_tree.ts";
import { returnsOf } from "./_values.ts";

/** What tells of the scope around. */
const ASKS = /^(?:current\w+|timeLeft|shutdownRequested)$/;
const TIMEOUTS = /^(?:failAfter|failAt|moveOnAfter|moveOnAt)$/;

export const timeoutWithoutWait: Rule = {
  name: "timeout-without-wait",
  *check(file: SourceFile): Iterable<Finding> {
    for (const call of file.tree.all("CallExpression")) {
      const called = file.values.calledName(call) ?? "";
      const isTimeout = TIMEOUTS.test(called);
      const name = isTimeout ? called : isTimedScope(file, call) ? "run" : null;
      if (name === null) continue;
      const fn = file.values.localFunction(argumentOf(call, isTimeout ? 1 : 0));
      // One that takes the scope may look at it, and one without a block may be a single wait.
      if (fn === null || fn.params.length > 0 || fn.body?.type !== "BlockStatement") continue;
      if ("generator" in fn && fn.generator) continue;
      if (waits(file, fn.body) || returnsOf(fn).some(isPromise)) continue;
      if (fn.body.body.length === 0 || (isTimeout && numberOf(argumentOf(call, 0)) === Infinity)) continue;
      yield {
        node: call.callee.type === "MemberExpression" ? call.callee.property : call.callee,
        message: `Nothing in this function waits, so "${name}" cannot end it: a timeout ends waits, and no computation`,
        hint: "Write `await checkpoint()` in its loop, or let it compute in a worker: `openWorkers()`",
      };
    }
  },
};

/** Whether a call enters a scope that is made with a limit of time, there and then. */
function isTimedScope(file: SourceFile, call: Deno.lint.CallExpression): boolean {
  if (!file.values.isMethod(call, "CancelScope", "run") || call.callee.type !== "MemberExpression") return false;
  const scope = bare(call.callee.object);
  const options = scope.type === "NewExpression" ? argumentOf(scope, 0) : undefined;
  return options?.type === "ObjectExpression" &&
    (propertyOf(options, "timeout") !== undefined || propertyOf(options, "deadline") !== undefined);
}

function waits(file: SourceFile, body: Node): boolean {
  return ownNodes(body).some((node) =>
    // What waits and is not awaited is ended with the scope all the same; and what asks for its deadline obeys it.
    (isCall(node) && (file.waits.of(node) !== null || ASKS.test(file.values.calledName(node) ?? ""))) ||
    node.type === "AwaitExpression" ||
    (node.type === "ForOfStatement" && node.await) ||
    (node.type === "VariableDeclaration" && node.kind === "await using") ||
    // Whatever it throws, and does nothing else, needs no time.
    node.type === "ThrowStatement"
  );
}

/** Whether a value may be a promise: what a call gives, or a name that says nothing. */
function isPromise(value: Node): boolean {
  const node = bare(value);
  if (node.type === "ConditionalExpression") return isPromise(node.consequent) || isPromise(node.alternate);
  if (node.type === "LogicalExpression") return isPromise(node.left) || isPromise(node.right);
  return isCall(node) || node.type === "NewExpression" || node.type === "Identifier" ||
    node.type === "MemberExpression" || isFunction(node);
}
