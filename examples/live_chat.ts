// deno-lint-ignore-file no-console
/**
 * A chat over WebSockets whose clients miss nothing: whoever loses the connection joins again, and is told what was said
 * meanwhile.
 *
 * Run it: deno run --allow-net examples/live_chat.ts serve [port]
 *         deno run --allow-net examples/live_chat.ts join <name> [url]
 *
 * Lines are numbered. A client that joins says which one it had last, and the server begins after that. The server says
 * something every few seconds, if only that it is there, so that a client whose network is gone notices it: the end of a
 * connection that is cut off is told to nobody. What a client says it says again until it has heard it.
 */
import {
  BrokenResourceError,
  Condition,
  EndOfChannel,
  failAfter,
  httpServer,
  moveOnAfter,
  openNursery,
  openWebSocket,
  retry,
  run,
  type ServeHttpOptions,
  type Server,
  type TcpAddress,
  TooSlowError,
  upgradeWebSocket,
  type WebSocketChannel,
} from "@trefoil/io";

/** A line of the chat. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** How often the server says that it is there, in milliseconds; and after how long of silence a client leaves. */
const BEAT = 5_000;
const SILENCE = 3 * BEAT;

/** Serves a chat. What was said is kept for those who come back. */
export function chatServer(options: ServeHttpOptions): Server<TcpAddress> {
  const lines: string[] = [];
  /** By whom and under which number of theirs a line was said: said again, it is said once. */
  const known = new Set<string>();
  const news = new Condition();

  async function say(key: string, text: string): Promise<void> {
    if (known.has(key)) return;
    known.add(key);
    using _ = await news.acquire();
    lines.push(text);
    news.notifyAll();
  }

  async function talk(socket: WebSocketChannel, since: number): Promise<void> {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (let next = since;; next++) {
          if (next === lines.length) {
            const more = await moveOnAfter(BEAT, async () => {
              using _ = await news.acquire();
              while (next === lines.length) await news.wait();
            });
            if (more.cancelledCaught) {
              await socket.send("");
              next--;
              continue;
            }
          }
          await socket.send(JSON.stringify({ number: next, text: lines[next] }));
        }
      }, { daemon: true });
      for await (const message of socket) {
        const { key, text } = JSON.parse(String(message));
        await say(key, text);
      }
    });
  }

  return httpServer((request) => {
    const since = Number(new URL(request.url).searchParams.get("since"));
    return upgradeWebSocket(request, (socket) => talk(socket, since));
  }, options);
}

/** Somebody in the chat. */
export class ChatClient {
  readonly #url: string;
  readonly #name: string;
  readonly #onLine: (line: Line) => void;
  readonly #unheard = new Map<string, string>();
  #socket: WebSocketChannel | null = null;
  #said = 0;
  #next = 0;

  constructor(url: string, name: string, onLine: (line: Line) => void) {
    this.#url = url;
    this.#name = name;
    this.#onLine = onLine;
  }

  /** Says something, now or when there is a connection again. */
  async say(text: string): Promise<void> {
    const key = `${this.#name} ${this.#said++}`;
    this.#unheard.set(key, `${this.#name}: ${text}`);
    if (this.#socket !== null) await this.#send(this.#socket, key).catch(passing);
  }

  /** Takes part until it is cancelled. */
  async run(): Promise<never> {
    while (true) {
      await retry(async () => {
        await using socket = await failAfter(SILENCE, () => openWebSocket(`${this.#url}?since=${this.#next}`));
        this.#socket = socket;
        try {
          for (const key of this.#unheard.keys()) await this.#send(socket, key);
          while (true) this.#hear(String(await failAfter(SILENCE, () => socket.receive())));
        } catch (error) {
          passing(error);
        } finally {
          this.#socket = null;
        }
      }, { attempts: Infinity, backoff: { initial: 100, max: 2_000 }, retryIf: isPassing });
    }
  }

  #hear(message: string): void {
    if (message === "") return;
    const line = JSON.parse(message) as Line;
    this.#next = line.number + 1;
    for (const [key, text] of this.#unheard) {
      if (text !== line.text) continue;
      this.#unheard.delete(key);
      break;
    }
    this.#onLine(line);
  }

  async #send(socket: WebSocketChannel, key: string): Promise<void> {
    await socket.send(JSON.stringify({ key, text: this.#unheard.get(key) }));
  }
}

/** Whether an error is one of the network, which may be better in a while. */
function isPassing(error: unknown): boolean {
  return error instanceof BrokenResourceError || error instanceof EndOfChannel || error instanceof TooSlowError;
}

function passing(error: unknown): void {
  if (!isPassing(error)) throw error;
}

if (import.meta.main) {
  const [what, ...rest] = Deno.args;
  if (what === "serve") {
    const server = chatServer({ port: Number(rest[0] ?? 8080) });
    await run(() => server({ started: ([{ port }]) => console.log(`the chat is at ws://localhost:${port}/`) }));
  } else {
    const [name = "nobody", url = "ws://localhost:8080/"] = rest;
    const client = new ChatClient(url, name, ({ text }) => console.log(text));
    await run(() =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => client.run());
        const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
        for await (const text of lines) await client.say(text.trimEnd());
        nursery.cancel();
      })
    );
  }
}
