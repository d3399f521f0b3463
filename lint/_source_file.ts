/** A file that uses the library, and all that the rules ask about it. */

import { importsOf, type LibraryImport, usesLibrary } from "./_imports.ts";
import { Scopes } from "./_scopes.ts";
import { ancestorsOf, isCall, memberName, type Node, parentOf, Tree } from "./_tree.ts";
import { Values } from "./_values.ts";
import { Waits } from "./_waits.ts";

/** What begins a run whose clock a test moves. */
const SIMULATES = /^(?:simulate|simulated|explore|sweepCancel|sweepFaults)$/;

export class SourceFile {
  readonly name: string;
  readonly text: string;
  readonly tree: Tree;
  readonly scopes: Scopes;
  readonly values: Values;
  readonly waits: Waits;
  /** The imports of the library. */
  readonly imports: readonly LibraryImport[];

  constructor(context: Deno.lint.RuleContext, modules: RegExp | undefined) {
    this.name = context.filename;
    this.text = context.sourceCode.text;
    this.tree = new Tree(context.sourceCode.ast, this.text);
    this.scopes = new Scopes(this.tree);
    this.values = new Values(this.scopes, modules);
    this.waits = new Waits(this.scopes, this.values);
    this.imports = importsOf(this.tree.program, modules);
  }

  /** Whether the file is a test. */
  get isTest(): boolean {
    return /(?:^|[/\\])(?:tests?|__tests__)[/\\]|[._](?:test|spec)\.[cm]?[jt]sx?$/.test(this.name);
  }

  /** Whether it is a module for workers, which knows of the library how to ask for a cancellation, and no more. */
  get isForWorkers(): boolean {
    const values = this.imports.filter(({ isOfTypes }) => !isOfTypes);
    return values.length > 0 && values.every(({ entry }) => entry === "worker");
  }

  textOf(node: Node): string {
    return this.text.slice(...node.range);
  }

  /** Whether a node is in a function that runs in a simulation. */
  isSimulated(node: Node): boolean {
    return this.isHandedTo(node, (name) => SIMULATES.test(name));
  }

  /** Whether a node is in the arguments of a function of the library. */
  isHandedTo(node: Node, which: (name: string) => boolean): boolean {
    for (const at of ancestorsOf(node)) {
      const name = isCall(at) ? this.values.calledName(at) : null;
      if (name !== null && which(name)) return true;
    }
    return false;
  }

  /**
   * The module that something is imported from, and its name there: of `f` and of `module.f`, if `f` or `module` is
   * what the file imports.
   */
  importedFrom(node: Node): { readonly module: string; readonly name: string } | null {
    const isMember = node.type === "MemberExpression";
    const specifier = this.scopes.bindingOf(isMember ? node.object : node)?.declaration;
    const declaration = specifier === undefined ? null : parentOf(specifier);
    if (declaration?.type !== "ImportDeclaration") return null;
    const name = isMember
      ? specifier?.type !== "ImportSpecifier" ? memberName(node) : null
      : specifier?.type === "ImportSpecifier" && specifier.imported.type === "Identifier"
      ? specifier.imported.name
      : null;
    return name === null ? null : { module: declaration.source.value, name };
  }
}

const known = new WeakMap<object, Map<string, SourceFile | null>>();

/** The file that a rule looks at, the same for all rules; `null` if it has nothing of the library in it. */
export function sourceFileOf(context: Deno.lint.RuleContext, modules: RegExp | undefined): SourceFile | null {
  const { ast, text } = context.sourceCode;
  const key = String(modules);
  let files = known.get(ast);
  if (files === undefined) known.set(ast, files = new Map());
  const before = files.get(key);
  if (before !== undefined) return before;
  // If it cannot be looked at, one rule says so, and the others are silent.
  files.set(key, null);
  const file = usesLibrary(ast, text, modules) ? new SourceFile(context, modules) : null;
  files.set(key, file);
  return file;
}
