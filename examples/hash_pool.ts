// deno-lint-ignore-file no-console
/**
 * Computes the SHA-256 of files, in as many threads as there are processors to spare, with a progress bar on stderr.
 * Ctrl-C ends all of them, also amid a large file.
 *
 * Run it: deno run --allow-read examples/hash_pool.ts mod.ts README.md …
 */
import { map, openWorkers, run } from "@trefoil/io";
import { callback } from "@trefoil/io/os";

/** Bytes that are done, of how many. */
export type Report = (done: number, size: number) => void;

/** The hash of each file, in their order. A file that cannot be read ends all. */
export async function hashFiles(paths: readonly string[], report: Report, size?: number): Promise<string[]> {
  const sizes = await Promise.all(paths.map(async (path) => (await Deno.stat(path)).size));
  const total = sizes.reduce((sum, each) => sum + each, 0);
  let done = 0;
  const progress = callback((bytes: number) => report(done += bytes, total));
  await using workers = await openWorkers<typeof import("./hash_worker.ts")>(
    new URL("./hash_worker.ts", import.meta.url),
    size === undefined ? {} : { size },
  );
  return await map(paths, (path) => workers.call("hashFile", path, progress), { concurrency: Infinity });
}

/** A bar of 30 characters. */
export function bar(done: number, size: number): string {
  const share = size === 0 ? 1 : done / size;
  return `[${"#".repeat(Math.round(share * 30)).padEnd(30)}] ${(share * 100).toFixed(0)} %`;
}

if (import.meta.main) {
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  const isTerminal = Deno.stderr.isTerminal();
  run(async () => {
    const hashes = await hashFiles(Deno.args, (done, size) => isTerminal && write(`\r${bar(done, size)}`));
    if (isTerminal) write("\r\x1b[K");
    for (const [index, hash] of hashes.entries()) console.log(`${hash}  ${Deno.args[index]}`);
  });
}
