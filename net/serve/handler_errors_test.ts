import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CancelledElsewhereError,
  ErrorGroup,
  Event,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  type TcpAddress,
} from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import {
  fetch,
  httpServer,
  type Listener,
  openTcpStream,
  openTlsStream,
  openWebSocket,
  serveHttp,
  serveListeners,
  type Server,
  serverSentEvents,
  serveTcp,
  serveTls,
  tcpServer,
  tlsServer,
  upgradeWebSocket,
} from "../mod.ts";

const certificates = await makeCertificates();

/** The part of the options that all servers share here. */
interface Options {
  readonly onHandlerError?: "fail" | ((error: unknown) => void);
  readonly handlerTimeout?: number;
}

/** A server whose handlers do what they are told, and a client that lets it serve once. */
interface Kind {
  make(handler: () => Promise<void>, options: Options): Server<TcpAddress>;
  ask(port: number): Promise<unknown>;
}

const HERE = { hostname: "127.0.0.1", port: 0 };

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function askHttp(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/`)).bytes();
}

async function* events(handler: () => Promise<void>): AsyncGenerator<string> {
  yield "first";
  await handler();
}

const KINDS: Record<string, Kind> = {
  serveTcp: {
    make: (handler, options) => tcpServer(handler, { ...HERE, ...options }),
    async ask(port) {
      using stream = await openTcpStream("127.0.0.1", port);
      await drain(stream);
    },
  },
  serveTls: {
    make: (handler, options) =>
      tlsServer(handler, { ...HERE, ...options, cert: certificates!.cert, key: certificates!.key }),
    async ask(port) {
      using stream = await openTlsStream("127.0.0.1", port, { caCerts: [certificates!.ca], serverName: "localhost" });
      await drain(stream);
    },
  },
  serveHttp: {
    make: (handler, options) =>
      httpServer(async () => {
        await handler();
        return new Response();
      }, { ...HERE, ...options }),
    ask: askHttp,
  },
  "a body of serveHttp": {
    make: (handler, options) =>
      httpServer(
        () =>
          new Response(
            new ReadableStream({
              async pull(controller) {
                await handler();
                controller.close();
              },
            }),
          ),
        { ...HERE, ...options },
      ),
    ask: askHttp,
  },
  serverSentEvents: {
    make: (handler, options) => httpServer(() => serverSentEvents(events(handler)), { ...HERE, ...options }),
    ask: askHttp,
  },
  upgradeWebSocket: {
    make: (handler, options) => httpServer((request) => upgradeWebSocket(request, handler), { ...HERE, ...options }),
    async ask(port) {
      await using socket = await openWebSocket(`ws://127.0.0.1:${port}/`);
      await drain(socket);
    },
  },
};
if (certificates === null) delete KINDS.serveTls;

/** Serves beside a test, with a client that bears whatever its server does. */
async function beside(
  kind: Kind,
  handler: () => Promise<void>,
  options: Options,
  test: (ask: () => Promise<void>) => Promise<void>,
): Promise<void> {
  await openNursery(async (nursery) => {
    const [{ port }] = await nursery.start(kind.make(handler, options));
    await test(async () => {
      await kind.ask(port).catch(() => {});
    });
    nursery.cancel();
  });
}

/** Cancels a server, and its client, while a handler is under way. */
async function cancelledWhileServing(kind: Kind, handler: () => Promise<void>, options: Options): Promise<void> {
  const begun = new Event();
  await openNursery((nursery) => {
    nursery.startSoon(() =>
      beside(
        kind,
        () => {
          begun.set();
          return handler();
        },
        options,
        async (ask) => {
          nursery.startSoon(() => shielded(ask));
          await begun.wait();
          nursery.cancel();
        },
      )
    );
  });
}

