/** A stream of JetStream: messages that stay, with numbers, until a limit or whoever has done with them takes them away. */

import type { Consumer } from "./consumer.ts";
import { matches } from "./subjects.ts";
import { type Message, parseHeaders, withHeaders } from "./wire.ts";

/** What a stream is like: as in the real one, with times in nanoseconds. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: "limits" | "interest" | "workqueue";
  readonly max_consumers: number;
  readonly max_msgs: number;
  readonly max_bytes: number;
  readonly max_age: number;
  readonly max_msgs_per_subject: number;
  readonly max_msg_size: number;
  readonly discard: "old" | "new";
  readonly discard_new_per_subject?: boolean;
  readonly storage: "file" | "memory";
  readonly num_replicas: number;
  readonly duplicate_window: number;
  readonly no_ack?: boolean;
  readonly sealed: boolean;
  readonly deny_delete: boolean;
  readonly deny_purge: boolean;
  readonly allow_rollup_hdrs: boolean;
  readonly allow_direct: boolean;
  readonly mirror_direct: boolean;
}

/** A message in a stream. */
export interface Stored extends Message {
  readonly seq: number;
  /** When it came, in milliseconds since 1970. */
  readonly time: number;
}

/** What the server tells whoever asked for something that cannot be done. */
export interface ApiError {
  readonly code: number;
  readonly err_code: number;
  readonly description: string;
}

/** What a stream needs of its server. */
export interface Host {
  /** Sends a message to all who have subscribed to its subject, or to another one; says to how many. */
  route(message: Message, to?: string): number;
  /** Whether somebody has subscribed to it. */
  hasInterest(subject: string): boolean;
  /** Calls a function later; returns one that calls it off. */
  after(ms: number, ring: () => void): () => void;
}

export const NANOS = 1_000_000;

export function apiError(code: number, err_code: number, description: string): { readonly error: ApiError } {
  return { error: { code, err_code, description } };
}

/** The numbers of the messages with a subject, in order. */
interface OfSubject {
  readonly seqs: Set<number>;
  last: number;
}

export class Stream {
  config: StreamConfig;
  readonly created: string = new Date().toISOString();
  readonly consumers: Map<string, Consumer> = new Map();
  readonly messages: Map<number, Stored> = new Map();
  firstSeq = 1;
  lastSeq = 0;
  bytes = 0;
  readonly #subjects = new Map<string, OfSubject>();
  /** Messages by the ids that their senders gave them, the oldest first. */
  readonly #known = new Map<string, { readonly seq: number; readonly until: number }>();
  #lastTime = 0;
  #lastId = "";
  #host: Host;
  #callOff: (() => void) | null = null;

  constructor(config: StreamConfig, host: Host) {
    this.config = config;
    this.#host = host;
  }

  /** The server was started again on what it had stored: goes on with what is durable. */
  revive(host: Host): void {
    this.#host = host;
    this.#callOff = null;
    for (const [name, consumer] of this.consumers) {
      if (consumer.isDurable) consumer.revive(host);
      else this.consumers.delete(name);
    }
    this.#expire();
  }

  /** Takes a message; gives what the sender is told. */
  publish(message: Message): Record<string, unknown> {
    const { config } = this;
    const fields = parseHeaders(message.headers);
    const refused = this.#refuses(message, fields);
    if (refused !== null) return { ...refused, stream: config.name, seq: 0 };
    const id = fields.get("Nats-Msg-Id");
    this.#forgetIds();
    const known = id === undefined ? undefined : this.#known.get(id);
    if (known !== undefined) return { stream: config.name, seq: known.seq, duplicate: true };
    const rollup = fields.get("Nats-Rollup");
    if (rollup === "all") this.purge({});
    if (rollup === "sub") this.purge({ filter: message.subject });
    const seq = ++this.lastSeq;
    this.#lastId = id ?? "";
    if (id !== undefined) this.#known.set(id, { seq, until: Date.now() + config.duplicate_window / NANOS });
    this.#lastTime = Date.now();
    const isWanted = config.retention !== "interest" ||
      [...this.consumers.values()].some((consumer) => consumer.takes(message.subject));
    if (isWanted) this.#store({ ...message, seq, time: this.#lastTime });
    else if (this.messages.size === 0) this.firstSeq = this.lastSeq + 1;
    return { stream: config.name, seq };
  }

