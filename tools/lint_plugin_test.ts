import { assertEquals } from "@std/assert";
import plugin from "./lint_plugin.ts";

/** The messages of the rules about a file of the repository. */
function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map(({ message }) => message);
}

Deno.test("error messages: sentence case, no period, no contractions, also in templates and super()", () => {
  assertEquals(lint("core/x.ts", 'throw new TypeError("Cannot do it as it must hold: received 1");'), []);
  assertEquals(lint("core/x.ts", 'throw new TypeError("cannot do it");'), [
    "An error message begins with a capital letter",
  ]);
  assertEquals(lint("core/x.ts", "throw new RangeError(`Cannot do ${it}.`);"), [
    "An error message ends without a period",
  ]);
  assertEquals(lint("core/x.ts", 'new MyError("It can\'t");'), ["An error message has no contractions"]);
  assertEquals(lint("core/x.ts", 'class MyError extends Error { constructor() { super("bad."); } }'), [
    "An error message begins with a capital letter",
  ]);
  assertEquals(lint("core/x_test.ts", 'throw new Error("anything.");'), []);
});

Deno.test("error messages: a class without a name is a class, too", () => {
  const fault = "An error message begins with a capital letter";
  for (
    const [source, faults] of [
      ['const MyError = class extends Error { constructor() { super("bad."); } };', [fault]],
      ["f(class extends Error { constructor(message: string) { super(message); } });", []],
      ['const Base = class extends Other { constructor() { super("bad."); } };', []],
      // The nearest class is the one whose constructor it is.
      ['class MyError extends Error { m() { return class extends Other { constructor() { super("bad."); } }; } }', []],
    ] as const
  ) assertEquals(lint("core/x.ts", source), [...faults], source);
});

Deno.test("imports go one way, through mod.ts, and what is private stays in its folder", () => {
  const privacy = "What is private may be imported in its own folder and those below only";
  assertEquals(lint("core/x.ts", 'import "../net/mod.ts";'), ['"core" may not import "net/mod.ts"']);
  assertEquals(lint("net/x.ts", 'import "../core/mod.ts"; import "../core/internal.ts"; import "./_y.ts";'), []);
  assertEquals(lint("net/x.ts", 'import "../core/time/sleep.ts";'), ['"net" may not import "core/time/sleep.ts"']);
  assertEquals(lint("examples/x.ts", 'import "../core/internal.ts";'), ['"core/internal.ts" is for the library alone']);
  assertEquals(
    lint("core/sync/x.ts", 'import "../_y.ts"; import "../time/sleep.ts"; import "../kernel/waiter.ts";'),
    [],
  );
  assertEquals(lint("core/sync/x.ts", 'import "../channels/_channel.ts";'), [privacy]);
  assertEquals(lint("core/x_test.ts", 'import "../testing/mod.ts";'), []);
  assertEquals(lint("testing/x.ts", 'import "../observe/mod.ts";'), ['"testing" may not import "observe/mod.ts"']);
  assertEquals(lint("testing/x.ts", 'outside(() => import("../observe/mod.ts"));'), []);
  assertEquals(lint("net/x.ts", 'outside(() => import("../observe/mod.ts"));'), [
    '"net" may not import "observe/mod.ts"',
  ]);
});

Deno.test("closed rooms are for the folder they are in, and fixtures for tests", () => {
  const privacy = "What is private may be imported in its own folder and those below only";
  assertEquals(lint("testing/x.ts", 'export * from "../core/kernel/waiter.ts";'), [
    '"core/kernel/waiter.ts" is for "core" alone',
  ]);
  assertEquals(lint("net/http/x.ts", 'import "../host/host_call.ts";'), []);
  assertEquals(lint("net/x_test.ts", 'import "./_fixtures/x.ts";'), []);
  assertEquals(lint("net/_fixtures/x.ts", 'import "./y.ts"; import "../streams/stream.ts";'), []);
  assertEquals(lint("net/x.ts", 'import "./_fixtures/x.ts";'), ["Fixtures are for tests"]);
  assertEquals(lint("tools/x_test.ts", 'import "../net/_fixtures/x.ts";'), [privacy]);
});

