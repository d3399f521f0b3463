/**
 * A module with a line changed, for tests that must find that out: a test that passes with the repair taken out tests no
 * repair.
 */

/** Imports a module of this folder in which a text, which stands there once, is replaced by another one. */
export async function mutant<T>(file: string, text: string, by: string): Promise<T> {
  const source = await Deno.readTextFile(new URL(file, import.meta.url));
  if (source.split(text).length !== 2) {
    throw new Error(`Cannot make a mutant of ${file} as this must stand there once: ${text}`);
  }
  const absolute = source.replace(text, by)
    .replace(/(from\s+)"([^"]+)"/g, (_all, from, specifier) => `${from}"${import.meta.resolve(specifier)}"`);
  const path = await Deno.makeTempFile({ prefix: "trefoil_mutant_", suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, absolute);
    return await import(`file://${path}`);
  } finally {
    await Deno.remove(path);
  }
}