  /** The last message with a subject, which may be a filter. */
  last(subject: string): Stored | undefined {
    let seq = this.#subjects.get(subject)?.last ?? 0;
    if (seq === 0 && /[*>]/.test(subject)) {
      for (const [each, { last }] of this.#subjects) if (last > seq && matches(subject, each)) seq = last;
    }
    return this.messages.get(seq);
  }

  /** The first message from a number on that a filter takes. */
  next(seq: number, filter: string): Stored | undefined {
    for (let n = Math.max(seq, this.firstSeq); n <= this.lastSeq; n++) {
      const message = this.messages.get(n);
      if (message !== undefined && matches(filter, message.subject)) return message;
    }
    return undefined;
  }

  /** The numbers of the last messages of all subjects that a filter takes, in order. */
  lastOfEach(filter: string): number[] {
    const seqs: number[] = [];
    for (const [subject, { last }] of this.#subjects) if (matches(filter, subject)) seqs.push(last);
    return seqs.sort((a, b) => a - b);
  }

  remove(seq: number): boolean {
    const message = this.messages.get(seq);
    if (message === undefined) return false;
    this.messages.delete(seq);
    this.bytes -= sizeOf(message);
    const of = this.#subjects.get(message.subject)!;
    of.seqs.delete(seq);
    if (of.seqs.size === 0) this.#subjects.delete(message.subject);
    else if (of.last === seq) of.last = Math.max(...of.seqs);
    for (const consumer of this.consumers.values()) consumer.removed(message);
    while (this.firstSeq <= this.lastSeq && !this.messages.has(this.firstSeq)) this.firstSeq++;
    return true;
  }

  /** Removes messages; says how many. */
  purge({ filter = ">", seq = Infinity, keep = 0 }: { filter?: string; seq?: number; keep?: number }): number {
    const all = [...this.messages.values()].filter((message) => message.seq < seq && matches(filter, message.subject));
    const doomed = keep > 0 ? all.slice(0, -keep) : all;
    for (const message of doomed) this.remove(message.seq);
    return doomed.length;
  }

  /** A consumer has done with a message. */
  acknowledged(seq: number): void {
    if (this.config.retention === "limits") return;
    const message = this.messages.get(seq);
    if (message === undefined) return;
    const awaited = [...this.consumers.values()].some((consumer) =>
      consumer.takes(message.subject) && consumer.awaits(seq)
    );
    if (this.config.retention === "workqueue" || !awaited) this.remove(seq);
  }

  /** Makes a consumer, or gives the one there is. */
  addConsumer(name: string, consumer: Consumer): void {
    this.consumers.set(name, consumer);
  }

  removeConsumer(name: string): boolean {
    const consumer = this.consumers.get(name);
    if (consumer === undefined) return false;
    this.consumers.delete(name);
    consumer.end();
    if (this.config.retention === "interest") { for (const seq of [...this.messages.keys()]) this.acknowledged(seq); }
    return true;
  }

  end(): void {
    this.#callOff?.();
    for (const name of [...this.consumers.keys()]) this.removeConsumer(name);
  }

  info(): Record<string, unknown> {
    const iso = (time: number | undefined) =>
      time === undefined || time === 0 ? ZERO_TIME : new Date(time).toISOString();
    return {
      config: this.config,
      created: this.created,
      state: {
        messages: this.messages.size,
        bytes: this.bytes,
        first_seq: this.firstSeq,
        first_ts: iso(this.messages.get(this.firstSeq)?.time),
        last_seq: this.lastSeq,
        last_ts: iso(this.#lastTime),
        num_subjects: this.#subjects.size,
        num_deleted: this.lastSeq - this.firstSeq + 1 - this.messages.size,
        consumer_count: this.consumers.size,
      },
    };
  }

  /** How many messages each subject has, of those that a filter takes. */
  countsBySubject(filter: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [subject, { seqs }] of this.#subjects) if (matches(filter, subject)) counts[subject] = seqs.size;
    return counts;
  }

  #refuses(message: Message, fields: ReadonlyMap<string, string>): { readonly error: ApiError } | null {
    const { config } = this;
    const expected = (name: string) => fields.get(`Nats-Expected-${name}`);
    const size = message.payload.length + (message.headers?.length ?? 0);
    if (config.sealed) return apiError(400, 10109, "invalid operation on sealed stream");
    if (config.max_msg_size >= 0 && size > config.max_msg_size) {
      return apiError(400, 10054, "message size exceeds maximum allowed");
    }
    if (fields.has("Nats-Rollup") && !config.allow_rollup_hdrs) {
      return apiError(400, 10111, "rollup not permitted");
    }
    const stream = expected("Stream");
    if (stream !== undefined && stream !== config.name) {
      return apiError(400, 10060, "expected stream does not match");
    }
    const lastSeq = expected("Last-Sequence");
    if (lastSeq !== undefined && Number(lastSeq) !== this.lastSeq) return wrongLast(this.lastSeq);
    const lastId = expected("Last-Msg-Id");
    if (lastId !== undefined && lastId !== this.#lastId) {
      return apiError(400, 10070, `wrong last msg ID: ${this.#lastId}`);
    }
    const lastOfSubject = expected("Last-Subject-Sequence");
    const last = this.#subjects.get(message.subject);
    if (lastOfSubject !== undefined && Number(lastOfSubject) !== (last?.last ?? 0)) return wrongLast(last?.last ?? 0);
    if (config.discard !== "new") return null;
    if (config.max_msgs >= 0 && this.messages.size >= config.max_msgs) {
      return apiError(503, 10077, "maximum messages exceeded");
    }
    if (config.max_bytes >= 0 && this.bytes + sizeOf({ ...message }) > config.max_bytes) {
      return apiError(503, 10077, "maximum bytes exceeded");
    }
    if (
      config.discard_new_per_subject && config.max_msgs_per_subject > 0 &&
      (last?.seqs.size ?? 0) >= config.max_msgs_per_subject
    ) {
      return apiError(503, 10077, "maximum messages per subject exceeded");
    }
    return null;
  }

  #store(message: Stored): void {
    const { config } = this;
    const { seq, subject } = message;
    if (this.messages.size === 0) this.firstSeq = seq;
    this.messages.set(seq, message);
    this.bytes += sizeOf(message);
    const of = this.#subjects.get(subject);
    if (of === undefined) this.#subjects.set(subject, { seqs: new Set([seq]), last: seq });
    else {
      of.seqs.add(seq);
      of.last = seq;
      if (config.max_msgs_per_subject > 0) {
        for (const old of of.seqs) {
          if (of.seqs.size <= config.max_msgs_per_subject) break;
          this.remove(old);
        }
      }
    }
    while (config.max_msgs >= 0 && this.messages.size > config.max_msgs) this.remove(this.firstSeq);
    while (config.max_bytes >= 0 && this.bytes > config.max_bytes) this.remove(this.firstSeq);
    if (config.max_age > 0 && this.#callOff === null) this.#expire();
    for (const consumer of this.consumers.values()) consumer.stored(message);
  }

  /** Removes what is too old, now and again when the next message will be. */
  #expire(): void {
    this.#callOff?.();
    this.#callOff = null;
    const age = this.config.max_age / NANOS;
    if (age === 0) return;
    for (let oldest = this.messages.get(this.firstSeq); oldest !== undefined;) {
      const left = oldest.time + age - Date.now();
      if (left > 0) {
        this.#callOff = this.#host.after(left, () => this.#expire());
        return;
      }
      this.remove(oldest.seq);
      oldest = this.messages.get(this.firstSeq);
    }
  }

  #forgetIds(): void {
    for (const [id, { until }] of this.#known) {
      if (until > Date.now()) return;
      this.#known.delete(id);
    }
  }
}

/** A moment that never was, as the real one writes it. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

function wrongLast(seq: number): { readonly error: ApiError } {
  return apiError(400, 10071, `wrong last sequence: ${seq}`);
}

/** What a message takes in a file of the real one. */
function sizeOf({ subject, headers, payload }: Message): number {
  return subject.length + payload.length + (headers === null ? 22 : headers.length + 26) + 8;
}

/** A message as an answer to whoever asked for it: what it is stands in its headers. */
export function directAnswer(stream: string, message: Stored, reply: string): Message {
  const headers = withHeaders(message.headers, {
    "Nats-Stream": stream,
    "Nats-Subject": message.subject,
    "Nats-Sequence": message.seq,
    "Nats-Time-Stamp": new Date(message.time).toISOString(),
  });
  return { subject: reply, reply: "", headers, payload: message.payload };
}
