import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenResourceError, moveOnAfter, sleep } from "../../core/mod.ts";
import { openTcpStream, serveTcp, type SocketStream } from "../../net/mod.ts";
import { simulate, simulated, type Simulation } from "../mod.ts";

// What proxies like Toxiproxy do to connections, groups that are cut off from each other, and chaos.

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function echo(stream: SocketStream): Promise<void> {
  try {
    for await (const chunk of stream) await stream.sendAll(chunk);
  } catch (error) {
    ifBroken(error);
  }
}

/** Peers that are gone are to be expected. */
function ifBroken(error: unknown): void {
  if (!(error instanceof BrokenResourceError)) throw error;
}

async function collect(stream: SocketStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += decode(chunk);
  return text;
}

function serveEcho(sim: Simulation, name = "db"): void {
  sim.net.host(name).startSoon(() => serveTcp(echo, { port: 7 }));
}

async function causeOf(promise: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => promise, BrokenResourceError);
  return (error.cause as Error).name;
}

Deno.test(
  "a link that slices lets the bytes arrive piece by piece, none missing",
  simulated(async (sim) => {
    serveEcho(sim);
    await using stream = await openTcpStream("db", 7);
    sim.net.link("test", "db", { slice: 1, sliceDelay: 10, chunk: Infinity, oneWay: true });
    await stream.sendAll(encode("abcd"));
    const arrivals: string[] = [];
    for (let i = 0; i < 4; i++) arrivals.push(`${decode((await stream.receiveSome())!)} ${sim.now}`);
    assertEquals(arrivals, ["a 0", "b 10", "c 20", "d 30"]);
  }),
);

Deno.test(
  "a slow close lets the end arrive late",
  simulated(async (sim) => {
    serveEcho(sim);
    sim.net.link("test", "db", { slowClose: 500 });
    await using stream = await openTcpStream("db", 7);
    await stream.sendAll(encode("x"));
    await stream.sendEof();
    assertEquals([await collect(stream), sim.now], ["x", 1_000]);
  }),
);

Deno.test(
  "a limit of data ends the connection after as many bytes: the end for who receives, a reset for who sends",
  simulated(async (sim) => {
    const received: string[] = [];
    sim.net.host("db").startSoon(() =>
      serveTcp(async (stream) => {
        received.push(await collect(stream));
      }, { port: 7 })
    );
    sim.net.link("test", "db", { limitData: 5, latency: 10, oneWay: true });
    {
      await using stream = await openTcpStream("db", 7);
      await stream.sendAll(encode("abc"));
      await stream.sendAll(encode("defg"));
      assertEquals(await causeOf(stream.receiveSome()), "ConnectionReset");
    }
    await sleep(100);
    assertEquals(received, ["abcde"]);
    assertEquals(sim.net.connections(), []);
  }),
);

Deno.test(
  "a connection is reset as long after its first use as the link says, also one that is there",
  simulated(async (sim) => {
    serveEcho(sim);
    await using old = await openTcpStream("db", 7);
    await sleep(50);
    {
      using _ = sim.net.link("test", "db", { resetAfter: 300 });
      assertEquals(await causeOf(old.receiveSome()), "ConnectionReset");
      assertEquals(sim.now, 350);
      await using young = await openTcpStream("db", 7);
      assertEquals(await causeOf(young.receiveSome()), "ConnectionReset");
      assertEquals(sim.now, 650);
      using spared = await openTcpStream("db", 7);
      _[Symbol.dispose]();
      const outcome = await moveOnAfter(1_000, () => spared.receiveSome());
      assert(outcome.cancelledCaught);
    }
  }),
);

Deno.test(
  "a black hole loses what is sent, and closes the connection after its time; an endless one leaves it open",
  simulated(async (sim) => {
    serveEcho(sim);
    await using stream = await openTcpStream("db", 7);
    await using other = await openTcpStream("db", 7);
    {
      using _ = sim.net.link("test", "db", { blackHole: Infinity });
      await other.sendAll(encode("x"));
      const outcome = await moveOnAfter(1_000, () => other.receiveSome());
      assert(outcome.cancelledCaught);
      assert(sim.net.log().at(-1)!.endsWith("send 1B, lost"));
    }
    sim.net.link("test", "db", { blackHole: 2_000 });
    await stream.sendAll(encode("x"));
    assertEquals([await stream.receiveSome(), sim.now], [null, 3_000]);
  }),
);

Deno.test(
  "groups are cut off from each other, and not within; hosts in none reach all",
  simulated(async (sim) => {
    for (const name of ["a", "b", "c", "d"]) serveEcho(sim, name);
    const reaches = async (from: string, to: string): Promise<boolean> => {
      const outcome = await moveOnAfter(
        100,
        () => sim.net.host(from).run(async () => (await openTcpStream(to, 7)).close()),
      );
      return !outcome.cancelledCaught;
    };
    const all = async () => [
      await reaches("a", "b"),
      await reaches("a", "c"),
      await reaches("c", "b"),
      await reaches("d", "c"),
      await reaches("a", "d"),
    ];
    {
      using _ = sim.net.partition([["a", "b"], ["c"]]);
      assertEquals(await all(), [true, false, false, true, true]);
    }
    assertEquals(await all(), [true, true, true, true, true]);
    sim.net.partition([["a"], ["b"], ["c"]]);
    sim.net.partition("a", "d");
    assertEquals(await all(), [false, false, false, true, false]);
    sim.net.heal();
    assertEquals(await all(), [true, true, true, true, true]);
    assertEquals(sim.net.log().filter((line) => line.includes("partition")), [
      "0.000s a+b | c partition",
      "0.200s a | b | c partition",
      "0.200s a, d partition",
    ]);
    for (const wrong of [[["a"]], [["a"], ["a"]], [["a"], "b"]]) {
      assertThrows(
        () => sim.net.partition(wrong as never),
        RangeError,
        "Cannot partition as the groups must be two or more arrays of hosts, and no host in two of them",
      );
    }
    assertThrows(() => sim.net.partition([["a"], ["x"]]), RangeError, 'there must be a host "x"');
  }),
);

