import { assertEquals } from "@std/assert";
import { checkSymbol, type Declaration } from "./_doc_rules.ts";

const example = { kind: "example", doc: 'Title\n```ts\nimport { f } from "@trefoil/io";\n```' };
const category = { kind: "category", doc: "Time" };
const location = { filename: "f.ts", line: 4 };

function faults(declaration: Partial<Declaration>): string[] {
  return checkSymbol({ name: "f", declarations: [{ kind: "function", location, def: {}, ...declaration }] });
}

Deno.test("a function that waits, with all that is asked for, has no fault", () => {
  const jsDoc = {
    doc: "Does it.\n\n**Cancellation:** nothing is lost.",
    tags: [example, { kind: "param", name: "ms", doc: "How long." }, category],
  };
  const def = { params: [{ kind: "identifier", name: "ms" }], returnType: { repr: "Promise" } };
  assertEquals(faults({ jsDoc, def }), []);
});

Deno.test("a function without documentation has each fault named, with its place", () => {
  assertEquals(
    faults({
      def: { params: [{ kind: "assign", left: { kind: "identifier", name: "ms" } }], returnType: { repr: "Promise" } },
    }),
    [
      "f.ts:5 f: begin with a sentence that says what it is or does",
      "f.ts:5 f: it needs one @category, by which the pages of the API are grouped: found 0",
      "f.ts:5 f: an @example is missing",
      "f.ts:5 f: @param ms is missing",
      "f.ts:5 f: it waits: say in a **Cancellation:** paragraph what is lost and what is kept",
    ],
  );
});

Deno.test("of a function with overloads each of these is looked at, and not what stands behind them", () => {
  const declaration = { kind: "function", location, def: {}, jsDoc: { doc: "Does it.", tags: [example, category] } };
  const behind = { kind: "function", location, def: { hasBody: true } };
  assertEquals(checkSymbol({ name: "f", declarations: [declaration, declaration, behind] }), []);
  assertEquals(checkSymbol({ name: "f", declarations: [behind] }).length, 3);
});

Deno.test("a symbol has exactly one category, and one that is described elsewhere has it there", () => {
  const ofType = (...tags: (typeof category)[]) => faults({ kind: "interface", jsDoc: { doc: "A thing.", tags } });
  assertEquals(ofType(category), []);
  assertEquals(ofType(category, category), [
    "f.ts:5 f: it needs one @category, by which the pages of the API are grouped: found 2",
  ]);
  assertEquals(faults({ kind: "reference" }), []);
});

Deno.test("an example needs a title, a fence that runs, and the name of the package", () => {
  const doc = "Does it.";
  const bad = (text: string) => faults({ jsDoc: { doc, tags: [{ kind: "example", doc: text }, category] } });
  assertEquals(bad('```ts\nimport {} from "@trefoil/io";\n```'), [
    "f.ts:5 f: an @example needs a title",
    "f.ts:5 f: the fence of an example is `ts`, so that it runs",
  ]);
  assertEquals(bad("Title\n```ts\nf();\n```"), ["f.ts:5 f: an example imports from the package by its name"]);
  assertEquals(faults({ jsDoc: { doc, tags: [example, example, example, category] } }), [
    "f.ts:5 f: more than two examples: make the third a file in examples/",
  ]);
});

Deno.test("methods and properties are looked at, private ones and symbols are not", () => {
  const def = {
    methods: [
      { name: "open", kind: "method", functionDef: { returnType: { repr: "Promise" } } },
      { name: "[Symbol.dispose]", kind: "method" },
      { name: "size", kind: "getter", jsDoc: { doc: "How many." } },
      { name: "hidden", kind: "method", accessibility: "private" },
    ],
    properties: [{ name: "name", location }],
  };
  assertEquals(faults({ kind: "interface", jsDoc: { doc: "A thing.", tags: [category] }, def }), [
    "f.ts:5 f.open(): begin with a sentence that says what it does",
    "f.ts:5 f.open(): it waits: say in a **Cancellation:** paragraph what is lost and what is kept",
    "f.ts:5 f.name: say in one sentence what it is",
  ]);
});
