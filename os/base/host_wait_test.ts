import { assert, assertEquals } from "@std/assert";
import { run } from "../../core/mod.ts";
import { readTextFile } from "../mod.ts";

Deno.test("no kind of a wait names a file: its label does", async () => {
  const kinds = new Set<string>();
  const path = new URL(import.meta.url).pathname;
  await run(async () => void await readTextFile(path), {
    handleSignals: false,
    instruments: [{ blocked: (_task, { kind }) => void kinds.add(kind) }],
  });
  assert(kinds.has("open") || kinds.has("read") || kinds.has("stat"), [...kinds].join(", "));
  assertEquals([...kinds].filter((kind) => kind.includes("/")), []);
});
