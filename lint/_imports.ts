/** Which imports of a file are of the library, and how to import more of it. */

import { EXPORTS } from "./_tables.ts";
import type { Node } from "./_tree.ts";

/**
 * The package by all the ways that lead to it: a bare name of an import map, `jsr:`, `npm:` (also by the name it has
 * among the packages of npm), and addresses of servers, each with a version or without.
 */
const PACKAGE =
  /^((?:(?:jsr|npm):\/?|https?:\/\/[^/]+\/(?:jsr\/)?)?@(?:trefoil\/io|jsr\/trefoil__io)(?:@[^/]+|\/\d[^/]*)?)(?:\/(.*))?$/;

/** An import declaration of the library. */
export interface LibraryImport {
  readonly declaration: Deno.lint.ImportDeclaration;
  /** Whether it imports types, and nothing else can be added to it. */
  readonly isOfTypes: boolean;
  /** Whether it can have a name that the library exports. */
  readonly has: (name: string) => boolean;
  /** The entry point: "" is the whole library, and also what nobody knows. */
  readonly entry: string;
  /** What to import the whole library from: `null` if nobody knows. */
  readonly root: string | null;
}

/** Whether a module is the library, or one that the user has named. */
export function isLibrary(source: string, modules: RegExp | undefined): boolean {
  return PACKAGE.test(source) || (modules !== undefined && new RegExp(modules.source, modules.flags).test(source));
}

/** The imports of the library in a file. */
export function importsOf(program: Deno.lint.Program, modules: RegExp | undefined): LibraryImport[] {
  const imports: LibraryImport[] = [];
  for (const node of program.body as readonly (Node | null)[]) {
    if (node?.type !== "ImportDeclaration") continue;
    const source = node.source.value;
    if (!isLibrary(source, modules)) continue;
    const [, root = null, entry = ""] = PACKAGE.exec(source) ?? [];
    const names = root === null ? undefined : EXPORTS[entry];
    const list = names === undefined ? null : new Set(names.split(" "));
    imports.push({
      declaration: node,
      isOfTypes: node.importKind === "type",
      entry,
      has: (name) => list?.has(name) ?? true,
      // Below the address of a file there is no package to import from.
      root: names === undefined ? null : root,
    });
  }
  return imports;
}

/** Whether a program has anything of the library in it: by an import, or by one that happens later. */
export function usesLibrary(program: Deno.lint.Program, text: string, modules: RegExp | undefined): boolean {
  if (modules === undefined && !/trefoil(?:\/|__)io/.test(text)) return false;
  return importsOf(program, modules).length > 0 || /\bimport\s*\(/.test(text);
}
