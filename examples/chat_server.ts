// deno-lint-ignore-file no-console
/**
 * A chat server: log in with a name, then every line goes to everybody else. Ctrl-C ends it.
 *
 * Run it: deno run --allow-net examples/chat_server.ts [port]
 * Talk to it: nc 127.0.0.1 8000
 *
 * What it shows: a nursery per connection, so that reading and writing go on side by side and end together; a bounded
 * outbox for each client, so that one who never reads cannot hold up the others; and a bounded line.
 */
import {
  type MemorySendChannel,
  type Nursery,
  openMemoryChannel,
  openNursery,
  run,
  serveTcp,
  type ServeTcpOptions,
  type SocketStream,
  WouldBlock,
} from "@trefoil/io";

/** The longest line a client may send, in bytes: one who never ends a line must not fill our memory. */
const MAX_LINE = 4_096;
/** How many lines may wait for a client that reads slowly, before it is dropped. */
const MAX_WAITING = 1_024;

/** Whoever is logged in, by name. */
class Room {
  readonly #members = new Map<string, Member>();

  has(name: string): boolean {
    return this.#members.has(name);
  }

  join(member: Member): void {
    this.#members.set(member.name, member);
    this.say(`* ${member.name} has joined`, member);
  }

  leave(member: Member): void {
    this.#members.delete(member.name);
    this.say(`* ${member.name} has left`, member);
  }

  /** Sends a line to everybody but its author. Never waits. */
  say(line: string, author: Member): void {
    for (const member of this.#members.values()) if (member !== author) member.hear(line);
  }

  names(): string[] {
    return [...this.#members.keys()];
  }
}

/** One client that is logged in. */
class Member {
  constructor(readonly name: string, readonly outbox: MemorySendChannel<string>, readonly connection: Nursery) {}

  hear(line: string): void {
    try {
      this.outbox.trySend(line);
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
      this.connection.cancel(`${this.name} does not read`);
    }
  }
}

/** Gives the lines of a stream one by one, however the bytes were split on their way. */
class Lines {
  readonly #stream: SocketStream;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(stream: SocketStream) {
    this.#stream = stream;
  }

  /** The next line without its end, or `null` when the client has hung up. */
  async next(): Promise<string | null> {
    while (true) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end).trimEnd();
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#text.length > MAX_LINE) {
        throw new RangeError(`Cannot read a line as it is longer than ${MAX_LINE} bytes`);
      }
      const chunk = await this.#stream.receiveSome(MAX_LINE);
      if (chunk === null) return null;
      this.#text += this.#decoder.decode(chunk, { stream: true });
    }
  }
}

const encoder = new TextEncoder();

function send(stream: SocketStream, line: string): Promise<void> {
  return stream.sendAll(encoder.encode(`${line}\n`));
}

/** Asks for a name until it gets a free one; `null` if the client hangs up. */
async function logIn(stream: SocketStream, lines: Lines, room: Room): Promise<string | null> {
  await send(stream, "What is your name?");
  while (true) {
    const name = await lines.next();
    if (name === null) return null;
    if (!/^\w{1,20}$/.test(name)) await send(stream, "A name has 1 to 20 letters or digits. What is your name?");
    else if (room.has(name)) await send(stream, "username taken, what is your name?");
    else return name;
  }
}

/** One connection, from login to the end. */
async function talk(stream: SocketStream, room: Room): Promise<void> {
  const lines = new Lines(stream);
  const [outbox, inbox] = openMemoryChannel<string>(MAX_WAITING, { name: "outbox" });
  await openNursery(async (connection) => {
    connection.startSoon(async function write() {
      for await (const line of inbox) await send(stream, line);
    }, { daemon: true });
    const name = await logIn(stream, lines, room);
    if (name === null) return;
    // Nothing waits between the check of the name and this line, so no two can take the same.
    const member = new Member(name, outbox, connection);
    room.join(member);
    member.hear(`Welcome, ${name}. Here are: ${room.names().join(", ")}`);
    try {
      for (let line = await lines.next(); line !== null; line = await lines.next()) {
        if (line !== "") room.say(`<${name}> ${line}`, member);
      }
    } finally {
      room.leave(member);
    }
  });
}

/** Serves until cancelled. */
export function chatServer(options: ServeTcpOptions): Promise<void> {
  const room = new Room();
  return serveTcp((stream) => talk(stream, room), {
    onHandlerError: (error) => console.error(`a connection failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const port = Number(Deno.args[0] ?? 8000);
  run(() => chatServer({ port, status: { started: () => console.log(`chatting on port ${port}, Ctrl-C to stop`) } }));
}
