/** What `hash_pool.ts` has done in its threads. */
import { createHash } from "node:crypto";
import { checkCancelled } from "@trefoil/io/worker";

const CHUNK = 1024 * 1024;

/** The SHA-256 of a file, in hexadecimal digits; `progress` is told how many bytes were read since it was told last. */
export async function hashFile(path: string, progress: (bytes: number) => Promise<void>): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(CHUNK);
  using file = Deno.openSync(path);
  // Reads and computes without letting anybody else run, which is what a thread is for.
  for (let size = file.readSync(buffer); size !== null; size = file.readSync(buffer)) {
    checkCancelled();
    hash.update(buffer.subarray(0, size));
    await progress(size);
  }
  return hash.digest("hex");
}
