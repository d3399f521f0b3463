// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string, timeoutSeconds: number): Promise<Response> {
  return await failAfter(timeoutSeconds, () => fetch(url)); // BAD
}
// ---
import { CancelScope, MockClock, retry, run, shielded, sleep, tcpServer } from "@trefoil/io";

const PAUSE_MINUTES = 5;
export async function others(config: { retry_secs: number; days: number; graceSec: () => number }): Promise<void> {
  await sleep(config.retry_secs); // BAD
  await sleep(PAUSE_MINUTES); // BAD
  await sleep(config.days ?? 5); // BAD
  await run(() => {}, { grace: config.graceSec() }); // BAD
  await shielded(() => {}, { timeout: config["retry_secs"] }); // BAD
  new CancelScope({ timeout: PAUSE_MINUTES }); // BAD
  await retry(() => {}, { backoff: { initial: config.retry_secs } }); // BAD
  tcpServer(() => {}, { port: 0, handlerTimeout: config.retry_secs }); // BAD
  new MockClock().jump(config.retry_secs as number); // BAD
}
