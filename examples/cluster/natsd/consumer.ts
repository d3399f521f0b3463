/**
 * A consumer of JetStream: it knows which messages of its stream were given to somebody, and which are done. What is not
 * done in time is given again.
 *
 * Over 400 lines, as who waits, what is out and what must be given again are one machine: each decides on the others.
 */

import { EMPTY, headersOf, type Message, withHeaders } from "./wire.ts";
import { type Host, NANOS, type Stored, type Stream } from "./stream.ts";
import { matches } from "./subjects.ts";

/** What a consumer is like: as in the real one, with times in nanoseconds. */
export interface ConsumerConfig {
  readonly name?: string;
  readonly durable_name?: string;
  readonly deliver_subject?: string;
  readonly deliver_policy: "all" | "last" | "new" | "by_start_sequence" | "by_start_time" | "last_per_subject";
  readonly opt_start_seq?: number;
  readonly opt_start_time?: string;
  readonly ack_policy: "none" | "all" | "explicit";
  readonly ack_wait?: number;
  readonly max_deliver: number;
  readonly backoff?: readonly number[];
  readonly filter_subject?: string;
  readonly replay_policy: "instant" | "original";
  readonly max_ack_pending?: number;
  readonly max_waiting?: number;
  readonly headers_only?: boolean;
  readonly flow_control?: boolean;
  readonly idle_heartbeat?: number;
  readonly inactive_threshold?: number;
  readonly num_replicas: number;
  readonly max_batch?: number;
  readonly max_expires?: number;
}

/** Somebody who waits for messages. */
interface Pull {
  readonly inbox: string;
  left: number;
  leftBytes: number;
  readonly noWait: boolean;
  /** Call off its end, and its next heartbeat. */
  expiry: () => void;
  beat: () => void;
  /** When it got something, for its heartbeats. */
  served: number;
}

/** A message that was given to somebody, and is not done. */
interface Given {
  readonly dseq: number;
  /** Until when it must be done. */
  until: number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const nothing = (): void => {};

export class Consumer {
  readonly name: string;
  config: ConsumerConfig;
  readonly created: string = new Date().toISOString();
  readonly #stream: Stream;
  #host: Host;
  /** From where it goes on. */
  #next: number;
  #deliveredSeq = 0;
  #deliveredStreamSeq: number;
  #floor = { consumer_seq: 0, stream_seq: 0 };
  readonly #given = new Map<number, Given>();
  /** How often a message was given to somebody. */
  readonly #times = new Map<number, number>();
  /** What has to be given again, in this order. */
  #again: number[] = [];
  /** Only these, in this order, before all that comes later. */
  #chosen: number[] | null = null;
  #pulls: Pull[] = [];
  /** How many messages were not given to anybody yet. */
  #pending = 0;
  #callOff: (() => void) | null = null;
  #idleSince = Date.now();
  #isPumping = false;

