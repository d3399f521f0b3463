// deno-lint-ignore-file no-console
/** Run it: deno run --allow-net examples/lighthouse/1_one_check.ts localhost 8000 */
import { isCancelled, moveOnAfter, openTcpStream } from "@trefoil/io";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 2_000;

/** Somebody opens, somebody refuses, or nobody says a word. */
export type State = "up" | "down" | "silent";

/** Finds out whether a service is there, in two seconds at most. */
export async function check(host: string, port: number): Promise<State> {
  const outcome = await moveOnAfter(PATIENCE, async () => {
    try {
      using _ = await openTcpStream(host, port);
      return "up";
    } catch (error) {
      if (isCancelled(error)) throw error;
      return "down";
    }
  });
  return outcome.cancelledCaught ? "silent" : outcome.value;
}

if (import.meta.main) {
  const [host = "localhost", port = "8000"] = Deno.args;
  console.log(`${host}:${port} is ${await check(host, Number(port))}`);
}
