// deno-lint-ignore-file
import { serveHttp } from "@trefoil/io";

export async function main(): Promise<void> {
  await serveHttp(async (request) => {
    const { pathname } = new URL(request.url);
    return new Response(await Deno.readTextFile(`./pages${pathname}`));
  }, { port: 8000 });
}
// ---
import { existsSync, readFileSync, statSync } from "node:fs";

const settings = Deno.readTextFileSync("deno.json");
export function atOnce(): string {
  return settings + readFileSync("deno.json");
}
export async function fine(Atomics: { wait(): void }, path: string): Promise<void> {
  Atomics.wait();
  if (existsSync(path) && statSync(path).isFile()) console.log(Deno.statSync(path));
  const later = () => Deno.readTextFileSync(path);
  console.log(later);
  const prompt = (text: string) => text;
  prompt("x");
  const Deno_ = { readTextFileSync: () => "" };
  Deno_.readTextFileSync();
}
