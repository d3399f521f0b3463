import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  Event,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import type { Network } from "../../core/lowlevel.ts";
import { openUnixListener, openUnixStream, serveUnix, unixServer } from "../mod.ts";
import { ScriptedConn, ScriptedNetwork } from "../_fixtures/scripted_network.ts";

/** Runs a test with a folder of its own. */
const inFolder = (test: (folder: string) => Promise<void>) => async () => {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_unix_" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

/** Leaves a socket file behind that nobody answers on, as a server does that was killed. */
async function leaveStale(path: string): Promise<void> {
  const listener = Deno.listen({ transport: "unix", path: `${path}.other` });
  await Deno.rename(`${path}.other`, path);
  // Removes the file under its old name only.
  listener.close();
  assert((await Deno.lstat(path)).isSocket);
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

Deno.test(
  "openUnixStream() and openUnixListener() carry bytes both ways, half-close, and know their addresses",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    const listener = await openUnixListener(path);
    assertEquals(listener.address, { transport: "unix", path });
    using client = await openUnixStream(path);
    using server = await listener.accept();
    assertEquals([client.localAddress, client.remoteAddress], [{ transport: "unix", path: null }, listener.address]);
    assertEquals([server.localAddress, server.remoteAddress], [listener.address, { transport: "unix", path: null }]);
    await client.sendAll(new Uint8Array([1, 2, 3]));
    assertEquals(await server.receiveSome(), new Uint8Array([1, 2, 3]));
    await client.sendEof();
    assertEquals(await server.receiveSome(), null);
    await server.sendAll(new Uint8Array([4]));
    assertEquals(await client.receiveSome(), new Uint8Array([4]));
    listener.close();
    assertEquals(await exists(path), false);
  }),
);

Deno.test(
  "a Unix stream tells apart who is busy, who closed and what broke, and a cancelled receive loses no byte",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    using listener = await openUnixListener(path);
    using client = await openUnixStream(path);
    const server = await listener.accept();
    await openNursery(async (nursery) => {
      const blocked = nursery.startSoon(() => client.receiveSome());
      await moveOnAfter(0, () => sleepForever());
      await assertRejects(() => client.receiveSome(), BusyResourceError);
      blocked.cancel();
    });
    await server.sendAll(new Uint8Array([7]));
    assertEquals(await client.receiveSome(), new Uint8Array([7]));
    server.close();
    await assertRejects(() => server.sendAll(new Uint8Array(1)), ClosedResourceError, "the stream is closed");
    const broken = await assertRejects(
      async () => {
        for (let round = 0; round < 3; round++) await client.sendAll(new Uint8Array(1));
      },
      BrokenResourceError,
      `Cannot send to unix:${path} as the connection broke`,
    );
    assertInstanceOf(broken.cause, Deno.errors.BrokenPipe);
  }),
);

Deno.test(
  "openUnixListener() sets the permissions of the file",
  inFolder(async (folder) => {
    for (const mode of [0o600, 0o660, 0o777]) {
      using listener = await openUnixListener(`${folder}/a.sock`, { mode });
      assertEquals((await Deno.stat(listener.address.path!)).mode! & 0o777, mode);
    }
  }),
);

Deno.test(
  "openUnixListener() removes a socket file that nobody answers on",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    await leaveStale(path);
    using listener = await openUnixListener(path);
    using _client = await openUnixStream(path);
    using _server = await listener.accept();
  }),
);

Deno.test(
  "openUnixListener() takes the path of a listener that was closed a moment ago, in the middle of an accept",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    for (let round = 0; round < 20; round++) {
      const old = await openUnixListener(path);
      await openNursery(async (nursery) => {
        nursery.startSoon(() => assertRejects(() => old.accept(), ClosedResourceError));
        await sleep(0);
        old.close();
        using listener = await openUnixListener(path);
        for (let turn = 0; turn < 5; turn++) await sleep(0);
        using _client = await openUnixStream(path);
        using _server = await listener.accept();
      });
    }
  }),
);

