/**
 * The house rules that a machine can check, as a lint plugin.
 *
 * - `error-message`: `Cannot <action> as …`, sentence case, no period at the end, no contractions, in string and
 *   template literals, also those handed to `super()`.
 * - `import-direction`: core imports nothing of ours, net, os and testing use the `mod.ts` of other folders, testing that
 *   of observe only when it is wanted, `_private.ts` files stay in their folder and those below it, closed rooms (`core/kernel/`) in the folder they are
 *   in, and `node:` modules are imported where that was decided.
 * - `host-time`: timers and clocks come from `core/base/host_time.ts`, never from the globals, for which a test may
 *   have put fakes.
 * - `few-arguments`: exported functions take at most three arguments, the last of them options if there are three, and
 *   no boolean in a position.
 * - `composed-wait`: what is exported and waits is not `async` itself but returns through `composedWait()`: the promise
 *   of an `async` function that nobody awaits ends the process when it is cancelled.
 */

/** Where `node:` modules may be imported in published code. */
const NODE_IMPORTS: Readonly<Record<string, string>> = {
  "core/kernel/context.ts": "node:async_hooks",
  "core/kernel/context_slot.ts": "node:async_hooks",
  "core/base/host_time.ts": "node:timers",
  "net/host/connect_from.ts": "node:net",
  "net/host/datagrams.ts": "node:dgram",
  "net/host/deno_network.ts": "node:dns/promises",
  "observe/monitor/_profile.ts": "node:inspector",
  "observe/_fixtures/fake_otel.ts": "node:async_hooks",
  "os/host/stdin.ts": "node:process",
  "os/host/threads.ts": "node:worker_threads",
  "os/host/worker_processes.ts": "node:v8",
  "os/workers/_in_process.ts": "node:v8",
  "testing/driver/failed_trace.ts": "node:fs/promises",
  "testing/driver/incarnation.ts": "node:async_hooks",
  "testing/node/_socket_handle.ts": "node:async_hooks",
  "testing/node/timers.ts": "node:timers",
};

/**
 * Rooms that are private as a whole, to the folder they are in: the files in them need no underscore.
 */
export const CLOSED_ROOMS: readonly string[] = [
  "core/base/",
  "core/kernel/",
  "net/base/",
  "net/host/",
  "observe/base/",
  "os/base/",
  "os/host/",
  "observe/base/",
  "testing/base/",
  "testing/driver/",
  "testing/explorer/",
  "testing/pictures/",
  "testing/net/",
  "testing/node/",
];

/** Functions and methods that are exported and may be `async` themselves, and why. */
const MAY_BE_ASYNC: Readonly<Record<string, string>> = {
  "Symbol.asyncDispose": "`await using` awaits it",
};

/** The folders that are published. */
const PUBLISHED: readonly string[] = ["core", "net", "os", "observe", "testing"];

/** Globals that a test may replace. */
const TIMERS = /^(?:set|clear)(?:Timeout|Interval|Immediate)$/;
const CLOCKS: ReadonlySet<string> = new Set(["performance.now", "Date.now"]);
/** Who looks for the host's own, or stands in for it; what runs in workers, without a core; and fixtures of tests. */
const MAKES_TIME: ReadonlySet<string> = new Set([
  "core/base/host_time.ts",
  "testing/driver/globals.ts",
  "net/_fixtures/scripted_network.ts",
  "os/_fixtures/in_time.ts",
  "os/workers/_fixtures/functions.ts",
  "os/workers/_in_process.ts",
  "os/workers/_in_thread.ts",
]);

