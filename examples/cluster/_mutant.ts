/**
 * A program with a line changed, for tests that must find that out: a test that passes with the repair taken out tests no
 * repair.
 */

/** What is changed: a text, which stands in the file once. */
export interface Mutation {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

/** Imports a module of this folder, with a change in it or in one that it imports itself. */
export async function mutant<T>(entry: string, { file, text, by }: Mutation): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_mutant_" });
  try {
    for (const each of new Set([entry, file])) {
      let source = await Deno.readTextFile(new URL(each, import.meta.url));
      if (each === file) {
        if (source.split(text).length !== 2) {
          throw new Error(`Cannot make a mutant of ${file} as this must stand there once: ${text}`);
        }
        source = source.replace(text, by);
      }
      // All but the mutant is imported from where it is.
      const absolute = source.replace(
        /(from\s+)"([^"]+)"/g,
        (_all, from, specifier) => `${from}"${specifier === `./${file}` ? specifier : import.meta.resolve(specifier)}"`,
      );
      await Deno.writeTextFile(`${folder}/${each}`, absolute);
    }
    return await import(`file://${folder}/${entry}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
