// deno-lint-ignore-file no-console
/**
 * A parent with two sleeping children: five seconds in all, as the children sleep at the same time.
 *
 * Run it: deno run examples/parent_and_children.ts
 */
import { openNursery, run, sleep } from "@trefoil/io";

async function child(name: string, ms: number, print: (line: string) => void): Promise<void> {
  print(`  ${name}: started, sleeping now`);
  await sleep(ms);
  print(`  ${name}: done`);
}

/** Starts both children and waits for them. */
export async function parent(print: (line: string) => void = console.log): Promise<void> {
  print("parent: started");
  await openNursery((nursery) => {
    print("parent: spawning child 1");
    nursery.startSoon(() => child("child 1", 3_000, print));
    print("parent: spawning child 2");
    nursery.startSoon(() => child("child 2", 5_000, print));
    print("parent: waiting for the children");
  });
  print("parent: all done");
}

if (import.meta.main) run(parent);
