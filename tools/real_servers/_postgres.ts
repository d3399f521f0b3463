/** A PostgreSQL server of one's own, in a folder that is gone afterwards. */

import { type Command, openNursery, openTempDir, runProcess } from "../../mod.ts";
import { childProcess } from "../../os/mod.ts";
import { freePort } from "./_free_port.ts";

/** The folder of the server's programs: Debian's, the newest, or that of what is on the path. */
async function programs(): Promise<string | null> {
  const root = "/usr/lib/postgresql";
  const versions = await Array.fromAsync(Deno.readDir(root), ({ name }) => Number(name)).catch(() => []);
  const debian = versions.filter(Number.isInteger).sort((a, b) => b - a).map((version) => `${root}/${version}/bin`);
  const onPath = await runProcess(["pg_config", "--bindir"], { stdout: "text" }).then(
    ({ stdout }) => [stdout.trim()],
    () => [],
  );
  for (const folder of [...debian, ...onPath]) {
    // Its clients alone may be installed.
    if (await Deno.stat(`${folder}/initdb`).then(() => true, () => false)) return folder;
  }
  return null;
}

const folder = await programs();

/** Whether there is one. A skipped test must not be silent: if there is none, a line says so. */
export const hasPostgres = folder !== null;
if (!hasPostgres) {
  // deno-lint-ignore no-console -- see above
  console.error("SKIPPED: the tests with PostgreSQL as it is not there: install Debian's package postgresql");
}

/** It refuses to run as root, and gets another user then. */
async function user(): Promise<{ uid?: number; gid?: number }> {
  const id = async (...args: string[]) => Number((await runProcess(["id", ...args], { stdout: "text" })).stdout);
  return await id("-u") === 0 ? { uid: await id("-u", "postgres"), gid: await id("-g", "postgres") } : {};
}

/** Where the server is, and whom it takes one for. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** Runs with a server: an empty one, which does without what makes it slow. */
export async function withPostgres(body: (config: Config) => Promise<void>): Promise<void> {
  const as = await user();
  await using temporary = await openTempDir({ prefix: "trefoil-postgres-" });
  const { path } = temporary;
  await Deno.chmod(path, 0o755);
  if (as.uid !== undefined) await Deno.chown(path, as.uid, as.gid!);
  const options = { ...as, cwd: path, stdout: "null" } as const;
  const settings = ["-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C", "--no-sync"];
  await runProcess([`${folder}/initdb`, "-D", `${path}/data`, ...settings], { ...options, stderr: "tail" });
  const port = await freePort();
  const server: Command = [
    `${folder}/postgres`,
    "-D",
    `${path}/data`,
    "-p",
    `${port}`,
    "-F",
    "-h",
    "127.0.0.1",
    "-k",
    path,
  ];
  await openNursery(async (nursery) => {
    await nursery.start(
      childProcess(server, {
        ...options,
        stderr: "null",
        ready: /ready to accept connections/,
        // Fast, which does not wait for clients.
        deliverCancel: (process) => {
          process.kill("SIGINT");
          return process.wait();
        },
      }),
    );
    try {
      await body({ host: "127.0.0.1", port, user: "test", database: "postgres" });
    } finally {
      nursery.cancel();
    }
  });
}