const plugin: Deno.lint.Plugin = {
  name: "trefoil",
  rules: {
    "error-message": {
      create(context) {
        // Errors of benchmarks are thrown to be caught.
        if (isTest(context.filename) || inRepository(context.filename)?.startsWith("bench/")) return {};
        const check = (node: Deno.lint.NewExpression | Deno.lint.CallExpression): void => {
          const message = node.arguments[0];
          const text = message === undefined ? undefined : literalText(message);
          if (text === undefined) return;
          const fault = faultOfMessage(text);
          if (fault !== undefined) {
            context.report({ node: message as Deno.lint.Node, message: `An error message ${fault}` });
          }
        };
        return {
          NewExpression(node) {
            if (
              node.callee.type === "Identifier" && /Error$/.test(node.callee.name) &&
              !/^Suppressed|^Aggregate|Group/.test(node.callee.name)
            ) {
              check(node);
            }
          },
          CallExpression(node) {
            if (node.callee.type === "Super" && /Error/.test(classAround(node) ?? "")) check(node);
          },
        };
      },
    },
    "import-direction": {
      create(context) {
        const file = inRepository(context.filename);
        const folder = file?.split("/")[0];
        if (file === undefined || folder === undefined) return {};
        const check = (node: Deno.lint.Node, source: string, isLazy = false): void => {
          const report = (message: string): void => context.report({ node, message });
          if (source.startsWith("node:")) {
            if (PUBLISHED.includes(folder) && !isTest(file) && NODE_IMPORTS[file] !== source) {
              report(`"${source}" may not be imported here: see NODE_IMPORTS in tools/lint_plugin.ts`);
            }
            return;
          }
          if (!source.startsWith(".")) return;
          const target = new URL(source, `file:///${file}`).pathname.slice(1);
          const other = target.split("/")[0];
          const [owner] = /^(?:[^_/][^/]*\/)*(?=_)/.exec(target) ?? [];
          if (owner !== undefined && !file.startsWith(owner)) {
            report("What is private may be imported in its own folder and those below only");
          }
          if (target.includes("/_fixtures/") && !isTest(file) && !file.includes("/_fixtures/")) {
            report("Fixtures are for tests");
          }
          if (other === folder || file === "mod.ts" || folder === "tools" || folder === "bench") return;
          if (CLOSED_ROOMS.some((room) => target.startsWith(room))) {
            return report(`"${target}" is for "${other}" alone`);
          }
          if (target === "core/internal.ts" && folder === "examples") report(`"${target}" is for the library alone`);
          if ((isTest(file) || file.includes("/_fixtures/")) && target === "testing/mod.ts") return;
          const allowed: Readonly<Record<string, readonly string[]>> = {
            net: ["core/mod.ts", "core/lowlevel.ts", "core/internal.ts"],
            os: ["core/mod.ts", "core/lowlevel.ts", "core/internal.ts", "net/mod.ts"],
            observe: ["core/mod.ts", "core/lowlevel.ts", "core/internal.ts"],
            testing: ["core/mod.ts", "core/lowlevel.ts", "core/internal.ts", "net/mod.ts"],
          };
          // Not before somebody wants a trace: nobody else pays for it.
          if (folder === "testing" && target === "observe/mod.ts" && isLazy) return;
          if (PUBLISHED.includes(folder) && !allowed[folder]?.includes(target)) {
            report(`"${folder}" may not import "${target}"`);
          }
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration(node) {
            if (node.source) check(node, node.source.value);
          },
          ExportAllDeclaration: (node) => check(node, node.source.value),
          ImportExpression(node) {
            if (node.source.type === "Literal" && typeof node.source.value === "string") {
              check(node, node.source.value, true);
            }
            if (PUBLISHED.includes(folder) && !isTest(file) && !isOutside(node)) {
              context.report({ node, message: "Load modules by outside(() => import(…)): see core/kernel/context.ts" });
            }
          },
        };
      },
    },
    "host-time": {
      create(context) {
        const file = inRepository(context.filename) ?? "";
        if (isTest(file) || !/^(?:core|net|os|observe|testing)\//.test(file) || MAKES_TIME.has(file)) return {};
        const report = (node: Deno.lint.Node, name: string): void =>
          context.report({ node, message: `"${name}" may be a fake: take it from core/base/host_time.ts` });
        return {
          CallExpression(node) {
            if (node.callee.type === "Identifier" && TIMERS.test(node.callee.name)) report(node, node.callee.name);
          },
          MemberExpression(node) {
            if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return;
            const name = `${node.object.name}.${node.property.name}`;
            if (CLOCKS.has(name) || (node.object.name === "globalThis" && TIMERS.test(node.property.name))) {
              report(node, name);
            }
          },
          VariableDeclarator(node) {
            if (
              node.id.type !== "ObjectPattern" || node.init?.type !== "Identifier" || node.init.name !== "globalThis"
            ) return;
            for (const property of node.id.properties) {
              if (property.type !== "Property" || property.key.type !== "Identifier") continue;
              if (TIMERS.test(property.key.name)) report(property, property.key.name);
            }
          },
        };
      },
    },
    "few-arguments": {
      create(context) {
        const file = inRepository(context.filename) ?? "";
        if (isTest(file) || !/^(?:core|net|os|observe|testing)\//.test(file) || isPrivate(file)) return {};
        return {
          ExportNamedDeclaration({ declaration }) {
            if (declaration?.type !== "FunctionDeclaration") return;
            const { params } = declaration;
            if (params.length > 3) {
              context.report({ node: declaration, message: "At most two arguments, then options" });
            }
            for (const param of params) {
              if (param.type === "Identifier" && param.typeAnnotation?.typeAnnotation.type === "TSBooleanKeyword") {
                context.report({ node: param, message: "No booleans as positional arguments: make it an option" });
              }
            }
          },
        };
      },
    },
    "composed-wait": {
      create(context) {
        const file = inRepository(context.filename) ?? "";
        if (isTest(file) || !/^(?:core|net|os|observe|testing)\//.test(file) || isPrivate(file)) return {};
        const check = (node: Deno.lint.Node, name: string, fn: Deno.lint.Node | null | undefined): void => {
          if (!isAsyncFunction(withoutTypes(fn)) || name in MAY_BE_ASYNC || `${file}:${name}` in MAY_BE_ASYNC) return;
          context.report({ node, message: `"${name}" may not be async itself: return composedWait(async () => …)` });
        };
        const checkMembers = ({ body }: Deno.lint.ClassBody): void => {
          for (const member of body) {
            if (member.type !== "MethodDefinition" && member.type !== "PropertyDefinition") continue;
            if (member.key.type === "PrivateIdentifier" || /^pr/.test(member.accessibility ?? "")) continue;
            check(member, context.sourceCode.getText(member.key), member.value);
          }
        };
        const checkValue = (node: Deno.lint.Node, name: string, value: Deno.lint.Node | null | undefined): void => {
          const bare = withoutTypes(value);
          if (bare?.type === "ClassDeclaration" || bare?.type === "ClassExpression") return checkMembers(bare.body);
          if (bare?.type !== "ObjectExpression") return check(node, name, bare);
          for (const property of bare.properties) {
            if (property.type === "Property") check(property, context.sourceCode.getText(property.key), property.value);
          }
        };
        /** Those that the file declares at its top, by name: what `export { name }` may refer to. */
        const declared = new Map<string, Deno.lint.Node | null | undefined>();
        const checkDeclaration = (declaration: Deno.lint.Node): void => {
          if (declaration.type === "VariableDeclaration") {
            for (const { id, init } of declaration.declarations) checkValue(id, context.sourceCode.getText(id), init);
            return;
          }
          const name = "id" in declaration && declaration.id ? nameOf(declaration.id) : "default";
          checkValue(declaration, name, declaration);
        };
        const checkName = (node: Deno.lint.Node): void => {
          const name = nameOf(node);
          checkValue(node, name, declared.get(name));
        };
        return {
          Program({ body }) {
            for (const statement of body) {
              if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") {
                if (statement.id) declared.set(statement.id.name, statement);
              }
              if (statement.type !== "VariableDeclaration") continue;
              for (const { id, init } of statement.declarations) declared.set(nameOf(id), init);
            }
          },
          ExportNamedDeclaration({ declaration, source, specifiers }) {
            if (declaration) checkDeclaration(declaration);
            if (!source) { for (const { local } of specifiers) checkName(local); }
          },
          ExportDefaultDeclaration({ declaration }) {
            if (declaration.type === "Identifier") checkName(declaration);
            else checkDeclaration(declaration);
          },
        };
      },
    },
  },
};
export default plugin;

/** Whether a file is not for everybody: what is exported from it no user can call. */
function isPrivate(file: string): boolean {
  return /(?:^|\/)_/.test(file) || CLOSED_ROOMS.some((room) => file.startsWith(room));
}

/** Whether calling it makes a promise of its own; an async generator makes none before it is asked. */
function isAsyncFunction(node: Deno.lint.Node | null | undefined): boolean {
  return (node?.type === "FunctionDeclaration" || node?.type === "FunctionExpression" ||
    node?.type === "ArrowFunctionExpression") && node.async && !("generator" in node && node.generator);
}

/** A value without what is said of its type: `fn` of `fn as F`. */
function withoutTypes(node: Deno.lint.Node | null | undefined): Deno.lint.Node | null | undefined {
  return node?.type === "TSAsExpression" || node?.type === "TSSatisfiesExpression"
    ? withoutTypes(node.expression)
    : node;
}

function nameOf(node: Deno.lint.Node): string {
  return node.type === "Identifier" ? node.name : "";
}

function isTest(filename: string): boolean {
  return filename.endsWith("_test.ts");
}

/** Where the repository is: a folder above it may have the name of one in it. */
const ROOT = decodeURI(new URL("../", import.meta.url).pathname);

/** The path inside the repository, found by its top-level folders. */
function inRepository(filename: string): string | undefined {
  const path = filename.startsWith(ROOT) ? filename.slice(ROOT.length) : filename;
  return /(?:^|\/)((?:core|net|os|testing|examples|tools|bench)\/.*|mod\.ts)$/.exec(path.replaceAll("\\", "/"))?.[1];
}

function literalText(node: Deno.lint.Node): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type === "TemplateLiteral") return node.quasis.map(({ cooked }) => cooked).join("x");
  return undefined;
}

function faultOfMessage(text: string): string | undefined {
  if (text === "") return "must not be empty";
  if (!/^[A-Zx"]/.test(text)) return "begins with a capital letter";
  if (/[.!]$/.test(text)) return "ends without a period";
  if (/\b(?:can|don|won|isn|doesn|didn|couldn|wasn|aren)'t\b/.test(text)) return "has no contractions";
  return undefined;
}

/** Whether a node stands in `outside(() => …)`. */
function isOutside(node: Deno.lint.Node): boolean {
  const fn = (node as { parent?: Deno.lint.Node }).parent;
  const call = (fn as { parent?: Deno.lint.Node } | undefined)?.parent;
  return fn?.type === "ArrowFunctionExpression" && call?.type === "CallExpression" &&
    call.callee.type === "Identifier" && call.callee.name === "outside";
}

function classAround(node: Deno.lint.Node): string | undefined {
  for (let at: Deno.lint.Node | undefined = node; at !== undefined; at = (at as { parent?: Deno.lint.Node }).parent) {
    if (at.type === "ClassDeclaration" || at.type === "ClassExpression") {
      return at.superClass?.type === "Identifier" ? at.superClass.name : undefined;
    }
  }
  return undefined;
}
