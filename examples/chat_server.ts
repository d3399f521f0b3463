// deno-lint-ignore-file no-console
/**
 * A chat server: log in with a name, then every line goes to everybody else. Ctrl-C says goodbye to everybody and ends
 * it; a second one does not wait for those who are slow to hear it.
 *
 * Run it: deno run --allow-net examples/chat_server.ts [port]
 * Talk to it: nc 127.0.0.1 8000
 *
 * What it shows: a nursery per connection, so that reading and writing go on side by side and end together; a bounded
 * outbox for each client, so that one who never reads cannot hold up the others; a bounded line; a graceful shutdown.
 */
import {
  BufferedStream,
  currentTime,
  type MemorySendChannel,
  type Nursery,
  openMemoryChannel,
  openNursery,
  run,
  type Server,
  type ServeTcpOptions,
  shutdownRequested,
  type SocketStream,
  type TcpAddress,
  tcpServer,
  untilShutdown,
} from "@trefoil/io";

/** The longest line a client may send, in bytes: one who never ends a line must not fill our memory. */
const MAX_LINE = 4_096;
/** How many lines may wait for a client that reads slowly, before it is dropped. */
const MAX_WAITING = 1_024;
/** How long a client may take to hear the last lines before it is hung up on, in milliseconds. */
const LINGER = 2_000;
/** How long everybody together may take when the server shuts down, in milliseconds. */
const GRACE = 5_000;

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
    // When the server shuts down, everybody leaves; nobody wants to read it.
    if (!shutdownRequested()) this.say(`* ${member.name} has left`, member);
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
    if (!this.outbox.trySend(line)) this.connection.cancel(`${this.name} does not read`);
  }
}

/** What is read from one connection. */
type Input = BufferedStream<SocketStream>;

/** Asks for a name until it gets a free one; `null` if the client hangs up. */
async function logIn(input: Input, outbox: MemorySendChannel<string>, room: Room): Promise<string | null> {
  await outbox.send("What is your name?");
  while (true) {
    const name = await input.receiveLine({ max: MAX_LINE });
    if (name === null) return null;
    if (!/^\w{1,20}$/.test(name)) await outbox.send("A name has 1 to 20 letters or digits. What is your name?");
    else if (room.has(name)) await outbox.send("username taken, what is your name?");
    else return name;
  }
}

/** From login until the client hangs up. */
async function converse(
  input: Input,
  client: { outbox: MemorySendChannel<string>; connection: Nursery; room: Room },
): Promise<void> {
  const { outbox, connection, room } = client;
  const name = await logIn(input, outbox, room);
  if (name === null) return;
  // Nothing waits between the check of the name and this line, so no two can take the same.
  const member = new Member(name, outbox, connection);
  room.join(member);
  member.hear(`Welcome, ${name}. Here are: ${room.names().join(", ")}`);
  try {
    for await (const line of input.lines({ max: MAX_LINE })) {
      if (line !== "") room.say(`<${name}> ${line}`, member);
    }
  } finally {
    room.leave(member);
  }
}

const encoder = new TextEncoder();

/** One connection: reads and writes side by side. */
async function talk(stream: SocketStream, room: Room): Promise<void> {
  const [outbox, inbox] = openMemoryChannel<string>(MAX_WAITING, { name: "outbox" });
  await openNursery(async (connection) => {
    connection.startSoon(async function write() {
      for await (const line of inbox) await stream.sendAll(encoder.encode(`${line}\n`));
    });
    // All of it waits for the client, and nothing is left half done: so a shutdown may end it anywhere.
    const talked = await untilShutdown(() => converse(new BufferedStream(stream), { outbox, connection, room }));
    // The nursery waits for the writer, and no longer than this.
    connection.cancelScope.deadline = currentTime() + LINGER;
    if (talked.cancelledCaught) await outbox.send("* the server is closing, goodbye");
    outbox.close();
  });
}

/** Serves until cancelled, or until everybody has heard the goodbye of a shutdown. */
export function chatServer(options: ServeTcpOptions): Server<TcpAddress> {
  const room = new Room();
  return tcpServer((stream) => talk(stream, room), {
    onHandlerError: (error) => console.error(`a connection failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const server = chatServer({ port: Number(Deno.args[0] ?? 8000) });
  const started = ([address]: readonly [TcpAddress, ...TcpAddress[]]) =>
    console.log(`chatting on port ${address.port}, Ctrl-C to stop`);
  run(() => server({ started }), { grace: GRACE });
}
