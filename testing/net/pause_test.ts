import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { checkpoint, DeadlockError, moveOnAfter, openMemoryChannel, sleep } from "../../core/mod.ts";
import { openTcpStream, serveTcp, type SocketStream } from "../../net/mod.ts";
import { simulate, simulated } from "../mod.ts";

// Hosts that stand still, hosts with wrong clocks, and what is on their disks after a crash.

const encode = (text: string) => new TextEncoder().encode(text);

async function echo(stream: SocketStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

Deno.test(
  "nothing of a paused host goes on: no timer, no sleep, no answer; and time does",
  simulated(async (sim) => {
    const log: string[] = [];
    const worker = sim.net.host("worker");
    worker.startSoon(() => serveTcp(echo, { port: 7 }));
    worker.startSoon(async () => {
      setInterval(() => log.push(`interval ${sim.now}`), 1_000);
      await sleep(2_500);
      log.push(`slept ${sim.now}`);
      for (let i = 0; i < 3; i++) await checkpoint();
      log.push(`checkpoints ${sim.now}`);
    });
    await using stream = await openTcpStream("worker", 7);
    await sleep(1_500);
    worker.pause();
    worker.pause();
    await stream.sendAll(encode("x"));
    const outcome = await moveOnAfter(5_000, () => stream.receiveSome());
    assert(outcome.cancelledCaught);
    assertEquals(log, ["interval 1000"]);
    worker.resume();
    worker.resume();
    assertEquals(await stream.receiveSome(), encode("x"));
    await sleep(1_000);
    assertEquals([sim.now, ...log], [
      7_500,
      "interval 1000",
      "interval 6500",
      "slept 6500",
      "checkpoints 6500",
      "interval 7000",
    ]);
    worker.crash();
  }),
);

Deno.test(
  "deadlines fire before the answer that has come during a pause is handed over",
  simulated(async (sim) => {
    const client = sim.net.host("client");
    sim.net.host("db").startSoon(() => serveTcp(echo, { port: 7 }));
    sim.net.link("client", "db", { latency: 100 });
    const seen: unknown[] = [];
    client.startSoon(async () => {
      await using stream = await openTcpStream("db", 7);
      await stream.sendAll(encode("x"));
      const outcome = await moveOnAfter(1_000, () => stream.receiveSome());
      seen.push(outcome.cancelledCaught, sim.now);
      seen.push(await stream.receiveSome());
    });
    await sleep(250);
    using _ = client.pause();
    await sleep(5_000);
    client.resume();
    await sim.settled();
    assertEquals(seen, [true, 5_250, encode("x")]);
  }),
);

Deno.test(
  "a connect and an accept are told when their host goes on",
  simulated(async (sim) => {
    const [a, b] = [sim.net.host("a"), sim.net.host("b")];
    const log: string[] = [];
    b.startSoon(() => serveTcp(() => void log.push(`accepted ${sim.now}`), { port: 7 }));
    sim.net.link("a", "b", { latency: 10 });
    a.startSoon(async () => {
      await sleep(1);
      using _ = await openTcpStream("b", 7);
      log.push(`connected ${sim.now}`);
    });
    a.startSoon(() => sleep(1).then(() => openTcpStream("b", 9)).catch(() => void log.push(`refused ${sim.now}`)));
    await sleep(5);
    a.pause();
    b.pause();
    await sleep(100);
    a.resume();
    await sleep(100);
    b.resume();
    await sleep(100);
    assertEquals(log, ["connected 105", "refused 105", "accepted 205"]);
  }),
);

Deno.test(
  "a host that crashes while it stands still is gone, and begins anew",
  simulated(async (sim) => {
    const host = sim.net.host("a");
    const log: string[] = [];
    let life = 0;
    host.startSoon(async () => {
      const me = ++life;
      await sleep(100);
      log.push(`${me} at ${sim.now}`);
    });
    await sleep(50);
    host.pause();
    await sleep(100);
    host.crash();
    host.resume();
    await sleep(100);
    host.restart();
    await sleep(1_000);
    assertEquals(log, ["2 at 350"]);
  }),
);

Deno.test(
  "what others do to a paused task reaches it when its host goes on, in order",
  simulated(async (sim) => {
    const host = sim.net.host("a");
    const other = sim.net.host("b");
    const [send, receive] = openMemoryChannel<number>(0);
    const got: string[] = [];
    host.startSoon(async () => {
      for (let i = 0; i < 3; i++) got.push(`${await receive.receive()} at ${sim.now}`);
    });
    await sim.settled();
    host.pause();
    other.pause();
    sim.background.startSoon(async () => {
      for (let i = 0; i < 3; i++) await send.send(i);
    });
    await sleep(10);
    other.resume();
    await sim.settled();
    assertEquals(got, []);
    host.resume();
    await sim.settled();
    assertEquals(got, ["0 at 10", "1 at 10", "2 at 10"]);
  }),
);

Deno.test("a host that stands still for ever is a deadlock of those who wait for it", async () => {
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      const host = sim.net.host("a");
      const [send, receive] = openMemoryChannel<number>(0);
      host.startSoon(() => sleep(5).then(() => send.send(1)));
      host.pause();
      await receive.receive();
    })
  );
  assertInstanceOf(error, DeadlockError);
});

