import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BrokenResourceError, DeadlockError, moveOnAfter, openNursery, sleep, TooSlowError } from "../../core/mod.ts";
import { currentRun, type Network } from "../../core/lowlevel.ts";
import {
  openTcpListeners,
  openTcpStream,
  openUnixListener,
  openUnixStream,
  tcpServer,
  unixServer,
} from "../../net/mod.ts";
import { simulate, simulated } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

async function receiveAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: number[] = [];
  for await (const chunk of stream) for (const byte of chunk) chunks.push(byte);
  return new Uint8Array(chunks);
}

/** Calls `body` while an echo server listens on port 7. */
async function withEcho(body: () => Promise<unknown>): Promise<void> {
  await openNursery(async (nursery) => {
    await nursery.start(tcpServer(async (stream) => {
      for await (const chunk of stream) await stream.sendAll(chunk);
    }, { port: 7 }));
    await body();
    nursery.cancel();
  });
}

Deno.test(
  "a server and its client run in a simulation as they are, with timeouts in virtual time",
  simulated(async (sim) => {
    const errors: unknown[] = [];
    await openNursery(async (nursery) => {
      await nursery.start(tcpServer((stream) => stream.receiveSome(), {
        port: 80,
        handlerTimeout: 30_000,
        onHandlerError: (error) => void errors.push(error),
      }));
      using client = await openTcpStream("localhost", 80);
      assertEquals(await client.receiveSome(), null);
      assertEquals(sim.now, 30_000);
      nursery.cancel();
    });
    assert(errors[0] instanceof TooSlowError);
  }),
);

Deno.test(
  "who listens on every address is reached at each of this host's, and sees where the client comes from",
  simulated(async () => {
    for (
      const [listen, connect, local, remote] of [
        ["0.0.0.0", "127.0.0.1", "127.0.0.1", "127.0.0.1"],
        ["0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.1"],
        ["0.0.0.0", "127.3.2.1", "127.3.2.1", "127.0.0.1"],
        ["0.0.0.0", "test", "10.0.0.1", "10.0.0.1"],
        ["::", "127.0.0.1", "::ffff:127.0.0.1", "::ffff:127.0.0.1"],
        ["::", "::1", "::1", "::1"],
        ["::", "0:0:0:0:0:0:0:1", "::1", "::1"],
        ["::1", "::", "::1", "::1"],
        ["::", "fd00::1", "fd00::1", "fd00::1"],
      ] as const
    ) {
      const [listener] = await openTcpListeners(0, { hostname: listen });
      using client = await openTcpStream(connect, listener.address.port);
      using server = await listener.accept();
      assertEquals([server.localAddress.hostname, server.remoteAddress.hostname], [local, remote]);
      assertEquals(server.remoteAddress.port, client.localAddress.port);
      listener.close();
    }
  }),
);

Deno.test(
  "a listener is reached only at its own address, and only an address of this host can be one",
  simulated(async () => {
    const [listener] = await openTcpListeners(80, { hostname: "127.0.0.1" });
    for (const host of ["127.0.0.2", "::1", "10.0.0.1"]) {
      const error = await assertRejects(() => openTcpStream(host, 80), BrokenResourceError);
      assertMatch(error.message, /Connection refused/);
    }
    listener.close();
    for (const hostname of ["10.9.9.9", "fd00::2"]) {
      const error = await assertRejects(() => openTcpListeners(80, { hostname }), BrokenResourceError);
      assertEquals([(error.cause as Error).name, (error.cause as { code?: string }).code], [
        "AddrNotAvailable",
        "EADDRNOTAVAIL",
      ]);
    }
    await assertRejects(
      () => openTcpStream("localhost", 80, { localAddress: "10.9.9.9" }),
      BrokenResourceError,
      "Cannot assign requested address",
    );
  }),
);

Deno.test(
  "an address that is nobody's does not answer: the connect takes a minute, or what the caller allows",
  simulated(async (sim) => {
    await moveOnAfter(1_000, () => openTcpStream("10.9.9.9", 80));
    assertEquals(sim.now, 1_000);
    const error = await assertRejects(() => openTcpStream("10.9.9.9", 80), BrokenResourceError);
    assertMatch(error.message, /Connection timed out/);
    assertEquals(sim.now, 61_000);
  }),
);

Deno.test(
  "beyond the backlog connections wait, and come in as those before are accepted",
  simulated(async (sim) => {
    const [listener] = await openTcpListeners(80, { backlog: 1 });
    using _ = listener;
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          using stream = await openTcpStream("localhost", 80);
          log.push(`${name} at ${sim.now}`);
          await stream.sendAll(encode(name));
        });
        await sleep(10);
      }
      await sleep(80);
      for (let i = 0; i < 2; i++) {
        using stream = await listener.accept();
        log.push(new TextDecoder().decode((await stream.receiveSome())!));
      }
    });
    assertEquals(log, ["a at 0", "a", "b at 100", "b"]);
    const waiting = await openTcpStream("localhost", 80);
    await assertRejects(() => openTcpStream("localhost", 80), BrokenResourceError, "Connection timed out");
    waiting.close();
  }),
);

Deno.test(
  "listeners that share a port take turns",
  simulated(async () => {
    const [[a], [b]] = [
      await openTcpListeners(80, { reusePort: true }),
      await openTcpListeners(80, { reusePort: true }),
    ];
    await assertRejects(() => openTcpListeners(80), BrokenResourceError, "Address already in use");
    const counts = await Promise.all(
      [a!, b!].map(async (listener) => {
        const [first, second] = [await listener.accept(), await listener.accept()];
        first.close();
        second.close();
        return 2;
      }).concat([0, 1, 2, 3].map(async () => {
        using _ = await openTcpStream("localhost", 80);
        return 0;
      })),
    );
    assertEquals(counts.slice(0, 2), [2, 2]);
    a!.close();
    b!.close();
  }),
);