/** Five hosts that talk, in a time of trouble. Returns what has happened, and how many were reached afterwards. */
function underChaos(seed: number): Promise<{ log: string; reached: number; end: number }> {
  return simulate(async (sim) => {
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) serveEcho(sim, name);
    const ask = async (name: string): Promise<void> => {
      await using stream = await openTcpStream(name, 7);
      await stream.sendAll(encode("x"));
      await stream.receiveSome();
    };
    for (const name of names) {
      sim.background.startSoon(async () => {
        while (true) await moveOnAfter(1_000, () => ask(name).catch(() => {})).then(() => sleep(500));
      });
    }
    await sim.net.chaos({ seed, until: 60_000 });
    const end = sim.now;
    let reached = 0;
    await sleep(2_000);
    for (const name of names) await moveOnAfter(1_000, () => ask(name).then(() => reached++));
    return { log: sim.net.log().filter((line) => !line.includes("→")).join("\n"), reached, end };
  }, { seed });
}

Deno.test("chaos makes trouble of all kinds until its end, and then there is quiet: everybody is reached", async () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const { log, reached, end } = await underChaos(seed);
    assertEquals([reached, end], [5, 60_000], `seed ${seed}`);
    for (const kind of log.match(/partition|hold|reset|pause|resume|crash|restart|heal|release/g) ?? []) {
      kinds.add(kind);
    }
  }
  assertEquals(kinds.size, 9);
  assertEquals(await underChaos(3), await underChaos(3));
});

Deno.test(
  "chaos that is cancelled undoes what it has done; its options are checked",
  simulated(async (sim) => {
    serveEcho(sim, "a");
    await moveOnAfter(30_000, () => sim.net.chaos({ until: 60_000, kinds: ["crash"], every: 100 }));
    await sim.settled();
    await using stream = await openTcpStream("a", 7);
    await stream.sendAll(encode("x"));
    assertEquals(await stream.receiveSome(), encode("x"));
    const wrong = [
      [{}, '"until" must be'],
      [{ until: 1, kinds: [] }, '"kinds" must be some of partition, hold, slow, reset, pause, crash'],
      [{ until: 1, every: 0 }, '"every" must be'],
      [{ until: 1, hosts: ["x"] }, '"hosts" must be among test, a'],
      [{ until: 1, other: 1 }, "its options must be among"],
    ] as const;
    for (const [options, message] of wrong) {
      const error = await assertRejects(() => sim.net.chaos(options as never), Error);
      assert(error.message.includes(message), error.message);
    }
  }),
);

/**
 * A lease of 5 s on a store, renewed every 2 s by whoever holds it; a holder that stood still still believes that it has
 * it. Returns how often somebody wrote who did not hold the lease any more.
 */
function staleWrites(seed: number, fencing: boolean): Promise<number> {
  return simulate(async (sim) => {
    let lease = { holder: "", until: 0, token: 0 };
    let highest = 0;
    let stale = 0;
    const workers = ["w1", "w2", "w3"];
    sim.net.host("store").startSoon(() =>
      serveTcp(async (stream) => {
        const [verb, who, token] = decode((await stream.receiveSome()) ?? new Uint8Array()).split(" ");
        let answer = "no";
        if (verb === "lease" && (lease.holder === who || sim.now >= lease.until)) {
          lease = { holder: who!, until: sim.now + 5_000, token: lease.token + (lease.holder === who ? 0 : 1) };
          answer = `${lease.token}`;
        } else if (verb === "write" && (!fencing || Number(token) >= highest)) {
          if (Number(token) < highest) stale++;
          highest = Math.max(highest, Number(token));
          answer = "ok";
        }
        await stream.sendAll(encode(answer)).catch(ifBroken);
      }, { port: 1 })
    );
    const ask = async (text: string): Promise<string> => {
      await using stream = await openTcpStream("store", 1);
      await stream.sendAll(encode(text));
      return decode((await stream.receiveSome()) ?? new Uint8Array());
    };
    for (const name of workers) {
      for (const host of ["store", name]) sim.net.host(host);
      sim.net.link(name, "store", { latency: 5, chunk: Infinity });
      sim.net.host(name).startSoon(async () => {
        while (true) {
          const token = await moveOnAfter(1_000, () => ask(`lease ${name}`).catch(() => "no"));
          if (token.value !== undefined && token.value !== "no") {
            for (let i = 0; i < 4; i++) {
              // The bug: it does not look at the time again.
              await sleep(200);
              await moveOnAfter(1_000, () => ask(`write ${name} ${token.value}`).catch(() => "no"));
            }
          }
          await sleep(1_000);
        }
      });
    }
    await sim.net.chaos({ seed, until: 60_000, kinds: ["pause", "partition"], every: 1_500 });
    return stale;
  }, { seed });
}

Deno.test("a stale holder of a lease is found in five of 60 seeds at least, and in none with fencing", async () => {
  let found = 0;
  for (let seed = 1; seed <= 60; seed++) {
    if (await staleWrites(seed, false) > 0) found++;
    assertEquals(await staleWrites(seed, true), 0, `seed ${seed}`);
  }
  assert(found >= 5, `found in ${found} seeds`);
});
