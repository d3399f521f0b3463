/**
 * K6: whatever is exported and returns a promise keeps nothing of a call that is over, also if that upon which it is
 * called lives long. Measured on the heap after collection, in processes of their own: see `_keeps_nothing.ts`.
 */

import { assert } from "@std/assert";
import type { AnyRecipe } from "./_recipe.ts";
import { isMeasured, PARTS, RECIPES } from "./_table.ts";

/** Bytes. An empty object in a set takes 56. The host's own needs vary by some tens over a thousand calls. */
const ENOUGH = 54;
/** What is slow is the host's own HTTP, whose needs vary by some hundreds over the few calls that are made. */
const ENOUGH_IF_SLOW = 2_000;
/** Where something small is left, and is to be. */
const ENOUGH_IF_KEPT = 300;
const PROCESSES = 2;

interface Measurement {
  readonly name: string;
  readonly part: string;
  readonly bytes?: number;
  readonly error?: string;
}

let measured: Promise<Map<string, Measurement>> | null = null;

/** Runs the programs, the first time. */
function measurements(): Promise<Map<string, Measurement>> {
  return measured ??= (async () => {
    const size = Math.ceil(Object.keys(RECIPES).length / PROCESSES);
    const outputs = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => measure(i * size, (i + 1) * size)));
    return new Map(outputs.flat().map((one) => [`${one.name} ${one.part}`, one]));
  })();
}

function enoughFor({ slow, keeps }: AnyRecipe): number {
  if (slow) return ENOUGH_IF_SLOW;
  return keeps === undefined ? ENOUGH : ENOUGH_IF_KEPT;
}

async function measure(first: number, last: number): Promise<Measurement[]> {
  const program = new URL("_keeps_nothing.ts", import.meta.url).href;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-all", "--v8-flags=--expose-gc", program, `${first}`, `${last}`, `${ENOUGH}`],
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr).slice(-2_000));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

for (const [name, recipe] of Object.entries(RECIPES)) {
  for (const part of PARTS) {
    if (!isMeasured(recipe, part)) continue;
    Deno.test(`K6: ${name}, called again and again when it is ${part}, keeps nothing`, async () => {
      const found = (await measurements()).get(`${name} ${part}`);
      assert(found?.error === undefined, found?.error);
      const { bytes = Infinity } = found ?? {};
      assert(bytes < enoughFor(recipe), `each call leaves ${bytes} bytes behind`);
    });
  }
}
