/** What is wrong with the house: pure, over what Deno itself says of modules and exports, so that it can be tested. */

import type { Doc, Place } from "./promised_names.ts";

/** As much as is needed of what `deno info --json` says of a module. */
export interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** Which files each file imports. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** What the files below `root` import of each other, of types or values, at once or later. */
export function importsOf(modules: readonly Module[], root: string): Imports {
  const inside = (specifier: string | undefined): string[] =>
    specifier?.startsWith(root) ? [specifier.slice(root.length)] : [];
  return new Map(
    modules.flatMap(({ specifier, dependencies = [] }) =>
      inside(specifier).map((file): [string, string[]] => [file, [
        ...new Set(dependencies.flatMap(({ code, type }) => [...inside(code?.specifier), ...inside(type?.specifier)])),
      ]])
    ),
  );
}

/** The circles: groups of files that all reach each other (Tarjan's strongly connected components of more than one). */
export function circlesOf(imports: Imports): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1 || imports.get(file)?.includes(file)) circles.push(circle.sort());
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return circles;
}

/** What each file exports: its name, and the places where it is declared: several, if it is overloaded. */
function* exportsOf({ nodes }: Doc): Generator<[file: string, name: string, places: readonly Place[]]> {
  for (const [file, { symbols }] of Object.entries(nodes)) {
    for (const { name, declarations } of symbols) {
      yield [file, name, declarations.flatMap(({ location, def }) => def?.target ?? location ?? [])];
    }
  }
}

/** What files export, and none of the doors among them shows. */
export function notShown(doc: Doc, doors: readonly string[]): [file: string, name: string][] {
  const key = ({ filename, line, col }: Place) => `${filename}:${line}:${col}`;
  const all = [...exportsOf(doc)];
  const shown = new Set(all.filter(([file]) => doors.includes(file)).flatMap(([, , places]) => places.map(key)));
  return all.filter(([file, , places]) => !doors.includes(file) && !places.some((place) => shown.has(key(place))))
    .map(([file, name]) => [file, name]);
}

/** The names that are declared in more than one file; a default export has none. */
export function severalHomes(docs: readonly Doc[]): [name: string, files: string[]][] {
  const homes = new Map<string, Set<string>>();
  for (const doc of docs) {
    for (const [, name, places] of exportsOf(doc)) {
      if (name === "default") continue;
      for (const { filename } of places) homes.set(name, (homes.get(name) ?? new Set()).add(filename));
    }
  }
  return [...homes].filter(([, files]) => files.size > 1).map(([name, files]) => [name, [...files].sort()]);
}

/** The list of what each entry point exports. */
export function listOf(docs: readonly (readonly [path: string, doc: Doc])[]): string {
  return docs.flatMap(([path, doc]) => [
    `# ${path}`,
    ...new Set([...exportsOf(doc)].map(([, name]) => name).sort()),
    "",
  ]).join("\n");
}
