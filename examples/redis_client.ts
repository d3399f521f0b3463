// deno-lint-ignore-file no-console
/**
 * A Redis client for RESP2: any number of tasks share one connection, which comes back by itself when it is lost.
 *
 * Run it: deno run --allow-net examples/redis_client.ts [port] [hostname]
 * It needs a server: redis-server (Debian's package of that name)
 *
 * Replies come in the order of the commands, and carry no mark of which is whose. So one task writes, one reads, and a
 * queue between them says who is next. A task that is cancelled while it waits just stops waiting: its place in the
 * queue stays until its reply has come, and is thrown away. Nobody who asks ever touches the connection, so no
 * cancellation can leave half a command or half a reply on it.
 *
 * What takes time is calling the system, not the work. So all commands that wait go in one write, and all replies that
 * have come are taken in one go. The tasks that got them ask again together, and so the next write is a full one, too.
 *
 *     command() ──requests──▶ write ──sent──▶ read ──▶ wakes the one who asked
 *
 * Commands that wait while the connection is down are sent on the next one. Those that were sent, and got no reply,
 * fail: nobody can tell whether they were carried out, and only the caller knows whether it does harm to send them
 * twice.
 *
 * Commands that wait in the server (`BLPOP`) would hold up everybody behind them: `blocking()` sends them on a
 * connection of their own. The client ends after all other tasks of its nursery, so that these can use it in their
 * cleanup.
 *
 * Over 400 lines, as an example is one file that can be copied.
 */
import {
  all,
  type Backoff,
  BrokenResourceError,
  BufferedStream,
  checkpoint,
  ClosedResourceError,
  Event,
  failAfter,
  type HalfCloseableStream,
  IncompleteReceiveError,
  type MemoryReceiveChannel,
  type MemorySendChannel,
  type Nursery,
  openMemoryChannel,
  openNursery,
  openTcpStream,
  type ParsedMessage,
  retry,
  run,
  sleep,
  type TaskStatus,
  TooSlowError,
} from "@trefoil/io";

/** What can be sent in a command. */
export type Argument = string | number | Uint8Array;
/**
 * What comes back. A whole number is a `bigint` only if a `number` cannot hold it; an error is a value in a pipeline.
 */
export type Reply = string | number | bigint | null | RedisError | Reply[];

/** A message published on a channel. */
export interface Message {
  readonly channel: string;
  readonly text: string;
}

/** How to reach the server. */
export interface RedisOptions {
  /** @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** @default {6379} */
  readonly port?: number;
  /** Opens a connection in another way: over TLS, a Unix socket, or in memory for a test. */
  readonly connect?: () => Promise<HalfCloseableStream>;
  readonly password?: string;
  /** The number of the database. @default {0} */
  readonly database?: number;
  /** How long the server may take to accept a connection and answer on it, in milliseconds. @default {5_000} */
  readonly connectTimeout?: number;
  /** How long to wait between attempts to connect. @default {{ initial: 50, max: 5_000 }} */
  readonly backoff?: Backoff;
  /** Told why a connection was lost, before the next one is opened. */
  readonly onLost?: (error: Error) => void;
}

/** How long to wait before connecting again, in milliseconds; the further attempts have their backoff. */
const PAUSE = 50;
/** How many requests may wait to be sent; further tasks wait for room. */
const MAX_WAITING = 64;
/** How much is collected for one write, about, in bytes. */
const MAX_WRITE = 64 * 1024;
/** The longest line of the protocol: a length, a number, or the text of an error. */
const MAX_LINE = 64 * 1024;
/** The most memory one reply may take, roughly, in bytes. */
const MAX_REPLY = 64 * 1024 * 1024;
/** How deep replies may be nested. */
const MAX_DEPTH = 16;

/** Commands after which replies would no longer come one for each command, or would depend on who asked before. */
const NOT_SHARED = new Set(
  ("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC RESET QUIT HELLO AUTH " +
    "SELECT CLIENT").split(" "),
);

/** Commands that wait in the server for something to happen; `XREAD` and `XREADGROUP` do with the argument `BLOCK`. */
const BLOCKING = new Set(
  "BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF".split(" "),
);

function isBlocking(name: string, command: readonly Argument[]): boolean {
  if (BLOCKING.has(name)) return true;
  if (name !== "XREAD" && name !== "XREADGROUP") return false;
  // What comes after STREAMS are names of the user's.
  const options = command.map((argument) => String(argument).toUpperCase());
  const streams = options.indexOf("STREAMS");
  return options.slice(0, streams === -1 ? undefined : streams).includes("BLOCK");
}

