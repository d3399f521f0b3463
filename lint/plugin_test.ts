import { assert, assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_RULES } from "./_default_rules.ts";
import { missingAwait } from "./_missing_await.ts";
import { pluginOf, type Rule } from "./_rule.ts";
import defaultPlugin, { plugin } from "./mod.ts";
import strictInstance, { strictPlugin } from "./strict.ts";
import { STRICT_RULES } from "./_strict_rules.ts";
import { fixed, lint } from "./_testdata/_harness.ts";

/** How many awaits are missing in a text. */
function missing(text: string, options?: { readonly name?: string; readonly modules?: RegExp }): number {
  return lint([missingAwait], text, options).length;
}

Deno.test("the library is recognised by all names that lead to it, with a version or without", () => {
  for (
    const module of [
      "@trefoil/io",
      "@trefoil/io/core",
      "@trefoil/io/net",
      "@trefoil/io/os",
      "@trefoil/io/worker",
      "@trefoil/io/observe",
      "@trefoil/io/lowlevel",
      "@trefoil/io/testing",
      "jsr:@trefoil/io",
      "jsr:/@trefoil/io@1",
      "jsr:@trefoil/io@^0.1.0",
      "jsr:@trefoil/io@0.1/core",
      "jsr:@trefoil/io@~1.2.3-rc.1/testing",
      "npm:@trefoil/io@2/net",
      "npm:@jsr/trefoil__io",
      "npm:@jsr/trefoil__io@^0.1/core",
      "@jsr/trefoil__io/core",
      "https://jsr.io/@trefoil/io/0.1.0/mod.ts",
      "https://jsr.io/@trefoil/io/0.1.0/core/time/sleep.ts",
      "https://esm.sh/jsr/@trefoil/io@0.1.0",
      "https://esm.sh/jsr/@trefoil/io@0.1.0/core",
      "https://esm.sh/@jsr/trefoil__io@0.1.0/core",
    ]
  ) {
    for (
      const text of [
        `import { sleep } from "${module}"; sleep(5);`,
        `import { sleep as pause } from '${module}'; pause(5);`,
        `import * as io from "${module}"; io.sleep(5);`,
        `import type { Task } from "${module}"; import { sleep } from "${module}"; sleep(5);`,
        `import { type Task, sleep } from "${module}"; sleep(5);`,
        `const { sleep } = await import("${module}"); sleep(5);`,
        `const io = await import("${module}"); io.sleep(5);`,
        `import type { Lock } from "${module}"; declare const lock: Lock; lock.acquire();`,
        `import type * as io from "${module}"; declare const lock: io.Lock; lock.acquire();`,
      ]
    ) assertEquals(missing(text), 1, text);
  }
});

Deno.test("other modules are not the library, whatever they are called", () => {
  for (
    const module of [
      "@trefoil/other",
      "@trefoil/iota",
      "trefoil/io",
      "./trefoil/io.ts",
      "jsr:@trefoil/iota@1",
      "npm:@my/trefoil-io",
      "https://example.com/trefoil/io/mod.ts",
    ]
  ) assertEquals(missing(`import { sleep } from "${module}"; sleep(5); // @trefoil/io`), 0, module);
  assertEquals(missing(`sleep(5); // @trefoil/io`), 0);
  assertEquals(missing(`import sleep from "@trefoil/io"; sleep(5);`), 0);
  assertEquals(missing(`import { nothing } from "@trefoil/io"; nothing(5);`), 0);
  assertEquals(missing(`import { toString } from "@trefoil/io"; toString();`), 0);
});

Deno.test("modules of one's own count when they are named, beside the package and not in its place", () => {
  const modules = /^@acme\/io$/g;
  for (let twice = 0; twice < 2; twice++) {
    assertEquals(missing(`import { sleep } from "@acme/io"; sleep(5);`, { modules }), 1);
    assertEquals(missing(`import { sleep } from "@trefoil/io"; sleep(5);`, { modules }), 1);
    assertEquals(missing(`import { sleep } from "@acme/other"; sleep(5);`, { modules }), 0);
  }
});

