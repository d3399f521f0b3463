/**
 * Node and Bun, which JSR serves the package to as well: where they are, and a copy of our sources that they can run.
 *
 * Nothing is bundled, so that the names of files, which some tests look at, stay what they are. `@std` is a package of
 * links to our stand-ins. `Deno.test` becomes the name of a function that the harness gives; another `Deno` there must not
 * be, as the library finds its host by looking for one.
 */

const root = new URL("../../", import.meta.url);

/** Where `.ci/run` installs them, from npm. */
const INSTALLED = `${Deno.env.get("TMPDIR") ?? "/tmp"}/trefoil-hosts/node_modules`;
const ESBUILD = `${INSTALLED}/esbuild/bin/esbuild`;

/** A host that may be there. */
export interface Host {
  readonly name: string;
  /** The command that runs a script, without it. */
  readonly command: readonly [string, ...string[]];
  /** The folder of its copy: Node takes types away itself, but knows no parameter properties, and 22 no `using`. */
  readonly folder: "ts" | "js";
}

/** All that the package is tested on besides Deno. */
export const HOSTS: readonly Host[] = [
  { name: "Node 22", command: [`${INSTALLED}/node22/bin/node`, "--disable-warning=ExperimentalWarning"], folder: "js" },
  { name: "Node 24", command: [`${INSTALLED}/node24/bin/node`, "--disable-warning=ExperimentalWarning"], folder: "js" },
  { name: "Bun", command: [`${INSTALLED}/bun/bin/bun`], folder: "ts" },
];

/** Whether a host is on this machine, with what it needs. */
export async function isThere({ command }: Host): Promise<boolean> {
  try {
    await Promise.all([Deno.stat(command[0]), Deno.stat(ESBUILD)]);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a host in a folder, to its end. */
export async function runHost(
  { command, folder: copy }: Host,
  folder: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  return await run([...command, ...args], `${folder}/${copy}`);
}

async function run(command: readonly string[], cwd: string) {
  const { stdout, stderr, code } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), code };
}

/** A copy of our sources. */
export interface Sources {
  readonly folder: string;
  /** The tests of `core` and `testing`. */
  readonly tests: readonly string[];
}

/** Copies what is published, and the tests of `core` and `testing`, to a new folder. */
export async function prepareSources(): Promise<Sources> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "trefoil_hosts_" }));
  const files: string[] = [];
  const copy = async (path: string): Promise<void> => {
    if (path.endsWith(".ts")) {
      const text = await Deno.readTextFile(new URL(path, root));
      // As long as what it replaces, so that every column stays what it is.
      await Deno.writeTextFile(`${folder}/ts/${path}`, text.replace(/\bDeno\.test\b/g, "host_test"));
      files.push(path);
      return;
    }
    await Deno.mkdir(`${folder}/ts/${path}`, { recursive: true });
    for await (const { name, isDirectory } of Deno.readDir(new URL(path, root))) {
      const isLeftOut = /^(?:net|os|observe)\b/.test(path) && name.endsWith("_test.ts");
      if (isDirectory || (name.endsWith(".ts") && !isLeftOut)) await copy(`${path}/${name}`);
    }
  };
  for (const path of ["core", "testing", "net", "os", "observe", "mod.ts"]) await copy(path);
  await transpile(`${folder}/ts`, files);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  await Deno.mkdir(`${folder}/node_modules/@std`, { recursive: true });
  for (const name of ["assert", "async"]) {
    // Linked, since Node takes the types of nothing away that lies in node_modules.
    await Deno.mkdir(`${folder}/std/${name}`, { recursive: true });
    await Deno.copyFile(new URL(`tools/std_offline/${name}.ts`, root), `${folder}/std/${name}/mod.ts`);
    const manifest = { name: `@std/${name}`, type: "module", exports: "./mod.ts" };
    await Deno.writeTextFile(`${folder}/std/${name}/package.json`, JSON.stringify(manifest));
    await Deno.symlink(`../../std/${name}`, `${folder}/node_modules/@std/${name}`);
  }
  for (const name of ["_harness.mjs", "_entry.mjs"]) {
    for (const copy of ["ts", "js"]) await Deno.copyFile(new URL(name, import.meta.url), `${folder}/${copy}/${name}`);
  }
  return { folder, tests: files.filter((file) => file.endsWith("_test.ts")).sort() };
}

/** Writes plain JavaScript, in files of the same names, to the folder beside. */
async function transpile(folder: string, files: readonly string[]): Promise<void> {
  const options = ["--target=node22", "--outdir=../js", "--outbase=.", "--out-extension:.js=.ts"];
  const { code, stderr } = await run([ESBUILD, "--log-level=error", ...options, ...files], folder);
  if (code !== 0) throw new Error(`Cannot prepare the sources for Node as esbuild failed: ${stderr}`);
}
