/**
 * The promise of every stream, tried with thousands of seeds: whatever is cancelled, and whenever, the bytes arrive
 * complete and in order.
 *
 * Each run sends a random amount in random pieces and receives it in random ways, and cancels some of the receives:
 * before they begin, while the host reads, in the very turn in which the bytes come. Most runs are over a host in
 * memory, whose operations take a random number of turns and do a random part of what they are asked; the others over
 * loopback.
 */

import { assert, assertEquals } from "@std/assert";
import { moveOnAfter, openNursery, sleep, type TcpAddress } from "../core/mod.ts";
import type { NetworkTlsConn } from "../core/lowlevel.ts";
import { makeCertificates } from "./_fixtures/make_certificates.ts";
import {
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  type ReceiveStream,
  type SendStream,
  SocketStream,
  TlsStream,
} from "./mod.ts";

const HERE = { hostname: "127.0.0.1" };
const certificates = await makeCertificates();

/** Random numbers from a seed: whole, from 0 to `below`, without it. */
type Random = (below: number) => number;

function randomOf(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b1 >>> 0;
  return (below) => {
    // A 32-bit linear step (Numerical Recipes' constants), of which only the upper bits are any good.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state >>> 8) / 0x1000000 * below);
  };
}

/** The byte at a place of what is sent: no two places of one run look alike to a stream that mixes them up. */
const byteAt = (index: number) => (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff;

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => byteAt(index));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await null;
}

