// deno-lint-ignore-file
import { serveHttp } from "@trefoil/io";

export async function main(): Promise<void> {
  await serveHttp(async (request) => {
    const { pathname } = new URL(request.url);
    return new Response(Deno.readTextFileSync(`./pages${pathname}`)); // BAD
  }, { port: 8000 });
}
// ---
import { execSync } from "node:child_process";
import crypto from "node:crypto";
import * as fs from "node:fs";
import { readFileSync as read, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const { readTextFileSync } = Deno;
export async function others(path: string, cells: Int32Array): Promise<void> {
  const lines = Deno.readTextFileSync(path).split("\n"); // BAD
  console.log(lines);
  Deno.writeFileSync(path, new Uint8Array()); // BAD
  using file = Deno.openSync(path); // BAD
  Deno.removeSync(path, { recursive: true }); // BAD
  for (const entry of Deno.readDirSync(path)) console.log(entry); // BAD, no fix
  new Deno.Command("ls").outputSync(); // BAD, no fix
  const command = new Deno.Command("ls");
  command.outputSync(); // BAD, no fix
  execSync("ls"); // BAD, no fix
  fs.readFileSync(path); // BAD, no fix
  rmSync(path); // BAD, no fix
  crypto.scryptSync("a", "b", 64); // BAD, no fix
  gzipSync("x"); // BAD, no fix
  readTextFileSync(path); // BAD, no fix
  prompt("name?"); // BAD, no fix
  Atomics.wait(cells, 0, 0); // BAD, no fix
  console.log(file);
}
