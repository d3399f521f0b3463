/** A client that speaks the protocol of NATS by hand, for tests. */

import { BufferedStream, failAfter, openTcpStream, type SocketStream } from "@trefoil/io";

export class WireClient implements Disposable {
  /** What the server has said first, as data. */
  info: Record<string, unknown> = {};
  readonly #stream: BufferedStream<SocketStream>;

  private constructor(stream: SocketStream) {
    this.#stream = new BufferedStream(stream);
  }

  /** Connects, and says how it wants to be treated; with `null` nothing. */
  static async open(port: number, options: Record<string, unknown> | null = {}): Promise<WireClient> {
    const client = new WireClient(await openTcpStream("127.0.0.1", port));
    const line = await client.#line();
    client.info = JSON.parse(line.slice("INFO ".length));
    if (options !== null) {
      const all = { verbose: false, pedantic: false, headers: true, no_responders: true, ...options };
      client.send(`CONNECT ${JSON.stringify(all)}`);
      await client.talk();
    }
    return client;
  }

  #sending: Promise<void> = Promise.resolve();

  /** Sends lines. */
  send(...lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\r\n`).join("");
    this.#sending = this.#sending.then(() => this.#stream.sendText(text));
  }

  /** Sends a message. */
  publish(
    subject: string,
    payload = "",
    { reply = "", headers = "" }: { reply?: string; headers?: string } = {},
  ): void {
    const where = reply === "" ? subject : `${subject} ${reply}`;
    if (headers === "") return this.send(`PUB ${where} ${payload.length}`, payload);
    const head = `NATS/1.0\r\n${headers}\r\n\r\n`;
    this.send(`HPUB ${where} ${head.length} ${head.length + payload.length}`, `${head}${payload}`);
  }

  /** Sends lines, and gives all that the server says until it has read them. */
  async talk(...lines: readonly string[]): Promise<string[]> {
    this.send(...lines, "PING");
    return await this.until("PONG");
  }

  /** What the server says before a line. */
  async until(last: string): Promise<string[]> {
    const heard: string[] = [];
    for (let line = await this.#line(); line !== last; line = await this.#line()) heard.push(line);
    return heard;
  }

  /** So many lines. */
  async lines(count: number): Promise<string[]> {
    const heard: string[] = [];
    while (heard.length < count) heard.push(await this.#line());
    return heard;
  }

  /** All that the server says before it hangs up. */
  async end(): Promise<string[]> {
    const heard: string[] = [];
    await this.#sending.catch(() => {});
    return await failAfter(10_000, async () => {
      for (let line = await this.#stream.receiveLine(); line !== null; line = await this.#stream.receiveLine()) {
        heard.push(line);
      }
      return heard;
    });
  }

  /** Asks, and gives the payload of the answer. */
  async ask(subject: string, payload = "", headers = ""): Promise<string> {
    this.send("SUB answer ask", "UNSUB ask 1");
    this.publish(subject, payload, { reply: "answer", headers });
    while (true) {
      const line = await this.#line();
      if (/^H?MSG answer ask/.test(line)) return await this.#body(line);
    }
  }

  /** The headers and the payload of the message that a line announces. */
  async #body(line: string): Promise<string> {
    const bytes = await this.#stream.receiveExactly(Number(line.split(" ").at(-1)));
    await this.#stream.receiveExactly(2);
    return new TextDecoder().decode(bytes);
  }

  async #line(): Promise<string> {
    await this.#sending;
    const line = await failAfter(10_000, () => this.#stream.receiveLine());
    if (line === null) throw new Error("Cannot go on as the server has hung up");
    return line;
  }

  [Symbol.dispose](): void {
    this.#stream.close();
  }
}