Deno.test("a name means what the nearest scope says", () => {
  const head = `import { Lock, openMemoryChannel, sleep } from "@trefoil/io"; const lock = new Lock();`;
  for (
    const [body, count] of [
      ["function f(sleep: () => void) { sleep(); }", 0],
      ["{ const sleep = () => {}; sleep(); }", 0],
      ["{ const sleep = () => {}; } sleep(5);", 1],
      ["function f() { var sleep = (n: number) => n; if (f) { sleep(5); } }", 0],
      ["function f() { if (f) { var sleep = (n: number) => n; } sleep(5); }", 0],
      ["function f() { sleep(5); function sleep(n: number) {} }", 0],
      ["try { f(); } catch (sleep) { sleep(5); }", 0],
      ["for (const sleep of []) { sleep(5); }", 0],
      ["for (let sleep = f; ;) { sleep(5); }", 0],
      ["class A { sleep() {} m() { sleep(5); } }", 1],
      ["const A = class sleep { static m() { sleep(5); } };", 0],
      ["const o = { sleep() { sleep(5); } };", 1],
      ["const f = function sleep() { sleep(5); };", 0],
      ["switch (1) { case 1: const sleep = (n: number) => n; sleep(5); }", 0],
      ["class A { static { const sleep = (n: number) => n; sleep(5); } }", 0],
      ["label: for (;;) { sleep(5); break label; }", 1],
      ["namespace N { export const sleep = (n: number) => n; sleep(5); }", 0],
      ["function f({ sleep }: { sleep(n: number): void }) { sleep(5); }", 0],
      ["function f([sleep = lock]: any[]) { sleep(5); }", 0],
      ["function f(a = sleep(5)) {}", 0],
      ["const g = lock; g.acquire();", 1],
      ["let g = lock; g = other; g.acquire();", 1],
      ["let g = lock; g = new Map() as any; g.acquire();", 1],
      ["let g; g = new Lock(); g.acquire();", 1],
      ["let g: Lock; g.acquire();", 1],
      ["let g = new Lock(); g = openMemoryChannel<Lock>(1); g.acquire();", 0],
      ["const { acquire } = lock; acquire();", 1],
      ["const [send, receive] = openMemoryChannel<number>(1); send.send(1); receive.receive();", 2],
      ["const [[send]] = [openMemoryChannel<number>(1)]; send.send(1);", 1],
      ["const { 0: send } = openMemoryChannel<number>(1); send.send(1);", 1],
      ["const [, receive] = openMemoryChannel<number>(1); receive.receive();", 1],
      ["{ const [ , sleep ]: any[] = f; sleep(5); }", 0],
      ["{ const [, , sleep = 5, ...lock] = f; sleep(5); lock.acquire(); }", 0],
      ["{ const [, { sleep, x: [lock] }] = f; sleep(5); lock.acquire(); }", 0],
      ["{ const [a, , { x: sleep }] = f; sleep(5); }", 0],
      ["const [send, ] = openMemoryChannel<number>(1); send.send(1);", 1],
      ["function g([, sleep]: any) { sleep(5); } for (const [, sleep] of f) sleep(5);", 0],
      ["let sent; [, sent] = openMemoryChannel<number>(1); sent.receive();", 1],
      ["const locks = { a: new Lock() }; locks.a.acquire(); locks['a'].acquire();", 2],
      ["const locks: Lock[] = []; locks[0].acquire(); for (const l of locks) l.acquire();", 2],
      ["const m = (lock || other); m.acquire();", 1],
      ["const m = f ? lock : null; m?.acquire();", 1],
      ["(lock as any).acquire(); lock!.acquire(); (<any> lock).acquire(); (lock satisfies Lock).acquire();", 4],
      ["(0, sleep)(5);", 1],
      ["const m = new Map<string, Lock>(); m.get('a')?.acquire(); m.get('b')!.acquire();", 2],
      [
        "declare const m: ReadonlyMap<string, Lock>; for (const [, l] of m) l.acquire(); m.forEach((l) => { l.acquire(); });",
        2,
      ],
      ["const m = new Map<string, Lock>(); for (const l of m.values()) { l.acquire(); }", 1],
      ["const s = new Set<Lock>(); for (const l of s) l.acquire(); s.forEach((l) => { l.acquire(); });", 2],
      ["declare const r: Record<string, Lock>; r.a.acquire(); r['b'].acquire(); r[f].acquire();", 3],
      [
        "declare const l: Lock[]; l.map((x) => { x.acquire(); }); l.find((x) => x)?.acquire(); l.filter(Boolean)[0].acquire();",
        3,
      ],
      ["declare const l: Lock[]; l.map((x) => ({ x }))[0].x.acquire(); l[f].acquire(); l.at(-1)?.acquire();", 3],
      ["function f<T extends Lock>(l: T) { l.acquire(); }", 1],
      ["function f(l: Pick<Lock, 'acquire'>, m: Readonly<Lock>) { l.acquire(); m.acquire(); }", 2],
      [
        "function make() { const l = new Lock(); return { l, async go() { await l.acquire(); } }; } const m = make(); m.l.acquire(); m.go();",
        1,
      ],
      [
        "function f({ l }: { l: Lock }) { l.acquire(); } const g = ({ l: { acquire } }: { l: Lock }) => { acquire(); };",
        2,
      ],
      [
        "declare const x: Awaited<ReturnType<typeof make>>; async function make() { return new Lock(); } x.acquire();",
        1,
      ],
      ["const m = new Map<string, number>(); m.get('a'); m.set('b', 1); m.delete('x'); [1].map((x) => x);", 0],
      ["async () => { const c = openMemoryChannel<Lock>(1)[1]; (await c.receive()).acquire(); }", 1],
      ["async () => { for await (const l of openMemoryChannel<Lock>(1)[1]) l.acquire(); }", 1],
    ] as const
  ) assertEquals(missing(`${head}\n${body}`), count, body);
});