Deno.test(
  "openUnixListener() never removes a socket that is in use, and its server does not mind",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    using listener = await openUnixListener(path);
    await assertRejects(
      () => openUnixListener(path),
      BrokenResourceError,
      `Cannot listen on unix:${path} as another server listens there: stop it first`,
    );
    // What looked whether somebody answers was a connection that ended at once.
    using probe = await listener.accept();
    assertEquals(await probe.receiveSome(), null);
    using _client = await openUnixStream(path);
    using _server = await listener.accept();
  }),
);

Deno.test(
  "openUnixListener() never removes what is no socket",
  inFolder(async (folder) => {
    const path = `${folder}/notes.txt`;
    await Deno.writeTextFile(path, "precious");
    await Deno.mkdir(`${folder}/folder`);
    for (const inTheWay of [path, `${folder}/folder`]) {
      await assertRejects(
        () => openUnixListener(inTheWay),
        BrokenResourceError,
        `Cannot listen on unix:${inTheWay} as a file that is no socket is there: choose another path, or remove it yourself`,
      );
    }
    assertEquals(await Deno.readTextFile(path), "precious");
  }),
);

Deno.test(
  "paths that cannot be are errors that say so",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    const missing = await assertRejects(
      () => openUnixStream(path),
      BrokenResourceError,
      `Cannot connect to unix:${path}: No such file or directory`,
    );
    assertInstanceOf(missing.cause, Deno.errors.NotFound);
    await leaveStale(path);
    const stale = await assertRejects(() => openUnixStream(path), BrokenResourceError, "Connection refused");
    assertInstanceOf(stale.cause, Deno.errors.ConnectionRefused);
    const nowhere = `${folder}/none/a.sock`;
    await assertRejects(
      () => openUnixListener(nowhere),
      BrokenResourceError,
      `Cannot listen on unix:${nowhere}: No such`,
    );

    const check = (open: (path: string) => Promise<unknown>, path: unknown, message: string) =>
      assertRejects(() => open(path as string), Error, message);
    for (const [open, action] of [[openUnixStream, "open a Unix stream"], [openUnixListener, "listen"]] as const) {
      await check(open, 5, `Cannot ${action} as "path" must be a string: received 5`);
      await check(open, "", `Cannot ${action} as "path" must be the path of a file: received ""`);
      await check(open, "a\0b", `Cannot ${action} as "path" must be the path of a file: received "a\\u0000b"`);
      await check(
        open,
        "x".repeat(108),
        `Cannot ${action} as "path" must have at most 107 bytes, or the system has no room for it: received 108 bytes`,
      );
    }
    const mode = 'Cannot listen as "mode" must be permissions from 0 to 0o777: received 4095';
    await assertRejects(() => openUnixListener(path, { mode: 0o7777 }), RangeError, mode);
    await assertRejects(() => openUnixListener("\0x", { mode: 0o600 }), RangeError, "left out for an abstract name");
  }),
);

Deno.test(
  "openUnixStream() that is cancelled at once, again and again, leaves no socket open",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    using _listener = await openUnixListener(path);
    for (let round = 0; round < 100; round++) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        const connecting = openUnixStream(path);
        for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve));
        scope.cancel();
        return await connecting;
      });
      if (!outcome.cancelledCaught) outcome.value.close();
    }
  }),
);

