import { assertEquals } from "@std/assert";
import { DEFAULT_RULES } from "./_default_rules.ts";
import { STRICT_RULES } from "./_strict_rules.ts";
import { fixed, folders } from "./_testdata/_harness.ts";

const root = new URL("../", import.meta.url);

Deno.test("what is good, and what the fixes make of what is bad, is right in the eyes of the compiler", async () => {
  const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    name: string;
    exports: Record<string, string>;
  };
  const here = (text: string) =>
    text.replaceAll(
      /from "([^"]+)"/g,
      (whole, module: string) =>
        module.startsWith(name)
          ? `from "${new URL(exports[`.${module.slice(name.length)}`] ?? "", root)}"`
          : module.startsWith("@std/")
          ? `from "${new URL(`tools/std_offline/${module.split("/")[1]}.ts`, root)}"`
          : whole,
    );
  const dir = await Deno.makeTempDir();
  try {
    const files: string[] = [];
    for (const { rule, bad, good } of folders()) {
      for (const [kind, text] of [["good", good], ["fixed", fixed([rule], bad).text]] as const) {
        const file = `${dir}/${rule.name}_${kind}.ts`;
        await Deno.writeTextFile(file, here(text));
        files.push(file);
      }
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--no-lock", "--quiet", "--config", new URL("deno.json", root).pathname, ...files],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(success ? "" : new TextDecoder().decode(stderr), "");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("all rules together mend a file that needs several names, though the host makes one change at a place", () => {
  const { text, left } = fixed(
    [...DEFAULT_RULES, ...STRICT_RULES],
    `import { sleepUntil } from "@trefoil/io";

export async function work(url: string): Promise<void> {
  for (;;) {
    try {
      sleepUntil(Date.now() + 5);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await Promise.race([sleepUntil(1), sleepUntil(2)]);
      const response = await fetch(url);
      await response.text();
    } catch {}
  }
}
`,
  );
  assertEquals(
    text,
    `import { sleepUntil, currentTime, sleep, race, fetch, isCancelled } from "@trefoil/io";

export async function work(url: string): Promise<void> {
  for (;;) {
    try {
      await sleepUntil(currentTime() + 5);
      await sleep(5);
      await race([() => sleepUntil(1), () => sleepUntil(2)]);
      const response = await fetch(url);
      await response.text();
    } catch (error) {
      if (isCancelled(error)) throw error;
    }
  }
}
`,
  );
  assertEquals(left.map(({ id }) => id), ["trefoil/foreign-deadline", "trefoil/foreign-deadline"]);
});

Deno.test("a name is imported from where the file imports others, or from the package as a whole", () => {
  const wait = "await new Promise((r) => setTimeout(r, 5));\n";
  for (
    const [before, after] of [
      [`import { Lock } from "@trefoil/io";`, `import { Lock, sleep } from "@trefoil/io";`],
      [`import { Lock, } from "@trefoil/io";`, `import { Lock, sleep, } from "@trefoil/io";`],
      [
        `import { Lock } from "jsr:@trefoil/io@^0.1.0/core";`,
        `import { Lock, sleep } from "jsr:@trefoil/io@^0.1.0/core";`,
      ],
      // Another entry point has it, and this one does not.
      [
        `import { suspend } from "@trefoil/io/lowlevel";`,
        `import { suspend } from "@trefoil/io/lowlevel";\nimport { sleep } from "@trefoil/io";`,
      ],
      [
        `import { suspend } from 'jsr:@trefoil/io@0.1/lowlevel';`,
        `import { suspend } from 'jsr:@trefoil/io@0.1/lowlevel';\nimport { sleep } from 'jsr:@trefoil/io@0.1';`,
      ],
      [
        `import type { Task } from "@trefoil/io";\nimport { Lock } from "@trefoil/io";`,
        `import type { Task } from "@trefoil/io";\nimport { Lock, sleep } from "@trefoil/io";`,
      ],
    ] as const
  ) {
    assertEquals(fixed(DEFAULT_RULES, `${before}\n${wait}`).text, `${after}\nawait sleep(5);\n`);
  }
  assertEquals(
    fixed(DEFAULT_RULES, `import type { Lock } from "jsr:@trefoil/io@1/core";\n${wait}`).text,
    `import type { Lock } from "jsr:@trefoil/io@1/core";\nimport { sleep } from "jsr:@trefoil/io@1";\nawait sleep(5);\n`,
  );
  assertEquals(
    fixed(DEFAULT_RULES, `import * as io from "@trefoil/io";\n${wait}`).text,
    `import * as io from "@trefoil/io";\nawait io.sleep(5);\n`,
  );
  assertEquals(
    fixed(DEFAULT_RULES, `import { sleep as pause } from "@trefoil/io";\n${wait}`).text,
    `import { sleep as pause } from "@trefoil/io";\nawait pause(5);\n`,
  );
});

Deno.test("a fix never takes a name that means something else", () => {
  const wait = "await new Promise((r) => setTimeout(r, 5));\n";
  for (
    const text of [
      `import { Lock } from "@trefoil/io";\nconst sleep = 5;\n${wait}`,
      `import { Lock } from "@trefoil/io";\nexport async function f(sleep: number) {\n${wait}}`,
      `import { sleep as pause } from "@trefoil/io";\nexport async function f(pause: number, sleep: number) {\n${wait}}`,
      `import { Lock } from "@trefoil/io";\nimport { sleep } from "other";\n${wait}`,
    ]
  ) assertEquals(fixed(DEFAULT_RULES, text).text, text);
});
