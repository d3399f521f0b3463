import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { BrokenResourceError, moveOnAfter, sleep, sleepForever } from "../../core/mod.ts";
import { openTcpStream, openUnixStream, serveTcp, serveUnix, type SocketStream } from "../../net/mod.ts";
import { simulated } from "../mod.ts";

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