/** One direction of a connection in memory. */
class Pipe {
  readonly #limit: number;
  #held = new Uint8Array(0);
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  async put(data: Uint8Array, random: Random): Promise<number> {
    await turns(random(5));
    while (this.#held.length >= this.#limit) await this.#changed.promise;
    const size = Math.min(data.length, this.#limit - this.#held.length, 1 + random(data.length));
    const joined = new Uint8Array(this.#held.length + size);
    joined.set(this.#held);
    joined.set(data.subarray(0, size), this.#held.length);
    this.#held = joined;
    this.#tell();
    await turns(random(3));
    return size;
  }

  async take(buffer: Uint8Array, random: Random): Promise<number | null> {
    await turns(random(5));
    while (this.#held.length === 0) {
      if (this.#ended) return null;
      await this.#changed.promise;
    }
    const size = Math.min(buffer.length, this.#held.length, 1 + random(this.#held.length));
    buffer.set(this.#held.subarray(0, size));
    this.#held = this.#held.slice(size);
    this.#tell();
    await turns(random(3));
    return size;
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

const ADDRESS: TcpAddress = { transport: "tcp", hostname: "10.0.0.1", port: 1 };

/** Both ends of a connection in memory, as a host makes them; `handshake()` for the streams of TLS. */
function connection(random: Random): [NetworkTlsConn, NetworkTlsConn] {
  const pipes = [new Pipe(1 + random(500)), new Pipe(1 + random(500))] as const;
  const end = (from: Pipe, to: Pipe): NetworkTlsConn => ({
    localAddr: ADDRESS,
    remoteAddr: ADDRESS,
    read: (buffer) => from.take(buffer, random),
    write: (data) => to.put(data, random),
    closeWrite: () => Promise.resolve(to.end()),
    close: () => to.end(),
    handshake: () => Promise.resolve({ alpnProtocol: null }),
  });
  return [end(pipes[0], pipes[1]), end(pipes[1], pipes[0])];
}

async function send(stream: SendStream & { sendEof(): Promise<void> }, data: Uint8Array, random: Random) {
  const largest = 1 + random(data.length);
  for (let at = 0; at < data.length;) {
    const size = 1 + random(largest);
    await stream.sendAll(data.subarray(at, at + size));
    at += size;
    if (random(8) === 0) await turns(random(10));
  }
  await stream.sendEof();
}

/** Receives all there is; returns how many receives were cancelled. */
async function receive(
  stream: ReceiveStream & { receiveInto(buffer: Uint8Array): Promise<number | null> },
  size: number,
  random: Random,
  wait: () => Promise<void>,
): Promise<number> {
  let at = 0;
  let cancelled = 0;
  while (true) {
    const max = 1 + random(random(4) === 0 ? 10 : 400);
    const into = random(2) === 0 ? new Uint8Array(max) : null;
    const cancelAfter = random(2) === 0 ? random(8) : -1;
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      if (cancelAfter === 0) scope.cancel();
      const receiving = into === null ? stream.receiveSome(max) : stream.receiveInto(into);
      receiving.catch(() => {});
      if (cancelAfter > 0) {
        await turns(cancelAfter);
        scope.cancel();
      }
      return await receiving;
    });
    if (outcome.cancelledCaught) {
      cancelled++;
      // What the host brings meanwhile, nobody is waiting for.
      if (random(3) === 0) await wait();
      continue;
    }
    const got = outcome.value;
    if (got === null) break;
    const chunk = got instanceof Uint8Array ? got : into!.subarray(0, got);
    if (chunk.length === 0 || chunk.length > max) throw new Error(`${chunk.length} bytes came, of at most ${max}`);
    for (const byte of chunk) {
      if (byte !== byteAt(at)) throw new Error(`byte ${at} of ${size} is another one`);
      at++;
    }
  }
  if (at !== size) throw new Error(`the end came after ${at} of ${size} bytes`);
  return cancelled;
}

async function runs(
  seeds: number,
  most: number,
  pair: (random: Random) => Promise<readonly [SocketStream, SocketStream]>,
  wait: (random: Random) => Promise<void>,
): Promise<void> {
  let cancelled = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const random = randomOf(seed);
    const [a, b] = await pair(random);
    const data = bytesOf(1 + random(most));
    try {
      await openNursery((nursery) => {
        nursery.startSoon(() => send(a, data, random));
        nursery.startSoon(async () => {
          cancelled += await receive(b, data.length, random, () => wait(random));
        });
      });
    } catch (error) {
      throw new Error(`Seed ${seed}`, { cause: error });
    } finally {
      a.close();
      b.close();
    }
  }
  assert(cancelled > seeds, `only ${cancelled} receives were cancelled in ${seeds} runs`);
}

for (
  const [name, open] of [
    ["SocketStream", (conn: NetworkTlsConn) => new SocketStream(conn)],
    ["TlsStream", (conn: NetworkTlsConn) => new TlsStream(conn)],
    ["TlsStream with a quiet end", (conn: NetworkTlsConn) => new TlsStream(conn, { missingCloseNotify: "end" })],
  ] as const
) {
  const seeds = name === "TlsStream with a quiet end" ? 2_000 : 10_000;
  Deno.test(`${name}: no byte is lost in ${seeds} runs whose receives are cancelled at random points`, () =>
    runs(seeds, 1_500, (random) => {
      const [a, b] = connection(random);
      return Promise.resolve([open(a), open(b)]);
    }, (random) => turns(random(12))));
}

/** Lets the event loop turn, so that the host can bring something. */
const wait = async (random: Random) => {
  for (let turn = random(4); turn > 0; turn--) await sleep(0);
};

Deno.test("TCP: no byte is lost in 500 runs whose receives are cancelled at random points", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  using _ = listener;
  await runs(500, 10_000, async () => {
    const client = await openTcpStream("127.0.0.1", listener.address.port);
    return [client, await listener.accept()];
  }, wait);
});

Deno.test({
  name: "TLS: no byte is lost in 300 runs whose receives are cancelled at random points",
  ignore: certificates === null,
  async fn() {
    const { ca, cert, key } = certificates!;
    const [listener] = await openTlsListeners(0, { ...HERE, cert, key });
    using _ = listener;
    await runs(300, 10_000, (random) =>
      openNursery(async (nursery) => {
        const accepting = nursery.startSoon(async () => {
          const stream = await listener.accept();
          await stream.handshake();
          return stream;
        });
        const client = await openTlsStream("127.0.0.1", listener.address.port, { caCerts: [ca] });
        const server = await accepting.join();
        return random(2) === 0 ? [client, server] as const : [server, client] as const;
      }), wait);
  },
});

Deno.test("the runs would notice: a stream that forgets what a cancelled receive brings fails within ten seeds", async () => {
  class Forgetful extends SocketStream {
    #forgets = false;
    override async receiveSome(max?: number): Promise<Uint8Array | null> {
      // As with `Promise.race()` and a timeout: what comes late goes to nobody.
      if (this.#forgets) await super.receiveSome(1);
      this.#forgets = false;
      const receiving = super.receiveSome(max);
      receiving.catch(() => this.#forgets = true);
      return await receiving;
    }
  }
  const failure = await runs(10, 1_500, (random) => {
    const [a, b] = connection(random);
    return Promise.resolve([new SocketStream(a), new Forgetful(b)]);
  }, (random) => turns(random(12))).catch((error) => error);
  assert(failure instanceof Error);
  assertEquals(failure.message.slice(0, 5), "Seed ");
});
