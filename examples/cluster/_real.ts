/** The real nats-server, in a process of its own, for tests: on a port that stays the same when it is started again. */

import { failAfter, openProcess, openTcpStream, type Process, retry, sleep } from "@trefoil/io";
import { getAvailablePort } from "@std/net";

/** Options of `RealNats`. */
export interface RealNatsOptions {
  /** Further lines of its configuration. */
  readonly config?: string;
}

export class RealNats implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #process: Process | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** Starts one; returns when it answers. */
  static async open({ config = "" }: RealNatsOptions = {}): Promise<RealNats> {
    const folder = await Deno.makeTempDir({ prefix: "trefoil_nats_" });
    const port = getAvailablePort();
    const lines = `host: 127.0.0.1\nport: ${port}\njetstream { store_dir: "${folder}/store" }\n${config}\n`;
    await Deno.writeTextFile(`${folder}/nats.conf`, lines);
    const server = new RealNats(port, folder);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    this.#process = await openProcess(["nats-server", "-c", `${this.#folder}/nats.conf`], {
      stdout: "null",
      stderr: "null",
    });
    await failAfter(20_000, () =>
      retry(async () => {
        using stream = await openTcpStream("127.0.0.1", this.port);
        await stream.receiveSome();
      }, { attempts: Infinity, backoff: () => 20 }));
  }

  /** As a loss of power, but for the disk. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.wait();
    this.#process = null;
  }

  /** Lets it be away for a while. */
  async restart(away = 0): Promise<void> {
    await this.kill();
    await sleep(away);
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
