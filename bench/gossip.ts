/**
 * A thousand hosts in memory that gossip for a virtual minute: each tells a random other one what it knows, once a second,
 * by a datagram or over a connection of its own.
 */

import { openTcpStream, openUdpSocket, serveTcp, sleep, type UdpSocket } from "../mod.ts";
import { simulate, type Simulation } from "../testing/mod.ts";
import { collect, cpuTime, measure, type Sample, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
const SECONDS = quick ? 5 : 60;
const PORT = 7_000;

/** What a host knows: the highest version it has heard of. */
interface Peer {
  version: number;
}

/** Runs a network of so many hosts, and measures it from the first second on. */
async function gossip(
  count: number,
  seconds: number,
  tell: (sim: Simulation, peer: Peer, peers: Peer[]) => Promise<() => Promise<void>>,
): Promise<Sample> {
  let cost = 0;
  let heap = 0;
  await simulate(async (sim) => {
    collect();
    const before = Deno.memoryUsage().heapUsed;
    const peers: Peer[] = Array.from({ length: count }, () => ({ version: 0 }));
    peers[0]!.version = 1;
    for (const [i, peer] of peers.entries()) {
      sim.net.host(`h${i}`).startSoon(async () => {
        const speak = await tell(sim, peer, peers);
        await sleep(1_000 * sim.random());
        for (let second = 0; second < seconds; second++) {
          await speak();
          await sleep(1_000);
        }
      });
    }
    await sleep(999);
    collect();
    heap = Deno.memoryUsage().heapUsed - before;
    const start = cpuTime();
    await sleep(seconds * 1_000);
    cost = cpuTime() - start;
    if (!quick && peers.some(({ version }) => version === 0)) {
      throw new Error("Cannot go on as not all have heard of it");
    }
  }, { leaks: "ignore", maxSteps: Infinity, realTimeout: 120_000 });
  return { "per message (us)": cost / (count * seconds), "per host (bytes)": heap / count };
}

function another(sim: Simulation, count: number): string {
  return `h${Math.floor(sim.random() * count)}`;
}

async function byDatagrams(sim: Simulation, peer: Peer, peers: Peer[]): Promise<() => Promise<void>> {
  const socket: UdpSocket = await openUdpSocket({ port: PORT });
  sim.background.startSoon(async () => {
    for await (const { data } of socket) peer.version = Math.max(peer.version, data[0]!);
  });
  return () => {
    const { address } = sim.net.host(another(sim, peers.length));
    return socket.send(new Uint8Array([peer.version]), { hostname: address, port: PORT });
  };
}

// deno-lint-ignore require-await -- as the other one waits
async function byConnections(sim: Simulation, peer: Peer, peers: Peer[]): Promise<() => Promise<void>> {
  const { address } = sim.net.host(`h${peers.indexOf(peer)}`);
  sim.background.startSoon(() =>
    sim.net.host(`h${peers.indexOf(peer)}`).run(() =>
      serveTcp(async (stream) => {
        peer.version = Math.max(peer.version, (await stream.receiveSome())![0]!);
      }, { port: PORT, hostname: address })
    )
  );
  return async () => {
    using stream = await openTcpStream(another(sim, peers.length), PORT);
    await stream.sendAll(new Uint8Array([peer.version]));
  };
}

await measure([{
  title: `1,000 hosts gossip by datagrams for ${SECONDS} virtual seconds`,
  unit: "each",
  baseline: "sim.net",
  candidates: [{ name: "sim.net", round: () => gossip(1_000, SECONDS, byDatagrams), slow: true }],
}, {
  title: `1,000 hosts gossip over connections for ${SECONDS / 2} virtual seconds`,
  unit: "each",
  baseline: "sim.net",
  candidates: [{ name: "sim.net", round: () => gossip(1_000, SECONDS / 2, byConnections), slow: true }],
}]);
