// deno-lint-ignore-file no-console
/** Imports the modules that it is told, and prints what that has cost this process so far. */

import process from "node:process";

for (const module of Deno.args) await import(module);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ cpu: (user + system) / 1_000, memory: Deno.memoryUsage().rss / 2 ** 20 }));