Deno.test("callbacks are known by what calls them", () => {
  const head =
    `import { failAfter, map, openNursery, openPool, openTcpStream, race, retry, serveTcp, toChannel, CancelScope, Lock } from "@trefoil/io";`;
  for (
    const [body, count] of [
      ["openNursery(async (n) => { n.start(f); }).catch(f);", 1],
      ["openNursery(async ({ start }) => { start(f); }).catch(f);", 1],
      ["openNursery(async function (n) { n.start(f); }).catch(f);", 1],
      ["const body = async (n) => { n.start(f); }; openNursery(body).catch(f);", 0],
      ["serveTcp(async (stream) => { stream.sendText('x'); }).catch(f);", 1],
      ["new CancelScope().run(async (s) => { s.run(f); }).catch(f);", 1],
      ["toChannel([], async (c) => { c.receive(); }).catch(f);", 1],
      ["async () => { const s = await failAfter(5, () => openTcpStream('x', 1)); s.sendText('x'); }", 1],
      [
        "async () => { const s = await failAfter(5, async () => { return await openTcpStream('x', 1); }); s.sendText('x'); }",
        1,
      ],
      ["async () => { const s = await retry(() => failAfter(5, () => openTcpStream('x', 1))); s.sendText('x'); }", 1],
      ["async () => { const [s] = await map([1], () => openTcpStream('x', 1)); s.sendText('x'); }", 1],
      [
        "async () => { const p = openPool({ open: () => openTcpStream('x', 1) }); await p.use(async (s) => { s.sendText('x'); }); }",
        1,
      ],
      [
        "openNursery(async (n) => { const t = n.startSoon(async () => new Lock()); (await t.join()).acquire(); }).catch(f);",
        1,
      ],
    ] as const
  ) assertEquals(missing(`${head}\ndeclare const f: any;\n${body}`), count, body);
});

