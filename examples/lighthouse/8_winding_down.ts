/**
 * Run it: deno run --allow-net examples/lighthouse/8_winding_down.ts 7070 localhost:9000 localhost:8000 example.com:443
 *
 * Ctrl-C ends it once all alarms are sent, in ten seconds at most; a second one at once.
 */
import {
  BufferedStream,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  run,
  type Server,
  shielded,
  type SocketStream,
  stdinLines,
  type TcpAddress,
  tcpServer,
  untilShutdown,
  type WatchReceiver,
} from "@trefoil/io";
import type { State } from "./1_one_check.ts";
import type { Target } from "./2_many_at_once.ts";
import { check } from "./3_when_things_fail.ts";
import { type States, watchAll } from "./4_watching.ts";
import { forgive, talk } from "./5_telling_others.ts";
import { type LighthouseOptions, page, pageAll, parseArgs, WAITING } from "./6_alarms.ts";
import { gently } from "./7_not_too_much.ts";

/** How long what is under way may take at the end, in milliseconds. */
export const GRACE = 10_000;
/** How long the last word to the pager may take, in milliseconds. */
const LAST_WORD = 2_000;

/** Tells everybody who asks. Clients do not hold up a shutdown. */
function statusServer(seen: WatchReceiver<States>, port: number): Server<TcpAddress> {
  const handler = (stream: SocketStream) => untilShutdown(() => talk(new BufferedStream(stream), seen.clone()));
  return tcpServer((stream) => forgive(() => handler(stream)), { port, maxConnections: 1_000 });
}

/** Keeps watch until a shutdown, sends the alarms that are left, and says goodbye. */
export async function keepWatch(
  targets: readonly Target[],
  options: LighthouseOptions & { readonly beside?: (seen: WatchReceiver<States>) => Promise<void> },
): Promise<void> {
  const { port, pager, beside } = options;
  const [states, seen] = openWatch<States>(new Map());
  const news = openBroadcastChannel<string>(WAITING, { lag: "dropOldest" });
  const [order, orders] = openMemoryChannel<string>(0);
  using alarms = news.subscribe();
  try {
    await openNursery(async (nursery) => {
      await nursery.start(statusServer(seen, port));
      if (beside) nursery.startSoon(() => beside(seen), { name: "beside" });
      nursery.startSoon(() => pageAll(alarms, orders, (text) => page(pager, text)), { name: "pager" });
      nursery.startSoon(async function obey() {
        using _ = order;
        for await (const line of untilShutdown(stdinLines())) await order.send(line);
      });
      nursery.startSoon(async function watch() {
        using _ = news;
        const onChange = (name: string, state: State, before?: State) =>
          before || state !== "up" ? news.send(`${name} is ${state}`) : undefined;
        await untilShutdown(() => watchAll(targets, states, { ...options, onChange }));
      });
    });
  } finally {
    const lastWord = `the lighthouse goes dark, alarms unsent: ${alarms.statistics().currentBufferUsed}`;
    await shielded(() => forgive(() => page(pager, lastWord)), { timeout: LAST_WORD });
  }
}

if (import.meta.main) {
  const [targets, options] = parseArgs(Deno.args);
  const attempt = gently({ atOnce: 100, perSecond: 200 });
  run(() => keepWatch(targets, { ...options, check: (target) => check(target, attempt) }), { grace: GRACE });
}
