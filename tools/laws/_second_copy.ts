/** The core of this package once more, from a copy of its files: as when two versions meet in one program. */

import type * as Core from "../../core/mod.ts";

/** Loads it. */
export async function secondCopy(): Promise<typeof Core> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_copy_" });
  try {
    await copySources(new URL("../../core", import.meta.url), folder);
    return await import(`file://${folder}/mod.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copySources(from: URL, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const source = new URL(`${from.href}/${name}`);
    if (isDirectory) await copySources(source, `${to}/${name}`);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) await Deno.copyFile(source, `${to}/${name}`);
  }
}