Deno.test(
  "Unix sockets: a server and its client, a path that is taken, one that is not there",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const path = "/run/echo.sock";
      await nursery.start(unixServer((stream) => stream.sendAll(encode("hello")), { path }));
      using client = await openUnixStream(path);
      assertEquals(await receiveAll(client), encode("hello"));
      assertEquals([client.localAddress, client.remoteAddress], [{ transport: "unix", path: null }, {
        transport: "unix",
        path,
      }]);
      await assertRejects(() => openUnixListener(path), BrokenResourceError, "another server listens there");
      nursery.cancel();
    });
    await assertRejects(() => openUnixStream("/run/echo.sock"), BrokenResourceError, "No such file or directory");
  }),
);

Deno.test("bytes keep their order and their number, however they are cut, in 1,000 courses of chance", async () => {
  const bytes = Uint8Array.from({ length: 500 }, (_, i) => (i * 7) & 255);
  const sizes = new Set<number>();
  for (let seed = 0; seed < 1_000; seed++) {
    await simulate(() =>
      withEcho(async () => {
        using client = await openTcpStream("localhost", 7);
        for (let at = 0; at < bytes.length; at += 100) await client.sendAll(bytes.subarray(at, at + 100));
        await client.sendEof();
        const got: number[] = [];
        for await (const chunk of client) {
          sizes.add(chunk.length);
          got.push(...chunk);
        }
        assertEquals(got.length, bytes.length);
        assert(got.every((byte, i) => byte === bytes[i]));
      }), { seed });
  }
  // Cut small, and put together beyond what was sent at once.
  assert(sizes.has(1) && [...sizes].some((size) => size > 100), [...sizes].join());
});

Deno.test("the same seed gives the same course, another seed another", async () => {
  const course = (seed: number) =>
    simulate(async () => {
      const sizes: number[] = [];
      await withEcho(async () => {
        using client = await openTcpStream("localhost", 7);
        await client.sendAll(new Uint8Array(1_000));
        await client.sendEof();
        for await (const { length } of client) sizes.push(length);
      });
      return sizes.join();
    }, { seed });
  assertEquals(await course(1), await course(1));
  assert(await course(1) !== await course(2));
});

Deno.test("a sender waits once the window is full, and holds no more than that", async () => {
  await simulate(async (sim) => {
    const [listener] = await openTcpListeners(80);
    using _ = listener;
    using client = await openTcpStream("localhost", 80);
    using server = await listener.accept();
    let sent = 0;
    const outcome = await moveOnAfter(1_000, async () => {
      for (;; sent += 1_000) await client.sendAll(new Uint8Array(1_000));
    });
    assert(outcome.cancelledCaught);
    assertEquals([sent, sim.now], [65_000, 1_000]);
    client.close();
    // The bytes of the send that was cut off went as far as there was room.
    assertEquals((await receiveAll(server)).length, 65_536);
  });
});

Deno.test("what is left open is a leak that names its ends, and where it was opened", async () => {
  const error = await assertRejects(() =>
    simulate(async () => {
      const [listener] = await openTcpListeners(80);
      await openTcpStream("localhost", 80);
      await listener.accept();
    })
  );
  const [, ...lines] = (error as Error).message.split("\n");
  assertMatch(lines[0]!, /^ {2}not closed: listener on test:80 at .*virtual_network_test.ts:\d+:\d+, task "main" #1$/);
  assertMatch(lines[1]!, /^ {2}not closed: connection test:40001→test:80/);
  assertMatch(lines[2]!, /^ {2}not closed: connection test:80→test:40001 at .*virtual_network_test.ts/);
  assertEquals(lines.length, 3);
});

Deno.test("a wait on the network that nothing can end is a deadlock, shown with its peer", async () => {
  const error = await assertRejects(() =>
    simulate(() =>
      withEcho(async () => {
        using client = await openTcpStream("localhost", 7);
        await sleep(1_000);
        await client.receiveSome();
      })
    ), DeadlockError);
  assertMatch(error.message, /\(t=1s\)/);
  assertMatch(error.message, /receive from 127\.0\.0\.1:7 +since t=1s +.*virtual_network_test\.ts/);
  assertMatch(error.message, /accept on 0\.0\.0\.0:7/);
  assertMatch(error.message, /receive from 127\.0\.0\.1:40001/);
});

Deno.test("simulations at the same time have a network each, and option network takes another one", async () => {
  await Promise.all([1, 2].map(() =>
    simulate(async (sim) => {
      const [listener] = await openTcpListeners(80);
      await sleep(1_000);
      listener.close();
      assertEquals(sim.now, 1_000);
    })
  ));
  const network: Network = {
    connect: () => Promise.reject(new Error("not connected")),
    listen: () => {
      throw new Error("not listening");
    },
    resolve: () => Promise.resolve([{ address: "10.0.0.1", family: 4 }]),
  };
  await simulate(async () => {
    assertEquals(currentRun().network, network);
    await assertRejects(() => openTcpStream("anywhere", 80), BrokenResourceError, "not connected");
  }, { network });
  await simulate(() => assertEquals(currentRun().network, undefined), { network: "host" });
  await assertRejects(
    () => simulate(() => {}, { network: "hots" as "host" }),
    TypeError,
    'Cannot simulate as "network" must be a network or "host": received "hots"',
  );
});
