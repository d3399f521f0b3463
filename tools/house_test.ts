import { assertEquals } from "@std/assert";
import { circlesOf, type Imports, importsOf, listOf, type Module, notShown, severalHomes } from "./_house.ts";
import { type Doc, readDoc } from "./promised_names.ts";

/** What files import: `a: "b c"`. */
const graph = (edges: Readonly<Record<string, string>>): Imports =>
  new Map(Object.entries(edges).map(([file, to]) => [file, to.split(" ").filter((name) => name !== "")]));

/** What `deno doc` says of some files, given as their text; each may import the others by name. */
async function docOf(files: Readonly<Record<string, string>>, ...asked: readonly string[]): Promise<Doc> {
  return await withFiles(files, async (folder) => {
    const { nodes } = await readDoc(...(asked.length > 0 ? asked : Object.keys(files)).map((name) => folder + name));
    return JSON.parse(JSON.stringify({ nodes }).replaceAll(`file://${folder}`, ""));
  });
}

async function withFiles<T>(files: Readonly<Record<string, string>>, body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "trefoil_house_" }));
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    return await body(`${folder}/`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("circlesOf() finds files that reach each other, and a file that imports itself", () => {
  assertEquals(circlesOf(graph({ a: "b c", b: "d", c: "d", d: "" })), []);
  assertEquals(circlesOf(graph({ a: "b", b: "c", c: "a x", x: "" })), [["a", "b", "c"]]);
  assertEquals(circlesOf(graph({ a: "b", b: "c", c: "b", d: "e a", e: "d" })), [["b", "c"], ["d", "e"]]);
  assertEquals(circlesOf(graph({ a: "a" })), [["a"]]);
});

Deno.test("importsOf() takes types, values and late imports, of the files below the root, each once", () => {
  const modules: Module[] = [
    {
      specifier: "file:///r/a.ts",
      dependencies: [
        { code: { specifier: "file:///r/b.ts" }, type: { specifier: "file:///r/b.ts" } },
        { type: { specifier: "file:///r/c.ts" } },
        { code: { specifier: "node:net" } },
        { code: {} },
      ],
    },
    { specifier: "file:///r/b.ts" },
    { specifier: "file:///elsewhere.ts", dependencies: [{ code: { specifier: "file:///r/a.ts" } }] },
  ];
  assertEquals(importsOf(modules, "file:///r/"), graph({ "a.ts": "b.ts c.ts", "b.ts": "" }));
});

Deno.test("importsOf() misses no way to import a file", async () => {
  const ways = [
    'import "./x.ts";',
    'import type { X } from "./x.ts";',
    "import {\n  X,\n  type Y,\n} from './x.ts';",
    'export * from "./x.ts";',
    'export type { X } from "./x.ts";',
    'export * as x from "./x.ts";',
    'const a = 1; import "./x.ts";',
    'const x = await outside(() => import("./x.ts"));',
    "await import(`./x.ts`);",
    'type X = import("./x.ts").X;',
    'const all = "*/*"; /* */ import "./x.ts";',
  ];
  const files = Object.fromEntries(ways.map((text, index) => [`${index}.ts`, text]));
  await withFiles({ ...files, "x.ts": "" }, async (folder) => {
    for (const [index, way] of ways.entries()) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["info", "--json", "--no-lock", "--no-config", `${folder}${index}.ts`],
      }).output();
      const { modules } = JSON.parse(new TextDecoder().decode(stdout));
      assertEquals(importsOf(modules, `file://${folder}`).get(`${index}.ts`), ["x.ts"], way);
    }
  });
});

Deno.test("notShown() finds what is exported in any form and shown by no door", async () => {
  const doc = await docOf({
    "mod.ts": 'export { f, g as renamed, type T } from "./a.ts"; export * from "./b.ts";',
    "a.ts": `
      export function f(x: string): void;
      export function f(x: number): void;
      export function f(): void {}
      export const g = 1, hidden = 2;
      export interface T { x: 1 }
      const local = 1;
      export { local as listed };
      export { inner } from "./c.ts";
      export default function (): void {}
    `,
    "b.ts": "export const { one, two } = { one: 1, two: 2 };",
    "c.ts": "export const inner = 1;",
  });
  assertEquals(
    notShown(doc, ["mod.ts"]).map(([file, name]) => `${file}: ${name}`).sort(),
    ["a.ts: default", "a.ts: hidden", "a.ts: inner", "a.ts: listed", "c.ts: inner"],
  );
});

Deno.test("severalHomes() finds a name that two files declare, and no name that two doors show", async () => {
  const files = {
    "one.ts": 'export { same } from "./a.ts"; export { twice } from "./a.ts";',
    "two.ts": 'export { same } from "./a.ts"; export { twice } from "./b.ts";',
    "a.ts": "export const same = 1; export const twice = 1;",
    "b.ts": "export const twice = 2;",
  };
  const docs = [await docOf(files, "one.ts"), await docOf(files, "two.ts")];
  assertEquals(severalHomes(docs), [["twice", ["a.ts", "b.ts"]]]);
  assertEquals(severalHomes(docs.slice(0, 1)), []);
});

Deno.test("listOf() gives each name once, sorted, below its entry point", async () => {
  const doc = await docOf({
    "mod.ts": "export const b = 1; export interface a {} export const a = 2; export type C = 1;",
  });
  assertEquals(listOf([[".", doc], ["./x", { nodes: {} }]]), "# .\nC\na\nb\n\n# ./x\n");
});