Deno.test("a function of the file waits if it reaches a wait, on whatever way", () => {
  const head = `import { readLines, type ReceiveChannel, sleep } from "@trefoil/io";`;
  for (
    const [body, count] of [
      ["async function a() { await b(); } async function b() { await sleep(1); } () => { a(); };", 1],
      ["async function a() { await b(); } async function b() { await a(); } () => { a(); b(); };", 0],
      ["async function a() { await b(); } async function b() { await a(); await sleep(1); } () => { a(); b(); };", 2],
      [
        "async function b() { await a(); await c(); } async function a() { await b(); } async function c() { await a(); await sleep(1); } () => { a(); };",
        1,
      ],
      ["const a = () => sleep(1); const b = () => { return a(); }; () => { b(); };", 1],
      ["const a = async () => { if (x) { for (const y of z) await sleep(1); } }; () => { a(); };", 1],
      ["const a = () => { const later = async () => { await sleep(1); }; }; () => { a(); };", 0],
      [
        "class A { async m() { await sleep(1); } n() { this.m(); } static async s() { await sleep(1); } } () => { new A().m(); A.s(); };",
        3,
      ],
      ["class A { m = async () => { await sleep(1); }; n() { this.m(); } }", 1],
      ["class A { async m() { await sleep(1); } } class B extends A { n() { this.m(); super.m(); } }", 1],
      ["class A { #x = sleep; m() { this.#x(1); } }", 1],
      ["const o = { async m() { await sleep(1); }, n() { this.m(); } }; () => { o.m(); };", 2],
      ["async function a() { await Promise.all([1].map(async () => { await sleep(1); })); } () => { a(); };", 1],
      [
        "async function* g() { await sleep(1); } async function a() { for await (const x of g()) {} } () => { a(); g(); };",
        1,
      ],
      ["async function* g() { yield 1; } async function a() { for await (const x of g()) {} } () => { a(); };", 0],
      ["async function a(of: AsyncIterable<number>) { for await (const x of of) {} } () => { a(z); };", 0],
      ["async function a(of: ReceiveChannel<number>) { for await (const x of of) {} } () => { a(z); };", 1],
      ["async function a() { for await (const x of readLines('x')) {} } () => { a(); };", 1],
      ["async function a() { await sleep(1).then(() => {}); } () => { a(); };", 1],
      ["async function a() { await (x ?? sleep(1)); } () => { a(); };", 1],
    ] as const
  ) assertEquals(missing(`${head}\ndeclare const x: any, z: any;\n${body}`), count, body);
});

Deno.test("of a function that does different things, the one is meant that fits", () => {
  const head = `import { cancellable, taskTree, untilShutdown } from "@trefoil/io";\ndeclare const x: any;\n`;
  for (
    const [body, count] of [
      ["cancellable(x);", 1],
      ["cancellable(Promise.resolve());", 1],
      ["async () => { await using items = cancellable(x); }", 0],
      ["async () => { const items = cancellable(x); if (items) x; }", 0],
      ["async function a() { await cancellable(x); } () => { a(); };", 1],
      ["async function a() { for await (const i of cancellable(x)) x; } () => { a(); };", 1],
      ["untilShutdown(() => x);", 1],
      ["taskTree();", 0],
      ["taskTree({ places: true });", 1],
    ] as const
  ) assertEquals(missing(`${head}${body}`), count, body);
});

