// deno-lint-ignore-file no-console
/**
 * Run it: deno run --allow-net examples/lighthouse/5_telling_others.ts 7070 localhost:8000 example.com:443
 * Ask it: nc localhost 7070, then status or watch
 */
import {
  BrokenResourceError,
  BufferedStream,
  failAfter,
  MessageTooLongError,
  openNursery,
  openWatch,
  race,
  type Server,
  type ServeTcpOptions,
  type TcpAddress,
  tcpServer,
  TooSlowError,
  type WatchReceiver,
} from "@trefoil/io";
import { parseTarget } from "./2_many_at_once.ts";
import { type States, watchAll } from "./4_watching.ts";

/** The longest line that a client may send, in bytes. */
const MAX_LINE = 100;
/** How long a client may say nothing, and how long it may take to hear us, in milliseconds. */
const IDLE = 60_000;
const PATIENCE = 5_000;

/** Answers one client: `status` once, `watch` until it hangs up or says something. */
export async function talk(client: BufferedStream, seen: WatchReceiver<States>): Promise<void> {
  const tell = (text: string) => failAfter(PATIENCE, () => client.sendText(text));
  const show = (states: States) => tell([...states].map(([name, state]) => `${name} ${state}\n`).join("") + "\n");
  const ask = () => client.receiveLine({ max: MAX_LINE });
  const watch = async () => {
    for await (const states of seen) await show(states);
  };
  while (true) {
    const line = await failAfter(IDLE, ask);
    if (line === null) return;
    if (line === "watch") return void await race([watch, ask]);
    await (line === "status" ? show(seen.value) : tell("say status or watch\n"));
  }
}

/** What clients do wrong, or what happens to them. */
const CLIENTS_FAULTS = [BrokenResourceError, MessageTooLongError, TooSlowError];

/** Runs the handler of a client. What is the client's own fault is not worth a word. */
export async function forgive(handler: () => Promise<unknown>): Promise<void> {
  try {
    await handler();
  } catch (error) {
    if (!CLIENTS_FAULTS.some((kind) => error instanceof kind)) throw error;
  }
}

/** Tells everybody who asks. */
export function statusServer(seen: WatchReceiver<States>, options: ServeTcpOptions): Server<TcpAddress> {
  return tcpServer((stream) => forgive(() => talk(new BufferedStream(stream), seen.clone())), {
    maxConnections: 1_000,
    ...options,
  });
}

if (import.meta.main) {
  const [port, ...names] = Deno.args;
  const [states, seen] = openWatch<States>(new Map());
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(statusServer(seen, { port: Number(port) }));
    console.log(`listening on port ${address.port}`);
    nursery.startSoon(() => watchAll(names.map(parseTarget), states));
  });
}