  constructor(name: string, config: ConsumerConfig, { stream, host }: { stream: Stream; host: Host }) {
    this.name = name;
    this.config = config;
    this.#stream = stream;
    this.#host = host;
    this.#next = this.#start();
    this.#deliveredStreamSeq = Math.min(this.#next - 1, stream.lastSeq);
    this.#floor.stream_seq = this.#deliveredStreamSeq;
    for (const message of stream.messages.values()) if (this.#isAhead(message)) this.#pending++;
    this.#watchIdle();
    if (config.deliver_subject !== undefined) this.#beat();
  }

  get isDurable(): boolean {
    return this.config.durable_name !== undefined && this.config.durable_name !== "";
  }

  /** The server was started again. Nobody waits any more; what was given is due as before. */
  revive(host: Host): void {
    this.#host = host;
    this.#pulls = [];
    this.#callOff = null;
    this.#isPumping = false;
    this.#watchIdle();
    this.#watchGiven();
    if (this.config.deliver_subject !== undefined) this.#beat();
  }

  takes(subject: string): boolean {
    return matches(this.config.filter_subject || ">", subject);
  }

  /** Whether it has not done with a message. */
  awaits(seq: number): boolean {
    return this.#given.has(seq) || seq >= this.#next || (this.#chosen?.includes(seq) ?? false);
  }

  stored(message: Stored): void {
    if (!this.takes(message.subject)) return;
    this.#pending++;
    this.pump();
  }

  removed(message: Stored): void {
    if (this.#isAhead(message)) this.#pending--;
    if (this.#given.delete(message.seq)) this.#moveFloor();
    this.#times.delete(message.seq);
  }

  /** Somebody waits for messages: `CONSUMER.MSG.NEXT`. */
  pull(message: Message): void {
    const { reply: inbox } = message;
    const say = (status: string) => void this.#say(inbox, headersOf(status));
    if (this.config.deliver_subject !== undefined) return say("409 Consumer is push based");
    const text = decoder.decode(message.payload).trim();
    let asked: { batch?: number; expires?: number; no_wait?: boolean; max_bytes?: number; idle_heartbeat?: number } =
      {};
    try {
      if (text.startsWith("{")) asked = JSON.parse(text);
      else if (/^\d+$/.test(text)) asked = { batch: Number(text) };
    } catch {
      return say("400 Bad Request");
    }
    const { batch = 1, expires = 0, no_wait = false, max_bytes = 0, idle_heartbeat = 0 } = asked;
    const { max_batch = 0, max_expires = 0, max_waiting = 512 } = this.config;
    if (max_batch > 0 && batch > max_batch) return say(`409 Exceeded MaxRequestBatch of ${max_batch}`);
    if (max_expires > 0 && expires > max_expires) return say(`409 Exceeded MaxRequestExpires of ${max_expires / 1e9}s`);
    if (idle_heartbeat > 0 && idle_heartbeat * 2 > expires) return say("400 Bad Request - heartbeat value too large");
    this.#pulls = this.#pulls.filter((pull) => this.#isWanted(pull));
    if (this.#pulls.length >= max_waiting) return say("409 Exceeded MaxWaiting");
    const noWait = no_wait && expires === 0;
    if (noWait && this.#pulls.length > 0) return say("408 Requests Pending");
    if (noWait && !this.#hasMore) return say("404 No Messages");
    const pull: Pull = {
      inbox,
      left: batch < 1 ? 1 : batch,
      leftBytes: max_bytes || Infinity,
      noWait,
      expiry: nothing,
      beat: nothing,
      served: Date.now(),
    };
    this.#pulls.push(pull);
    if (expires > 0) {
      pull.expiry = this.#host.after(expires / NANOS, () => this.#endPull(pull, "408 Request Timeout"));
    }
    if (idle_heartbeat > 0) this.#beatPull(pull, idle_heartbeat / NANOS);
    this.pump();
  }

  /** What whoever was given a message says about it: to `$JS.ACK.…`. */
  ack(sseq: number, count: number, message: Message): void {
    const said = decoder.decode(message.payload);
    const given = this.#given.get(sseq);
    if (said === "" || said.startsWith("+ACK") || said.startsWith("+NXT")) this.#done(sseq);
    else if (said.startsWith("+TERM")) {
      if (given !== undefined) this.#advise("TERMINATED", "terminated", { stream_seq: sseq, consumer_seq: given.dseq });
      this.#done(sseq);
    } else if (given !== undefined && said.startsWith("+WPI")) {
      given.until = Date.now() + this.#patience(sseq);
      this.#again = this.#again.filter((seq) => seq !== sseq);
      this.#watchGiven();
    } else if (given !== undefined && said.startsWith("-NAK") && this.#times.get(sseq) === count) {
      const delay = delayOf(said.slice("-NAK".length));
      if (delay > 0) {
        given.until = Date.now() + delay;
        this.#watchGiven();
      } else if (!this.#again.includes(sseq)) this.#again.push(sseq);
    }
    if (message.reply !== "") this.#say(message.reply, null);
    this.pump();
    if (said.startsWith("+NXT")) {
      this.pull({ ...message, payload: encoder.encode(said.slice("+NXT".length)) });
    }
  }

  /** Gives what there is to whoever waits. */
  pump(): void {
    // Whoever is given something may be a stream, which tells its consumers.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#giveOne());
      // What is held back, as too many are out, is waited for all the same.
      if (this.#hasMore) return;
      for (const pull of this.#pulls.filter(({ noWait }) => noWait)) this.#endPull(pull, "408 Request Timeout");
    } finally {
      this.#isPumping = false;
    }
  }

  end(): void {
    this.#callOff?.();
    for (const pull of [...this.#pulls]) this.#endPull(pull, "409 Consumer Deleted");
  }

  info(): Record<string, unknown> {
    this.#pulls = this.#pulls.filter((pull) => this.#isWanted(pull));
    return {
      stream_name: this.#stream.config.name,
      name: this.name,
      created: this.created,
      config: this.config,
      delivered: { consumer_seq: this.#deliveredSeq, stream_seq: this.#deliveredStreamSeq },
      ack_floor: this.#floor,
      num_ack_pending: this.#given.size,
      num_redelivered: [...this.#times].filter(([seq, times]) => times > 1 && this.#given.has(seq)).length,
      num_waiting: this.#pulls.length,
      num_pending: this.#pending,
      ...this.config.deliver_subject === undefined
        ? undefined
        : { push_bound: this.#host.hasInterest(this.config.deliver_subject) },
    };
  }

  /** The number of the first message that it gives. */
  #start(): number {
    const { deliver_policy, opt_start_seq = 1, opt_start_time = "", filter_subject = ">" } = this.config;
    const stream = this.#stream;
    switch (deliver_policy) {
      case "new":
        return stream.lastSeq + 1;
      case "last":
        return stream.last(filter_subject)?.seq ?? stream.lastSeq + 1;
      case "by_start_sequence":
        return opt_start_seq;
      case "by_start_time": {
        const since = Date.parse(opt_start_time);
        for (const { seq, time } of stream.messages.values()) if (time >= since) return seq;
        return stream.lastSeq + 1;
      }
      case "last_per_subject":
        this.#chosen = stream.lastOfEach(filter_subject);
        return stream.lastSeq + 1;
      default:
        return stream.firstSeq;
    }
  }

  /** Whether a message was not given to anybody yet, and will be. */
  #isAhead({ seq, subject }: Stored): boolean {
    return (seq >= this.#next && this.takes(subject)) || (this.#chosen?.includes(seq) ?? false);
  }

  /** Whether there is something to be given, now or when more are done. */
  get #hasMore(): boolean {
    return this.#pending > 0 || this.#again.length > 0;
  }

  /** Whether whoever waits is still there. */
  #isWanted({ inbox, left }: Pull): boolean {
    return left > 0 && this.#host.hasInterest(inbox);
  }

  /** Gives one message to one who waits; says whether it did. */
  #giveOne(): boolean {
    const { deliver_subject } = this.config;
    let inbox = deliver_subject;
    let pull: Pull | undefined;
    if (inbox === undefined) {
      while ((pull = this.#pulls[0]) !== undefined && !this.#isWanted(pull)) this.#dropPull(pull);
      if (pull === undefined) return false;
      ({ inbox } = pull);
    } else if (!this.#host.hasInterest(inbox)) return false;
    const message = this.#take();
    if (message === undefined) return false;
    if (pull !== undefined) {
      const size = message.subject.length + message.payload.length + (message.headers?.length ?? 0) + inbox.length;
      if (size > pull.leftBytes) {
        this.#putBack(message.seq);
        this.#endPull(pull, "409 Message Size Exceeds MaxBytes");
        return true;
      }
      pull.leftBytes -= size;
      pull.left--;
      pull.served = Date.now();
      // In turns: each gets one, and stands behind the others again.
      this.#pulls.shift();
      if (pull.left > 0) this.#pulls.push(pull);
      else this.#dropPull(pull);
    }
    this.#give(message, inbox);
    return true;
  }

  /** The next message to be given, if there is one and it may be given. */
  #take(): Stored | undefined {
    while (this.#again.length > 0) {
      const seq = this.#again.shift()!;
      const message = this.#stream.messages.get(seq);
      const given = this.#given.get(seq);
      if (message === undefined || given === undefined) continue;
      const times = this.#times.get(seq) ?? 0;
      if (this.config.max_deliver > 0 && times >= this.config.max_deliver) {
        this.#given.delete(seq);
        this.#moveFloor();
        this.#advise("MAX_DELIVERIES", "max_deliver", { stream_seq: seq, deliveries: times });
        continue;
      }
      return message;
    }
    const { ack_policy, max_ack_pending = 0, filter_subject = ">" } = this.config;
    if (ack_policy !== "none" && max_ack_pending > 0 && this.#given.size >= max_ack_pending) return undefined;
    while (this.#chosen !== null) {
      const seq = this.#chosen.shift();
      if (seq === undefined) this.#chosen = null;
      else {
        const message = this.#stream.messages.get(seq);
        if (message === undefined) continue;
        this.#pending--;
        return message;
      }
    }
    if (this.#pending <= 0) return undefined;
    const message = this.#stream.next(this.#next, filter_subject);
    if (message === undefined) return undefined;
    this.#next = message.seq + 1;
    this.#pending--;
    return message;
  }

  /** It was taken, and could not be given. */
  #putBack(seq: number): void {
    if (this.#given.has(seq)) this.#again.unshift(seq);
    else {
      this.#next = seq;
      this.#pending++;
    }
  }

  #give(message: Stored, inbox: string): void {
    const { config } = this;
    const { seq } = message;
    const times = (this.#times.get(seq) ?? 0) + 1;
    const dseq = ++this.#deliveredSeq;
    this.#deliveredStreamSeq = Math.max(seq, this.#deliveredStreamSeq);
    if (config.ack_policy === "none") this.#floor = { consumer_seq: dseq, stream_seq: seq };
    else {
      this.#times.set(seq, times);
      this.#given.set(seq, { dseq: this.#given.get(seq)?.dseq ?? dseq, until: Date.now() + this.#patience(seq) });
      this.#watchGiven();
    }
    const stream = this.#stream.config.name;
    const reply = ["$JS.ACK", stream, this.name, times, seq, dseq, `${message.time}000000`, this.#pending].join(".");
    const headers = config.headers_only
      ? withHeaders(message.headers, { "Nats-Msg-Size": message.payload.length })
      : message.headers;
    const payload = config.headers_only ? EMPTY : message.payload;
    this.#host.route({ subject: message.subject, reply, headers, payload }, inbox);
    if (config.ack_policy === "none") this.#stream.acknowledged(seq);
  }

  #done(sseq: number): void {
    const seqs = this.config.ack_policy === "all" ? [...this.#given.keys()].filter((seq) => seq <= sseq) : [sseq];
    for (const seq of seqs) {
      if (!this.#given.delete(seq)) continue;
      this.#times.delete(seq);
      this.#moveFloor();
      this.#stream.acknowledged(seq);
    }
  }

  #moveFloor(): void {
    let dseq = this.#deliveredSeq + 1;
    let sseq = this.#deliveredStreamSeq + 1;
    for (const [seq, given] of this.#given) {
      dseq = Math.min(dseq, given.dseq);
      sseq = Math.min(sseq, seq);
    }
    this.#floor = { consumer_seq: dseq - 1, stream_seq: sseq - 1 };
  }

  /** How long somebody may take for a message, in milliseconds. */
  #patience(seq: number): number {
    const { backoff = [], ack_wait = 30_000 * NANOS } = this.config;
    if (backoff.length === 0) return ack_wait / NANOS;
    return backoff[Math.min((this.#times.get(seq) ?? 1) - 1, backoff.length - 1)]! / NANOS;
  }

  /** Rings when the next message is due that is not done. */
  #watchGiven(): void {
    this.#callOff?.();
    this.#callOff = null;
    let first = Infinity;
    for (const [seq, { until }] of this.#given) if (!this.#again.includes(seq)) first = Math.min(first, until);
    if (first === Infinity) return;
    this.#callOff = this.#host.after(Math.max(0, first - Date.now()), () => {
      for (const [seq, { until }] of this.#given) {
        if (until <= Date.now() && !this.#again.includes(seq)) this.#again.push(seq);
      }
      this.#watchGiven();
      this.pump();
    });
  }

  /** Tells whoever waits that the server is there, while it has nothing for them. */
  #beatPull(pull: Pull, every: number): void {
    pull.beat = this.#host.after(Math.max(0, pull.served + every - Date.now()), () => {
      if (pull.served + every <= Date.now()) {
        pull.served = Date.now();
        this.#say(pull.inbox, this.#heartbeat());
      }
      this.#beatPull(pull, every);
    });
  }

  #beat(): void {
    const { idle_heartbeat = 0, deliver_subject } = this.config;
    if (idle_heartbeat === 0) return;
    let seen = this.#deliveredSeq;
    this.#host.after(idle_heartbeat / NANOS, () => {
      if (this.#stream.consumers.get(this.name) !== this) return;
      if (seen === this.#deliveredSeq) this.#say(deliver_subject!, this.#heartbeat());
      seen = this.#deliveredSeq;
      this.#beat();
    });
  }

  #heartbeat(): Uint8Array {
    return headersOf("100 Idle Heartbeat", {
      "Nats-Last-Consumer": this.#deliveredSeq,
      "Nats-Last-Stream": this.#deliveredStreamSeq,
    });
  }

  /** Ends a consumer that nobody has used for a while. */
  #watchIdle(): void {
    const threshold = (this.config.inactive_threshold ?? (this.isDurable ? 0 : 5_000 * NANOS)) / NANOS;
    if (threshold === 0) return;
    this.#idleSince = Date.now();
    const look = (): void => {
      if (this.#stream.consumers.get(this.name) !== this) return;
      const { deliver_subject } = this.config;
      const isUsed = deliver_subject === undefined
        ? this.#pulls.some((pull) => this.#isWanted(pull))
        : this.#host.hasInterest(deliver_subject);
      if (isUsed) this.#idleSince = Date.now();
      if (Date.now() - this.#idleSince >= threshold) this.#stream.removeConsumer(this.name);
      else this.#host.after(threshold / 4, look);
    };
    this.#host.after(threshold / 4, look);
  }

  #endPull(pull: Pull, status: string): void {
    this.#dropPull(pull);
    const left = status.startsWith("408")
      ? { "Nats-Pending-Messages": pull.left, "Nats-Pending-Bytes": pull.leftBytes === Infinity ? 0 : pull.leftBytes }
      : {};
    this.#say(pull.inbox, headersOf(status, left));
  }

  #dropPull(pull: Pull): void {
    this.#pulls = this.#pulls.filter((each) => each !== pull);
    pull.expiry();
    pull.beat();
  }

  #say(subject: string, headers: Uint8Array | null): void {
    this.#host.route({ subject, reply: "", headers, payload: EMPTY });
  }

  #advise(kind: string, type: string, about: Readonly<Record<string, unknown>>): void {
    const stream = this.#stream.config.name;
    const advisory = {
      type: `io.nats.jetstream.advisory.v1.${type}`,
      timestamp: new Date().toISOString(),
      stream,
      consumer: this.name,
      ...about,
    };
    this.#host.route({
      subject: `$JS.EVENT.ADVISORY.CONSUMER.${kind === "TERMINATED" ? "MSG_TERMINATED" : kind}.${stream}.${this.name}`,
      reply: "",
      headers: null,
      payload: encoder.encode(JSON.stringify(advisory)),
    });
  }
}

/** How long to wait before a message is given again, in milliseconds, as whoever refused it says. */
function delayOf(text: string): number {
  const said = text.trim();
  if (said === "") return 0;
  if (said.startsWith("{")) return ((JSON.parse(said) as { delay?: number }).delay ?? 0) / NANOS;
  const [, number = "0", unit = "ns"] = /^([\d.]+)(ns|us|ms|s|m|h)$/.exec(said) ?? [];
  return Number(number) * ({ ns: 1e-6, us: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 } as Record<string, number>)[unit]!;
}
