/** Changes that several rules make. */

import type { Edit, Finding } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { type Node, parentOf } from "./_tree.ts";

/**
 * How to say a name of the library at a place, and what has to be imported for it; `null` if the name is taken there.
 */
export function nameOf(
  file: SourceFile,
  name: string,
  at: Node,
): { readonly name: string; readonly edits: readonly Edit[] } | null {
  for (const { declaration, isOfTypes } of file.imports) {
    if (isOfTypes) continue;
    for (const specifier of declaration.specifiers) {
      const local = specifier.local.name;
      const binding = file.scopes.bindingOf(specifier.local);
      if (binding === null || file.scopes.lookup(local, at) !== binding) continue;
      if (specifier.type === "ImportNamespaceSpecifier" && exists(file, name, specifier)) {
        return { name: `${local}.${name}`, edits: [] };
      }
      if (specifier.type !== "ImportSpecifier" || specifier.importKind === "type") continue;
      const { imported } = specifier;
      if (imported.type === "Identifier" && imported.name === name) return { name: local, edits: [] };
    }
  }
  // A name that a scope in between declares would be found instead, and one at the top would be declared twice.
  if (file.scopes.isDeclared(name, at) || file.scopes.isDeclared(name, file.tree.program)) return null;
  const edit = importOf(file, name);
  return edit === null ? null : { name, edits: [edit] };
}

function exists(file: SourceFile, name: string, specifier: Node): boolean {
  return file.imports.some(({ declaration, has }) => declaration === parentOf(specifier) && has(name));
}

/** The change that imports a name, from where the file imports others. */
export function importOf(file: SourceFile, name: string): Edit | null {
  for (const { declaration, has, isOfTypes } of file.imports) {
    const last = declaration.specifiers.at(-1);
    if (isOfTypes || !has(name) || last?.type !== "ImportSpecifier") continue;
    return { range: [last.range[1], last.range[1]], text: `, ${name}` };
  }
  const other = file.imports.find(({ declaration, has, root }) =>
    root !== null || (has(name) && declaration.specifiers.some(({ type }) => type === "ImportSpecifier"))
  );
  if (other === undefined) return null;
  const quote = other.declaration.source.raw[0] ?? '"';
  const end = other.declaration.range[1];
  const source = other.root ?? other.declaration.source.value;
  return { range: [end, end], text: `\nimport { ${name} } from ${quote}${source}${quote};` };
}

/**
 * What a fix has left behind: several in one go may all have needed an import of another name, and the host makes only
 * one change at a place. A name of the library that nobody declares is such a one.
 */
export function* missingImports(file: SourceFile, ...names: readonly string[]): Generator<Finding> {
  for (const name of names) {
    const [id] = file.scopes.globals(name).filter((id) => {
      const parent = parentOf(id);
      return parent?.type === "CallExpression" && parent.callee === id;
    });
    if (id === undefined) continue;
    const edit = importOf(file, name);
    yield {
      node: id,
      message: `"${name}" is not imported`,
      hint: `Import it: \`import { ${name} } from "@trefoil/io"\``,
      fix: edit === null ? undefined : [edit],
    };
  }
}

/** A change that writes something before a node. */
export function before(node: Node, text: string): Edit {
  return { range: [node.range[0], node.range[0]], text };
}

/** A change that replaces a node. */
export function replace(node: Node, text: string): Edit {
  return { range: [node.range[0], node.range[1]], text };
}
