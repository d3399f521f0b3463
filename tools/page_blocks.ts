/**
 * The blocks of a page that need npm, as modules: what the page shows is what is tested.
 *
 * Such a block has a name, as in "ts ignore hono.ts", and may import another one by that name. It names a package by its
 * major version alone; here it gets the one that the tests have loaded.
 */

const BLOCKS = /^```ts ignore (\w+\.ts)\n([\s\S]*?)^```$/gm;
const root = new URL("../", import.meta.url);

/** Loads the named blocks of a page. `versions` are the packages that they may import, with their versions. */
export async function blocksOf(
  page: string,
  versions: readonly string[],
  // deno-lint-ignore no-explicit-any -- what a block exports is seen by who reads it
): Promise<Record<string, () => Promise<any>>> {
  const text = await Deno.readTextFile(new URL(page, root));
  const blocks = new Map([...text.matchAll(BLOCKS)].map(([, name, code]) => [name!, code!]));
  const urlOf = (name: string): string => {
    const code = blocks.get(name)!
      .replace(/"npm:([^"]+)@\d+"/g, (_, wanted) => {
        const version = versions.find((each) => each.startsWith(`${wanted}@`));
        if (version === undefined) throw new Error(`Cannot load ${name} as a version must be known: of ${wanted}`);
        return `"npm:${version}"`;
      })
      .replace(/"\.\/(\w+\.ts)"/g, (whole, other) => blocks.has(other) ? `"${urlOf(other)}"` : whole);
    return `data:application/typescript;base64,${btoa(String.fromCharCode(...new TextEncoder().encode(code)))}`;
  };
  return Object.fromEntries([...blocks.keys()].map((name) => [name, () => import(urlOf(name))]));
}