/**
 * Requires that commands leave a shared connection as they have found it, and nobody waits for more than their work.
 */
function requireShareable(commands: readonly (readonly Argument[])[]): void {
  let inTransaction = false;
  for (const command of commands) {
    const name = nameOf(command);
    if (NOT_SHARED.has(name)) {
      throw new TypeError(
        `Cannot send ${command[0]} as the connection is shared: use subscribe() or the options instead`,
      );
    }
    if (isBlocking(name, command)) {
      throw new TypeError(
        `Cannot send ${command[0]} as the connection is shared, and all others would wait with it: use blocking()`,
      );
    }
    const isEnd = name === "EXEC" || name === "DISCARD";
    if (name === "WATCH" || (isEnd && !inTransaction)) throw new TypeError(unfinished(command[0]));
    if (isEnd || name === "MULTI") inTransaction = name === "MULTI";
  }
  if (inTransaction) throw new TypeError(unfinished("MULTI"));
}

function unfinished(name: unknown): string {
  return `Cannot send ${name} as the connection is shared: put MULTI, its commands and EXEC into one pipeline()`;
}

/** The name of a command, in capitals. */
function nameOf([name]: readonly Argument[]): string {
  if (typeof name === "string" && name !== "") return name.toUpperCase();
  throw new TypeError("Cannot send a command as it must begin with its name: found none");
}

/** An error that the server sent. */
export class RedisError extends Error {
  override readonly name = "RedisError";

  /** Its first word: `"ERR"`, `"WRONGTYPE"`, `"LOADING"`. */
  get code(): string {
    return this.message.split(" ", 1)[0]!;
  }
}

/** What no Redis server sends. */
class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Whether an error means that the connection is of no use any more. */
function isLoss(error: unknown): error is Error {
  return [BrokenResourceError, IncompleteReceiveError, ProtocolError].some((kind) => error instanceof kind);
}

