// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  return await failAfter(5, () => fetch(url)); // BAD
}
// ---
import { moveOnAfter } from "@trefoil/io";

const PATIENCE = 2;
export async function more(): Promise<void> {
  await moveOnAfter(30, () => fetch("x")); // BAD
  await moveOnAfter(PATIENCE, () => fetch("x")); // BAD
}
