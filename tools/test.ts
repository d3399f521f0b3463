// deno-lint-ignore-file no-console
/**
 * What `deno task test` runs: all tests, each with the permissions that its folder needs and no more, and a check of
 * all types. Parts run side by side, as many as there are processors. Each is a line when it ends: what passed, and in
 * what time. A failure is shown in full, and so is whatever a test prints: what it provokes on purpose it keeps to
 * itself.
 *
 * Tests import `@std/assert` and the like by their real names. Where these packages can be neither found in the cache
 * nor reached, the stand-ins of `tools/std_offline/` serve, which is said in one line.
 *
 * Usage: deno task test [files and folders] [options] [further options of `deno test`]
 *   --doc        the examples in the documentation instead
 *   --verbose    all that `deno test` prints, part after part
 *   --std=DIR    with the packages of a checkout of github.com/denoland/std
 *   --no-check   without the types
 *   --storage    with the ambient state in an AsyncLocalStorage, as on hosts other than Deno: see core/kernel/context.ts
 *
 * Tests with clients from npm run where their packages can be had, and are left out, in one line, where not.
 *
 * What takes as long as all the rest runs only where it is named, as the gate does: the suites on Node and Bun
 * (tools/other_hosts), the law that nothing is kept (tools/laws), and clusters of real processes (examples/cluster).
 */

import { isStdThere, linkStd, standIns } from "./_std.ts";
import { areClientsThere } from "./npm_clients/there.ts";
import { countsOf, failuresOf, noticesOf, seconds } from "./_test_output.ts";

const root = new URL("../", import.meta.url);

/** Access to the folder for temporary files. */
const temporary = Deno.env.get("TMPDIR") ?? "/tmp";
const TEMPORARY: readonly string[] = [`--allow-read=${temporary}`, `--allow-write=${temporary}`];
/**
 * Files that open Unix sockets: for those, permission to use the network names each path in full, or nothing (Deno
 * 2.9.6), and these make up a new path each time.
 */
const UNIX = /unix/;
/** What the examples of documentation are not looked for in: tests, programs, and what the lint plugin is tried on. */
const NO_MODULES = /_test\.ts$|\/_testdata\/|\/(?:preload|top)\.ts$/;
/** What runs only where it is named. */
const LONG = /^tools\/(?:other_hosts\/|laws\/keeps_nothing_test\.ts)|^examples\/cluster\/long_test\.ts/;
/** Tests with packages from npm: where these can be neither found in the cache nor reached, they are left out. */
const CLIENTS = /^tools\/npm_clients\/|^examples\/visit_counter|^examples\/cluster\//;
/** A checker of types and the tests it checks would be the longest part, where each process did it for itself. */
const TOOLS = ["--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-net=127.0.0.1"];

/** Tests that run in one process. */
interface Part {
  readonly name: string;
  readonly takes: (file: string) => boolean;
  readonly permissions: readonly string[];
}