/** Whether to try again: not after a wrong password. */
function isPassing(error: unknown): boolean {
  if (error instanceof RedisError) return /^(LOADING|MASTERDOWN|ERR max number of clients)/.test(error.message);
  return isLoss(error) || error instanceof TooSlowError;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Something to send: bytes, or text, of which the bytes are made when it is sent. */
type Part = string | Uint8Array;

/** Commands as the server wants them: each an array of bulk strings. */
function encode(commands: readonly (readonly Argument[])[]): Part[] {
  const parts: Part[] = [];
  let text = "";
  for (const command of commands) {
    text += `*${command.length}\r\n`;
    for (const argument of command) {
      if (argument instanceof Uint8Array) {
        // A copy, as the caller may change it, or give its memory away, before it is sent.
        parts.push(`${text}$${argument.length}\r\n`, new Uint8Array(argument));
        text = "\r\n";
      } else if (typeof argument === "string" || typeof argument === "number") {
        const value = String(argument);
        text += `$${sizeOf(value)}\r\n${value}\r\n`;
      } else {
        throw new TypeError(
          `Cannot send a command as its arguments must be strings, numbers or bytes: received ${typeof argument}`,
        );
      }
    }
  }
  parts.push(text);
  return parts;
}

/** Puts parts into one piece, in the memory given if that is large enough: new memory costs more than all the rest. */
function pack(parts: readonly Part[], memory: Uint8Array): Uint8Array {
  let most = 0;
  // A unit of UTF-16 has at most three bytes in UTF-8.
  for (const part of parts) most += typeof part === "string" ? 3 * part.length : part.length;
  const bytes = most <= memory.length ? memory : new Uint8Array(most);
  let size = 0;
  for (const part of parts) {
    if (typeof part === "string") size += encoder.encodeInto(part, bytes.subarray(size)).written;
    else {
      bytes.set(part, size);
      size += part.length;
    }
  }
  return bytes.subarray(0, size);
}

/** How many bytes a text takes. */
function sizeOf(text: string): number {
  return /[^ -~]/.test(text) ? encoder.encode(text).length : text.length;
}

const [CR, LF] = [13, 10];

/** An array of which some elements have not come yet. */
class OpenArray {
  readonly replies: Reply[] = [];

  constructor(readonly size: number) {}
}

/** Parses replies, in whatever pieces they come. Each element is parsed once: what has come of an array is kept here. */
class ReplyParser {
  /** The arrays that are open, the outermost first. */
  readonly #open: OpenArray[] = [];
  /** How much the reply that is being parsed may still take, in bytes. */
  #budget = MAX_REPLY;
  #bytes: Uint8Array = new Uint8Array(0);
  /** How many of the bytes have been parsed. */
  #at = 0;

  /** Takes all replies that are complete, for `receiveMessage()`. */
  parse(bytes: Uint8Array): ParsedMessage<Reply[]> | null {
    const replies: Reply[] = [];
    this.#bytes = bytes;
    this.#at = 0;
    try {
      for (let reply = this.#reply(); reply !== undefined; reply = this.#reply()) replies.push(reply);
    } catch (error) {
      // What comes before it is right. It will be found again.
      if (this.#at === 0) throw error;
    }
    return this.#at === 0 ? null : { value: replies, size: this.#at };
  }

  /** The next reply, with everything in it; `undefined` if it has not come as a whole. */
  #reply(): Reply | undefined {
    for (let element = this.#element(); element !== undefined; element = this.#element()) {
      if (element instanceof OpenArray) {
        this.#open.push(element);
        continue;
      }
      let reply: Reply = element;
      // It may be the last element of an array, and that the last one of another.
      for (let array = this.#open.at(-1); array !== undefined; array = this.#open.at(-1)) {
        if (array.replies.push(reply) < array.size) break;
        reply = array.replies;
        this.#open.pop();
      }
      if (this.#open.length > 0) continue;
      this.#budget = MAX_REPLY;
      return reply;
    }
    return undefined;
  }

  /** Anything but an array, or the beginning of one; `undefined` if it has not come as a whole. */
  #element(): Reply | OpenArray | undefined {
    const bytes = this.#bytes;
    const start = this.#at;
    const end = this.#endOfLine(start);
    if (end === -1) return undefined;
    const rest = () => decoder.decode(bytes.subarray(start + 1, end));
    let next = end + 2;
    let element: Reply | OpenArray = null;
    switch (bytes[start]) {
      case 43: // +
        element = rest();
        break;
      case 45: // -
        element = new RedisError(rest());
        break;
      case 58: { // :
        const number = wholeNumber(bytes, start + 1, end);
        element = Number.isSafeInteger(number) ? number : BigInt(rest().replace("+", ""));
        break;
      }
      case 36: { // $
        const size = wholeNumber(bytes, start + 1, end);
        if (size === -1) break;
        this.#require(size, start, end);
        next = end + 2 + size + 2;
        if (bytes.length < next) return undefined;
        if (bytes[next - 2] !== CR || bytes[next - 1] !== LF) {
          throw new ProtocolError("Cannot read a reply as its text must end where its length says");
        }
        this.#budget -= size;
        element = decoder.decode(bytes.subarray(end + 2, next - 2));
        break;
      }
      case 42: { // *
        const size = wholeNumber(bytes, start + 1, end);
        if (size === -1) break;
        // An element costs about that much, and a peer may promise more than it will ever send.
        this.#require(size * 16, start, end);
        if (this.#open.length === MAX_DEPTH) {
          throw new ProtocolError(`Cannot read a reply nested more than ${MAX_DEPTH} deep`);
        }
        this.#budget -= size * 16;
        element = size === 0 ? [] : new OpenArray(size);
        break;
      }
      default: {
        const line = JSON.stringify(decoder.decode(bytes.subarray(start, end)));
        throw new ProtocolError(`Cannot read a reply as it must begin with one of +-:$*: ${line}`);
      }
    }
    this.#at = next;
    return element;
  }

  /** Where the line ends, or -1 if its end has not come. */
  #endOfLine(start: number): number {
    const bytes = this.#bytes;
    let end = bytes.indexOf(CR, start);
    while (end !== -1 && bytes[end + 1] !== LF) end = bytes.indexOf(CR, end + 1);
    if ((end === -1 ? bytes.length : end) - start <= MAX_LINE) return end;
    throw new ProtocolError(`Cannot read a reply as its lines must be at most ${MAX_LINE} bytes long`);
  }

  #require(size: number, start: number, end: number): void {
    if (size >= 0 && size <= this.#budget) return;
    const line = decoder.decode(this.#bytes.subarray(start, end));
    throw new ProtocolError(`Cannot read a reply as it must be at most ${MAX_REPLY} bytes large: ${line}`);
  }
}

/** The number in a part of a line. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >= 0 && digit <= 9 && end - start < 16) number = 10 * number + digit;
    else return signedNumber(decoder.decode(bytes.subarray(start, end)));
  }
  return start < end ? number : signedNumber("");
}

/** A number with a sign, or a very long one. */
function signedNumber(text: string): number {
  if (/^[+-]?\d{1,20}$/.test(text)) return Number(text);
  throw new ProtocolError(`Cannot read a reply as it must hold a whole number: ${JSON.stringify(text)}`);
}

/** All of a text has to be there to be parsed, and the line before it. */
const LIMIT = { max: MAX_REPLY + MAX_LINE + 4 };

const UNASKED = "Cannot take a reply as there must be a command before it";

/** A connection on which the server has answered. */
class Connection implements Disposable {
  readonly #stream: BufferedStream;
  readonly #parse: (bytes: Uint8Array) => ParsedMessage<Reply[]> | null;
  /** What is sent, until the write has ended: one task sends. */
  readonly #memory = new Uint8Array(MAX_WRITE);

  constructor(stream: HalfCloseableStream) {
    this.#stream = new BufferedStream(stream);
    const parser = new ReplyParser();
    this.#parse = (bytes) => parser.parse(bytes);
  }

  /** Sends in one write. Cancelled, the connection is of no use any more. */
  send(parts: readonly Part[]): Promise<void> {
    return this.#stream.sendAll(pack(parts, this.#memory));
  }

  /**
   * All replies that have come, none if it is a part of one; waits for more. Cancelled, the connection is of no use any
   * more.
   */
  receive(): Promise<Reply[]> {
    return this.#stream.receiveMessage(this.#parse, LIMIT);
  }

  /** Sends commands on a connection that nobody else uses, and gives their replies. */
  async ask(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    await this.send(encode(commands));
    const replies: Reply[] = [];
    while (replies.length < commands.length) replies.push(...await this.receive());
    if (replies.length > commands.length) throw new ProtocolError(UNASKED);
    return replies;
  }

  [Symbol.dispose](): void {
    this.#stream.close();
  }
}

const ANSWERED = { name: "reply of Redis" };

/** Commands sent together, and what has become of them. Made by the one who asks, filled by the one who reads. */
class Request {
  readonly answered = new Event(ANSWERED);
  readonly replies: Reply[] = [];
  failure: Error | null = null;
  /** Nobody waits for it any more: need not be sent, but if it was, its replies still have to be taken. */
  abandoned = false;

  /** `size`: of how many commands. */
  constructor(readonly parts: readonly Part[], readonly size: number) {}

  /** How much there is to send, about. */
  get length(): number {
    return this.parts.reduce((length, part) => length + part.length, 0);
  }

  /** Takes a reply; says whether it was the last one. */
  take(reply: Reply): boolean {
    this.replies.push(reply);
    if (this.replies.length < this.size) return false;
    this.answered.set();
    return true;
  }

  fail(error: Error): void {
    this.failure = error;
    this.answered.set();
  }
}

/** The reply to the only command of a request. */
function onlyReply([reply]: Reply[]): Exclude<Reply, RedisError> {
  if (reply instanceof RedisError) throw reply;
  return reply!;
}

/** A client. It lives in a nursery: see `openRedis()`. */
export class Redis {
  readonly #options: RedisOptions;
  readonly #requests: MemorySendChannel<Request>;
  readonly #queue: MemoryReceiveChannel<Request>;
  /** Taken from the queue and not sent yet. Written by the writing task alone; outlives the connection. */
  #next: Request | null = null;
  #closed = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    [this.#requests, this.#queue] = openMemoryChannel<Request>(MAX_WAITING, { name: "Redis requests" });
  }

  /**
   * Sends a command and waits for its reply.
   *
   * Cancelled before it was sent, it is not sent; after that, it is carried out and its reply is thrown away.
   */
  command(...command: readonly Argument[]): Promise<Exclude<Reply, RedisError>> {
    return this.#ask([command], onlyReply);
  }

  /** Sends several commands at once and waits for all replies, errors among them. Nobody else's come between. */
  pipeline(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    return this.#ask(commands, (replies) => replies);
  }

  async #ask<R>(commands: readonly (readonly Argument[])[], result: (replies: Reply[]) => R): Promise<R> {
    requireShareable(commands);
    if (commands.length === 0) return result([]);
    if (this.#closed) throw new ClosedResourceError("Cannot send a command as the nursery of the client has ended");
    const request = new Request(encode(commands), commands.length);
    // Waits only where there is no room. In a cancelled scope, the wait below refuses, and it is not sent.
    if (!this.#requests.trySend(request)) await this.#requests.send(request);
    try {
      await request.answered.wait();
    } catch (error) {
      request.abandoned = true;
      throw error;
    }
    if (request.failure !== null) throw request.failure;
    return result(request.replies);
  }

  /**
   * Sends a command that waits in the server, such as `BLPOP`, on a connection of its own, and waits for its reply.
   *
   * Cancelled, it closes the connection. If the server has answered just then, what it took from a list is lost: where
   * that matters, move it with `BLMOVE` to a list of the work in progress.
   */
  async blocking(...command: readonly Argument[]): Promise<Exclude<Reply, RedisError>> {
    const name = nameOf(command);
    if (!isBlocking(name, command)) {
      throw new TypeError(`Cannot send ${name} alone as it does not block: use command()`);
    }
    if (this.#closed) throw new ClosedResourceError("Cannot send a command as the nursery of the client has ended");
    using connection = await this.#connect();
    return onlyReply(await connection.ask([command]));
  }

  /**
   * Listens to channels while a function runs, which receives the messages; returns what it returns.
   *
   * All that is published once the function runs comes, but for what is published while the connection is lost: that
   * comes back by itself, but Redis keeps nothing for those who are away.
   */
  async subscribe<T>(
    channels: readonly string[],
    body: (messages: MemoryReceiveChannel<Message>) => T | Promise<T>,
  ): Promise<T> {
    if (channels.length === 0) throw new TypeError("Cannot subscribe as there must be at least one channel");
    const [send, messages] = openMemoryChannel<Message>(MAX_WAITING, { name: "Redis messages" });
    return await openNursery(async (nursery) => {
      // In a task of its own, as a message cannot be half received: the body may be cancelled while it waits, and go
      // on.
      await nursery.start<void>((status) => this.#listen(channels, { send, status }), { daemon: true });
      // Its own end, which it may close: the task above must not take that for a lost connection.
      return await body(messages.clone());
    }, { name: "Redis subscription" });
  }

  /** Keeps the connection up, until cancelled. For `openRedis()`. */
  async live(status: TaskStatus<Redis>): Promise<void> {
    let started = false;
    try {
      while (true) {
        using connection = await this.#connect();
        if (!started) status.started(this);
        started = true;
        // Written and not answered yet, in order.
        const sent: Request[] = [];
        try {
          await all([() => this.#write(connection, sent), () => this.#read(connection, sent)]);
        } catch (error) {
          for (const request of sent) {
            const message =
              "Cannot tell whether Redis has carried out the command as the connection ended before its reply";
            request.fail(new BrokenResourceError(message, { cause: error }));
          }
          await this.#lost(error);
        }
      }
    } finally {
      this.#closed = true;
      for (let request = this.#next ?? this.#waiting(); request !== null; request = this.#waiting()) {
        request.fail(new ClosedResourceError("Cannot send the command as the nursery of the client has ended"));
      }
      this.#queue.close();
    }
  }

  /** Opens a connection and makes sure that somebody answers on it; tries until that is so. */
  async #connect(): Promise<Connection> {
    const { hostname = "127.0.0.1", port = 6379, connectTimeout = 5_000, password, database = 0 } = this.#options;
    const { connect = () => openTcpStream(hostname, port), backoff = { initial: 50, max: 5_000 } } = this.#options;
    const greeting: Argument[][] = [["PING"]];
    if (database !== 0) greeting.unshift(["SELECT", database]);
    if (password !== undefined) greeting.unshift(["AUTH", password]);

    async function attempt(): Promise<Connection> {
      const connection = new Connection(await connect());
      try {
        for (const reply of await connection.ask(greeting)) if (reply instanceof RedisError) throw reply;
        return connection;
      } catch (error) {
        connection[Symbol.dispose]();
        throw error;
      }
    }

    return await retry(() => failAfter(connectTimeout, attempt), { attempts: Infinity, backoff, retryIf: isPassing });
  }

  async #write(connection: Connection, sent: Request[]): Promise<never> {
    while (true) {
      this.#next ??= await this.#queue.receive();
      // The others that are about to ask come with it. And if the connection was lost just as it came, it waits for the
      // next one.
      await checkpoint();
      const batch: Part[] = [];
      for (let size = 0; this.#next !== null && size < MAX_WRITE; this.#next = this.#waiting()) {
        if (this.#next.abandoned) continue;
        batch.push(...this.#next.parts);
        size += this.#next.length;
        // Before it is sent, as its reply may come before the send has returned.
        sent.push(this.#next);
      }
      if (batch.length > 0) await connection.send(batch);
    }
  }

  async #read(connection: Connection, sent: Request[]): Promise<never> {
    while (true) {
      for (const reply of await connection.receive()) {
        if (sent.length === 0) throw new ProtocolError(UNASKED);
        if (sent[0]!.take(reply)) sent.shift();
      }
    }
  }

  async #listen(
    channels: readonly string[],
    { send, status }: { send: MemorySendChannel<Message>; status: TaskStatus },
  ): Promise<never> {
    let started = false;
    while (true) {
      using connection = await this.#connect();
      try {
        await connection.send(encode([["SUBSCRIBE", ...channels]]));
        for (let confirmed = 0;;) {
          for (const reply of await connection.receive()) {
            if (reply instanceof RedisError) throw reply;
            const [kind, channel, text] = Array.isArray(reply) ? reply : [];
            if (kind === "message") await send.send({ channel: String(channel), text: String(text) });
            else if (kind !== "subscribe") throw new ProtocolError("Cannot take a reply as it must be a message");
            else if (++confirmed === channels.length && !started) {
              started = true;
              status.started();
            }
          }
        }
      } catch (error) {
        await this.#lost(error);
      }
    }
  }

  async #lost(error: unknown): Promise<void> {
    if (!isLoss(error)) throw error;
    this.#options.onLost?.(error);
    // A server that answers and hangs up at once must not be called without a pause.
    await sleep(PAUSE);
  }

  /** The next request in the queue, if there is one. */
  #waiting(): Request | null {
    return this.#queue.tryReceive() ?? null;
  }
}

/**
 * Opens a client that lives in a nursery until everything else in there has ended, also if the nursery is cancelled:
 * the cleanup of other tasks can use it, under `shielded(…, { timeout })`.
 *
 * Returns when the server has answered; until then it tries again and again, so put `failAfter()` around it. A server
 * that refuses it (a wrong password) is an error here and, after a reconnect, of the nursery.
 */
export function openRedis(nursery: Nursery, options: RedisOptions = {}): Promise<Redis> {
  return nursery.start<Redis>((status) => new Redis(options).live(status), { daemon: "last", name: "Redis client" });
}

/** A little of everything. */
export async function redisDemo(options: RedisOptions, print: (line: string) => void): Promise<void> {
  await openNursery(async (nursery) => {
    const redis = await failAfter(10_000, () => openRedis(nursery, options));
    print(`SET: ${await redis.command("SET", "trefoil:greeting", "hello")}`);
    print(`GET: ${await redis.command("GET", "trefoil:greeting")}`);

    // Many tasks, one connection: their commands travel together.
    const hits = await all(Array.from({ length: 100 }, () => () => redis.command("INCR", "trefoil:hits")));
    print(`${new Set(hits).size} different numbers from 100 tasks`);
    // An error is the answer to one command; the others are carried out.
    const [length, wrong, deleted] = await redis.pipeline([
      ["STRLEN", "trefoil:greeting"],
      ["INCR", "trefoil:greeting"],
      ["DEL", "trefoil:greeting", "trefoil:hits"],
    ]);
    print(`length ${length}, ${(wrong as RedisError).code}, ${deleted} deleted`);

    await redis.subscribe(["trefoil:news"], async (messages) => {
      nursery.startSoon(async function publish() {
        for (const text of ["first", "second", "last"]) {
          await redis.command("PUBLISH", "trefoil:news", text);
          await sleep(10);
        }
      });
      for await (const { text } of messages) {
        print(`news: ${text}`);
        if (text === "last") break;
      }
    });
  });
}

if (import.meta.main) {
  const [port = "6379", hostname = "127.0.0.1"] = Deno.args;
  run(() => redisDemo({ hostname, port: Number(port) }, console.log));
}
