/** What becomes of a `Cancelled` in a `catch`. */

import { before, nameOf } from "./_fixes.ts";
import type { Edit } from "./_rule.ts";
import type { FunctionNode } from "./_shapes.ts";
import type { SourceFile } from "./_source_file.ts";
import { allNodes, ancestorsOf, argumentOf, bare, isCall, memberName, type Node, ownNodes, parentOf } from "./_tree.ts";
import type { Wait } from "./_waits.ts";

/** What gets a failure: a `catch`, or the function that `catch()` is given. */
export type Handler = Deno.lint.CatchClause | FunctionNode;

/** What tells a cancellation from other failures, or looks at the state of a scope. */
const LOOKS_AT_CANCELLATION = new Set(["isCancelled", "isOnlyCancelled", "shutdownRequested", "checkCancelled"]);
const STATES = /^(?:cancelCalled|cancelledCaught|aborted|throwIfAborted|shutdownRequested)$/;

/** The wait in a `try` whose `Cancelled` its handler gets: one in an inner `try` that keeps it, does not count. */
export function waitCaughtBy(file: SourceFile, handler: Deno.lint.CatchClause): Wait | null {
  const statement = parentOf(handler);
  if (statement?.type !== "TryStatement") return null;
  for (const wait of file.waits.allIn(statement.block, "cancellable")) {
    if (!isKeptInside(file, wait.call, statement) && !isKeptByChain(file, wait.call)) return wait;
  }
  return null;
}

/** The call of `catch()` in the chain that follows a call: `f().finally(…).catch(…)`. */
export function catchAfter(call: Node): Deno.lint.CallExpression | null {
  for (let at = call;;) {
    const member = parentOf(at);
    const next = member?.type === "MemberExpression" && member.object === at ? parentOf(member) : null;
    if (member?.type !== "MemberExpression" || !isCall(next) || next.callee !== member) return null;
    const name = memberName(member);
    if (name === "catch" || (name === "then" && next.arguments.length > 1)) return next;
    if (name !== "then" && name !== "finally") return null;
    at = next;
  }
}

/** The function that gets what a promise fails with. */
export function handlerOf(file: SourceFile, call: Deno.lint.CallExpression): FunctionNode | null {
  return file.values.localFunction(argumentOf(call, call.arguments.length > 1 ? 1 : 0));
}

/** Whether the `Cancelled` of a call goes no further than the `catch()` after it; of one that nobody knows, it may not. */
function isKeptByChain(file: SourceFile, call: Node): boolean {
  const after = catchAfter(call);
  if (after === null) return false;
  const handler = handlerOf(file, after);
  return handler === null || !letsPass(file, handler);
}

function isKeptInside(file: SourceFile, node: Node, outer: Node): boolean {
  let last = node;
  for (const at of ancestorsOf(node)) {
    if (at === outer) return false;
    if (at.type === "TryStatement" && at.block === last && at.handler && !letsPass(file, at.handler)) return true;
    last = at;
  }
  return false;
}

/** Whether a handler lets a `Cancelled` pass, or looks whether it is one: in that case its author has thought of it. */
export function letsPass(file: SourceFile, handler: Handler, part: Node | null = handler.body): boolean {
  if (part === null) return false;
  for (const node of ownNodes(part)) {
    if (node.type === "ThrowStatement" && isCaught(file, node.argument, handler)) return true;
    if (looksAtCancellation(file, node)) return true;
    if (isCall(node) && node.arguments.some((argument) => isCaught(file, argument, handler))) {
      // `Promise.reject(error)`, and functions of the file that throw what they get.
      const callee = bare(node.callee);
      if (callee.type === "MemberExpression" && memberName(callee) === "reject") return true;
      const fn = file.values.localFunction(callee);
      if (fn !== null && fn.body && ownNodes(fn.body).some(({ type }) => type === "ThrowStatement")) return true;
      if (/throw|cancel/i.test(file.textOf(callee))) return true;
    }
  }
  return false;
}

/** Whether something asks if a failure is a cancellation, or a scope is cancelled. */
export function looksAtCancellation(file: SourceFile, node: Node): boolean {
  if (isCall(node)) return LOOKS_AT_CANCELLATION.has(file.values.calledName(node) ?? "");
  if (node.type === "MemberExpression") return STATES.test(memberName(node) ?? "");
  if (node.type === "BinaryExpression") {
    if (node.operator === "instanceof") return file.values.exportedName(node.right) === "Cancelled";
    return [node.left, node.right].some((side) => side.type === "Literal" && side.value === "Cancelled");
  }
  return false;
}

/** Whether an expression is what a handler has caught. */
export function isCaught(file: SourceFile, node: Node | null, handler: Handler): boolean {
  if (node === null) return false;
  const at = bare(node);
  return at.type === "Identifier" && file.scopes.bindingOf(at)?.declaration === handler;
}

