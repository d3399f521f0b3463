import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);

/** Runs `deno lint` over a program, with the plugins as users name them, and gives what it finds and leaves behind. */
async function denoLint(
  program: string,
  { args = [], rules = {} }: { readonly args?: readonly string[]; readonly rules?: object } = {},
): Promise<{ codes: string[]; text: string; stderr: string }> {
  const dir = await Deno.makeTempDir();
  try {
    const names = ["jsr:@trefoil/io/lint", "jsr:@trefoil/io/lint/strict"];
    await Deno.writeTextFile(
      `${dir}/deno.json`,
      JSON.stringify({
        imports: Object.fromEntries(
          names.map((name, index) => [name, new URL(index === 0 ? "lint/mod.ts" : "lint/strict.ts", root).href]),
        ),
        lint: { plugins: names, rules: { tags: [], ...rules } },
      }),
    );
    await Deno.writeTextFile(`${dir}/program.ts`, program);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["lint", "--json", ...args, "program.ts"],
      cwd: dir,
      env: { NO_COLOR: "1" },
    }).output();
    const out = JSON.parse(new TextDecoder().decode(stdout)) as {
      diagnostics: { code: string; range: { start: { line: number } } }[];
      errors: unknown[];
    };
    assertEquals(out.errors, []);
    return {
      codes: out.diagnostics.map(({ code, range }) => `${range.start.line} ${code}`),
      text: await Deno.readTextFile(`${dir}/program.ts`),
      stderr: new TextDecoder().decode(stderr),
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const PROGRAM = `import { Lock } from "jsr:@trefoil/io@^0.1.0";

export async function work(lock: Lock): Promise<void> {
  lock.acquire();
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (;;) {
    try {
      using _ = await lock.acquire();
      await fetch("https://example.com");
    } catch {}
  }
}
`;

Deno.test("deno lint runs both plugins under the names that the documentation says", async () => {
  const { codes } = await denoLint(PROGRAM);
  assertEquals(codes.sort(), [
    "10 trefoil-strict/swallowed-cancel-anywhere",
    "10 trefoil/swallowed-cancel",
    "4 trefoil/missing-await",
    "5 trefoil/library-sleep",
    "9 trefoil/library-fetch",
  ]);
});

Deno.test("deno lint --fix mends a file in one go, with all imports", async () => {
  const { codes, text, stderr } = await denoLint(PROGRAM, { args: ["--fix"] });
  assert(!/maximum number of fix iterations/i.test(stderr), stderr);
  assertEquals(codes, []);
  assertEquals(/import \{ (.*) \}/.exec(text)?.[1]?.split(", ").sort(), ["Lock", "fetch", "isCancelled", "sleep"]);
  assertEquals(
    text.slice(text.indexOf("\n\n")),
    `

export async function work(lock: Lock): Promise<void> {
  await lock.acquire();
  await sleep(5);
  for (;;) {
    try {
      using _ = await lock.acquire();
      await fetch("https://example.com");
    } catch (error) {
      if (isCancelled(error)) throw error;
    }
  }
}
`,
  );
});

Deno.test("a finding is switched off for a line, for a file, and for all files", async () => {
  const rules = { exclude: ["trefoil/library-fetch", "trefoil-strict/swallowed-cancel-anywhere"] };
  const { codes } = await denoLint(
    `// deno-lint-ignore-file trefoil/swallowed-cancel
${PROGRAM.replace("  lock.acquire", "  // deno-lint-ignore trefoil/missing-await -- it is a test\n  lock.acquire")}`,
    { rules },
  );
  assertEquals(codes, ["7 trefoil/library-sleep"]);
});
