/** `blocking-call`: a call that holds the thread, in an async function. */

import { replace } from "./_fixes.ts";
import type { Edit, Finding, Rule } from "./_rule.ts";
import type { SourceFile } from "./_source_file.ts";
import { bare, functionAround, memberName, type Node, parentOf } from "./_tree.ts";

/** Functions of Deno with an async twin that gives the same, as a promise. */
const WITH_TWIN =
  /^(?:chmod|chown|copyFile|create|link|makeTempDir|makeTempFile|mkdir|open|readFile|readTextFile|remove|rename|symlink|truncate|utime|writeFile|writeTextFile)Sync$/;
/** Others of Deno that may take long: what they give cannot simply be awaited. */
const WITHOUT_TWIN = /^readDirSync$/;
/** What says something of a file in microseconds (`existsSync()`, `statSync()`) is not worth a wait. */
const OF_NODE: Readonly<Record<string, RegExp>> = {
  fs: /^(?:readFile|writeFile|appendFile|copyFile|cp|readdir|rm|rmdir|opendir|glob)Sync$/,
  "child_process": /^(?:exec|execFile|spawn)Sync$/,
  crypto: /^(?:pbkdf2|scrypt|argon2|generateKeyPair|generatePrime|checkPrime)Sync$/,
  zlib: /^\w+Sync$/,
};
const DIALOGS = /^(?:alert|confirm|prompt)$/;

export const blockingCall: Rule = {
  name: "blocking-call",
  *check(file: SourceFile): Iterable<Finding> {
    // What runs in threads of its own may hold them.
    if (file.isTest || file.isForWorkers) return;
    for (const call of file.tree.all("CallExpression")) {
      const fn = functionAround(call);
      if (fn === null || !fn.async) continue;
      const found = blocking(file, call);
      if (found === null) continue;
      yield {
        node: call,
        range: [call.range[0], call.callee.range[1]],
        message:
          `"${found.name}" holds the thread: while it lasts, no task runs, no timeout fires, and no client is served`,
        hint: found.hint,
        fix: found.fix,
      };
    }
  },
};

interface Blocking {
  readonly name: string;
  readonly hint: string;
  readonly fix?: readonly Edit[];
}

function blocking(file: SourceFile, call: Deno.lint.CallExpression): Blocking | null {
  const callee = bare(call.callee);
  if (callee.type === "Identifier") {
    if (DIALOGS.test(callee.name) && file.scopes.isGlobal(callee)) {
      return { name: callee.name, hint: "Read lines from `stdinLines()`" };
    }
    return ofDeno(file, callee) ?? ofModule(file, callee);
  }
  if (callee.type !== "MemberExpression") return null;
  const name = memberName(callee);
  const { object } = callee;
  if (name === null) return null;
  if (name === "outputSync" && isCommand(file, object)) {
    return { name, hint: "Write `await runProcess(command)`" };
  }
  if (object.type !== "Identifier") return null;
  if (object.name === "Deno" && file.scopes.isGlobal(object)) {
    if (WITHOUT_TWIN.test(name)) return { name: `Deno.${name}`, hint: "Write `for await (… of Deno.readDir(…))`" };
    if (!WITH_TWIN.test(name)) return null;
    const twin = `Deno.${name.slice(0, -"Sync".length)}`;
    const inMember = parentOf(call)?.type === "MemberExpression" || parentOf(call)?.type === "ChainExpression";
    const text = `await ${twin}${file.text.slice(callee.range[1], call.range[1])}`;
    const cancelled = /^read(?:Text)?File/.exec(name)
      ? `, or \`await ${name.slice(0, -4)}(…)\` of ours, which ends when it is cancelled`
      : "";
    return {
      name: `Deno.${name}`,
      hint: `Write \`await ${twin}(…)\`${cancelled}`,
      fix: [replace(call, inMember ? `(${text})` : text)],
    };
  }
  if (object.name === "Atomics" && name === "wait" && file.scopes.isGlobal(object)) {
    return { name: "Atomics.wait", hint: "Write `await cancellable(Atomics.waitAsync(…).value)`" };
  }
  return ofModule(file, callee);
}

/** A function that was taken out of `Deno`: `const { readFileSync } = Deno`. */
function ofDeno(file: SourceFile, callee: Deno.lint.Identifier): Blocking | null {
  const declaration = file.scopes.bindingOf(callee)?.declaration;
  if (declaration?.type !== "VariableDeclarator" || declaration.id.type !== "ObjectPattern") return null;
  const { init } = declaration;
  if (init?.type !== "Identifier" || init.name !== "Deno" || !file.scopes.isGlobal(init)) return null;
  const { name } = callee;
  return WITH_TWIN.test(name) || WITHOUT_TWIN.test(name)
    ? { name, hint: `Write \`await Deno.${name.slice(0, -"Sync".length)}(…)\`` }
    : null;
}

/** `new Deno.Command(…)`, or a constant that is one. */
function isCommand(file: SourceFile, object: Node): boolean {
  if (object.type === "NewExpression") return file.textOf(object.callee) === "Deno.Command";
  const declaration = file.scopes.bindingOf(object)?.declaration;
  return declaration?.type === "VariableDeclarator" && declaration.init?.type === "NewExpression" &&
    isCommand(file, declaration.init);
}

function ofModule(file: SourceFile, callee: Node): Blocking | null {
  const { module = "", name = "" } = file.importedFrom(callee) ?? {};
  if (!OF_NODE[module.replace(/^node:/, "")]?.test(name)) return null;
  return { name, hint: /child_process$/.test(module) ? "Write `await runProcess(command)`" : "Call its async twin" };
}
