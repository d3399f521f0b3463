/** Where the library is handed a function: the arguments of its functions, and the options that are functions. */

import type { Shape } from "./_shapes.ts";
import { partsOf } from "./_shape_algebra.ts";
import type { SourceFile } from "./_source_file.ts";
import { isCall, type Node } from "./_tree.ts";
import { nameOfCall } from "./_waits.ts";

/** A value that is handed over where the library calls a function. */
export interface FunctionArgument {
  readonly value: Node;
  /** What it is handed to: `nursery.startSoon`. */
  readonly to: string;
}

/** What the combinators are given: lists of functions, which the tables say nothing of. */
const LISTS = /^(?:all|allSettled|any|race)$/;

/** All values that are handed over where the library calls functions, and takes nothing else. */
export function* functionArguments(file: SourceFile): Generator<FunctionArgument> {
  for (const kind of ["CallExpression", "NewExpression"] as const) {
    for (const call of file.tree.all(kind)) {
      if (file.values.localFunction(call.callee) !== null) continue;
      const to = nameOfCall(call).slice(0, -2);
      for (const [index, argument] of (call.arguments as readonly Node[]).entries()) {
        if (argument.type === "SpreadElement") break;
        if (isOnlyFunction(file.values.parameterOf(call, index))) yield { value: argument, to };
        else if (argument.type === "ArrayExpression" && isCall(call) && index === 0 && isCombinator(file, call)) {
          for (const element of argument.elements as readonly (Node | null)[]) {
            if (element !== null && element.type !== "SpreadElement") yield { value: jobOf(element), to };
          }
        } else if (argument.type === "ObjectExpression") {
          for (const property of argument.properties) {
            if (property.type !== "Property" || property.kind !== "init") continue;
            if (isOnlyFunction(file.values.expectedOf(property.value))) yield { value: property.value, to };
          }
        }
      }
    }
  }
}

function isCombinator(file: SourceFile, call: Node): boolean {
  return LISTS.test(file.values.calledName(call) ?? "");
}

/** A job of a combinator may be a function with its arguments: `[fn, 1, 2]`. */
function jobOf(element: Node): Node {
  return element.type === "ArrayExpression" && element.elements[0] ? element.elements[0] as Node : element;
}

function isOnlyFunction(shape: Shape): boolean {
  const parts = partsOf(shape);
  return parts.length > 0 && parts.every((part) => part?.[0] === "function");
}
