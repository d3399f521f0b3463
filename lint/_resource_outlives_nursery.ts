/** `resource-outlives-nursery`: a resource that is gone while a child still uses it. */

import type { Finding, Rule } from "./_rule.ts";
import { isA } from "./_shape_algebra.ts";
import type { SourceFile } from "./_source_file.ts";
import {
  allNodes,
  ancestorsOf,
  argumentOf,
  bare,
  isCall,
  isFunction,
  isWithin,
  memberName,
  type Node,
  ownNodes,
  parentOf,
  propertyOf,
} from "./_tree.ts";

export const resourceOutlivesNursery: Rule = {
  name: "resource-outlives-nursery",
  *check(file: SourceFile): Iterable<Finding> {
    for (const declaration of file.tree.all("VariableDeclaration")) {
      if (declaration.kind !== "using" && declaration.kind !== "await using") continue;
      const block = parentOf(declaration);
      if (block?.type !== "BlockStatement") continue;
      const nursery = nurseryAround(file, block);
      if (nursery === null) continue;
      for (const { id } of declaration.declarations) {
        const resource = id.type === "Identifier" ? file.scopes.bindingOf(id) : null;
        if (resource === null) continue;
        for (const reference of resource.references) {
          const spawn = spawnAround(file, reference, nursery, block);
          const inBody = resource.references.filter((other) => spawnAround(file, other, nursery, block) === null);
          if (spawn === null || isWaitedFor(file, block, spawn, inBody)) continue;
          yield {
            node: reference,
            message:
              `"${resource.name}" is disposed of when this block ends, which is before the nursery waits for the ` +
              `child that uses it`,
            hint: "Declare it outside of the nursery, or in the child",
          };
          break;
        }
      }
    }
  },
};

/** The parameter that stands for the nursery whose body a block is in. */
function nurseryAround(file: SourceFile, block: Node): Node | null {
  for (const at of [block, ...ancestorsOf(block)]) {
    if (!isFunction(at)) continue;
    const call = parentOf(at);
    const param = at.params[0];
    return isCall(call) && file.values.calledName(call) === "openNursery" && call.arguments[0] === at &&
        param?.type === "Identifier"
      ? param
      : null;
  }
  return null;
}

/** The call that starts a child of a nursery, if a node is in the function that it is given. */
function spawnAround(file: SourceFile, node: Node, nursery: Node, block: Node): Deno.lint.CallExpression | null {
  for (const at of ancestorsOf(node)) {
    if (at === block) return null;
    if (!isCall(at) || !isWithin(node, argumentOf(at, 0) ?? at.callee)) continue;
    const callee = bare(at.callee);
    if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") continue;
    if (file.scopes.bindingOf(callee.object)?.id !== nursery) continue;
    if (!/^(?:startSoon|start)$/.test(memberName(callee) ?? "")) continue;
    if (!isFunction(argumentOf(at, 0))) continue;
    const options = argumentOf(at, 1);
    const isDaemon = options !== undefined &&
      (options.type !== "ObjectExpression" || propertyOf(options, "daemon") !== undefined);
    return isDaemon ? null : at;
  }
  return null;
}

/**
 * Whether the block goes on with the child after it was started: it waits for its end, ends it, or uses the resource
 * itself, which it would not do if it did not know of the child.
 */
function isWaitedFor(file: SourceFile, block: Node, spawn: Node, references: readonly Node[]): boolean {
  if (references.some((reference) => reference.range[0] > spawn.range[1] && isWithin(reference, block))) return true;
  for (const node of ownNodes(block)) {
    if (!isCall(node) || node.range[0] < spawn.range[0] || node === spawn) continue;
    const callee = bare(node.callee);
    const name = callee.type === "MemberExpression" ? memberName(callee) : null;
    if (name === "join" || name === "cancel" || name === "shutdown") return true;
    const method = file.values.calledMethod(node);
    if (method !== null && isA(method.type, "Task")) return true;
  }
  // A task that is handed on may be waited for there.
  const declarator = parentOf(spawn);
  if (declarator?.type !== "VariableDeclarator" || declarator.id.type !== "Identifier") return false;
  const { name } = declarator.id;
  return allNodes(block).some((node) =>
    node.type === "Identifier" && node.name === name && node.range[0] > spawn.range[1]
  );
}