Deno.test("functions that all call each other are looked at once", () => {
  const names = Array.from({ length: 40 }, (_, i) => `f${i}`);
  const text = names.map((name) =>
    `async function ${name}() { ${names.map((other) => `await ${other}();`).join(" ")} }`
  ).join("\n");
  const head = `import { sleep } from "@trefoil/io";\n`;
  const calls = `\nexport function all() { ${names.map((name) => `${name}();`).join(" ")} }`;
  assertEquals(missing(head + text + calls), 0);
  assertEquals(missing(`${head}${text.replace("await f39();", "await f39(); await sleep(1);")}${calls}`), 40);
  assertEquals(missing(`${head}const a = b, b = a; const c = () => c(); a(); b(); c(); const d = d; d;`), 0);
});

Deno.test("text of any kind is looked at, and no rule fails on it", () => {
  const text = `import { sleep } from "@trefoil/io";
    ;;
    const big = 1_000_000n, s = "🍀🍀", re = /x/gu, t = \`a\${s}b\`;
    label: for (const [a, , b = 1, ...c] of [[1, , 2]]) { if (a) continue label; else break; }
    export default class<T> { declare x: T; static accessor y = 1; @dec m<const U>(this: Window, ...rest: U[]) {} abstract?: 1; }
    enum E { A = 1 } namespace N.M { export type X = 1 } declare module "x" { export const y: 1 }
    function over(a: 1): void; function over(a: any) { return new.target; }
    const f = <T,>(x: T) => x as const satisfies unknown;
    export { f as "string name" }; export * as ns from "x"; import legacy = require("x");
    type M = { readonly [K in keyof E]?: E[K] extends infer U ? U : never };
    for (const x in {}) { debugger; } do {} while (0); with_: { break with_; }
    a ??= b?.[c]?.(d)!; delete a.b, void 0, typeof a; ({ get x() { return 1; }, set x(v) {}, async *[Symbol.iterator]() { yield* f; }, ...a });
  `;
  for (const name of ["a.ts", "a.tsx", "a.mts"]) {
    const source = name.endsWith("x")
      ? text.replaceAll(/<T,>|<const U>/g, "") + "\nconst el = <div {...a} b='c'>{a}<b.c/></div>;"
      : text;
    const found = lint([...DEFAULT_RULES, ...STRICT_RULES], source, { name });
    assertEquals(found.filter(({ message }) => /has failed/.test(message)), []);
  }
  assertEquals(lint(DEFAULT_RULES, ""), []);
  const deep = `import { sleep } from "@trefoil/io"; const x = ${"[".repeat(400)}${"]".repeat(400)}; sleep(1);`;
  assertEquals(lint(DEFAULT_RULES, deep).map(({ id }) => id), ["trefoil/missing-await"]);
});

Deno.test("pauses of others are known by the modules that they come from", () => {
  for (
    const [module, name] of [
      ["@std/async", "delay"],
      ["@std/async/delay", "delay"],
      ["jsr:@std/async@^1.0.0", "delay"],
      ["jsr:@std/async@1/delay", "delay"],
      ["https://deno.land/std@0.224.0/async/delay.ts", "delay"],
      ["https://deno.land/std/async/mod.ts", "delay"],
      ["node:timers/promises", "setTimeout"],
      ["timers/promises", "setTimeout"],
    ]
  ) {
    for (
      const text of [
        `import { ${name} } from "${module}"; await ${name}(5);`,
        `import { ${name} as pause } from "${module}"; await pause(5);`,
        `import * as all from "${module}"; await all.${name}(5);`,
      ]
    ) {
      const { text: mended, left } = fixed(DEFAULT_RULES, `import { Lock } from "@trefoil/io"; ${text}`);
      assertEquals([/await (.*);$/.exec(mended)?.[1], left], ["sleep(5)", []], text);
    }
  }
  for (
    const text of [
      `import { delay } from "./delay.ts"; await delay(5);`,
      `import { delay } from "@my/async"; await delay(5);`,
      `import { setInterval } from "node:timers/promises"; for await (const _ of setInterval(5)) break;`,
      `import { delay } from "@std/async"; await delay(5, { signal });`,
    ]
  ) assertEquals(lint(DEFAULT_RULES, `import { Lock } from "@trefoil/io"; ${text}`), [], text);
});

