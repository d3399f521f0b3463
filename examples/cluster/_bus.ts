/**
 * What several processes tell each other over NATS, such that those who live hear all of it, once, and in the order in which
 * each has said it.
 *
 * NATS itself promises nothing: what is published while it is away is gone. So each process numbers what it says, tells the
 * others again and again how far it is, and is asked for what is missing. That goes on as long as it lives: who is cut off
 * for a while is not forgotten meanwhile.
 */

import type { NatsConnection } from "@nats-io/transport-node";
import { currentTime, failAfter, isCancelled, openNursery, sleep } from "@trefoil/io";
import { reply } from "./_nats.ts";

/** Something that was said, the n-th of its process. */
interface Said<T> {
  readonly node: string;
  readonly n: number;
  readonly what: T;
}

/** Another process. */
interface Peer<T> {
  /** The number of what is wanted next. */
  next: number;
  /** What came too early, by its number. */
  readonly early: Map<number, T>;
  heard: number;
  here: boolean;
  asking: boolean;
}

/** How often a process says that it is there, in milliseconds, and after how long a silence it is gone. */
const BEAT = 200;
const SILENCE = 5 * BEAT;
/** How much a process keeps for those who have missed it, and how much it gives at a time. */
const MAX_KEPT = 100_000;
const PAGE = 500;

/** What a bus tells. */
export interface BusOptions<T> {
  /** What is said on other buses is not heard. */
  readonly name: string;
  /** Is told what others say. */
  readonly heard: (what: T) => void;
  /** Is told who comes and goes, and what goes wrong. */
  readonly log?: (line: string) => void;
}

export class Bus<T> {
  readonly id: string = crypto.randomUUID();
  readonly #nats: NatsConnection;
  readonly #options: BusOptions<T>;
  readonly #peers = new Map<string, Peer<T>>();
  readonly #said: Said<T>[] = [];
  #count = 0;
  /** Since when it has heard itself. */
  #since = 0;

  constructor(nats: NatsConnection, options: BusOptions<T>) {
    this.#nats = nats;
    this.#options = options;
  }

  /** Tells all others. */
  say(what: T): void {
    const said = { node: this.id, n: this.#count++, what };
    this.#said.push(said);
    if (this.#said.length > MAX_KEPT) this.#said.shift();
    this.#nats.publish(`${this.#options.name}.said`, JSON.stringify(said));
  }

  /** Listens until cancelled. */
  async run(): Promise<void> {
    const { name } = this.#options;
    await openNursery(async (nursery) => {
      this.#listen("said", (said: Said<T>) => this.#hear(said));
      this.#listen(`missed.${this.id}`, (from: number, respond) => {
        const first = from - (this.#count - this.#said.length);
        respond(this.#said.slice(first, first + PAGE));
      });
      this.#listen("alive", ({ node, count }: { node: string; count: number }) => {
        const peer = this.#peer(node, count);
        // If we have not heard ourselves for a while, it is we who were cut off: silences begin anew.
        if (node === this.id && currentTime() - peer.heard > 2 * BEAT) this.#since = currentTime();
        peer.heard = currentTime();
        if (!peer.here) this.#log(`${node} is here`);
        peer.here = true;
        const mustAsk = count > peer.next && !peer.asking && node !== this.id;
        if (mustAsk) nursery.startSoon(() => this.#repair(node, peer), { daemon: true });
      });
      while (true) {
        this.#nats.publish(`${name}.alive`, JSON.stringify({ node: this.id, count: this.#count }));
        await sleep(BEAT);
        this.#notice();
      }
    }, { name: `bus ${name}` });
  }

  #listen(subject: string, what: (data: never, respond: (answer: unknown) => void) => void): void {
    this.#nats.subscribe(`${this.#options.name}.${subject}`, {
      callback: (_error, m) => {
        try {
          what(m.json() as never, (answer) => m.respond(JSON.stringify(answer)));
        } catch (error) {
          this.#log(`cannot read a message on ${m.subject}: ${error}`);
        }
      },
    });
  }

  /** Tells who has left: who is silent while we hear ourselves. */
  #notice(): void {
    if (currentTime() - (this.#peers.get(this.id)?.heard ?? 0) > 2 * BEAT) return;
    for (const [node, peer] of this.#peers) {
      if (!peer.here || currentTime() - Math.max(peer.heard, this.#since) <= SILENCE) continue;
      peer.here = false;
      this.#log(`${node} has left`);
    }
  }

  #peer(node: string, next: number): Peer<T> {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      this.#peers.set(node, peer = { next, early: new Map(), heard: currentTime(), here: false, asking: false });
    }
    return peer;
  }

  /** Hears something, perhaps again, and perhaps too early. */
  #hear({ node, n, what }: Said<T>): void {
    if (node === this.id) return;
    const peer = this.#peer(node, n);
    if (n >= peer.next) peer.early.set(n, what);
    for (let next = peer.early.get(peer.next); next !== undefined; next = peer.early.get(peer.next)) {
      peer.early.delete(peer.next++);
      this.#options.heard(next);
    }
  }

  /** Asks another process for what it has said and we have not heard. */
  async #repair(node: string, peer: Peer<T>): Promise<void> {
    peer.asking = true;
    try {
      const subject = `${this.#options.name}.missed.${node}`;
      const asked = this.#nats.request(subject, String(peer.next), { timeout: 2 * SILENCE });
      const missed = (await failAfter(SILENCE, () => reply(asked, { label: "what was missed" }))).json<Said<T>[]>();
      this.#log(`heard ${missed.length} of ${node} late`);
      for (const said of missed) this.#hear(said);
    } catch (error) {
      // With its next sign of life we ask again.
      if (isCancelled(error)) throw error;
    } finally {
      peer.asking = false;
    }
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}