Deno.test(
  "a clock that is ahead, and one that goes too fast, tell another date, and measure other lengths of time",
  simulated(async (sim) => {
    const [ahead, fast] = [sim.net.host("ahead"), sim.net.host("fast")];
    const log: unknown[] = [];
    const at = (name: string) => () => log.push([name, Date.now() - Date.UTC(2000, 0, 1), sim.now]);
    {
      using _ = ahead.clock({ skew: -5_000 });
      await ahead.run(at("behind"));
      fast.clock({ drift: 0.25 });
      await fast.run(async () => {
        await sleep(1_000);
        at("slept")();
        await moveOnAfter(1_000, () => sleep(Infinity));
        at("deadline")();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        at("timer")();
      });
    }
    await ahead.run(at("right"));
    fast.clock({ drift: 0 });
    await fast.run(() => sleep(600));
    await fast.run(at("stays ahead"));
    assertEquals(log, [
      ["behind", -5_000, 0],
      ["slept", 1_000, 800],
      ["deadline", 2_000, 1_600],
      ["timer", 3_000, 2_400],
      ["right", 2_400, 2_400],
      ["stays ahead", 3_600, 3_000],
    ]);
    assertThrows(
      () => fast.clock({ drift: -1 }),
      RangeError,
      'Cannot set a clock as "drift" must be a number above -1: received -1',
    );
    assertThrows(
      () => fast.clock({ skew: NaN }),
      RangeError,
      'Cannot set a clock as "skew" must be a number of milliseconds: received NaN',
    );
  }),
);

/** What is on a disk after a crash, in a simulation of a seed. */
function afterCrash(seed: number): Promise<string> {
  return simulate(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(async () => {
      if (db.disk.has("log")) return;
      db.disk.set("log", "a");
      db.disk.set("gone", "x");
      await db.disk.sync();
      db.disk.delete("gone");
      db.disk.set("log", "ab");
      db.disk.set("log", "abcdef");
    });
    await sleep(1);
    assertEquals([db.disk.get("log"), db.disk.get("gone"), db.disk.keys()], ["abcdef", undefined, ["log"]]);
    db.crash();
    db.restart();
    await sleep(1);
    return `${db.disk.get("log")}, ${db.disk.has("gone")}`;
  }, { seed });
}

Deno.test("of what was not synced a crash keeps a part, in order, that may be torn; what was synced stays", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) seen.add(await afterCrash(seed));
  const logs = ["a", "ab", "abc", "abcd", "abcde", "abcdef"];
  assertEquals([...seen].sort(), logs.flatMap((log) => [`${log}, false`, `${log}, true`]));
  assertEquals(await afterCrash(7), await afterCrash(7));
});

Deno.test(
  "a disk keeps copies of bytes, and nothing that a dead host does reaches it",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    const bytes = encode("abc");
    db.disk.set("file", bytes);
    bytes[0] = 0;
    assertEquals(db.disk.get("file"), encode("abc"));
    (db.disk.get("file") as Uint8Array)[0] = 0;
    assertEquals(db.disk.get("file"), encode("abc"));
    assertEquals([db.disk.delete("file"), db.disk.delete("file")], [true, false]);
    const errors: string[] = [];
    db.startSoon(async () => {
      if (errors.length > 0) return;
      try {
        await sleep(1_000);
      } finally {
        for (const use of [() => db.disk.set("a", "b"), () => db.disk.get("a"), () => db.disk.delete("a")]) {
          try {
            use();
          } catch (error) {
            errors.push((error as Error).message);
          }
        }
      }
    });
    await sleep(1);
    db.crash();
    db.restart();
    await sleep(1);
    assertEquals(
      errors,
      ["write", "read", "remove"].map((verb) => `Cannot ${verb} a file as host "db" must be up: it has crashed`),
    );
    assertEquals(db.disk.keys(), []);
    assertThrows(
      () => db.disk.set("a", 5 as never),
      TypeError,
      'Cannot write a file as "content" must be a string or a Uint8Array: received 5',
    );
    assertThrows(() => db.disk.get(5 as never), TypeError, 'Cannot read a file as "name" must be a string');
  }),
);

Deno.test("a simulation ends while hosts are paused, also by an error, and what runs on them cleans up", async () => {
  const log: string[] = [];
  const body = async (fails: boolean): Promise<void> => {
    await simulate(async (sim) => {
      const [web, database] = [sim.net.host("web"), sim.net.host("database")];
      web.startSoon(() => serveTcp(echo, { port: 80 }));
      database.startSoon(async () => {
        try {
          await sleep(1_000);
        } finally {
          log.push("cleaned up");
        }
      });
      await sim.settled();
      web.pause();
      database.pause();
      if (fails) throw new RangeError("body");
    });
  };
  await body(false);
  await assertRejects(() => body(true), RangeError, "body");
  assertEquals(log, ["cleaned up", "cleaned up"]);
});
