/**
 * A NATS server in memory, for simulations: as much of nats-server 2.9 as the npm clients use, with JetStream.
 *
 * It speaks the protocol over whatever network the run has, so the clients are the real ones, and what breaks between them
 * and the server is that network. Its clock is that of the run. The suite in `_protocol_cases.ts` passes against this one and
 * against the real one.
 *
 * What it does better than the real one: all that it has confirmed is on its disk (`Store`), whatever happens. What it leaves
 * out: clusters, accounts, TLS, and all that its parts in `natsd/` say.
 */

import {
  BrokenResourceError,
  moveOnAfter,
  type Nursery,
  openNursery,
  type SocketStream,
  type TaskStatus,
  tcpServer,
} from "@trefoil/io";
import { ParkingLot } from "@trefoil/io/lowlevel";
import { Alarms } from "./natsd/alarms.ts";
import { JetStream, Store } from "./natsd/jetstream.ts";
import { Interest, isFilter, isLiteral, matches } from "./natsd/subjects.ts";
import {
  concat,
  type ConnectOptions,
  EMPTY,
  type Frame,
  FrameParser,
  headersOf,
  type Message,
  messageTo,
  WireError,
} from "./natsd/wire.ts";

export { Store };

/** Options of `natsd()`. */
export interface NatsdOptions {
  /** The port; 4222 by default, and any free one with 0. */
  readonly port?: number;
  readonly hostname?: string;
  /** What outlives the server; a new one by default. Give it, and a server that crashes finds it again. */
  readonly store?: Store;
  /** How often clients are asked whether they are there, in milliseconds: 120,000 by default. */
  readonly pingInterval?: number;
  /** How much may wait for a client that does not read, in bytes, before it is hung up on: 64 MiB by default. */
  readonly maxPending?: number;
  /** How large a message may be, in bytes: 1 MiB by default. */
  readonly maxPayload?: number;
}

/** How often a client may not answer before it is hung up on. */
const MAX_PINGS_OUT = 2;
const encoder = new TextEncoder();

/** Makes a server, which serves until it is cancelled. With `nursery.start()` it says its port. */
export function natsd(options: NatsdOptions = {}): (status?: TaskStatus<number>) => Promise<void> {
  const { port = 4222, store = new Store() } = options;
  return async (status) => {
    const server = new Natsd(store, options);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => server.alarms.run(), { name: "alarms", daemon: true });
      const where = options.hostname === undefined ? { port } : { port, hostname: options.hostname };
      const [address] = await nursery.start(tcpServer((stream) => server.serve(stream), where));
      status?.started(address.port);
    }, { name: "natsd" });
  };
}

/** A subscription of a client. */
interface Subscription {
  readonly owner: Connection;
  readonly sid: string;
  readonly subject: string;
  readonly queue: string;
  /** After how many messages it ends; 0 for never. */
  max: number;
  sent: number;
}

class Natsd {
  readonly alarms = new Alarms();
  readonly jetstream: JetStream;
  readonly #options: NatsdOptions;
  readonly #interest = new Interest<Subscription>();
  #clients = 0;

  constructor(store: Store, options: NatsdOptions) {
    this.#options = options;
    this.jetstream = new JetStream(store, {
      route: (message, to) => this.route(message, { to }),
      hasInterest: (subject) => this.#interest.find(subject).length > 0,
      after: (ms, ring) => this.alarms.after(ms, ring),
    });
  }

