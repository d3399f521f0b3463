// deno-lint-ignore-file no-console
/**
 * A chat over several processes, in which nobody who is connected misses a line or hears it twice.
 *
 * Run it: deno run -A examples/cluster/chat_cluster.ts 7001; any number of these, on any machines, each with a port of its own
 *         nc localhost 7001, then: JOIN room name; and after that a line each
 *
 * NATS carries the lines from process to process, and promises nothing: what is published while it is away is gone. So each
 * process numbers what it says, tells all others again and again how far it is, and is asked for what is missing. That goes
 * on as long as it lives: who is cut off for a while is not forgotten meanwhile.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import {
  BufferedStream,
  currentTime,
  EndOfChannel,
  failAfter,
  isCancelled,
  type MemorySendChannel,
  openMemoryChannel,
  openNursery,
  run,
  serveTcp,
  sleep,
  type SocketStream,
} from "@trefoil/io";
import { type NatsOptions, openNats, reply } from "./_nats.ts";

/** A line that was said, the n-th of its process. */
interface Line {
  readonly node: string;
  readonly n: number;
  readonly room: string;
  readonly text: string;
}

/** Another process. */
interface Peer {
  /** The number of the line that is wanted next. */
  next: number;
  /** Lines that came too early, by their numbers. */
  readonly early: Map<number, Line>;
  heard: number;
  here: boolean;
  asking: boolean;
}

/** How often a process says that it is there, in milliseconds, and after how long a silence it is gone. */
const BEAT = 200;
const SILENCE = 5 * BEAT;
/** How many lines may wait for a client before it is hung up on. */
const MAX_WAITING = 1_000;
/** How many lines a process keeps for those who have missed them, and gives at a time. */
const MAX_KEPT = 100_000;
const PAGE = 500;

/** A process of the chat. */
export class ChatNode {
  readonly id: string = crypto.randomUUID();
  readonly #nats: NatsConnection;
  readonly #log: (line: string) => void;
  readonly #clients = new Map<MemorySendChannel<string>, string>();
  readonly #peers = new Map<string, Peer>();
  readonly #said: Line[] = [];
  #count = 0;
  /** Since when it has heard itself. */
  #since = 0;

  constructor(nats: NatsConnection, log: (line: string) => void = () => {}) {
    this.#nats = nats;
    this.#log = log;
  }

  /** Takes part until it is cancelled. */
  async run(): Promise<void> {
    await openNursery(async (nursery) => {
      const hear = (subject: string, what: (data: never, respond: (answer: unknown) => void) => void) =>
        this.#nats.subscribe(subject, {
          callback: (_error, m) => {
            try {
              what(m.json() as never, (answer) => m.respond(JSON.stringify(answer)));
            } catch (error) {
              this.#log(`cannot read a message on ${subject}: ${error}`);
            }
          },
        });
      hear("chat.lines", (line: Line) => this.#hear(line));
      hear(`chat.missed.${this.id}`, (from: number, respond) => {
        const first = from - (this.#count - this.#said.length);
        respond(this.#said.slice(first, first + PAGE));
      });
      hear("chat.alive", ({ node, count }: { node: string; count: number }) => {
        const peer = this.#peer(node, count);
        // If we have not heard ourselves for a while, it is we who were cut off: silences begin anew.
        if (node === this.id && currentTime() - peer.heard > 2 * BEAT) this.#since = currentTime();
        peer.heard = currentTime();
        if (!peer.here) this.#log(`${node} is here`);
        peer.here = true;
        if (count > peer.next && !peer.asking) nursery.startSoon(() => this.#repair(node, peer), { daemon: true });
      });
      while (true) {
        this.#nats.publish("chat.alive", JSON.stringify({ node: this.id, count: this.#count }));
        await sleep(BEAT);
        if (currentTime() - (this.#peers.get(this.id)?.heard ?? 0) > 2 * BEAT) continue;
        for (const [node, peer] of this.#peers) {
          if (!peer.here || currentTime() - Math.max(peer.heard, this.#since) <= SILENCE) continue;
          peer.here = false;
          this.#log(`${node} has left`);
        }
      }
    }, { name: "chat node" });
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
        for await (const text of client.lines({ max: 4_096 })) this.#say(room, `${name}: ${text}`);
      });
    } catch (error) {
      if (isCancelled(error)) throw error;
      this.#log(`${name} is gone: ${error}`);
    } finally {
      this.#clients.delete(send);
    }
  }

  #say(room: string, text: string): void {
    const line = { node: this.id, n: this.#count++, room, text };
    this.#said.push(line);
    if (this.#said.length > MAX_KEPT) this.#said.shift();
    this.#tell(line);
    this.#nats.publish("chat.lines", JSON.stringify(line));
  }

  #tell({ room, text }: Line): void {
    for (const [client, where] of this.#clients) {
      // One that does not read must not fill the memory of all.
      if (where === room && !client.trySend(text)) client.close();
    }
  }

  #peer(node: string, next: number): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      this.#peers.set(node, peer = { next, early: new Map(), heard: currentTime(), here: false, asking: false });
    }
    return peer;
  }

  /** A line of whoever, also again, and out of order. */
  #hear(line: Line): void {
    if (line.node === this.id) return;
    const peer = this.#peer(line.node, line.n);
    if (line.n >= peer.next) peer.early.set(line.n, line);
    for (let next = peer.early.get(peer.next); next !== undefined; next = peer.early.get(peer.next)) {
      peer.early.delete(peer.next++);
      this.#tell(next);
    }
  }

  /** Asks another one for what it has said and we have not heard. */
  async #repair(node: string, peer: Peer): Promise<void> {
    peer.asking = true;
    try {
      const asked = this.#nats.request(`chat.missed.${node}`, String(peer.next), { timeout: 2 * SILENCE });
      const lines = (await failAfter(SILENCE, () => reply(asked, "missed lines"))).json<Line[]>();
      this.#log(`heard ${lines.length} lines of ${node} late`);
      for (const line of lines) this.#hear(line);
    } catch (error) {
      if (isCancelled(error)) throw error;
      // With its next sign of life we ask again.
    } finally {
      peer.asking = false;
    }
  }
}

/** A process of the chat: serves clients on a port. */
export async function chatProcess(port: number, options: NatsOptions, ready = (_id: string) => {}): Promise<void> {
  await openNursery(async (nursery) => {
    const node = new ChatNode(await openNats(nursery, options), options.log);
    nursery.startSoon(() => node.run(), { daemon: true });
    nursery.startSoon(() => serveTcp((stream) => node.serve(stream), { port, onHandlerError: () => {} }));
    ready(node.id);
  });
}

if (import.meta.main) {
  const options = { servers: Deno.env.get("NATS") ?? "127.0.0.1:4222", log: console.error };
  await run(() => chatProcess(Number(Deno.args[0] ?? 7001), options, (id) => console.log(`${id} is ready`)), {
    grace: 2_000,
  });
}
