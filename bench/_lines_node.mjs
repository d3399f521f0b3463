// deno-lint-ignore-file no-console
/** The reader of the benchmark of lines for Node.js: see `_lines_reader.ts`. Usage: port, who */

import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

const [port, who] = process.argv.slice(2);
let lines = 0;
let characters = 0;

const start = performance.now();
const before = process.cpuUsage();
const input = createInterface({ input: connect(Number(port), "127.0.0.1"), crlfDelay: Infinity });
if (who === "event") {
  input.on("line", (line) => {
    lines++;
    characters += line.length;
  });
  await new Promise((resolve) => input.on("close", resolve));
} else {
  for await (const line of input) {
    lines++;
    characters += line.length;
  }
}
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({ wall: (performance.now() - start) * 1e3 / lines, CPU: (user + system) / lines, characters }),
);