Deno.test(
  "serveUnix() serves, shuts down gracefully, and removes its file",
  inFolder(async (folder) => {
    const path = `${folder}/a.sock`;
    const release = new Event();
    const server = unixServer(async (stream) => {
      await stream.sendAll(new Uint8Array([1]));
      await release.wait();
      await stream.sendAll(new Uint8Array([2]));
    }, { path, mode: 0o600 });
    await openNursery(async (nursery) => {
      const addresses = await nursery.start(server);
      assertEquals(addresses, [{ transport: "unix", path }]);
      using client = await openUnixStream(path);
      assertEquals(await client.receiveSome(), new Uint8Array([1]));
      assertEquals(server.statistics(), { open: 1, accepted: 1 });
      nursery.cancelScope.shutdown({ grace: 60_000 });
      release.set();
      assertEquals(await client.receiveSome(), new Uint8Array([2]));
      assertEquals(await client.receiveSome(), null);
    });
    assertEquals(server.statistics(), { open: 0, accepted: 1 });
    assertEquals(await exists(path), false);
    await assertRejects(
      () => serveUnix(null as never, { path }),
      TypeError,
      '"handler" must be a function: received null',
    );
  }),
);

/** A network of Unix sockets that says what it is told to say. */
function unixNetwork(script: Partial<Network>): Network {
  const base = new ScriptedNetwork([], {});
  return {
    connect: () => base.connect({ hostname: "", port: 1 }),
    listen: () => base.listen(),
    resolve: () => base.resolve(""),
    ...script,
  };
}

function called(name: string): Error {
  return Object.assign(new Error(`This is ${name}`), { name });
}

Deno.test("a network without Unix sockets is an error that names the method", async () => {
  const inRun = (open: () => Promise<unknown>) => () => run(open, { network: unixNetwork({}) });
  await assertRejects(
    inRun(() => openUnixStream("/x")),
    TypeError,
    'Cannot open a Unix stream as the network of this run must have a method "connectUnix": it has none',
  );
  await assertRejects(
    inRun(() => openUnixListener("/x")),
    TypeError,
    'Cannot listen as the network of this run must have a method "listenUnix": it has none',
  );
});

Deno.test("openUnixListener() leaves alone what it cannot try, and minds no file that is gone by then", async () => {
  let listens = 0;
  let removed = 0;
  let connect = called("PermissionDenied");
  const conn = new ScriptedConn();
  const network = unixNetwork({
    listenUnix: ({ path }) => {
      if (listens++ === 0) throw called("AddrInUse");
      return { addr: { transport: "unix", path }, accept: () => Promise.resolve(conn as never), close() {} };
    },
    connectUnix: () => Promise.reject(connect),
    removeSocketFile: () => Promise.resolve(++removed > 0),
  });
  await run(async () => {
    await assertRejects(
      () => openUnixListener("/x"),
      BrokenResourceError,
      "Cannot listen on unix:/x: This is PermissionDenied",
    );
    assertEquals([listens, removed], [1, 0]);
    for (
      const [name, path, wanted] of [["NotFound", "/x", 0], ["ConnectionRefused", "\0x", 0], [
        "ConnectionRefused",
        "/x",
        1,
      ]] as const
    ) {
      listens = removed = 0;
      connect = called(name);
      (await openUnixListener(path)).close();
      assertEquals([listens, removed], [2, wanted], name);
    }
    // Somebody else's file again: one try is enough.
    listens = -2;
    network.listenUnix = () => {
      throw called("AddrInUse");
    };
    await assertRejects(
      () => openUnixListener("/x"),
      BrokenResourceError,
      "Cannot listen on unix:/x: This is AddrInUse",
    );
  }, { network });
});

Deno.test("a path in use stays in use where the network cannot find out whether it is stale, or not remove it", async () => {
  const inUse = called("AddrInUse");
  const network = (script: Partial<Network>): Network =>
    unixNetwork({
      listenUnix: () => {
        throw inUse;
      },
      ...script,
    });
  for (const script of [{}, { connectUnix: () => Promise.reject(called("ConnectionRefused")) }]) {
    const error = await run(() => openUnixListener("/x"), { network: network(script) }).catch((error) => error);
    assertInstanceOf(error, BrokenResourceError);
    assertEquals([error.message, error.cause], ["Cannot listen on unix:/x: This is AddrInUse", inUse]);
  }
});
