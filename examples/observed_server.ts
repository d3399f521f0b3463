// deno-lint-ignore-file no-console
/**
 * An HTTP server with three faults, each behind a flag, and a monitor that shows them.
 *
 * - `--slow-lock`: an order holds the lock of the stock while it waits for the payment, so orders queue up.
 * - `--block`: a report computes for some 300 ms without letting anything else run.
 * - `--leak`: what becomes of an order is written into a channel that nobody reads, so tasks pile up behind it.
 *
 * Run it: deno run --allow-net examples/observed_server.ts --slow-lock --block --leak
 * Try it: open the URL that it prints, and ask for http://127.0.0.1:8000/order and http://127.0.0.1:8000/report now and then
 *
 * What it shows: how a fault that no log tells of is seen from outside. The guide docs/guides/observing.md goes through
 * all three, in the monitor, in a trace, and with Ctrl-\.
 */
import {
  checkpoint,
  httpServer,
  Lock,
  type MemoryReceiveChannel,
  type MemorySendChannel,
  type Nursery,
  openMemoryChannel,
  openNursery,
  run,
  type ServeHttpOptions,
  type Server,
  sleep,
  sleepForever,
  type TcpAddress,
} from "@trefoil/io";
import { openMonitor } from "@trefoil/io/observe";

/** How long a payment takes, in milliseconds. */
const PAYMENT = 400;
/** Of how many parts a report is made; each takes about a millisecond. */
const PARTS = 300;

/** Which faults there are. */
export interface Faults {
  readonly slowLock?: boolean;
  readonly block?: boolean;
  readonly leak?: boolean;
}

/** A shop: its stock, and the channel into which is written what becomes of orders. */
export class Shop {
  readonly stock: Lock = new Lock({ name: "stock" });
  readonly audit: MemorySendChannel<string>;
  readonly #entries: MemoryReceiveChannel<string>;
  readonly #nursery: Nursery;
  readonly #faults: Faults;
  #orders = 0;

  constructor(nursery: Nursery, faults: Faults) {
    [this.audit, this.#entries] = openMemoryChannel<string>(10, { name: "audit" });
    this.#nursery = nursery;
    this.#faults = faults;
    if (!faults.leak) nursery.startSoon(() => this.#write(), { name: "audit", daemon: true });
  }

  /** Takes something out of the stock, and has it paid for. */
  async order(): Promise<string> {
    const number = ++this.#orders;
    if (this.#faults.slowLock) {
      using _ = await this.stock.acquire();
      await this.#pay();
    } else {
      // What takes long needs no lock.
      await this.#pay();
      using _ = await this.stock.acquire();
    }
    this.#nursery.startSoon(() => this.audit.send(`order ${number} is paid`), { name: `audit of order ${number}` });
    return `order ${number} is paid\n`;
  }

  /** Computes for a while: all at once, or with a breath now and then. */
  async report(): Promise<string> {
    let sum = 0;
    for (let part = 0; part < PARTS; part++) {
      for (let n = 0; n < 1_000_000; n++) sum += Math.sqrt(n + part);
      if (!this.#faults.block) await checkpoint();
    }
    return `the sum is ${Math.round(sum)}\n`;
  }

  async #pay(): Promise<void> {
    await sleep(PAYMENT);
  }

  async #write(): Promise<void> {
    // As if it went into a file.
    for await (const _entry of this.#entries) await sleep(1);
  }
}

/** Serves a shop. */
export function shopServer(shop: Shop, options: ServeHttpOptions): Server<TcpAddress> {
  return httpServer(async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/order") return new Response(await shop.order());
    if (pathname === "/report") return new Response(await shop.report());
    return new Response("try /order or /report\n", { status: 404 });
  }, options);
}

/** The program: the shop, and a monitor that watches its lock and its channel also while nobody waits for them. */
export async function main(args: readonly string[]): Promise<void> {
  const has = (flag: string) => args.includes(flag);
  const portOf = (name: string, port: number) =>
    Number(args.find((arg) => arg.startsWith(name))?.split("=")[1] ?? port);
  const faults: Faults = { slowLock: has("--slow-lock"), block: has("--block"), leak: has("--leak") };
  await openNursery(async (nursery) => {
    const shop = new Shop(nursery, faults);
    await using monitor = openMonitor({
      port: portOf("--monitor", 9001),
      watch: { stock: shop.stock, audit: shop.audit },
    });
    const options = { hostname: "127.0.0.1", port: portOf("--port", 8000) };
    const [{ hostname, port }] = await nursery.start(shopServer(shop, options));
    console.log(`The shop is at http://${hostname}:${port}/, and its monitor at ${monitor.url}`);
    await sleepForever();
  });
}

if (import.meta.main) await run(() => main(Deno.args), { grace: 1_000 });
