/** Rules, and the plugins that are made of them. */

import { type SourceFile, sourceFileOf } from "./_source_file.ts";
import type { Node } from "./_tree.ts";

/** A change of the text between two places. */
export interface Edit {
  readonly range: readonly [number, number];
  readonly text: string;
}

/** What a rule has found. */
export interface Finding {
  readonly node: Node;
  /** The part of the node that is marked, if that is not all of it. */
  readonly range?: readonly [number, number];
  /** What is wrong, and what that does. */
  readonly message: string;
  /** What to write instead. */
  readonly hint: string;
  /** Changes that mend it, where these cannot do harm. */
  readonly fix?: readonly Edit[] | undefined;
}

/** A rule looks at a file as a whole. */
export interface Rule {
  readonly name: string;
  check(file: SourceFile): Iterable<Finding>;
}

/** Where the rules are explained. */
const PAGE = "docs/lint.md";

/** Makes a plugin of rules. `options`: those of the user. */
export function pluginOf(
  name: string,
  rules: readonly Rule[],
  options: { readonly modules?: RegExp },
): Deno.lint.Plugin {
  const modules = modulesIn(options);
  return {
    name,
    rules: Object.fromEntries(
      rules.map((rule) => [rule.name, { create: (context) => visitorOf(rule, context, modules) }]),
    ),
  };
}

function modulesIn(options: { readonly modules?: RegExp }): RegExp | undefined {
  if (typeof options !== "object" || options === null) {
    const received = typeof options === "string" ? JSON.stringify(options) : String(options);
    throw new TypeError(`Cannot make a lint plugin as "options" must be an object: received ${received}`);
  }
  const { modules } = options;
  if (modules === undefined || modules instanceof RegExp) return modules;
  throw new TypeError(
    `Cannot make a lint plugin as "modules" must be a regular expression: received ${String(modules)}`,
  );
}

/**
 * A rule that throws would lose what all rules have found in the file, since the host gives the whole file up. So a
 * failure is a finding itself.
 */
function visitorOf(rule: Rule, context: Deno.lint.RuleContext, modules: RegExp | undefined): Deno.lint.LintVisitor {
  const failed = (error: unknown): void =>
    context.report({
      range: [0, Math.min(1, context.sourceCode.text.length)],
      message: `The rule "${context.id}" has failed on this file, and has not seen all of it: ${
        error instanceof Error ? error.message : String(error)
      }`,
      hint: "This is a fault of the rule and not of your code: please report it, with the file",
    });
  let file: SourceFile | null;
  try {
    file = sourceFileOf(context, modules);
  } catch (error) {
    failed(error);
    return {};
  }
  if (file === null) return {};
  const seen = file;
  return {
    Program() {
      try {
        for (const { node, range, message, hint, fix } of rule.check(seen)) {
          context.report({
            range: [...range ?? node.range],
            message,
            hint: `${hint}. See ${PAGE}#${rule.name}`,
            ...(fix === undefined || fix.length === 0 ? {} : {
              fix: (fixer: Deno.lint.Fixer) => fix.map(({ range, text }) => fixer.replaceTextRange([...range], text)),
            }),
          });
        }
      } catch (error) {
        failed(error);
      }
    },
  };
}
