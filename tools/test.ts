// deno-lint-ignore-file no-console
/**
 * What `deno task test` runs: all tests, group by group, each with the permissions it needs and no more.
 *
 * Tests import `@std/assert` and the like by their real names. Where these packages can be neither found in the cache
 * nor reached, the stand-ins of `tools/std_offline/` serve, which is said in one line.
 *
 * Usage: deno task test [--doc] [--shuffle] [files and further arguments of `deno test`]
 */

const root = new URL("../", import.meta.url);
const offlineMap = new URL("std_offline/import_map.json", import.meta.url);

/** Access to the folder for temporary files. */
const temporary = Deno.env.get("TMPDIR") ?? "/tmp";
const TEMPORARY: readonly string[] = [`--allow-read=${temporary}`, `--allow-write=${temporary}`];
/**
 * Files that open Unix sockets: for those, permission to use the network names each path in full, or nothing (Deno
 * 2.9.6), and these make up a new path each time.
 */
const UNIX = /unix/;

/** A test may do what its folder needs, nothing else. */
const GROUPS: readonly {
  readonly folders: readonly string[];
  readonly permissions: readonly string[];
  /** Takes only the files that match, or those that do not. */
  readonly unix?: boolean;
  /** Files run side by side: what never waits for the outside world cannot be disturbed by it. */
  readonly parallel?: boolean;
}[] = [
  { folders: ["core", "testing"], permissions: [], parallel: true },
  {
    folders: ["net"],
    unix: false,
    // Certificates are made by openssl; curl is a client of HTTP.
    permissions: ["--allow-net=127.0.0.1,[::1],localhost,0.0.0.0", ...TEMPORARY, "--allow-run=openssl,curl"],
  },
  { folders: ["net"], unix: true, permissions: ["--allow-net", ...TEMPORARY] },
  // Signals to groups of processes take the permission to run everything. Some programs are scripts of Deno.
  { folders: ["os"], permissions: ["--allow-run", "--allow-read"] },
  {
    folders: ["examples"],
    // Some start programs: their own, as their readers would, and servers of the system. Certificates need a folder.
    // Reading is not narrowed to it: a list of places would take the place of the permission for all.
    permissions: ["--allow-net=127.0.0.1", "--allow-run", "--allow-read", "--allow-write", "--allow-env"],
  },
  {
    folders: ["tools", "bench"],
    permissions: ["--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-net=127.0.0.1"],
  },
];

/** How long to look for the packages before taking the stand-ins, in milliseconds. */
const LOOK_FOR = 900;

/** Whether the packages can be had, from the cache or from JSR. */
async function stdIsThere(): Promise<boolean> {
  const check = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--no-lock", "--quiet", ...["assert", "async", "net"].map((name) => `jsr:@std/${name}@^1.0.0`)],
    cwd: root,
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => check.kill("SIGKILL"), LOOK_FOR);
  const { success } = await check.status;
  clearTimeout(timer);
  return success;
}

async function filesIn(folder: string, ending: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) files.push(...await filesIn(path, ending));
      else if (entry.isFile && path.endsWith(ending)) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}

/** Runs `deno test`, passes its output on and adds up its closing line. */
async function runTests(args: readonly string[], total: { passed: number; failed: number }): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...args],
    cwd: root,
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  const { code } = await child.status;
  const [, passed, failed] = /(\d+) passed.*?\| (\d+) failed/.exec(text) ?? [];
  total.passed += Number(passed ?? 0);
  total.failed += Number(failed ?? 0);
  // A module that does not load, or an uncaught error, fails no test by name.
  if (code !== 0 && Number(failed ?? 0) === 0) total.failed++;
}

const doc = Deno.args.includes("--doc");
const rest = Deno.args.filter((arg) => arg !== "--doc");
const flags = rest.filter((arg) => arg.startsWith("-"));
const wanted = rest.filter((arg) => !arg.startsWith("-")).map((path) => path.replace(/^\.\//, ""));
const map = await stdIsThere() ? [] : ["--import-map", offlineMap.pathname];
if (map.length > 0) {
  console.log("JSR cannot be reached: the tests run with the stand-ins of tools/std_offline for @std");
}

const total = { passed: 0, failed: 0 };
if (doc) {
  // Examples open connections on this machine only; they may do nothing else.
  const sources = ["mod.ts", "README.md"];
  for (const folder of ["core", "net", "testing"]) {
    sources.push(...(await filesIn(folder, ".ts")).filter((path) => !path.endsWith("_test.ts")));
  }
  sources.push(...await filesIn("testing", ".md"));
  const common = ["--no-lock", ...map, "--doc", ...flags];
  const here = "--allow-net=127.0.0.1,[::1],localhost";
  const os = (await filesIn("os", ".ts")).filter((path) => !path.endsWith("_test.ts"));
  await runTests([...common, here, ...sources.filter((path) => !UNIX.test(path))], total);
  await runTests([...common, "--allow-net", ...TEMPORARY, ...sources.filter((path) => UNIX.test(path))], total);
  await runTests([...common, "--allow-run", ...os], total);
} else {
  for (const { folders, permissions, unix, parallel } of GROUPS) {
    const files = (await Promise.all(folders.map((folder) => filesIn(folder, "_test.ts")))).flat()
      .filter((file) =>
        wanted.length === 0 || wanted.some((path) => file === path || file.startsWith(path.replace(/\/?$/, "/")))
      )
      .filter((file) => unix === undefined || UNIX.test(file) === unix);
    const common = parallel ? ["--no-lock", "--parallel", ...map] : ["--no-lock", ...map];
    if (files.length > 0) await runTests([...common, ...permissions, ...flags, ...files], total);
  }
}
if (total.passed + total.failed === 0) console.log("No test was found");
console.log(`${total.passed} passed, ${total.failed} failed`);
Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
