/**
 * The blocks of a page that need npm, as modules: what the page shows is what is tested.
 *
 * Such a block has a name, as in "ts ignore hono.ts", and may import another one by that name. It names a package by its
 * major version alone; here it gets the one that the tests have loaded.
 */

const blocks = /^```ts ignore (\w+\.ts)\n([\s\S]*?)^```$/gm;
const root = new URL("../", import.meta.url);

/** Loads the named blocks of a page. `versions` are the packages that they may import, with their versions. */
export async function blocksOf(
  page: string,
  versions: readonly string[],
  // deno-lint-ignore no-explicit-any -- what a block exports is seen by who reads it
): Promise<Record<string, () => Promise<any>>> {
  const text = await Deno.readTextFile(new URL(page, root));
  const urls: Record<string, string> = {};
  for (const [, name, code] of text.matchAll(blocks)) {
    const complete = code!
      .replace(/"npm:([^"]+)@\d+"/g, (whole, packageName) => {
        const version = versions.find((each) => each.startsWith(`${packageName}@`));
        if (version === undefined) throw new Error(`Cannot load ${name} as no test loads a version of ${whole}`);
        return `"npm:${version}"`;
      })
      .replace(/"\.\/(\w+\.ts)"/g, (whole, other) => urls[other] === undefined ? whole : `"${urls[other]}"`);
    urls[name!] = `data:application/typescript;base64,${
      btoa(String.fromCharCode(...new TextEncoder().encode(complete)))
    }`;
  }
  return Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, () => import(url)]));
}
