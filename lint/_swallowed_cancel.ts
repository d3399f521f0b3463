/** `swallowed-cancel`: a loop that cannot be cancelled, as its `catch` takes `Cancelled` for one failure more. */

import {
  catchAfter,
  handlerOf,
  leaves,
  letsPass,
  lettingPass,
  looksAtCancellation,
  waitCaughtBy,
  wordOf,
} from "./_catches.ts";
import { missingImports } from "./_fixes.ts";
import type { Finding, Rule } from "./_rule.ts";
import type { FunctionNode } from "./_shapes.ts";
import type { SourceFile } from "./_source_file.ts";
import { ancestorsOf, isFunction, isLoop, isWithin, type LoopNode, type Node, ownNodes } from "./_tree.ts";

export const swallowedCancel: Rule = {
  name: "swallowed-cancel",
  *check(file: SourceFile): Iterable<Finding> {
    for (const handler of file.tree.all("CatchClause")) {
      const loop = loopThatSpins(file, handler);
      if (loop === null || letsPass(file, handler)) continue;
      const wait = waitCaughtBy(file, handler);
      if (wait === null) continue;
      yield {
        node: handler,
        range: wordOf(handler),
        message:
          `This catch swallows "Cancelled" in a loop: once the scope is cancelled, "${wait.name}" throws again at once, ` +
          `and the loop spins for ever`,
        hint: "Let it pass first: `if (isCancelled(error)) throw error;`",
        fix: lettingPass(file, handler),
      };
    }
    yield* chains(file);
    yield* missingImports(file, "isCancelled");
  },
};

/** Loops in which all that is awaited has a `catch()` of its own: `for (;;) await f().catch(log)`. */
function* chains(file: SourceFile): Generator<Finding> {
  for (const kind of ["ForStatement", "WhileStatement", "DoWhileStatement"] as const) {
    for (const loop of file.tree.all(kind)) {
      if (!isEndless(file, loop)) continue;
      const nodes = ownNodes(loop);
      const awaits = nodes.filter(({ type }) => type === "AwaitExpression");
      const others = nodes.some((node) =>
        // What comes of the failure may end the loop.
        /^(?:Break|Return|Throw|Try)Statement$|^YieldExpression$/.test(node.type) ||
        (node.type === "ForOfStatement" && node.await) || looksAtCancellation(file, node)
      );
      if (others || awaits.length === 0 || awaits.some((node) => loop.test && isWithin(node, loop.test))) continue;
      const caught = awaits.map((node) => swallowedBy(file, node));
      const [first] = caught;
      if (first === null || first === undefined || caught.includes(null)) continue;
      yield {
        node: first.handler,
        range: (first.handler.callee as Deno.lint.MemberExpression).property.range,
        message:
          `This "catch()" swallows "Cancelled" in a loop: once the scope is cancelled, "${first.name}" throws again ` +
          `at once, and the loop spins for ever`,
        hint: "Let it pass first: `.catch((error) => { if (isCancelled(error)) throw error; … })`",
      };
    }
  }
}

/** The `catch()` that keeps the failures of what is awaited, all of them for sure. */
function swallowedBy(
  file: SourceFile,
  node: Node,
): { readonly handler: Deno.lint.CallExpression; readonly name: string } | null {
  const wait = node.type === "AwaitExpression" ? file.waits.of(node.argument, "cancellable") : null;
  const handler = wait === null ? null : catchAfter(wait.call);
  if (wait === null || handler === null) return null;
  const fn = handlerOf(file, handler);
  const isLog = /^console\.\w+$/.test(file.textOf(handler.arguments.at(-1) ?? handler));
  if (fn === null ? !isLog : letsPass(file, fn) || file.waits.ofFunction(fn) !== null || throws(fn)) return null;
  return { handler, name: wait.name };
}

function throws(fn: FunctionNode): boolean {
  return fn.body !== null && ownNodes(fn.body).some(({ type }) => type === "ThrowStatement");
}

/** The loop around a handler that goes on for ever when everything in it throws at once. */
function loopThatSpins(file: SourceFile, handler: Deno.lint.CatchClause): LoopNode | null {
  const [statement] = ancestorsOf(handler);
  if (statement?.type !== "TryStatement") return null;
  let inner: Node = statement;
  for (const at of ancestorsOf(statement)) {
    if (isFunction(at)) return null;
    if (isEndless(file, at)) {
      const skipsRest = continues(handler, at);
      const leavesLoop = leaves(handler.body, at) || leaves(statement.finalizer, at) ||
        (!skipsRest && leavesAfter(inner, at));
      if (!leavesLoop && !waitsBeside(file, at, statement, skipsRest)) return at;
    }
    inner = at;
  }
  return null;
}

/** Whether a handler ends with the next turn of a loop, so that what follows it there is not reached. */
function continues(handler: Deno.lint.CatchClause, loop: LoopNode): boolean {
  const last = (handler.body.body as readonly (Node | null)[]).at(-1);
  if (last?.type !== "ContinueStatement" || last.label) return false;
  return ancestorsOf(last).find(isLoop) === loop;
}

function isEndless(file: SourceFile, node: Node): node is LoopNode {
  if (node.type === "ForStatement") return !node.test;
  if (node.type !== "WhileStatement" && node.type !== "DoWhileStatement") return false;
  // One that counts ends; and one that asks for the state of its scope has thought of it.
  return !ownNodes(node.test).some((part) =>
    part.type === "UpdateExpression" || (part.type === "BinaryExpression" && /^[<>]=?$/.test(part.operator)) ||
    looksAtCancellation(file, part)
  );
}

/** Whether what stands after a statement in the body of a loop leaves it. */
function leavesAfter(statement: Node, loop: Node): boolean {
  for (const at of [statement, ...ancestorsOf(statement)]) {
    if (at === loop) return false;
    const [parent] = ancestorsOf(at);
    if (parent?.type !== "BlockStatement") continue;
    const statements = parent.body as readonly (Node | null)[];
    if (statements.slice(statements.indexOf(at) + 1).some((next) => leaves(next, loop))) return true;
  }
  return false;
}

/**
 * Whether a loop waits outside of a `try`: for something of the library, where `Cancelled` leaves it, or for anything
 * else, where it does not spin. Or whether it asks there if it is cancelled.
 */
function waitsBeside(
  file: SourceFile,
  loop: LoopNode,
  statement: Deno.lint.TryStatement,
  skipsRest: boolean,
): boolean {
  return ownNodes(loop).some((node) =>
    !isWithin(node, statement.block) &&
    !(skipsRest && isWithin(node, loop.body) && node.range[0] >= statement.range[1]) &&
    (node.type === "AwaitExpression" || node.type === "YieldExpression" ||
      (node.type === "ForOfStatement" && node.await && node !== loop && !isWithin(statement, node)) ||
      (node.type === "IfStatement" && ownNodes(node.test).some((part) => looksAtCancellation(file, part))))
  );
}
