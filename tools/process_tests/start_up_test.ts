import { assert, assertEquals } from "@std/assert";

// What a program loads that imports the package: not the tools for tests.

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly isDynamic?: boolean; readonly code?: { readonly specifier?: string } }[];
}

Deno.test("importing the package loads the doors to simulations, and not what is behind them", async () => {
  const root = new URL("../../", import.meta.url);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", new URL("mod.ts", root).href],
    stderr: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { readonly modules: readonly Module[] };
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const reached = new Set<string>([new URL("mod.ts", root).href]);
  for (const specifier of reached) {
    for (const { isDynamic = false, code } of bySpecifier.get(specifier)?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) reached.add(code.specifier);
    }
  }
  const has = (file: string) => reached.has(new URL(file, root).href);
  assert(has("core/mod.ts") && has("testing/time/simulate.ts"));
  assertEquals(
    [
      "testing/mod.ts",
      "testing/driver/driver.ts",
      "testing/net/virtual_network_impl.ts",
      "testing/conformance/_rules.ts",
    ]
      .filter(has),
    [],
  );
  // They are there, behind an import() that can be seen.
  assert(bySpecifier.has(new URL("testing/driver/driver.ts", root).href));
});
