// deno-lint-ignore-file no-console
/**
 * One reader of the benchmark of lines: connects, counts all lines, and prints what it took in microseconds of wall and
 * CPU time a line. Usage: port, who
 */

import process from "node:process";
import { BufferedStream, openTcpStream, run } from "../mod.ts";

const [port, who] = [Number(Deno.args[0]), Deno.args[1]];
let lines = 0;
let characters = 0;

function readLines(): Promise<void> {
  return run(async () => {
    using stream = new BufferedStream(await openTcpStream("127.0.0.1", port));
    for await (const line of stream.lines()) {
      lines++;
      characters += line.length;
    }
  });
}

function receiveLine(): Promise<void> {
  return run(async () => {
    using stream = new BufferedStream(await openTcpStream("127.0.0.1", port));
    for (let line = await stream.receiveLine(); line !== null; line = await stream.receiveLine()) {
      lines++;
      characters += line.length;
    }
  });
}

class SplitStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const parts = (rest + chunk).split("\n");
        rest = parts.pop() as string;
        for (const line of parts) controller.enqueue(line.endsWith("\r") ? line.slice(0, -1) : line);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}

/** What the TextLineStream of std does, written anew. */
class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        rest += chunk;
        for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n")) {
          controller.enqueue(rest.slice(0, rest[end - 1] === "\r" ? end - 1 : end));
          rest = rest.slice(end + 1);
        }
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}

async function std(): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  for await (const line of conn.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new LineStream())) {
    lines++;
    characters += line.length;
  }
}

async function split(): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  for await (const line of conn.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new SplitStream())) {
    lines++;
    characters += line.length;
  }
}

const start = performance.now();
const before = process.cpuUsage();
await ({ lines: readLines, receiveLine, split, std } as Record<string, () => Promise<void>>)[who as string]!();
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({ wall: (performance.now() - start) * 1e3 / lines, CPU: (user + system) / lines, characters }),
);
