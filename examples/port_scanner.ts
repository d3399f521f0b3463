// deno-lint-ignore-file no-console
/**
 * Finds the open TCP ports of this machine: many at a time, each with a timeout, telling every half second how far it
 * is. Ctrl-C ends it at once, with all its connections.
 *
 * Run it: deno run --allow-net examples/port_scanner.ts [first port] [last port]
 */
import { BrokenResourceError, forEach, moveOnAfter, openNursery, openTcpStream, run, sleep } from "@trefoil/io";

/** How to scan. */
export interface ScanOptions {
  /** @default {"127.0.0.1"} */
  readonly hostname?: string;
  /**
   * How many ports are tried at a time. With more than 128, Deno 2.9.6 lets the rest wait until the others have nothing
   * to do, and they would seem to be silent.
   *
   * @default {100}
   */
  readonly concurrency?: number;
  /** How long a port may take to answer, in milliseconds. @default {1_000} */
  readonly timeout?: number;
  /** Told how far it is, every half second. */
  readonly onProgress?: (progress: ScanResult) => void;
}

/** What was found out so far. */
export interface ScanResult {
  /** How many ports were tried. */
  readonly tried: number;
  /** The ports that accept connections, in order. */
  readonly open: readonly number[];
  /** The ports that gave no answer in time, in order: behind a firewall, as a rule. */
  readonly silent: readonly number[];
}

/** Whether a port accepts connections; `"silent"` if it does not say in time. */
async function probe(port: number, options: ScanOptions): Promise<"open" | "closed" | "silent"> {
  const { hostname = "127.0.0.1", timeout = 1_000 } = options;
  try {
    const outcome = await moveOnAfter(timeout, async () => {
      using stream = await openTcpStream(hostname, port);
      // On one machine a connection may get the port it calls as its own, and TCP connects it to itself.
      return stream.localAddress.port !== port;
    });
    return outcome.cancelledCaught ? "silent" : outcome.value ? "open" : "closed";
  } catch (error) {
    if (error instanceof BrokenResourceError) return "closed";
    throw error;
  }
}

/** Tries every port. */
export async function scanPorts(ports: Iterable<number>, options: ScanOptions = {}): Promise<ScanResult> {
  const { concurrency = 100, onProgress } = options;
  const found = { open: [] as number[], silent: [] as number[], closed: [] as number[] };
  const inOrder = (ports: readonly number[]) => ports.toSorted((a, b) => a - b);
  const result = (): ScanResult => ({
    tried: found.open.length + found.silent.length + found.closed.length,
    open: inOrder(found.open),
    silent: inOrder(found.silent),
  });
  await openNursery(async (nursery) => {
    // A daemon: ends with the scan.
    nursery.startSoon(async function tell() {
      while (true) {
        await sleep(500);
        onProgress?.(result());
      }
    }, { daemon: true });
    await forEach(ports, async (port) => void found[await probe(port, options)].push(port), { concurrency });
  });
  return result();
}

function* range(first: number, last: number): Generator<number> {
  for (let port = first; port <= last; port++) yield port;
}

if (import.meta.main) {
  const [first = 1, last = 65_535] = Deno.args.map(Number);
  const onProgress = ({ tried, open }: ScanResult) =>
    console.log(`${tried} of ${last - first + 1} ports tried, ${open.length} open`);
  run(async () => {
    const { open, silent } = await scanPorts(range(first, last), { onProgress });
    console.log(`open: ${open.join(", ") || "none"}`);
    if (silent.length > 0) console.log(`no answer: ${silent.length} ports`);
  });
}
