/** `library-sleep`: a timer that no scope can cancel. */

import { missingImports, nameOf, replace } from "./_fixes.ts";
import type { Edit, Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { argumentOf, bare, isCall, isFunction, type Node, onlyExpression, propertyOf } from "./_tree.ts";

/** Modules whose function waits for a time, and its name there. */
const DELAYS: readonly (readonly [module: RegExp, name: RegExp])[] = [
  [/@std\/async(?:@[^/]+)?(?:\/delay|\/mod\.ts)?$|\/std(?:@[^/]+)?\/async\/(?:delay|mod)\.ts$/, /^delay$/],
  [/^(?:node:)?timers\/promises$/, /^setTimeout$/],
];

/** What awaits foreign promises on purpose, and may abandon them. */
const WAITS_FOR_OTHERS = /^(?:cancellable|hostOperation)$/;

export const librarySleep: Rule = {
  name: "library-sleep",
  *check(file: SourceFile): Iterable<Finding> {
    if (file.isForWorkers) return;
    for (const node of file.tree.all("NewExpression")) {
      const ms = timeOf(file, node);
      if (ms !== undefined) yield* found(file, node, ms, "new Promise((resolve) => setTimeout(resolve, …))");
    }
    for (const node of file.tree.all("CallExpression")) {
      const callee = bare(node.callee);
      if (!isDelay(file, callee) || node.arguments.length === 0 || node.arguments.length > 3) continue;
      if (node.arguments.some((argument) => argument.type === "ObjectExpression" && propertyOf(argument, "signal"))) {
        continue;
      }
      const ms = argumentOf(node, 0);
      if (ms !== undefined) yield* found(file, node, node.arguments.length === 1 ? ms : null, file.textOf(callee));
    }
    yield* missingImports(file, "sleep");
  },
};

/** `ms` is `null` if the wait does more than wait. */
function* found(file: SourceFile, node: Node, ms: Node | null | 0, what: string): Generator<Finding> {
  if (file.isHandedTo(node, (name) => WAITS_FOR_OTHERS.test(name))) return;
  yield {
    node,
    message: `No scope can cancel this timer: a timeout, or a task that is cancelled, waits until it is over`,
    hint: `Write \`sleep(ms)\` instead of \`${what}\``,
    fix: ms === null ? undefined : fixOf(file, node, ms === 0 ? "0" : file.textOf(ms)),
  };
}

function fixOf(file: SourceFile, node: Node, ms: string): readonly Edit[] | undefined {
  const sleep = nameOf(file, "sleep", node);
  return sleep === null ? undefined : [...sleep.edits, replace(node, `${sleep.name}(${ms})`)];
}

/** The time that `new Promise((resolve) => setTimeout(resolve, ms))` waits for; `0` if it says none. */
function timeOf(file: SourceFile, node: Deno.lint.NewExpression): Node | 0 | undefined {
  if (node.callee.type !== "Identifier" || node.callee.name !== "Promise" || !file.scopes.isGlobal(node.callee)) return;
  const executor = argumentOf(node, 0);
  if (!isFunction(executor) || executor.params.length !== 1) return;
  const [resolve] = executor.params;
  if (resolve?.type !== "Identifier" || !executor.body) return;
  const only = onlyExpression(executor.body);
  const call = only?.type === "UnaryExpression" && only.operator === "void" ? bare(only.argument) : only;
  if (!isCall(call) || !isGlobalTimeout(file, bare(call.callee)) || call.arguments.length > 2) return;
  const callback = argumentOf(call, 0);
  if (callback === undefined || !resolves(file, callback, resolve)) return;
  return argumentOf(call, 1) ?? (call.arguments.length === 1 ? 0 : undefined);
}

function isGlobalTimeout(file: SourceFile, callee: Node): boolean {
  if (callee.type === "MemberExpression") {
    return callee.object.type === "Identifier" && callee.object.name === "globalThis" &&
      callee.property.type === "Identifier" && callee.property.name === "setTimeout";
  }
  if (callee.type !== "Identifier" || callee.name !== "setTimeout") return false;
  if (file.scopes.isGlobal(callee)) return true;
  return file.importedFrom(callee)?.module === "node:timers";
}

/** `resolve`, or `() => resolve()`. */
function resolves(file: SourceFile, callback: Node, resolve: Node): boolean {
  const node = bare(callback);
  if (node.type === "Identifier") return file.scopes.bindingOf(node)?.id === resolve;
  if (!isFunction(node) || node.params.length > 0 || !node.body) return false;
  const call = onlyExpression(node.body);
  if (!isCall(call) || call.callee.type !== "Identifier" || file.scopes.bindingOf(call.callee)?.id !== resolve) {
    return false;
  }
  const [value] = call.arguments as readonly Node[];
  return value === undefined || (value.type === "Identifier" && value.name === "undefined");
}

function isDelay(file: SourceFile, callee: Node): boolean {
  const imported = file.importedFrom(callee);
  return imported !== null && DELAYS.some(([module, name]) => module.test(imported.module) && name.test(imported.name));
}
