/**
 * JetStream: what is asked of `$JS.API.…`, and what is published to the subjects of a stream. Answers and errors are those of
 * nats-server 2.9. Left out: clusters, mirrors, sources, accounts, and the flow control of push consumers.
 */

import { Consumer, type ConsumerConfig } from "./consumer.ts";
import { apiError, directAnswer, type Host, NANOS, Stream, type StreamConfig } from "./stream.ts";
import { Interest, isFilter, matches, overlap } from "./subjects.ts";
import { EMPTY, headersOf, type Message } from "./wire.ts";

/** What outlives the server: the disk of the real one, on which everything is safe at once. */
export class Store {
  /** The streams, by their names. Those in memory are gone when a server is started on it again. */
  readonly streams: Map<string, Stream> = new Map();
}

type Answer = Record<string, unknown>;

const API = "$JS.API.";
const ACK = "$JS.ACK.";
const PAGE = 256;
const STREAM_NOT_FOUND = apiError(404, 10059, "stream not found");
const CONSUMER_NOT_FOUND = apiError(404, 10014, "consumer not found");
const NO_MESSAGE = apiError(404, 10037, "no message found");
const BAD_REQUEST = apiError(400, 10003, "bad request");

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class JetStream {
  readonly #streams: Map<string, Stream>;
  readonly #host: Host;
  readonly #bySubject = new Interest<Stream>();

  constructor(store: Store, host: Host) {
    this.#streams = store.streams;
    this.#host = host;
    for (const [name, stream] of this.#streams) {
      if (stream.config.storage === "memory") this.#streams.delete(name);
      else {
        stream.revive(host);
        this.#listen(stream);
      }
    }
  }

  /** Takes what is for it; says whether it did. */
  take(message: Message): boolean {
    const { subject } = message;
    if (subject.startsWith("$JS.")) {
      if (subject.startsWith(API)) this.#ask(subject.slice(API.length), message);
      else if (subject.startsWith(ACK)) this.#ack(subject.slice(ACK.length).split("."), message);
      else return false;
      return true;
    }
    const [stream] = this.#bySubject.find(subject);
    if (stream === undefined) return false;
    const { reply } = message;
    const told = stream.publish({ ...message, reply: "" });
    if (reply !== "" && !stream.config.no_ack) this.#answer(reply, told);
    return true;
  }

  /** Somebody has subscribed: perhaps to what a consumer pushes to. */
  subscribed(filter: string): void {
    for (const stream of this.#streams.values()) {
      for (const consumer of stream.consumers.values()) {
        const { deliver_subject } = consumer.config;
        if (deliver_subject !== undefined && matches(filter, deliver_subject)) consumer.pump();
      }
    }
  }

  #answer(reply: string, answer: Answer): void {
    const payload = encoder.encode(JSON.stringify(answer));
    if (reply !== "") this.#host.route({ subject: reply, reply: "", headers: null, payload });
  }

  #ack([stream = "", consumer = "", count, sseq]: string[], message: Message): void {
    this.#streams.get(stream)?.consumers.get(consumer)?.ack(Number(sseq), Number(count), message);
  }

  /** Answers a question. As the real one, it says nothing to questions that it does not know. */
  #ask(what: string, message: Message): void {
    const words = what.split(".");
    if (what.startsWith("CONSUMER.MSG.NEXT.")) {
      this.#streams.get(words[3]!)?.consumers.get(words[4]!)?.pull(message);
      return;
    }
    if (what.startsWith("DIRECT.GET.")) return this.#direct(words[2]!, words.slice(3).join("."), message);
    const text = decoder.decode(message.payload).trim();
    let asked: Answer;
    try {
      asked = text === "" ? {} : JSON.parse(text);
    } catch {
      return this.#answer(message.reply, { type: typeOf(what), ...apiError(400, 10025, "invalid JSON") });
    }
    const answer = this.#answerTo(words, asked);
    if (answer !== null) this.#answer(message.reply, { type: typeOf(what), ...answer });
  }

  #answerTo(words: readonly string[], asked: Answer): Answer | null {
    const [kind, action, name = "", ...rest] = words;
    if (kind === "INFO") return this.#account();
    if (kind === "STREAM") {
      switch (action) {
        case "CREATE":
          return this.#createStream(name, asked as Partial<StreamConfig>);
        case "NAMES":
          return this.#page(this.#listed(asked).map(({ config }) => config.name), "streams", asked);
        case "LIST":
          return this.#page(this.#listed(asked).map((stream) => stream.info()), "streams", asked);
      }
      const stream = this.#streams.get(action === "MSG" ? rest[0] ?? "" : name);
      if (stream === undefined) return STREAM_NOT_FOUND;
      return this.#answerOf(stream, action === "MSG" ? `MSG.${name}` : action!, asked);
    }
    if (kind !== "CONSUMER") return null;
    const stream = this.#streams.get(action === "DURABLE" ? rest[0] ?? "" : name);
    if (stream === undefined) return STREAM_NOT_FOUND;
    const consumer = stream.consumers.get(rest[0] ?? "");
    switch (action) {
      case "CREATE":
      case "DURABLE":
        return this.#createConsumer(stream, asked as { config?: ConsumerConfig });
      case "INFO":
        return consumer?.info() ?? CONSUMER_NOT_FOUND;
      case "DELETE":
        return stream.removeConsumer(rest[0]!) ? { success: true } : CONSUMER_NOT_FOUND;
      case "NAMES":
        return this.#page([...stream.consumers.keys()], "consumers", asked);
      case "LIST":
        return this.#page([...stream.consumers.values()].map((each) => each.info()), "consumers", asked);
      default:
        return null;
    }
  }

  #answerOf(stream: Stream, action: string, asked: Answer): Answer | null {
    switch (action) {
      case "INFO": {
        const { subjects_filter: filter } = asked as { subjects_filter?: string };
        const info = stream.info() as { state: Answer };
        if (filter !== undefined) info.state.subjects = stream.countsBySubject(filter);
        return info;
      }
      case "UPDATE":
        return this.#updateStream(stream, asked as Partial<StreamConfig>);
      case "DELETE":
        this.#streams.delete(stream.config.name);
        for (const subject of stream.config.subjects) this.#bySubject.delete(subject, stream);
        stream.end();
        return { success: true };
      case "PURGE":
        if (stream.config.deny_purge) return apiError(500, 10110, "message purge not permitted");
        return { success: true, purged: stream.purge(asked) };
      case "MSG.DELETE":
        if (stream.config.deny_delete) return apiError(500, 10109, "message delete not permitted");
        return stream.remove(Number(asked.seq)) ? { success: true } : apiError(400, 10057, "no message found");
      case "MSG.GET": {
        const { last_by_subj: subject, next_by_subj: next, seq = 1 } = asked as Record<string, never>;
        const message = subject !== undefined
          ? stream.last(subject)
          : next !== undefined
          ? stream.next(seq, next)
          : stream.messages.get(seq);
        if (message === undefined) return NO_MESSAGE;
        return {
          message: {
            subject: message.subject,
            seq: message.seq,
            ...message.headers === null ? undefined : { hdrs: base64(message.headers) },
            data: base64(message.payload),
            time: new Date(message.time).toISOString(),
          },
        };
      }
      default:
        return null;
    }
  }

  /** `DIRECT.GET`: an answer that is the message itself. */
  #direct(name: string, lastOf: string, { payload, reply }: Message): void {
    const stream = this.#streams.get(name);
    if (stream === undefined || !stream.config.allow_direct) return;
    const say = (status: string) =>
      void this.#host.route({ subject: reply, reply: "", headers: headersOf(status), payload: EMPTY });
    let asked: { seq?: number; last_by_subj?: string; next_by_subj?: string };
    try {
      asked = lastOf !== "" ? { last_by_subj: lastOf } : JSON.parse(decoder.decode(payload));
    } catch {
      return say("408 Bad Request");
    }
    const { seq, last_by_subj, next_by_subj } = asked;
    if (seq === undefined && last_by_subj === undefined && next_by_subj === undefined) {
      return say("408 Bad Request");
    }
    const message = last_by_subj !== undefined
      ? stream.last(last_by_subj)
      : next_by_subj !== undefined
      ? stream.next(seq ?? 1, next_by_subj)
      : stream.messages.get(seq!);
    if (message === undefined) say("404 Message Not Found");
    else this.#host.route(directAnswer(name, message, reply));
  }

  #createStream(name: string, asked: Partial<StreamConfig>): Answer {
    if (asked.name !== name) return apiError(400, 10056, "stream name in subject does not match request");
    const config = completeStream(asked);
    const wrong = this.#faultOf(config, null);
    if (wrong !== null) return wrong;
    const existing = this.#streams.get(name);
    if (existing !== undefined) {
      if (JSON.stringify(existing.config) === JSON.stringify(config)) return existing.info();
      return apiError(400, 10058, "stream name already in use with a different configuration");
    }
    const stream = new Stream(config, this.#host);
    this.#streams.set(name, stream);
    this.#listen(stream);
    return { ...stream.info(), did_create: true };
  }

  #updateStream(stream: Stream, asked: Partial<StreamConfig>): Answer {
    const config = completeStream({ ...stream.config, ...asked });
    const wrong = this.#faultOf(config, stream);
    if (wrong !== null) return wrong;
    if (config.retention !== stream.config.retention || config.storage !== stream.config.storage) {
      return apiError(500, 10052, "stream configuration update can not change retention policy or storage");
    }
    for (const subject of stream.config.subjects) this.#bySubject.delete(subject, stream);
    stream.config = config;
    this.#listen(stream);
    return stream.info();
  }

  #faultOf({ name, subjects }: StreamConfig, self: Stream | null): Answer | null {
    for (const [i, subject] of subjects.entries()) {
      if (!isFilter(subject)) return apiError(500, 10052, "invalid subject");
      if (subjects.indexOf(subject) !== i) return apiError(500, 10052, "duplicate subjects detected");
      if (overlap(subject, "$JS.API.>")) return apiError(500, 10052, "subjects overlap with jetstream api");
    }
    for (const other of this.#streams.values()) {
      if (other === self || other.config.name === name) continue;
      if (other.config.subjects.some((theirs) => subjects.some((ours) => overlap(theirs, ours)))) {
        return apiError(400, 10065, "subjects overlap with an existing stream");
      }
    }
    return null;
  }

  #createConsumer(stream: Stream, { config: asked }: { config?: ConsumerConfig }): Answer {
    if (asked === undefined) return BAD_REQUEST;
    const name = asked.name || asked.durable_name || randomName();
    const config = completeConsumer(asked);
    const { deliver_subject, ack_policy, filter_subject } = config;
    if (filter_subject !== undefined && !stream.config.subjects.some((subject) => overlap(subject, filter_subject))) {
      return apiError(400, 10093, "consumer filter subject is not a valid subset of the interest subjects");
    }
    if (deliver_subject !== undefined && stream.config.subjects.some((subject) => overlap(subject, deliver_subject))) {
      return apiError(400, 10081, "consumer deliver subject forms a cycle");
    }
    const existing = stream.consumers.get(name);
    if (existing !== undefined) {
      // It may be changed in what does not say where it stands.
      const fixed = ["deliver_policy", "ack_policy", "replay_policy", "opt_start_seq"] as const;
      const changed = fixed.find((field) => existing.config[field] !== config[field]);
      if (changed !== undefined) return apiError(500, 10012, `${changed.replace("_", " ")} can not be updated`);
      existing.config = config;
      existing.pump();
      return existing.info();
    }
    if (stream.config.retention === "workqueue") {
      if (ack_policy !== "explicit") {
        return apiError(400, 10098, "workqueue stream requires explicit ack");
      }
      if (config.deliver_policy !== "all") {
        return apiError(400, 10101, "consumer must be deliver all on workqueue stream");
      }
      const others = [...stream.consumers.values()].map((each) => each.config.filter_subject);
      if (others.length > 0 && (filter_subject === undefined || others.includes(undefined))) {
        return apiError(400, 10099, "multiple non-filtered consumers not allowed on workqueue stream");
      }
      if (others.some((other) => overlap(other!, filter_subject!))) {
        return apiError(400, 10100, "filtered consumer not unique on workqueue stream");
      }
    }
    const { max_consumers } = stream.config;
    if (max_consumers >= 0 && stream.consumers.size >= max_consumers) {
      return apiError(400, 10026, "maximum consumers limit reached");
    }
    const consumer = new Consumer(name, config, { stream, host: this.#host });
    stream.addConsumer(name, consumer);
    // The answer comes first.
    this.#host.after(0, () => consumer.pump());
    return consumer.info();
  }

  #listen(stream: Stream): void {
    for (const subject of stream.config.subjects) this.#bySubject.add(subject, stream);
  }

  #listed({ subject }: Answer): Stream[] {
    const all = [...this.#streams.values()].sort((a, b) => a.config.name < b.config.name ? -1 : 1);
    if (typeof subject !== "string" || subject === "") return all;
    return all.filter(({ config }) => config.subjects.some((each) => overlap(each, subject)));
  }

  #page(all: readonly unknown[], field: string, { offset = 0 }: Answer): Answer {
    const first = Number(offset);
    return { total: all.length, offset: first, limit: PAGE, [field]: all.slice(first, first + PAGE) };
  }

  #account(): Answer {
    const streams = [...this.#streams.values()];
    const used = (storage: string) =>
      streams.reduce((sum, { config, bytes }) => sum + (config.storage === storage ? bytes : 0), 0);
    return {
      memory: used("memory"),
      storage: used("file"),
      streams: streams.length,
      consumers: streams.reduce((sum, { consumers }) => sum + consumers.size, 0),
      limits: {
        max_memory: -1,
        max_storage: -1,
        max_streams: -1,
        max_consumers: -1,
        max_ack_pending: -1,
        memory_max_stream_bytes: -1,
        storage_max_stream_bytes: -1,
        max_bytes_required: false,
      },
      api: { total: 0, errors: 0 },
    };
  }
}

