/**
 * Run it: deno run --allow-net examples/lighthouse/6_alarms.ts 7070 localhost:9000 localhost:8000 example.com:443
 *
 * The pager, here at localhost:9000, gets a line for each alarm, and answers "ok". To be one: nc -lk 9000
 * Type mute, and unmute.
 */
import {
  BrokenResourceError,
  BufferedStream,
  EndOfChannel,
  failAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openTcpStream,
  openWatch,
  type ReceiveChannel,
  retry,
  select,
  stdinLines,
} from "@trefoil/io";
import type { State } from "./1_one_check.ts";
import { parseTarget, type Target } from "./2_many_at_once.ts";
import { stateAfter } from "./3_when_things_fail.ts";
import { type States, watchAll, type WatchOptions } from "./4_watching.ts";
import { statusServer } from "./5_telling_others.ts";

/** How long the pager may take for one alarm, in milliseconds. */
const PATIENCE = 10_000;
/** How many alarms may wait for it. */
export const WAITING = 100;

/** Says something to the pager, again and again until it answers "ok". */
export async function page({ host, port }: Target, text: string): Promise<void> {
  const attempt = async () => {
    using pager = new BufferedStream(await openTcpStream(host, port));
    await pager.sendText(`${text}\n`);
    if (await pager.receiveLine({ max: 100 }) !== "ok") throw new BrokenResourceError("The pager has not said ok");
  };
  const retryIf = (error: unknown) => stateAfter(error) !== undefined;
  await retry(() => failAfter(PATIENCE, attempt), { attempts: Infinity, retryIf });
}

/** Sends one alarm after the other, unless somebody has said `mute`. Ends when both channels have ended. */
export async function pageAll(
  alarms: ReceiveChannel<string>,
  orders: ReceiveChannel<string>,
  send: (text: string) => Promise<void>,
): Promise<void> {
  let muted = false;
  try {
    while (true) {
      const { from, value } = await select({ orders, alarms }, { inOrder: true });
      if (from === "orders") muted = value === "mute";
      else if (!muted) await send(value);
    }
  } catch (error) {
    if (!(error instanceof EndOfChannel)) throw error;
  }
}

/** Where things are. */
export interface LighthouseOptions extends WatchOptions {
  /** Where to answer clients. */
  readonly port: number;
  /** Whom to tell of changes. */
  readonly pager: Target;
}

/** Watches, answers clients, and tells the pager of each change. */
export async function keepWatch(targets: readonly Target[], options: LighthouseOptions): Promise<void> {
  const [states, seen] = openWatch<States>(new Map());
  const news = openBroadcastChannel<string>(WAITING, { lag: "dropOldest" });
  const [order, orders] = openMemoryChannel<string>(0);
  const alarms = news.subscribe();
  await openNursery(async (nursery) => {
    await nursery.start(statusServer(seen, { port: options.port }));
    nursery.startSoon(() => pageAll(alarms, orders, (text) => page(options.pager, text)), { name: "pager" });
    nursery.startSoon(async function obey() {
      for await (const line of stdinLines()) await order.send(line);
    });
    nursery.startSoon(function watch() {
      const onChange = (name: string, state: State, before?: State) =>
        before || state !== "up" ? news.send(`${name} is ${state}`) : undefined;
      return watchAll(targets, states, { ...options, onChange });
    });
  });
}

/** Reads a command line: where to answer clients, the pager, and what to watch. */
export function parseArgs(args: readonly string[]): [Target[], LighthouseOptions] {
  const [port, ...names] = args;
  const [pager, ...targets] = names.map(parseTarget);
  if (pager === undefined) throw new TypeError(`Cannot start as there must be a port and a pager: received "${args}"`);
  return [targets, { port: Number(port), pager }];
}

if (import.meta.main) await keepWatch(...parseArgs(Deno.args));