Deno.test("node: modules are imported where that was decided", () => {
  assertEquals(lint("core/kernel/context.ts", 'import "node:async_hooks";'), []);
  assertEquals(lint("core/x.ts", 'import "node:async_hooks";'), [
    '"node:async_hooks" may not be imported here: see NODE_IMPORTS in tools/lint_plugin.ts',
  ]);
  assertEquals(lint("core/x_test.ts", 'import "node:async_hooks";'), []);
  assertEquals(lint("core/x.ts", 'await outside(() => import("node:net"));').length, 1);
});

Deno.test("modules are loaded late only as if from outside any task", () => {
  assertEquals(lint("net/x.ts", 'await outside(() => import("./y.ts"));'), []);
  assertEquals(lint("net/x.ts", 'await import("./y.ts");'), [
    "Load modules by outside(() => import(…)): see core/kernel/context.ts",
  ]);
});

Deno.test("timers and clocks are the host's own, not what stands among the globals", () => {
  for (const file of ["core/x.ts", "net/http/_x.ts", "testing/x.ts"]) {
    assertEquals(lint(file, "setTimeout(f); clearImmediate(x);"), [
      '"setTimeout" may be a fake: take it from core/base/host_time.ts',
      '"clearImmediate" may be a fake: take it from core/base/host_time.ts',
    ]);
    assertEquals(lint(file, "const now = performance.now.bind(performance); const date = Date.now;").length, 2);
    assertEquals(lint(file, "const a = globalThis.setImmediate; const { setTimeout: b } = globalThis;").length, 2);
    assertEquals(lint(file, "hostTimeout(f); clock.setTimeout(f); const { process } = globalThis;"), []);
  }
  for (const file of ["core/x_test.ts", "core/base/host_time.ts", "examples/x.ts"]) {
    assertEquals(lint(file, "setTimeout(() => Date.now());"), []);
  }
});

Deno.test("exported functions have few arguments and no booleans in a position", () => {
  assertEquals(lint("net/x.ts", "export function f(a: string, b: number, options: object) {}"), []);
  assertEquals(lint("net/x.ts", "export function f(a: 1, b: 1, c: 1, d: 1) {}"), [
    "At most two arguments, then options",
  ]);
  assertEquals(lint("net/x.ts", "export function f(on: boolean) {}"), [
    "No booleans as positional arguments: make it an option",
  ]);
  assertEquals(lint("net/_x.ts", "export function f(on: boolean) {}"), []);
});

Deno.test("what is exported and waits returns through composedWait()", () => {
  const fault = (name: string) => `"${name}" may not be async itself: return composedWait(async () => …)`;
  assertEquals(
    lint(
      "net/x.ts",
      "export async function f() {} export const g = async () => {}; export default async function h() {}",
    ),
    [fault("f"), fault("g"), fault("h")],
  );
  assertEquals(
    lint("core/x.ts", "export class C { async f() {} static async g() {} h = async () => {}; async [KEY]() {} }"),
    [fault("f"), fault("g"), fault("h"), fault("KEY")],
  );
  for (
    const around of [
      "async function f() {} export { f };",
      "const f = async () => {}; export { f as g };",
      "export { f }; const f = (async () => {}) satisfies F;",
      "async function f() {} export default f;",
      "class C { async f() {} } export { C };",
      "export const C = class { async f() {} };",
      "export const f = (async () => {}) as F;",
      "export const o = { async f() {} };",
      "export class C { f = (async () => {}) as F; }",
    ]
  ) assertEquals(lint("core/x.ts", around), [fault("f")], around);
  assertEquals(lint("core/x.ts", "export default async () => {};"), [fault("default")]);
  for (
    const fine of [
      "export function f() { return composedWait(async () => {}); }",
      "export async function* f() {}",
      "async function f() {} class C { async f() {} }",
      "const f = async () => {}; export function g() { return composedWait(f); }",
      "export const made = new C({ f: async () => {} }); export const g = composed({ name }, async () => {});",
      "export class C { async #f() {} private async g() {} protected async h() {} async [Symbol.asyncDispose]() {} }",
    ]
  ) assertEquals(lint("testing/x.ts", fine), [], fine);
  for (const file of ["core/x_test.ts", "core/kernel/x.ts", "net/http/_x.ts", "tools/x.ts", "examples/x.ts"]) {
    assertEquals(lint(file, "export async function f() {}"), [], file);
  }
});