/** What is printed on stderr meanwhile. */
async function printed(fn: () => Promise<void>): Promise<string[]> {
  const { console } = globalThis;
  const { error } = console;
  const lines: string[] = [];
  console.error = (...args: unknown[]) => void lines.push(args.map(String).join(" "));
  try {
    await fn();
  } finally {
    console.error = error;
  }
  return lines;
}

/** A cancellation of somebody else, as a promise that is shared brings it. */
async function foreignCancelled(): Promise<never> {
  let shared!: Promise<void>;
  await moveOnAfter(0, () => shared = sleepForever());
  await shared;
  throw new Error("not reached");
}

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name}: a server outlives its handlers: each error is printed once, and the next client is served`, async () => {
    let asked = 0;
    const lines = await printed(() =>
      beside(
        kind,
        () => asked++ < 2 ? Promise.reject(new TypeError("handler")) : Promise.resolve(),
        {},
        async (ask) => {
          for (let n = 0; n < 4; n++) await ask();
          while (asked < 4) await sleep(1);
        },
      )
    );
    assertEquals(lines.length, 2);
    for (const line of lines) {
      assertStringIncludes(line, "TypeError: handler");
      assert(
        /^Cannot go on serving .* as its handler failed in task "(connection|request)" #\d+; /.test(line),
        line,
      );
    }
  });

  Deno.test(`${name}: onHandlerError "fail" fails the server with the error`, async () => {
    const error = await beside(
      kind,
      () => Promise.reject(new TypeError("handler")),
      { onHandlerError: "fail" },
      async (ask) => {
        await shielded(ask);
        await sleepForever();
      },
    ).catch((error) => error);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.flatten().map(String), ["TypeError: handler"]);
  });

  Deno.test(`${name}: onHandlerError "fail" fails it with the very value, also one that no promise can bring`, async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const values = [Object.assign(new Error("never"), { then() {} }), { then: 1 }];
    // Deno 2.9.6 ends the process if a stream of its own fails with it.
    if (name !== "a body of serveHttp" && name !== "serverSentEvents") values.push(proxy as typeof values[number]);
    for (const value of values) {
      const error = await beside(
        kind,
        () => Promise.reject(value),
        { onHandlerError: "fail" },
        async (ask) => {
          await shielded(ask);
          await sleepForever();
        },
      ).catch((error) => error);
      assertInstanceOf(error, ErrorGroup);
      assert(error.flatten()[0] === value);
    }
  });

  Deno.test(`${name}: a cancellation from elsewhere is a failure that is seen, and the server goes on`, async () => {
    const told: unknown[] = [];
    await beside(kind, foreignCancelled, { onHandlerError: (error) => void told.push(error) }, async (ask) => {
      await ask();
      await ask();
      while (told.length < 2) await sleep(1);
    });
    assertEquals(told.map((error) => error instanceof CancelledElsewhereError), [true, true]);
  });

  Deno.test(`${name}: its own cancellation is no failure, however it is wrapped`, async () => {
    const told: unknown[] = [];
    const ways: Record<string, () => Promise<void>> = {
      "by await using": async () => {
        await using _guard = { [Symbol.asyncDispose]: () => sleep(1) };
        await sleepForever();
      },
      "by a group": async () => {
        const results = await Promise.allSettled([sleepForever(), sleepForever()]);
        throw new ErrorGroup(results.map((result) => (result as PromiseRejectedResult).reason));
      },
    };
    for (const way of Object.values(ways)) {
      await cancelledWhileServing(kind, way, { onHandlerError: (error) => void told.push(error) });
    }
    assertEquals(told, []);
  });

  Deno.test(`${name}: an onHandlerError that fails, with whatever, fails the server, and both errors are known`, async () => {
    for (const own of [() => Promise.reject(new RangeError("own")), foreignCancelled]) {
      const error = await beside(
        kind,
        () => Promise.reject(new TypeError("handler")),
        { onHandlerError: own as never },
        async (ask) => {
          await shielded(ask);
          await sleepForever();
        },
      ).catch((error) => error);
      assertInstanceOf(error, ErrorGroup);
      const [only] = error.flatten();
      assert(own === foreignCancelled ? only instanceof CancelledElsewhereError : String(only) === "RangeError: own");
      assertEquals(suppressedErrors(only).map(String), ["TypeError: handler"]);
    }
  });

  // A stream that is cancelled does not listen any more to what its source fails with (Streams Standard).
  if (name === "a body of serveHttp") continue;
  Deno.test(`${name}: what is wrong beside a cancellation is told, without the cancellation`, async () => {
    const told: unknown[] = [];
    await cancelledWhileServing(kind, async () => {
      const [cancelled] = await Promise.allSettled([sleepForever()]);
      throw new ErrorGroup([(cancelled as PromiseRejectedResult).reason, new TypeError("cleanup")]);
    }, { onHandlerError: (error) => void told.push(error) });
    assertEquals(told.map((error) => (error as ErrorGroup).flatten().map(String)), [["TypeError: cleanup"]]);
  });
}

Deno.test("wherever a server takes a function, a generator function is refused: its body would never run", async () => {
  const generator = async function* () {} as never;
  const here = { hostname: "127.0.0.1", port: 0 };
  const refused = (promise: Promise<unknown>, name: string) =>
    assertRejects(
      () => promise,
      TypeError,
      `Cannot serve as "${name}" must be a plain or async function: received a generator function`,
    );
  await refused(serveTcp(generator, here), "handler");
  await refused(serveTls(generator, { ...here, cert: "", key: "" }), "handler");
  await refused(serveHttp(generator, here), "handler");
  await refused(serveListeners(generator, []), "handler");
  const fine = () => {};
  for (const name of ["onHandlerError", "onAcceptError"]) {
    await refused(serveTcp(fine, { ...here, [name]: generator }), name);
    await refused(serveHttp(fine as never, { ...here, [name]: generator }), name);
  }
  await refused(serveTls(fine, { ...here, cert: "", key: "", onHandshakeError: generator }), "onHandshakeError");
  const request = new Request("http://x/");
  const error = await Promise.try(() => upgradeWebSocket(request, generator)).catch((error) => error);
  assertStringIncludes(error.message, '"handler" must be a plain or async function: received a generator function');
});

/** A listener that gives what a script says, then waits; what `close()` throws, if something. */
function scripted(script: unknown[], closing?: Error): Listener<{ close(): void }> & { closed: number } {
  return {
    closed: 0,
    accept: () => {
      if (script.length === 0) return sleepForever();
      const next = script.shift() as { close(): void } | { readonly fails: unknown };
      return "fails" in next ? Promise.reject(next.fails) : Promise.resolve(next);
    },
    close() {
      this.closed++;
      if (closing !== undefined) throw closing;
    },
    [Symbol.dispose]() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

Deno.test(
  "in a simulation an error of a handler fails the server, and so the test, unless it is said what to do with it",
  simulated(async () => {
    const failing = () => Promise.reject(new TypeError("handler"));
    const error = await serveListeners(failing, [scripted([{ close() {} }])]).catch((error) => error);
    assertEquals((error as ErrorGroup).flatten().map(String), ["TypeError: handler"]);
    const told: string[] = [];
    await moveOnAfter(
      10,
      () =>
        serveListeners(failing, [scripted([{ close() {} }])], {
          onHandlerError: (error) => void told.push(String(error)),
        }),
    );
    assertEquals(told, ["TypeError: handler"]);
  }),
);

const withCode = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string) => Object.assign(new Error(name), { name });

Deno.test(
  "a server goes on after any error of one accept, reports it once per burst, and pauses when it repeats",
  simulated(async (sim) => {
    const errors = [
      withCode("ENOTCONN"),
      withCode("EWHATEVER"),
      named("NotConnected"),
      null,
      "text",
      new TypeError("x"),
    ];
    for (const error of errors) {
      const reports: unknown[] = [];
      const fails = { fails: error };
      const served: number[] = [];
      const begun = sim.now;
      await moveOnAfter(
        5_000,
        () =>
          serveListeners(() => void served.push(sim.now - begun), [
            scripted([fails, { close() {} }, ...Array(20).fill(fails), { close() {} }]),
          ], {
            onAcceptError: (error) => reports.push([error, sim.now - begun]),
          }),
      );
      // No pause, then 2, 4, 8 … 64 ms, then 100 ms.
      assertEquals([served, reports], [[0, 1_426], [[error, 0]]]);
    }
  }),
);

Deno.test(
  "a cancellation from elsewhere that an accept fails with is an error of that accept",
  simulated(async () => {
    const reports: unknown[] = [];
    const listener = scripted([]);
    let first = true;
    const accept = () => first ? (first = false, foreignCancelled()) : sleepForever();
    await moveOnAfter(
      100,
      () =>
        serveListeners(() => {}, [{ ...listener, accept } as never], { onAcceptError: (error) => reports.push(error) }),
    );
    assertEquals(reports.map((error) => error instanceof CancelledElsewhereError), [true]);
  }),
);

Deno.test(
  "a server ends with an error after which no connection can come: a closed listener, a missing permission",
  simulated(async () => {
    for (const name of ["ClosedResourceError", "BadResource", "NotCapable", "EndOfChannel", "BusyResourceError"]) {
      const listener = scripted([{ fails: named(name) }]);
      const error = await serveListeners(() => {}, [listener]).catch((error) => error);
      assertEquals((error as ErrorGroup).flatten().map((error) => (error as Error).name), [name]);
      assertEquals(listener.closed, 1);
    }
  }),
);

Deno.test(
  "what a close() throws neither hides an error nor keeps another listener open, nor cuts the grace of handlers",
  simulated(async (sim) => {
    const boom = new RangeError("close");
    const stream = () => ({
      close() {
        throw boom;
      },
    });
    // A handler's error, with the stream and both listeners failing to close.
    const listeners = [scripted([stream()], boom), scripted([], new RangeError("other"))];
    const error = await serveListeners(() => Promise.reject(new TypeError("handler")), listeners, {
      onHandlerError: "fail",
    }).catch((error) => error);
    assertEquals((error as ErrorGroup).flatten().map(String), ["TypeError: handler"]);
    assertEquals(suppressedErrors(error).map(String), ["RangeError: close", "RangeError: other"]);
    assertEquals(listeners.map(({ closed }) => closed), [1, 1]);
    // A stream that fails to close after a handler that went well is an error of the handler.
    const told: unknown[] = [];
    await moveOnAfter(
      10,
      () => serveListeners(() => {}, [scripted([stream()])], { onHandlerError: (error) => void told.push(error) }),
    );
    assertEquals(told, [boom]);
    // At a shutdown the handlers have their grace all the same.
    let finished = 0;
    const late = await openNursery((nursery) => {
      nursery.startSoon(() =>
        serveListeners(async () => {
          await sleep(100);
          finished = sim.now;
        }, [scripted([{ close() {} }], boom)])
      );
      nursery.startSoon(() => sleep(1).then(() => nursery.cancelScope.shutdown()));
    }).catch((error) => error);
    assert(finished > 0);
    assertEquals((late as ErrorGroup).flatten(), [boom]);
  }),
);

Deno.test("a close() that fails later ends nobody's process", async () => {
  const closing = { close: () => sleep(0).then(() => Promise.reject(new TypeError("later"))) };
  await moveOnAfter(20, () => serveListeners(() => {}, [scripted([closing])]));
});

Deno.test("serveListeners() requires listeners", async () => {
  for (const listeners of [null, {}, [{}], [null], [{ accept() {} }]]) {
    await assertRejects(
      () => serveListeners(() => {}, listeners as never),
      TypeError,
      'Cannot serve as "listeners" must',
    );
  }
});