  async serve(stream: SocketStream): Promise<void> {
    const id = ++this.#clients;
    try {
      await openNursery(async (nursery) => {
        const { maxPayload = 1_048_576 } = this.#options;
        const connection = new Connection(this, stream, { ...this.#options, id, nursery, maxPayload });
        nursery.startSoon(() => connection.write(), { name: "write", daemon: true });
        try {
          await connection.read();
        } finally {
          connection.forget();
        }
      }, { name: `client ${id}` });
    } catch (error) {
      // A client that is gone is nothing special.
      const errors = error instanceof AggregateError ? error.errors : [error];
      if (!errors.every((each) => each instanceof BrokenResourceError)) throw error;
    }
  }

  subscribe(subscription: Subscription): void {
    this.#interest.add(subscription.subject, subscription);
    this.jetstream.subscribed(subscription.subject);
  }

  unsubscribe(subscription: Subscription): void {
    this.#interest.delete(subscription.subject, subscription);
  }

  /** Sends a message to all who want it; says to how many. */
  route(
    message: Message,
    { to = message.subject, from = null }: { to?: string | undefined; from?: Connection | null } = {},
  ): number {
    let count = 0;
    const groups = new Map<string, Subscription[]>();
    for (const subscription of this.#interest.find(to)) {
      if (subscription.owner === from && !from.wantsEcho) continue;
      if (subscription.queue === "") {
        subscription.owner.deliver(subscription, message);
        count++;
        continue;
      }
      const group = groups.get(subscription.queue);
      if (group === undefined) groups.set(subscription.queue, [subscription]);
      else group.push(subscription);
    }
    for (const group of groups.values()) {
      const chosen = group[Math.floor(Math.random() * group.length)]!;
      chosen.owner.deliver(chosen, message);
      count++;
    }
    return count;
  }
}

interface ConnectionOptions extends NatsdOptions {
  readonly id: number;
  readonly nursery: Nursery;
  readonly maxPayload: number;
}

/** A client, and what waits to be sent to it. */
class Connection {
  readonly #server: Natsd;
  readonly #stream: SocketStream;
  readonly #options: ConnectionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #more = new ParkingLot({ name: "something to send" });
  readonly #sent = new ParkingLot({ name: "all sent" });
  /** What the real one takes for granted until the client says otherwise. */
  #client: ConnectOptions = { verbose: true, pedantic: true };
  #waiting: Uint8Array[] = [];
  #size = 0;
  #isSending = false;
  #pingsOut = 0;
  #callOff: (() => void) | null = null;

  constructor(server: Natsd, stream: SocketStream, options: ConnectionOptions) {
    this.#server = server;
    this.#stream = stream;
    this.#options = options;
  }

  get wantsEcho(): boolean {
    return this.#client.echo ?? true;
  }

  /** Reads what the client says, until it hangs up or says what it must not. */
  async read(): Promise<void> {
    const { id, maxPayload } = this.#options;
    const info = {
      server_id: "IN_MEMORY",
      server_name: "IN_MEMORY",
      version: "2.9.10",
      proto: 1,
      go: "go1.19.4",
      host: "0.0.0.0",
      port: this.#options.port ?? 4222,
      headers: true,
      max_payload: maxPayload,
      jetstream: true,
      client_id: id,
    };
    this.#say(`INFO ${JSON.stringify(info)} \r\n`);
    this.#ask();
    const parser = new FrameParser(maxPayload);
    try {
      for await (const chunk of this.#stream) {
        for (const frame of parser.feed(chunk)) this.#obey(frame);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.said === "") return;
      this.#say(`-ERR '${error.said}'\r\n`);
      await moveOnAfter(1_000, async () => {
        while (this.#waiting.length > 0 || this.#isSending) await this.#sent.park();
      });
    }
  }

  /** Sends what waits, all of it at once. */
  async write(): Promise<never> {
    while (true) {
      if (this.#waiting.length === 0) {
        this.#sent.unparkAll();
        await this.#more.park();
      }
      const bytes = concat(this.#waiting);
      this.#waiting = [];
      this.#isSending = true;
      await this.#stream.sendAll(bytes);
      this.#isSending = false;
      this.#size -= bytes.length;
    }
  }

  deliver(subscription: Subscription, message: Message): void {
    subscription.sent++;
    if (subscription.max > 0 && subscription.sent >= subscription.max) this.#drop(subscription);
    this.#push(messageTo(subscription.sid, message));
  }

  /** The client is gone. */
  forget(): void {
    this.#callOff?.();
    for (const subscription of [...this.#subscriptions.values()]) this.#drop(subscription);
  }

  #obey(frame: Frame): void {
    switch (frame.verb) {
      case "CONNECT":
        this.#client = frame.options;
        return this.#ok();
      case "PING":
        return this.#say("PONG\r\n");
      case "PONG":
        this.#pingsOut = 0;
        return;
      case "SUB": {
        const { subject, queue, sid } = frame;
        if (!isFilter(subject)) return this.#say("-ERR 'Invalid Subject'\r\n");
        if (!this.#subscriptions.has(sid)) {
          const subscription = { owner: this, sid, subject, queue, max: 0, sent: 0 };
          this.#subscriptions.set(sid, subscription);
          this.#server.subscribe(subscription);
        }
        return this.#ok();
      }
      case "UNSUB": {
        const subscription = this.#subscriptions.get(frame.sid);
        if (subscription !== undefined) {
          subscription.max = frame.max;
          if (frame.max === 0 || subscription.sent >= frame.max) this.#drop(subscription);
        }
        return this.#ok();
      }
      case "PUB":
        if (this.#client.pedantic && !isLiteral(frame.subject)) this.#say("-ERR 'Invalid Publish Subject'\r\n");
        this.#ok();
        return this.#publish(frame);
    }
  }

  #publish(message: Message): void {
    const taken = this.#server.jetstream.take(message);
    const count = this.#server.route(message, { from: this });
    if (taken || count > 0 || message.reply === "" || !this.#client.no_responders) return;
    for (const subscription of this.#subscriptions.values()) {
      if (!matches(subscription.subject, message.reply)) continue;
      this.deliver(subscription, { subject: message.reply, reply: "", headers: headersOf("503"), payload: EMPTY });
      return;
    }
  }

  #drop(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.sid);
    this.#server.unsubscribe(subscription);
  }

  #ok(): void {
    if (this.#client.verbose) this.#say("+OK\r\n");
  }

  #say(text: string): void {
    this.#push([encoder.encode(text)]);
  }

  #push(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.#waiting.push(chunk);
      this.#size += chunk.length;
    }
    const { maxPending = 67_108_864, nursery } = this.#options;
    // A client that does not read must not fill the memory: as the real one, hangs up without a word.
    if (this.#size > maxPending) nursery.cancel("slow consumer");
    else this.#more.unparkAll();
  }

  /** Asks whether the client is there, now and then; hangs up if it does not answer. */
  #ask(): void {
    const { pingInterval = 120_000, nursery } = this.#options;
    this.#callOff = this.#server.alarms.after(pingInterval, () => {
      if (this.#pingsOut >= MAX_PINGS_OUT) return nursery.cancel("stale connection");
      this.#pingsOut++;
      this.#say("PING\r\n");
      this.#ask();
    });
  }
}
