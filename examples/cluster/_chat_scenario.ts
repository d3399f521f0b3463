/** The chat on a network that breaks: who has heard what. */

import { BufferedStream, openTcpStream, simulate, type Simulation, sleep } from "@trefoil/io";
import type * as Chat from "./chat_cluster.ts";
import { natsd, Store } from "./_natsd.ts";

/** A client of the chat. */
export class ChatClient {
  readonly heard: string[] = [];
  readonly said: string[] = [];
  readonly name: string;
  #stream: BufferedStream | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** Listens until its server is gone. */
  async run(hostname: string, port: number, joined: () => void): Promise<void> {
    using stream = new BufferedStream(await openTcpStream(hostname, port));
    await stream.sendText(`JOIN room ${this.name}\n`);
    await stream.receiveLine();
    this.#stream = stream;
    joined();
    try {
      for await (const line of stream.lines()) this.heard.push(line);
    } finally {
      this.#stream = null;
    }
  }

  async say(text: string): Promise<void> {
    if (this.#stream === null) return;
    this.said.push(`${this.name}: ${text}`);
    await this.#stream.sendText(`${text}\n`);
  }
}

/** What is wrong with what the clients of live processes have heard of each other: nothing, or a line each. */
export function faultsOf(clients: readonly ChatClient[]): string[] {
  const faults: string[] = [];
  for (const listener of clients) {
    for (const speaker of clients) {
      const heard = listener.heard.filter((line) => line.startsWith(`${speaker.name}: `));
      const lost = speaker.said.filter((line) => !heard.includes(line)).length;
      const twice = heard.length - new Set(heard).size;
      const about = `${listener.name} of ${speaker.name}`;
      if (lost > 0) faults.push(`${about}: ${lost} of ${speaker.said.length} lost`);
      else if (twice > 0) faults.push(`${about}: ${twice} twice`);
      else if (heard.join() !== speaker.said.join()) faults.push(`${about}: out of order`);
    }
  }
  return faults;
}

/** What came of it. */
export interface ChatOutcome {
  readonly faults: string[];
  readonly deliveries: number;
  /** Who was told to have left, by whom. */
  readonly left: string[];
  readonly log: readonly string[];
}

const NODES = ["n0", "n1", "n2"];

/** Three processes with three clients each; one loses power, then NATS does, for a while. */
export function chatScenario(chat: typeof Chat, seed: number, { away = 800 } = {}): Promise<ChatOutcome> {
  return simulate(async (sim: Simulation) => {
    const store = new Store();
    const nats = sim.net.host("nats");
    nats.startSoon(() => natsd({ store })());
    const left: string[] = [];
    for (const name of NODES) {
      sim.net.link(sim.net.host(name).name, "nats", { latency: 2, jitter: 5 });
      sim.net.link("test", name, { latency: 1 });
      const log = (line: string) => void (line.endsWith("has left") && left.push(`${name}: ${line}`));
      sim.net.host(name).startSoon(() => chat.chatProcess(7_000, { servers: "nats:4222", log }));
    }
    await sleep(1_500);
    const clients: ChatClient[] = [];
    for (const [i, name] of [...NODES, ...NODES, ...NODES].entries()) {
      const client = new ChatClient(`c${i}`);
      clients.push(client);
      sim.background.startSoon(() => client.run(name, 7_000, () => {}).catch(() => {}));
    }
    await sleep(500);
    for (const client of clients) {
      sim.background.startSoon(async () => {
        for (let n = 0; n < 60; n++) {
          await sleep(200 * sim.random("talk"));
          await client.say(`${n}`).catch(() => {});
        }
      });
    }
    await sleep(1_000 + 1_000 * sim.random("faults"));
    sim.net.host("n2").crash();
    await sleep(500 + 1_000 * sim.random("faults"));
    nats.crash();
    await sleep(away);
    nats.restart();
    await sleep(20_000);
    const alive = clients.filter((_, i) => i % 3 !== 2);
    const deliveries = alive.reduce((sum, { heard }) => sum + heard.length, 0);
    return { faults: faultsOf(alive), deliveries, left, log: sim.net.log() };
  }, { seed, leaks: "ignore" });
}