/** A test may do what its folder needs, nothing else. The longest come first, so that no processor is left idle. */
const PARTS: readonly Part[] = [
  {
    name: "net",
    takes: (file) => file.startsWith("net/") && !UNIX.test(file),
    // Certificates are made by openssl; curl is a client of HTTP. Some files of tests run a second time, in memory.
    permissions: [
      "--allow-net=127.0.0.1,[::1],localhost,0.0.0.0,255.255.255.255,203.0.113.7,239.1.2.3",
      ...TEMPORARY,
      "--allow-read=net",
      "--allow-run=openssl,curl",
    ],
  },
  {
    // The other way to datagrams, which is there with this flag alone.
    name: "net/udp, by Deno",
    takes: (file) => file.startsWith("net/udp/"),
    permissions: [
      "--unstable-net",
      "--allow-net=127.0.0.1,[::1],localhost,0.0.0.0,255.255.255.255,203.0.113.7,239.1.2.3",
    ],
  },
  { name: "tools/laws", takes: (file) => file.startsWith("tools/laws/"), permissions: TOOLS },
  { name: "tools/process_tests", takes: (file) => file.startsWith("tools/process_tests/"), permissions: TOOLS },
  // Signals to groups take the permission to run everything, symbolic links that to write everything. Some programs are
  // scripts of Deno.
  {
    name: "os",
    takes: (file) => file.startsWith("os/"),
    permissions: ["--allow-run", "--allow-read", "--allow-write"],
  },
  { name: "core", takes: (file) => file.startsWith("core/"), permissions: [] },
  { name: "observe", takes: (file) => file.startsWith("observe/"), permissions: [] },
  { name: "testing", takes: (file) => file.startsWith("testing/"), permissions: [] },
  {
    name: "examples",
    takes: (file) => file.startsWith("examples/") && !CLIENTS.test(file),
    // Some start programs: their own, as their readers would, and servers of the system. Certificates need a folder.
    // Reading is not narrowed to it: a list of places would take the place of the permission for all.
    permissions: ["--allow-net=127.0.0.1", "--allow-run", "--allow-read", "--allow-write", "--allow-env"],
  },
  {
    name: "examples/cluster",
    takes: (file) => file.startsWith("examples/cluster/"),
    // They start servers of the system, and themselves; a free port is looked for on all addresses.
    permissions: [
      "--allow-net=127.0.0.1,0.0.0.0",
      "--allow-run",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-sys",
    ],
  },
  {
    name: "clients from npm",
    takes: (file) => CLIENTS.test(file) && !file.startsWith("examples/cluster/"),
    // They look for their settings in the environment, and at the machine; they reach no network.
    permissions: ["--allow-read", "--allow-env", "--allow-sys"],
  },
  // What the plugin is made of is compared with the library, and what its fixes make of programs is compiled.
  { name: "lint", takes: (file) => file.startsWith("lint/"), permissions: TOOLS },
  // Pages in a browser, where there is one.
  { name: "chromium", takes: (file) => file.startsWith("tools/chromium/"), permissions: TOOLS },
  {
    name: "tools, bench",
    takes: (file) => /^(?:tools\/(?!laws\/|process_tests\/|npm_clients\/|chromium\/)|bench\/)/.test(file),
    permissions: TOOLS,
  },
  {
    name: "net, Unix sockets",
    takes: (file) => file.startsWith("net/") && UNIX.test(file),
    permissions: ["--allow-net", ...TEMPORARY],
  },
];

