import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import {
  openTcpListeners,
  openTcpStream,
  openUnixListener,
  openUnixStream,
  serveTcp,
  serveUnix,
  type SocketStream,
} from "../../net/mod.ts";
import { simulate, simulated, type Simulation } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

async function echo(stream: SocketStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

async function causeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => null, (error) => error);
  assertInstanceOf(error, BrokenResourceError);
  return (error.cause as Error).name;
}

Deno.test(
  "a crash cancels what runs on the host, and tells nobody: clients time out, or learn of it from the host restarted",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    let boots = 0;
    db.startSoon(function server() {
      boots++;
      return serveTcp(echo, { port: 7 });
    });
    const idle = await openTcpStream("db", 7);
    const sending = await openTcpStream("db", 7);
    await sleep(1_000);
    db.crash();
    db.crash();
    await sending.sendAll(encode("x"));
    assertEquals(await causeOf(sending.receiveSome()), "TimedOut");
    assertEquals(sim.now, 121_000);
    const outcome = await moveOnAfter(1_000, () => idle.receiveSome());
    assert(outcome.cancelledCaught);

    db.restart();
    db.restart();
    assertEquals(boots, 1);
    await sim.settled();
    assertEquals(boots, 2);
    await idle.sendAll(encode("x"));
    assertEquals(await causeOf(idle.receiveSome()), "ConnectionReset");
    using again = await openTcpStream("db", 7);
    await again.sendAll(encode("y"));
    assertEquals(await again.receiveSome(), encode("y"));
    idle.close();
    sending.close();
  }),
);

Deno.test(
  "a connect to a host that has crashed waits for its restart",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(() => serveTcp(echo, { port: 7 }));
    await sim.settled();
    db.crash();
    sim.background.startSoon(async () => {
      await sleep(5_000);
      db.restart();
    });
    using _ = await openTcpStream("db", 7);
    assertEquals(sim.now, 5_000);
  }),
);

Deno.test(
  "run() fails when its host crashes, and on a host that has crashed; cleanup runs, and reaches nobody",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    const log: string[] = [];
    sim.background.startSoon(async () => {
      await sleep(100);
      db.crash();
    });
    const message = 'Cannot go on as host "db" must be up: it has crashed';
    await assertRejects(
      () =>
        db.run(async () => {
          try {
            await sleepForever();
          } finally {
            log.push(`cleanup at ${sim.now}`);
          }
        }),
      BrokenResourceError,
      message,
    );
    assertEquals(log, ["cleanup at 100"]);
    await assertRejects(() => db.run(() => {}), BrokenResourceError, message);
    assertThrows(() => db.startSoon(() => {}), BrokenResourceError, message);
  }),
);

Deno.test(
  "a crash leaves the files of Unix sockets behind, which a server that is restarted removes",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    const path = "/run/db.sock";
    const connect = () => db.run(() => openUnixStream(path));
    db.startSoon(() => serveUnix((stream) => stream.sendAll(encode("hello")), { path }));
    await sim.settled();
    (await connect()).close();
    db.crash();
    db.restart();
    await sim.settled();
    (await connect()).close();
  }),
);

/** Crashes a host on which something runs, a while later looks at what it has done since, and lets everything end. */
async function afterCrash(sim: Simulation, program: (log: (what: string) => void) => unknown): Promise<string[]> {
  const db = sim.net.host("db");
  const log: string[] = [];
  let crashed = false;
  sim.background.startSoon(() =>
    db.run(() => program((what) => void (crashed && log.push(`${what} at ${sim.now}`)))).catch(() => {})
  );
  await sleep(100);
  crashed = true;
  db.crash();
  await sleep(10_000);
  db.restart();
  await sleep(10_000);
  return log;
}

Deno.test(
  "after a crash no wait of what ran on the host goes through, shielded or not, held before or made since",
  simulated(async (sim) => {
    const refused: unknown[] = [];
    const tryAll = async (log: (what: string) => void): Promise<void> => {
      const waits: (() => Promise<unknown>)[] = [
        () => sleep(1),
        () => sleepForever(),
        () => new Event().wait(),
        () => openTcpStream("test", 1),
      ];
      for (const wait of waits) {
        for (const attempt of [wait, () => shielded(wait), () => shielded(() => moveOnAfter(5, wait))]) {
          await Promise.resolve(attempt()).then(() => log("went through"), (error) => refused.push(error));
        }
      }
      // The nurseries of the dead start nothing either.
      await openNursery((nursery) => void nursery.startSoon(() => log("started a task"))).catch(() => {});
    };
    const log = await afterCrash(sim, (log) =>
      openNursery((nursery) => {
        nursery.startSoon(() => sleepForever().finally(() => tryAll(log)));
        nursery.startSoon(() => shielded(() => sleepForever()).finally(() => tryAll(log)));
        nursery.startSoon(() => moveOnAfter(50, () => sleepForever().finally(() => shielded(() => sleepForever()))));
      }));
    assertEquals([log, refused.length], [[], 24]);
    assert(refused.every(isCancelled));
  }),
);

Deno.test(
  "after a crash no timer of the host fires, and none can be set; nobody waits for code that waits for one",
  simulated(async (sim) => {
    const log = await afterCrash(sim, async (log) => {
      const timers = () => {
        setTimeout(() => log("timeout"), 500);
        const again = setTimeout(() => log("refreshed"), 500);
        setInterval(() => (log("tick"), again.refresh()), 70);
        setImmediate(() => log("immediate"));
        AbortSignal.timeout(500).addEventListener("abort", () => log("signal"));
      };
      timers();
      await openNursery((nursery) => {
        nursery.startSoon(() => new Promise((resolve) => setTimeout(resolve, 300)).then(() => log("foreign timer")));
        nursery.startSoon(() => new Promise(() => {}));
        nursery.startSoon(() => sleepForever().finally(timers));
      });
    });
    assertEquals(log, []);
  }),
);

