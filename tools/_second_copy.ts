/** This package once more, from a copy of its files: as when two versions meet in one program. */

import type * as Core from "../core/mod.ts";

const ROOT = new URL("../", import.meta.url);

/** Its core. */
export async function secondCopy(): Promise<typeof Core> {
  return await loadCopy<typeof Core>(["core"], "core/mod.ts");
}

/** Loads modules from a copy of some parts of the package, which is deleted then; their names together. */
export async function loadCopy<M>(parts: readonly string[], ...modules: readonly string[]): Promise<M> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_copy_" });
  try {
    for (const part of parts) await copy(part, folder);
    const loaded = await Promise.all(modules.map((path) => import(`file://${folder}/${path}`)));
    return Object.assign({}, ...loaded);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copy(path: string, folder: string): Promise<void> {
  if (path.endsWith(".ts")) return await Deno.copyFile(new URL(path, ROOT), `${folder}/${path}`);
  await Deno.mkdir(`${folder}/${path}`, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(new URL(path, ROOT))) {
    if (isDirectory || (name.endsWith(".ts") && !name.endsWith("_test.ts"))) await copy(`${path}/${name}`, folder);
  }
}
