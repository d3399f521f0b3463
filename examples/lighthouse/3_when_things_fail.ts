// deno-lint-ignore-file no-console
/** Run it: deno run --allow-net examples/lighthouse/3_when_things_fail.ts localhost:8000 example.com:443 */
import { BrokenResourceError, failAfter, forEach, handleErrors, openTcpStream, retry, TooSlowError } from "@trefoil/io";
import type { State } from "./1_one_check.ts";
import { AT_ONCE, parseTarget, type Target } from "./2_many_at_once.ts";

/** How long an answer may take, and how long to wait before the next knock, in milliseconds. */
const PATIENCE = 2_000;
const PAUSE = 500;

/** Knocks once. Throws if nobody opens. */
export async function knock({ host, port }: Target): Promise<void> {
  await failAfter(PATIENCE, async () => {
    using _ = await openTcpStream(host, port);
  });
}

/** What an error says about the target. Of an error that is our own fault: nothing. */
export function stateAfter(error: unknown): State | undefined {
  if (error instanceof TooSlowError) return "silent";
  if (error instanceof BrokenResourceError) return "down";
  return undefined;
}

/** Finds out whether a target is there. It may miss two knocks of three. */
export async function check(target: Target, attempt = knock): Promise<State> {
  const retryIf = (error: unknown) => stateAfter(error) !== undefined;
  try {
    await retry(() => attempt(target), { attempts: 3, backoff: () => PAUSE, retryIf });
    return "up";
  } catch (error) {
    const state = stateAfter(error);
    if (state === undefined) throw error;
    return state;
  }
}

/** Checks all targets, and tells of each as soon as it is known; of wrong ones, too. */
export async function checkAll(targets: readonly Target[], tell: (line: string) => void): Promise<void> {
  const checkOne = async (target: Target) => tell(`${target.name} is ${await check(target)}`);
  await handleErrors(() => forEach(targets, checkOne, { concurrency: AT_ONCE, errors: "collect" }), [
    [RangeError, (group) => group.flatten().forEach((error) => tell(String(error)))],
  ]);
}

if (import.meta.main) await checkAll(Deno.args.map(parseTarget), console.log);