/** The type that an answer says it is of. */
function typeOf(what: string): string {
  const [kind = "", action = "", third = ""] = what.toLowerCase().split(".");
  if (kind === "info") return "io.nats.jetstream.api.v1.account_info_response";
  const name = action === "durable" ? "create" : action === "msg" ? `msg_${third}` : action;
  return `io.nats.jetstream.api.v1.${kind}_${name}_response`;
}

function completeStream(asked: Partial<StreamConfig>): StreamConfig {
  const window = 120_000 * NANOS;
  const { max_age = 0 } = asked;
  return {
    name: asked.name!,
    subjects: asked.subjects === undefined || asked.subjects.length === 0 ? [asked.name!] : asked.subjects,
    retention: asked.retention ?? "limits",
    max_consumers: asked.max_consumers || -1,
    max_msgs: asked.max_msgs || -1,
    max_bytes: asked.max_bytes || -1,
    max_age,
    max_msgs_per_subject: asked.max_msgs_per_subject || -1,
    max_msg_size: asked.max_msg_size || -1,
    discard: asked.discard ?? "old",
    ...asked.discard_new_per_subject ? { discard_new_per_subject: true } : undefined,
    storage: asked.storage ?? "file",
    num_replicas: asked.num_replicas || 1,
    ...asked.no_ack ? { no_ack: true } : undefined,
    duplicate_window: asked.duplicate_window || (max_age > 0 ? Math.min(max_age, window) : window),
    sealed: asked.sealed ?? false,
    deny_delete: asked.deny_delete ?? false,
    deny_purge: asked.deny_purge ?? false,
    allow_rollup_hdrs: asked.allow_rollup_hdrs ?? false,
    allow_direct: asked.allow_direct ?? false,
    mirror_direct: asked.mirror_direct ?? false,
  };
}

function completeConsumer(asked: ConsumerConfig): ConsumerConfig {
  const acks = asked.ack_policy !== "none";
  const isPull = asked.deliver_subject === undefined;
  return {
    ...asked,
    deliver_policy: asked.deliver_policy ?? "all",
    ack_policy: asked.ack_policy ?? "none",
    ...acks ? { ack_wait: asked.backoff?.[0] ?? (asked.ack_wait || 30_000 * NANOS) } : undefined,
    max_deliver: asked.max_deliver || -1,
    replay_policy: asked.replay_policy ?? "instant",
    ...acks ? { max_ack_pending: asked.max_ack_pending || 1_000 } : undefined,
    ...isPull ? { max_waiting: asked.max_waiting || 512 } : undefined,
    num_replicas: asked.num_replicas ?? 0,
  };
}

function randomName(): string {
  return Array.from({ length: 8 }, () => "abcdefghijklmnopqrstuvwxyz"[Math.floor(Math.random() * 26)]).join("");
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
