/**
 * Where `@std` comes from when it does not come from JSR: from the stand-ins of `std_offline/`, or from a checkout of
 * `github.com/denoland/std`, for which an import map is made.
 */

import { toFileUrl } from "./_path.ts";

const STAND_INS = new URL("std_offline/import_map.json", import.meta.url);

/** The import map that names the stand-ins. */
export const standIns: string = STAND_INS.pathname;

interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
}

/**
 * Writes an import map that leads to the packages of a checkout of `denoland/std`, also from one of them to another.
 * Returns its path; it is the caller's to delete.
 */
export async function linkStd(folder: string): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(STAND_INS)) as ImportMap;
  const links: Record<string, string> = {};
  for (const [name, path] of Object.entries(imports)) {
    if (!name.startsWith("@std/")) links[name] = new URL(path, STAND_INS).href;
  }
  const base = toFileUrl(await Deno.realPath(folder));
  for await (const { name: member, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) continue;
    const text = await Deno.readTextFile(`${folder}/${member}/deno.json`).catch(() => null);
    if (text === null) continue;
    const { name, exports } = JSON.parse(text) as { name?: string; exports?: string | Record<string, string> };
    if (name === undefined || exports === undefined) continue;
    for (const [entry, path] of Object.entries(typeof exports === "string" ? { ".": exports } : exports)) {
      links[`${name}${entry.slice(1)}`] = new URL(`${member}/${path}`, base).href;
    }
  }
  if (links["@std/assert"] === undefined) {
    throw new Error(
      `Cannot link @std as the folder must be a checkout of github.com/denoland/std: received "${folder}"`,
    );
  }
  const map = await Deno.makeTempFile({ prefix: "trefoil_std_", suffix: ".json" });
  await Deno.writeTextFile(map, JSON.stringify({ imports: links }));
  return map;
}

/** How long to look for the packages before taking the stand-ins, in milliseconds. */
const LOOK_FOR = 900;

/** Whether the packages can be had, from the cache or from JSR. */
export async function isStdThere(): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--no-lock", "--quiet", ...["assert", "async", "net"].map((name) => `jsr:@std/${name}@^1.0.0`)],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LOOK_FOR);
  const { success } = await child.status;
  clearTimeout(timer);
  return success;
}