Deno.test(
  "after a crash nothing of the host reaches the network: no connect, no listening, no name, no file, no byte",
  simulated(async (sim) => {
    const heard: string[] = [];
    sim.background.startSoon(() =>
      serveTcp(async (stream) => {
        for await (const chunk of stream) heard.push(new TextDecoder().decode(chunk));
      }, { port: 9 })
    );
    const errors: string[] = [];
    await afterCrash(sim, async () => {
      const stream = await openTcpStream("test", 9);
      await stream.sendAll(encode("alive"));
      const network = currentRun().network as never as Record<string, (...args: unknown[]) => unknown>;
      const raw: [string, unknown][] = [
        ["connect", { hostname: "127.0.0.1", port: 9 }],
        ["listen", { hostname: "0.0.0.0", port: 80 }],
        ["resolve", "test"],
        ["connectUnix", "/s"],
        ["listenUnix", { path: "/s" }],
        ["removeSocketFile", "/s"],
      ];
      await sleepForever().finally(async () => {
        const calls = [
          () => stream.sendAll(encode("dead")),
          () => openTcpListeners(80),
          () => openUnixListener("/s"),
          ...raw.map(([name, argument]) => () => network[name]!(argument)),
          () => fetch("http://test:9/"),
        ];
        for (const call of calls) {
          await Promise.try(call).then(() => errors.push("none"), (error) => errors.push((error as Error).name));
        }
      });
    });
    assertEquals(heard.join(""), "alive");
    assertEquals(errors, [...Array(3).fill("Cancelled"), ...Array(6).fill("NetworkDown"), "TypeError"]);
  }),
);

Deno.test(
  "a crash ends what the host has started elsewhere, and nothing of others that runs there",
  simulated(async (sim) => {
    const [db, web] = [sim.net.host("db"), sim.net.host("web")];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const mine = nursery.startSoon(() => sleep(500).then(() => log.push("mine")));
      await db.run(async () => {
        nursery.startSoon(() => shielded(() => sleep(500)).then(() => log.push("of db")));
        // A program of another host is that host's, whoever starts it.
        web.startSoon(() => sleep(500).then(() => log.push("of web")));
        await sleep(1);
      });
      await sleep(50);
      db.crash();
      assertEquals([mine.state, nursery.childTasks.length], ["running", 2]);
      await sim.settled();
      assertEquals(nursery.childTasks.length, 1);
    });
    await sleep(100);
    assertEquals(log, ["mine", "of web"]);
  }),
);

Deno.test(
  "a host may crash itself, in the middle of what it does; what its cleanup throws is nobody's business",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    const log: string[] = [];
    const task = db.startSoon(async () => {
      using _ = {
        [Symbol.dispose]() {
          if (log.length === 1) throw new RangeError("lost in the crash");
        },
      };
      if (log.push("boot") === 1) db.crash();
      await sleep(1);
      log.push("went on");
    });
    await task.join();
    db.restart();
    await sleep(10);
    assertEquals(log, ["boot", "boot", "went on"]);
  }),
);

Deno.test(
  "code of a crashed host that passes over refused waits stands still, and holds nobody up",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    let steps = 0;
    db.startSoon(async () => {
      while (true) await sleep(10).catch(() => steps++);
    });
    await sleep(100);
    db.crash();
    await sleep(100);
    const before = steps;
    await sleep(100);
    assertEquals(steps, before);
  }),
);

Deno.test(
  "what was open on a host that crashes is no leak",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(async () => {
      await openTcpListeners(5432);
      await openTcpStream("test", 9).catch(() => {});
      await sleepForever();
    });
    await sleep(10);
    db.crash();
    await sleep(10);
  }),
);

Deno.test("a program that fails as another host has crashed fails the test", async () => {
  const error = await assertRejects(
    () =>
      simulate(async (sim) => {
        const [front, back] = [sim.net.host("front"), sim.net.host("back")];
        front.startSoon(() => back.run(() => sleepForever()));
        await sim.settled();
        back.crash();
        await sleep(1);
      }),
    ErrorGroup,
  );
  assertInstanceOf(error.errors[0], BrokenResourceError);
  assertEquals(error.errors[0].message, 'Cannot go on as host "back" must be up: it has crashed');
});

Deno.test(
  "a program that ends by the crash of its own host is no error, also where it waits for that host itself",
  simulated(async (sim) => {
    const db = sim.net.host("db");
    db.startSoon(() => db.run(() => sleepForever()));
    await sim.settled();
    db.crash();
    db.restart();
    db.crash();
    await sleep(1);
  }),
);

// Each crash made two links for each other host: in a network of 10,000, a thousand crashes took all memory.
Deno.test(
  "a crash makes no links to hosts that have none with the host, and those made later know of it",
  simulated(async (sim) => {
    for (let n = 0; n < 50; n++) sim.net.host(`h${n}`);
    const server = sim.net.host("server");
    server.startSoon(() => serveTcp(() => {}, { port: 1 }));
    await sleep(1);
    server.crash();
    assertEquals((server as unknown as { links: Map<unknown, unknown> }).links.size, 0);
    const error = await assertRejects(() => sim.net.host("h7").run(() => openTcpStream("server", 1)));
    assertEquals([(error as Error).name, sim.now], ["BrokenResourceError", 60_001]);
    server.restart();
    await sim.settled();
    using _ = await sim.net.host("h7").run(() => openTcpStream("server", 1));
  }),
);
