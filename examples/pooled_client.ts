// deno-lint-ignore-file no-console
/**
 * A client whose tasks share a few connections, for a protocol of one line each way.
 *
 * Most of what pools get wrong is what happens to a connection when its user fails: it is given back in the middle of an
 * answer, and the next user gets that; or it is never given back, and after some failures nobody gets one. Here a
 * connection whose user threw or was cancelled is closed, unless the error is an answer.
 *
 * Run it: deno run --allow-net examples/pooled_client.ts [port] [hostname]
 * It needs a server: examples/echo_server.ts
 *
 * Its test lets every operation of the network go wrong once.
 */
import {
  BufferedStream,
  failAfter,
  map,
  openPool,
  openTcpStream,
  type Pool,
  run,
  type SocketStream,
} from "@trefoil/io";

/** How long an answer may take, in milliseconds. */
const TIMEOUT = 1_000;
/** The longest answer, in bytes. */
const MOST = 1_024;

/** The server said no. The connection is as good as before. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** A client with connections to a server. */
export class PooledClient implements AsyncDisposable {
  readonly #pool: Pool<BufferedStream<SocketStream>>;

  constructor(hostname: string, port: number, { connections = 4 } = {}) {
    this.#pool = openPool({
      open: async () => new BufferedStream(await failAfter(TIMEOUT, () => openTcpStream(hostname, port))),
      max: connections,
      idle: 30_000,
      keep: (error) => error instanceof AnswerError,
    });
  }

  /** Asks, and waits for the answer. */
  async ask(question: string): Promise<string> {
    return await this.#pool.use((connection) =>
      failAfter(TIMEOUT, async () => {
        await connection.sendText(`${question}\n`);
        // Not `receiveLine()`: half an answer, and then the end, would be a line to it. The sweep of faults found that.
        const answer = new TextDecoder().decode(await connection.receiveUntil("\n", { max: MOST }));
        if (answer.startsWith("no ")) throw new AnswerError(answer.slice(3));
        return answer;
      })
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}

if (import.meta.main) {
  const [port = "8000", hostname = "127.0.0.1"] = Deno.args;
  await run(async () => {
    await using client = new PooledClient(hostname, Number(port), { connections: 2 });
    const answers = await map(["one", "two", "three", "four"], (word) => client.ask(word));
    console.log(answers.join(", "));
  });
}
