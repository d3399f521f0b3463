/** A Redis server of one's own, in a folder that is gone afterwards. */

import { childProcess, openNursery, openTempDir, ProcessError, runProcess } from "../../mod.ts";
import { freePort } from "./_free_port.ts";

/** Whether there is one. A skipped test must not be silent: if there is none, a line says so. */
export const hasRedis = await runProcess(["redis-server", "--version"], { stdout: "null" }).then(
  () => true,
  (error) => {
    if (!(error instanceof ProcessError)) throw error;
    // deno-lint-ignore no-console -- see above
    console.error("SKIPPED: the tests with Redis as it is not there: install Debian's package redis-server");
    return false;
  },
);

/** Runs with a server: an empty one, which keeps nothing. */
export async function withRedis(body: (url: string) => Promise<void>): Promise<void> {
  const port = await freePort();
  await using folder = await openTempDir({ prefix: "trefoil-redis-" });
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder.path];
  await openNursery(async (nursery) => {
    const options = { stdout: "null", stderr: "null", ready: /Ready to accept/ } as const;
    await nursery.start(childProcess(["redis-server", ...settings], options));
    try {
      await body(`redis://127.0.0.1:${port}`);
    } finally {
      nursery.cancel();
    }
  });
}
