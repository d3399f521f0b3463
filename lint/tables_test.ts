import { assert, assertEquals } from "@std/assert";
import { makeFields, makeTables } from "../tools/make_lint_tables.ts";
import { ENTRIES, promisedNames, readDoc } from "../tools/promised_names.ts";
import { shapeOf } from "./_notation.ts";
import { partsOf } from "./_shape_algebra.ts";
import type { Shape } from "./_shapes.ts";
import { EXPORTS, FUNCTIONS, TYPES } from "./_tables.ts";

const AGAIN = "run tools/make_lint_tables.ts";

Deno.test("the tables are what the library exports now", async () => {
  assertEquals(await Deno.readTextFile(new URL("_tables.ts", import.meta.url)), await makeTables(), AGAIN);
});

Deno.test("the table of nodes has all that this Deno has", async () => {
  const fieldsOf = (text: string) =>
    new Map(
      [...text.matchAll(/^ {2}"(\w+)":\s*"([^"]*)",$/gm)].map((
        [, kind = "", fields = ""],
      ) => [kind, fields.split(" ")]),
    );
  const known = fieldsOf(await Deno.readTextFile(new URL("_fields.ts", import.meta.url)));
  const now = fieldsOf(await makeFields());
  assert(now.size > 150, String(now.size));
  for (const [kind, fields] of now) {
    assertEquals(fields.filter((field) => !known.get(kind)?.includes(field)), [], `${kind}: ${AGAIN}`);
  }
});

Deno.test("the tables have every entry point of the package", async () => {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  const entries = Object.keys(exports).map((entry) => entry.slice(2));
  assertEquals(entries.filter((entry) => !(entry in EXPORTS)), ["testing/register", "lint", "lint/strict"]);
});

Deno.test("every function and method that promises something is a wait in the tables", async () => {
  const promises = (shape: Shape): boolean =>
    partsOf(shape).some((part) =>
      part?.[0] === "function" &&
      partsOf(part[2]).some((given) =>
        given?.[0] === "promise" || given?.[0] === "iterable" || given?.[0] === "ours" || promises(given)
      )
    );
  const member = (type: string, name: string, depth = 0): boolean => {
    const table = TYPES[type];
    if (table === undefined || depth > 8) return false;
    if (table.members?.[name] !== undefined) return promises(shapeOf(table.members[name]));
    return [...table.bases ?? [], ...(table.alias === undefined ? [] : [table.alias])].some((base) =>
      partsOf(shapeOf(base)).some((part) =>
        (part?.[0] === "iterable" && name === "next") || (part?.[0] === "ours" && member(part[1], name, depth + 1))
      )
    );
  };
  // What the host or the user implements is no wait; disposers are awaited by `await using`; and of some it is open
  // what they give.
  const seams = /^(?:Network|HostProcess|ProcessHost|HostWorker|Worker(?:Host|Port|Server)|StandardInput)/;
  const open =
    /\[Symbol\.async|^(?:ReceiveChannel|SendChannel)\.close$|^\w*(?:Hooks|Options)\.|^(?:Workers\.(?:call|stream))$/;
  const missing = promisedNames(await readDoc(...ENTRIES)).filter((name) => {
    if (seams.test(name) || open.test(name)) return false;
    const [type = "", method] = name.split(".");
    if (method === undefined) return !promises(shapeOf(FUNCTIONS[type] ?? "?"));
    return !member(type, method);
  });
  assertEquals(missing, []);
});

Deno.test("the notation says all that shapes can be", () => {
  const none: Shape = null;
  for (
    const [text, shape] of [
      ["?", none],
      ["ms", ["milliseconds"]],
      ["$T", ["parameter", "T"]],
      ["Lock", ["ours", "Lock", []]],
      ["Task<$T, ?>", ["ours", "Task", [["parameter", "T"], none]]],
      ["() => Promise<?>", ["function", [], ["promise", none]]],
      ["(ms, (Lock) => $T) => Promise<$T>", ["function", [["milliseconds"], ["function", [["ours", "Lock", []]], [
        "parameter",
        "T",
      ]]], [
        "promise",
        ["parameter", "T"],
      ]]],
      ["[A, ?]", ["tuple", [["ours", "A", []], none]]],
      ["List<[A]>", ["list", [["tuple", [["ours", "A", []]]]][0]]],
      ["(A) | (B)", ["either", [["ours", "A", []], ["ours", "B", []]]]],
      ["((A) => B) | (?)", ["either", [["function", [["ours", "A", []]], ["ours", "B", []]], none]]],
      ["(A) & (B)", ["both", [["ours", "A", []], ["ours", "B", []]]]],
      ["(...$A) => AsyncIterable<?>", ["function", [["rest", ["parameter", "A"]]], ["iterable", none]]],
      ["{ a: A, b: () => ? }", ["members", { a: ["ours", "A", []], b: ["function", [], none] }]],
    ] as const
  ) assertEquals(shapeOf(text), shape as Shape, text);
});