/** Whether code after a statement is reached at no time: it throws, returns, or leaves the loop. */
export function leaves(statement: Node | null | undefined, loop: Node): boolean {
  switch (statement?.type) {
    case "BlockStatement":
      return (statement.body as readonly (Node | null)[]).some((each) => leaves(each, loop));
    case "ThrowStatement":
    case "ReturnStatement":
      return true;
    case "BreakStatement":
      if (statement.label) return true;
      for (const at of ancestorsOf(statement)) {
        if (at === loop) return true;
        if (at.type === "SwitchStatement" || /^(?:While|DoWhile|For|ForIn|ForOf)Statement$/.test(at.type)) return false;
      }
      return false;
    case "IfStatement":
      return leaves(statement.consequent, loop) && leaves(statement.alternate, loop);
    case "TryStatement":
      return leaves(statement.finalizer, loop) ||
        (leaves(statement.block, loop) && (!statement.handler || leaves(statement.handler.body, loop)));
    case "ExpressionStatement": {
      const call = bare(statement.expression);
      return isCall(call) && /^(?:Deno|process)\.exit$/.test(
        call.callee.type === "MemberExpression" && call.callee.object.type === "Identifier"
          ? `${call.callee.object.name}.${memberName(call.callee)}`
          : "",
      );
    }
    default:
      return false;
  }
}

/** The place of the word `catch`. */
export function wordOf(handler: Deno.lint.CatchClause): readonly [number, number] {
  return [handler.range[0], handler.range[0] + "catch".length];
}

/** The changes by which a handler lets `Cancelled` pass, in its first line. */
export function lettingPass(file: SourceFile, handler: Deno.lint.CatchClause): readonly Edit[] | undefined {
  const isCancelled = nameOf(file, "isCancelled", handler.body);
  if (isCancelled === null) return undefined;
  const { param } = handler;
  if (param && param.type !== "Identifier") return undefined;
  const name = param ? param.name : freeName(file, handler);
  if (param && isHidden(name, handler)) return undefined;
  const [start] = handler.body.range;
  const first = (handler.body.body as readonly (Node | null)[])[0];
  const text = `if (${isCancelled.name}(${name})) throw ${name};`;
  const edits: Edit[] = [...isCancelled.edits];
  if (!param) edits.push({ range: [start, start], text: `(${name}) ` });
  if (first === null || first === undefined) {
    const isEmpty = file.text.slice(start + 1, handler.body.range[1] - 1).trim() === "";
    edits.push(
      isEmpty
        ? {
          range: [start, handler.body.range[1]],
          text: `{\n${indentOf(file, handler)}  ${text}\n${indentOf(file, handler)}}`,
        }
        : { range: [start + 1, start + 1], text: `\n${indentOf(file, handler)}  ${text}` },
    );
    // Two changes at one place would get into each other's way.
    return param ? edits : merged(edits);
  }
  const isOnOneLine = !file.text.slice(start, first.range[0]).includes("\n");
  edits.push(before(first, isOnOneLine ? `${text} ` : `${text}\n${indentOf(file, first)}`));
  return edits;
}

/** Changes that begin at the same place, as one. */
function merged(edits: readonly Edit[]): Edit[] {
  const list: Edit[] = [];
  for (const edit of edits) {
    const same = list.findIndex(({ range }) => range[0] === edit.range[0]);
    const other = list[same];
    if (other === undefined) list.push(edit);
    else {list[same] = {
        range: [other.range[0], Math.max(other.range[1], edit.range[1])],
        text: other.text + edit.text,
      };}
  }
  return list;
}

/** A name for what is caught that nothing in the handler means something else by. */
function freeName(file: SourceFile, handler: Deno.lint.CatchClause): string {
  const used = new Set<string>();
  for (const node of allNodes(handler.body)) if (node.type === "Identifier") used.add(node.name);
  return ["error", "cause", "failure"].find((name) => !used.has(name)) ?? `error${file.text.length}`;
}

/** Whether a handler declares the name of what it has caught a second time. */
function isHidden(name: string, handler: Deno.lint.CatchClause): boolean {
  return (handler.body.body as readonly (Node | null)[]).some((statement) =>
    statement?.type === "VariableDeclaration" &&
    statement.declarations.some(({ id }) => id.type === "Identifier" && id.name === name)
  );
}

/** The white space before the line that a node begins in. */
function indentOf(file: SourceFile, node: Node): string {
  const start = file.text.lastIndexOf("\n", node.range[0] - 1) + 1;
  return /^[ \t]*/.exec(file.text.slice(start))?.[0] ?? "";
}