async function filesIn(folder: string, ending: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}/${entry.name}`;
      // What tools of Node and the site have left behind.
      if (entry.name === "node_modules" || path === "docs/api" || path.startsWith("docs/.")) continue;
      if (entry.isDirectory) files.push(...await filesIn(path, ending));
      else if (entry.isFile && path.endsWith(ending)) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}

const total = { passed: 0, failed: 0 };

/** Runs Deno to its end; what it prints goes on at once, too, if everything is wanted. */
async function deno(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string; ms: number }> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: verbose ? "inherit" : "piped",
    env: { NO_COLOR: "1", ...(storage ? { TREFOIL_CONTEXT: "storage" } : {}) },
  }).spawn();
  const [stdout, stderr, { code }] = await Promise.all([
    textOf(child.stdout),
    verbose ? "" : textOf(child.stderr),
    child.status,
  ]);
  return { code, stdout, stderr, ms: performance.now() - start };
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    if (verbose) await Deno.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** Runs `deno test`, and says what came of it. */
async function runTests(name: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr, ms } = await deno(["test", "--no-lock", ...args]);
  const { passed, failed } = countsOf(stdout);
  total.passed += passed;
  // A module that does not load, or an uncaught error, fails no test by name.
  total.failed += code !== 0 ? Math.max(failed, 1) : failed;
  const { unexpected, skipped } = noticesOf(stdout);
  const lines = [line(name, `${passed} passed${failed > 0 ? `, ${failed} failed` : ""}`, ms)];
  if (!verbose) {
    lines.push(...skipped.map((text) => `  ${text}`), ...unexpected.map((text) => `Printed by ${text}`));
    if (code !== 0) lines.push(failuresOf(stdout) || stdout, stderr.replace(/^Check .*\n/gm, "").trim());
  }
  console.log(lines.join("\n"));
}

/** Checks the types of everything, once for all processes. */
async function checkTypes(files: readonly string[]): Promise<void> {
  const { code, stderr, ms } = await deno(["check", "--no-lock", "--quiet", ...map, ...files]);
  console.log(line("types", code === 0 ? "checked" : "faulty", ms));
  if (code === 0) return;
  total.failed++;
  console.log(stderr.trim());
}

function line(name: string, result: string, ms: number): string {
  return `${name.padEnd(20)} ${result.padStart(12)} ${seconds(ms).padStart(9)}`;
}

/** Does all the work, some of it side by side. */
async function sideBySide(work: readonly (() => Promise<void>)[], atATime: number): Promise<void> {
  const left = [...work];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next();
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

const start = performance.now();
const options = Deno.args.filter((arg) => arg.startsWith("-"));
const doc = options.includes("--doc");
const verbose = options.includes("--verbose");
const check = !options.includes("--no-check");
const storage = options.includes("--storage");
const std = options.find((arg) => arg.startsWith("--std="))?.slice("--std=".length);
const flags = options.filter((arg) => !/^--(?:doc|verbose|no-check|storage|std=.*)$/.test(arg));
const wanted = Deno.args.filter((arg) => !arg.startsWith("-")).map((path) => path.replace(/^\.\//, ""));
const isWanted = (file: string) =>
  wanted.length === 0
    ? !LONG.test(file)
    : wanted.some((path) => file === path || file.startsWith(path.replace(/\/?$/, "/")));

const linked = std === undefined ? null : await linkStd(std);
let map: readonly string[] = [];
if (linked !== null) map = ["--import-map", linked];
else if (!await isStdThere()) {
  map = ["--import-map", standIns];
  console.log("JSR cannot be reached: the tests run with the stand-ins of tools/std_offline for @std");
}

const work: (() => Promise<void>)[] = [];
if (doc) {
  // Examples open connections on this machine only; they may do nothing else.
  const sources = ["mod.ts", "README.md"];
  for (const folder of ["core", "net", "observe", "testing", "lint"]) {
    sources.push(...(await filesIn(folder, ".ts")).filter((path) => !NO_MODULES.test(path)));
  }
  for (const folder of ["testing", "observe", "docs"]) sources.push(...await filesIn(folder, ".md"));
  const common = ["--doc", ...map, ...flags];
  const parts: readonly (readonly [name: string, permissions: readonly string[], files: readonly string[]])[] = [
    ["examples in docs", ["--allow-net=127.0.0.1,[::1],localhost"], sources.filter((path) => !UNIX.test(path))],
    ["with Unix sockets", ["--allow-net", ...TEMPORARY], sources.filter((path) => UNIX.test(path))],
    [
      "of the system",
      // Threads load their part of the library.
      ["--allow-run", "--allow-read=os", ...TEMPORARY],
      (await filesIn("os", ".ts")).filter((path) => !/_test\.ts$|\/_fixtures\//.test(path)),
    ],
  ];
  for (const [name, permissions, all] of parts) {
    const files = all.filter(isWanted);
    if (files.length > 0) work.push(() => runTests(name, [...common, ...permissions, ...files]));
  }
} else {
  let files = (await Promise.all(["core", "testing", "net", "os", "observe", "lint", "examples", "tools", "bench"]
    .map((folder) => filesIn(folder, "_test.ts")))).flat().filter(isWanted);
  const clients = files.filter((file) => CLIENTS.test(file));
  if (clients.length > 0 && !await areClientsThere([...map, ...clients])) {
    files = files.filter((file) => !CLIENTS.test(file));
    console.log("npm cannot be reached: tests with packages of it are left out");
  }
  if (check && files.length > 0) work.push(() => checkTypes(files));
  for (const { name, takes, permissions } of PARTS) {
    const own = files.filter(takes);
    if (own.length === 0) continue;
    const variable = storage && !permissions.includes("--allow-env") ? ["--allow-env=TREFOIL_CONTEXT"] : [];
    work.push(() => runTests(name, ["--no-check", ...map, ...permissions, ...variable, ...flags, ...own]));
  }
}
await sideBySide(work, verbose ? 1 : Math.max(2, navigator.hardwareConcurrency));
if (linked !== null) await Deno.remove(linked);
if (wanted.length === 0 && !doc) {
  console.log(
    "Not run, as they take long: tools/other_hosts, tools/laws/keeps_nothing_test.ts, examples/cluster/long_test.ts",
  );
}
if (total.passed + total.failed === 0) console.log("No test was found");
console.log(`${total.passed} passed, ${total.failed} failed, ${seconds(performance.now() - start)}`);
Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
