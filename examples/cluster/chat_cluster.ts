// deno-lint-ignore-file no-console
/**
 * A chat over several processes, in which nobody who is connected misses a line or hears it twice.
 *
 * Run it: deno run -A examples/cluster/chat_cluster.ts 7001; any number of these, on any machines, each with a port of its own
 *         nc localhost 7001, then: JOIN room name; and after that a line each
 *
 * What processes tell each other is the matter of `_bus.ts`. Who talks to a process that dies is disconnected, and may join
 * at another one. A client that does not read is disconnected, too: it must not fill the memory of all.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import {
  BufferedStream,
  EndOfChannel,
  isCancelled,
  type MemorySendChannel,
  openMemoryChannel,
  openNursery,
  run,
  serveTcp,
  type SocketStream,
} from "@trefoil/io";
import { Bus } from "./_bus.ts";
import { type NatsOptions, openNats } from "./_nats.ts";

/** A line that was said. */
interface Line {
  readonly room: string;
  readonly text: string;
}

/** How many lines may wait for a client. */
const MAX_WAITING = 1_000;

/** A process of the chat. */
export class ChatNode {
  readonly bus: Bus<Line>;
  readonly #log: (line: string) => void;
  readonly #clients = new Map<MemorySendChannel<string>, string>();

  constructor(nats: NatsConnection, log: (line: string) => void = () => {}) {
    this.#log = log;
    this.bus = new Bus<Line>(nats, { name: "chat", heard: (line) => this.#tell(line), log });
  }

  /** Serves a client: the first line says room and name. */
  async serve(stream: SocketStream): Promise<void> {
    await using client = new BufferedStream(stream);
    const [, room = "", name = ""] = /^JOIN (\w+) (\w+)$/.exec(await client.receiveLine() ?? "") ?? [];
    if (room === "") return await client.sendText("say first: JOIN room name\r\n");
    const [send, lines] = openMemoryChannel<string>(MAX_WAITING, { name: "lines for a client" });
    this.#clients.set(send, room);
    try {
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          await client.sendText("welcome\r\n");
          for await (const line of lines) await client.sendText(`${line}\r\n`);
          throw new EndOfChannel("Cannot go on with a client as it must read what it is sent");
        }, { daemon: true });
        for await (const text of client.lines({ max: 4_096 })) this.#say({ room, text: `${name}: ${text}` });
      });
    } catch (error) {
      if (isCancelled(error)) throw error;
      this.#log(`${name} is gone: ${error}`);
    } finally {
      this.#clients.delete(send);
    }
  }

  #say(line: Line): void {
    this.#tell(line);
    this.bus.say(line);
  }

  #tell({ room, text }: Line): void {
    for (const [client, where] of this.#clients) if (where === room && !client.trySend(text)) client.close();
  }
}

/** A process of the chat: serves clients on a port. */
export async function chatProcess(port: number, options: NatsOptions, ready = (_id: string) => {}): Promise<void> {
  await openNursery(async (nursery) => {
    const node = new ChatNode(await openNats(nursery, options), options.log);
    nursery.startSoon(() => node.bus.run(), { daemon: true });
    nursery.startSoon(() => serveTcp((stream) => node.serve(stream), { port, onHandlerError: () => {} }));
    ready(node.bus.id);
  });
}

if (import.meta.main) {
  const options = { servers: Deno.env.get("NATS") ?? "127.0.0.1:4222", log: console.error };
  await run(() => chatProcess(Number(Deno.args[0] ?? 7001), options, (id) => console.log(`${id} is ready`)), {
    grace: 2_000,
  });
}
