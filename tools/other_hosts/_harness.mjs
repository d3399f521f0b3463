/**
 * Runs test files on another host, one after the other, and prints a line of JSON for each test: `Deno.test()` for those
 * who are not Deno.
 *
 * Usage: patterns of names to leave out (JSON), files. They were prepared by `_hosts.ts`: their `Deno.test` is the global `host_test`.
 */

import process from "node:process";
import { pathToFileURL } from "node:url";

/** No test waits for the outside world; one that takes longer than this, in milliseconds, waits for what never comes. */
const LONGEST = 60_000;

// What our tests use, and Node 22 does not have; our library uses none of it.
Promise.try ??= (fn, ...args) => new Promise((resolve) => resolve(fn(...args)));
class Suppressed extends Error {
  name = "SuppressedError";

  constructor(error, suppressed, message) {
    super(message);
    Object.assign(this, { error, suppressed });
  }
}
globalThis.SuppressedError ??= Suppressed;

const tests = [];
globalThis.host_test = (first, ...rest) => {
  const fn = rest.at(-1) ?? first.fn;
  if (first.ignore !== true) tests.push({ name: typeof first === "string" ? first : first.name, fn });
};

/** As much of a `Deno.TestContext` as our tests use. */
function contextOf(name) {
  return {
    name,
    async step(first, fn = first.fn) {
      await fn(contextOf(typeof first === "string" ? first : first.name));
      return true;
    },
  };
}

function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [without, ...files] = process.argv.slice(2);
/** Patterns of the names that are left out. */
const left = JSON.parse(without).map((pattern) => new RegExp(pattern));
for (const file of files) {
  await import(pathToFileURL(file).href);
  for (const { name, fn } of tests.splice(0)) {
    if (left.some((pattern) => pattern.test(name))) continue;
    let watchdog;
    const tooLong = new Promise((_, reject) => {
      watchdog = setTimeout(() => reject(new Error("It does not end")), LONGEST);
    });
    try {
      await Promise.race([fn(contextOf(name)), tooLong]);
      report({ file, name });
    } catch (error) {
      report({ file, name, error: String(error?.stack ?? error) });
    }
    clearTimeout(watchdog);
  }
}
// Something may keep the loop going: this is about results.
process.exit(0);
