/** The tests of `core` and `testing` on Node and Bun, and what of `net` and `os` is left there. See `_hosts.ts`. */

import { assertEquals } from "@std/assert";
import { EXCLUDED } from "./_excluded.ts";
import { HOSTS, isThere, prepareSources, runHost, type Sources } from "./_hosts.ts";

/** What the harness prints. */
interface Line {
  readonly file: string;
  readonly name: string;
  readonly error?: string;
}

/** Far fewer than there are: if so few were run, something has ended the process or left them out. */
const AT_LEAST = 1_000;

let sources: Promise<Sources> | undefined;
globalThis.addEventListener("unload", () => {
  if (folder !== undefined) Deno.removeSync(folder, { recursive: true });
});
let folder: string | undefined;

async function prepare(): Promise<Sources> {
  const prepared = await (sources ??= prepareSources());
  folder = prepared.folder;
  return prepared;
}

for (const host of HOSTS) {
  const here = EXCLUDED.filter(({ on }) => on === undefined || on.includes(host.name));
  const left = new Set(here.flatMap(({ files = [] }) => files));
  const without = JSON.stringify(here.flatMap(({ names = [] }) => names.map(({ source }) => source)));
  // deno-lint-ignore no-console -- so that nobody takes it for tried
  const skip = (what: string) => console.log(`SKIPPED: ${what} on ${host.name}: see .ci/run for how to install it`);

  Deno.test(`core and testing pass their own tests on ${host.name}`, async () => {
    if (!await isThere(host)) return skip("core and testing");
    const { folder, tests } = await prepare();
    const files = tests.filter((file) => !left.has(file));
    const { stdout, stderr, code } = await runHost(host, folder, ["_harness.mjs", without, ...files]);
    const lines = stdout.split("\n").filter((line) => line.startsWith('{"file":')).map((line) =>
      JSON.parse(line) as Line
    );
    const failed = lines.filter(({ error }) => error !== undefined);
    assertEquals(failed.map(({ file, name, error }) => `${file}: ${name}: ${error}`), []);
    assertEquals([code, lines.length > AT_LEAST], [0, true], `${lines.length} tests, then: ${stderr.slice(-2_000)}`);
  });

  Deno.test(`everything loads on ${host.name}, and what needs Deno says so when it is called`, async () => {
    if (!await isThere(host)) return skip("the whole package");
    const { folder } = await prepare();
    const { stdout, stderr } = await runHost(host, folder, ["_entry.mjs"]);
    const needs = (what: string) => `TypeError: Cannot ${what} as the host must be Deno: "Deno" is not defined here`;
    assertEquals(stdout.trim().split("\n"), [
      needs("use the network"),
      needs("open a WebSocket"),
      needs("use the network"),
      needs("serve HTTP"),
      needs('start "true"'),
      needs('receive "SIGHUP"'),
      "hello",
    ], stderr);
  });
}