Deno.test("a module for workers may block, and knows neither scopes nor their fetch", () => {
  const body = `export async function work(path: string) {
    Deno.readFileSync(path); await fetch(path); await new Promise((r) => setTimeout(r, 5)); checkCancelled();
  }`;
  assertEquals(lint(DEFAULT_RULES, `import { checkCancelled } from "@trefoil/io/worker";\n${body}`), []);
  assertEquals(lint(DEFAULT_RULES, `import { checkCancelled, sleep } from "@trefoil/io";\n${body}`).length, 3);
});

Deno.test("places are right behind characters of any width", () => {
  const text = `import { sleep } from "@trefoil/io";\nconst clover = "🍀é漢";\nsleep(5); // 🍀\n`;
  const [found] = lint([missingAwait], text);
  assertEquals(text.slice(...found?.range ?? [0, 0]), "sleep(5)");
});

Deno.test("a rule that throws is a finding once, and loses nothing that others have found", () => {
  const broken: Rule = {
    name: "broken",
    *check(file) {
      yield { node: file.tree.program, message: "Before", hint: "x" };
      throw new Error("no idea");
    },
  };
  const found = lint([broken, missingAwait], `import { sleep } from "@trefoil/io";\nsleep(5);`);
  assertEquals(found.map(({ id, message }) => [id, message.slice(0, 85)]), [
    ["trefoil/broken", "Before"],
    ["trefoil/broken", 'The rule "trefoil/broken" has failed on this file, and has not seen all of it: no ide'],
    ["trefoil/missing-await", '"sleep()" waits, and nobody awaits it: the code goes on at once, and the wait is left'],
  ]);
});

Deno.test("if a file cannot be looked at, one rule says so", () => {
  const text = `import { sleep } from "other";\nsleep(5);`;
  const modules = Object.defineProperty(/x/, "source", { value: "(" });
  const found = Deno.lint.runPlugin(pluginOf("trefoil", DEFAULT_RULES, { modules }), "x.ts", text);
  assertEquals(found.map(({ id }) => id), ["trefoil/missing-await"]);
  assert(/has failed on this file/.test(found[0]?.message ?? ""), found[0]?.message);
});

Deno.test("options of a plugin that are none are refused", () => {
  assertThrows(() => plugin({ modules: "x" as never }), TypeError, '"modules" must be a regular expression');
  assertThrows(() => strictPlugin(null as never), TypeError, '"options" must be an object: received null');
});

Deno.test("the plugins have their names and rules, and no rule two names", () => {
  assertEquals([defaultPlugin.name, strictInstance.name], ["trefoil", "trefoil-strict"]);
  assertEquals(Object.keys(plugin().rules), DEFAULT_RULES.map(({ name }) => name));
  assertEquals(Object.keys(strictPlugin({ modules: /x/ }).rules), STRICT_RULES.map(({ name }) => name));
  const names = [...DEFAULT_RULES, ...STRICT_RULES].map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  assert(names.every((name) => /^[a-z]+(?:-[a-z]+)*$/.test(name)));
});

Deno.test("the plugin imports nothing but its own files, and touches nothing of the host", () => {
  for (const { name } of Deno.readDirSync(new URL("./", import.meta.url))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = Deno.readTextFileSync(new URL(name, import.meta.url));
    for (const [, module] of text.matchAll(/^(?:import|export)\b[^;]*? from "([^"]+)";$/gm)) {
      assert(/^\.\/_?\w+\.ts$/.test(module ?? ""), `${name}: ${module}`);
    }
    const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "");
    for (const [word] of code.matchAll(/\bDeno\.(?!lint\b)\w+|\b(?:fetch|import)\s*\(/g)) {
      assert(false, `${name}: ${word}`);
    }
  }
});
