import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type Cancelled,
  CancelScope,
  checkpoint,
  ErrorGroup,
  Event,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  type TcpAddress,
} from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { encoder, GET, HERE, patient, QUIET, raw, rest, until, withServer } from "../_fixtures/http.ts";
import { fetch, type HttpHandler, httpServer, tcpServer } from "../mod.ts";

Deno.test("a server from which the handler fetches, and which breaks off, is an error of the handler", async () => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    "nonsense\r\n\r\n",
  ];
  for (const answer of answers) {
    for (const fetchFrom of [fetch, globalThis.fetch]) {
      const errors: unknown[] = [];
      await openNursery(async (nursery) => {
        const [upstream] = await nursery.start(tcpServer(async (stream) => {
          await stream.receiveSome();
          await stream.sendAll(encoder.encode(answer));
        }, { ...HERE }));
        await withServer(
          async (request) => {
            await request.text();
            const response = await fetchFrom(`http://127.0.0.1:${upstream.port}/`);
            return new Response(await response.text());
          },
          { onHandlerError: (error) => void errors.push(error) },
          async (url) => {
            const response = await fetch(url, { method: "POST", body: "whole" });
            assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
          },
        );
        nursery.cancel();
      });
      assertEquals(errors.length, 1, answer);
      assertInstanceOf(errors[0], TypeError);
    }
  }
});

Deno.test("a stream that onHandlerError answers with too late is cancelled", async () => {
  const cancelled = new Event();
  await withServer(
    () => new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("source")) })),
    { onHandlerError: () => new Response(new ReadableStream({ cancel: () => cancelled.set() })) },
    async (_url, port) => {
      using client = await raw(port, GET);
      await rest(client);
      const outcome = await moveOnAfter(5_000, () => cancelled.wait());
      assert(!outcome.cancelledCaught);
    },
  );
});

Deno.test("a failing source cuts the connection, and is an error of the handler", async () => {
  const errors: unknown[] = [];
  const failing: ReadableStream[] = [
    new ReadableStream({
      pull() {
        throw new RangeError("source");
      },
    }, { highWaterMark: 0 }),
    new ReadableStream({ start: (controller) => controller.enqueue("text") }),
  ];
  await withServer(() => new Response(failing.shift()!), {
    onHandlerError: (error) => void errors.push(error),
  }, async (url) => {
    for (let n = 0; n < 2; n++) {
      await assertRejects(async () => await (await fetch(url)).text());
    }
    while (errors.length < 2) await sleep(1);
    assertEquals(errors.map(String), [
      "RangeError: source",
      'TypeError: Cannot send a body as each chunk must be a Uint8Array: received "text"',
    ]);
  });
});

Deno.test('onHandlerError "fail": a failing handler answers 500 and fails the server', async () => {
  for (
    const handler of [() => {
      throw new TypeError("handler");
    }, () => Promise.reject(new TypeError("handler"))]
  ) {
    let status = 0;
    const error = await openNursery(async (nursery) => {
      const [address] = await nursery.start(httpServer(handler as HttpHandler, { ...HERE, onHandlerError: "fail" }));
      using client = await raw(address.port, GET);
      await shielded(async () => {
        status = Number((await rest(client)).slice(9, 12));
      });
      await sleepForever();
    }).catch((error) => error);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.flatten().map(String), ["TypeError: handler"]);
    assert(status === 500 || status === 0);
  }
});

Deno.test("onHandlerError lets the server go on, and may answer", async () => {
  const errors: string[] = [];
  await withServer((request) => {
    const { pathname } = new URL(request.url);
    throw pathname === "/null" ? null : new TypeError(pathname);
  }, {
    onHandlerError(error, request) {
      errors.push(String(error));
      if (request.url.endsWith("/teapot")) return new Response("short and stout", { status: 418 });
    },
  }, async (url) => {
    const plain = await fetch(url);
    assertEquals([plain.status, await plain.text()], [500, "Internal Server Error"]);
    const own = await fetch(`${url}teapot`);
    assertEquals([own.status, await own.text()], [418, "short and stout"]);
    const strange = await fetch(`${url}null`);
    assertEquals([strange.status, await strange.text()], [500, "Internal Server Error"]);
    assertEquals(errors, ["TypeError: /", "TypeError: /teapot", "null"]);
  });
});

Deno.test("onHandlerError is under the request: it is cancelled when the client goes away", async () => {
  const { handler, asked, ended, errors } = patient();
  await withServer(
    () => {
      throw new TypeError("handler");
    },
    { onHandlerError: handler as never },
    async (_url, port, { statistics }) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      await ended.wait();
      while (statistics().open > 0) await sleep(1);
    },
  );
  assertEquals((errors as Cancelled[]).map(({ source }) => source), ["disconnect"]);
});

Deno.test("a stream that onHandlerError answers with is sent in the task of the request", async () => {
  const ended = new Event();
  await withServer(() => {
    throw new TypeError("handler");
  }, {
    onHandlerError: () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("sorry")),
          pull: () => sleepForever(),
          cancel: () => ended.set(),
        }),
        { status: 500 },
      ),
  }, async (_url, port, { statistics }) => {
    const client = await raw(port, GET);
    await until(client, "sorry");
    assertEquals(statistics().open, 1);
    client.close();
    await ended.wait();
    while (statistics().open > 0) await sleep(1);
  });
});

Deno.test("onHandlerError that fails ends the server with its own error", async () => {
  const error = await withServer(() => {
    throw new TypeError("handler");
  }, {
    onHandlerError() {
      throw new RangeError("own");
    },
  }, async (_url, port) => {
    using client = await raw(port, GET);
    await shielded(() => rest(client));
    await sleepForever();
  }).catch((error) => error);
  assertInstanceOf(error, ErrorGroup);
  assertEquals(error.flatten().map(String), ["RangeError: own"]);
});

Deno.test("an error of a source's cleanup is not lost when the client goes away", async () => {
  const failed = new Event();
  const errors: string[] = [];
  await withServer(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("part")),
          cancel() {
            throw new RangeError("cleanup");
          },
        }),
      ),
    {
      onHandlerError(error) {
        errors.push(String(error));
        failed.set();
      },
    },
    async (_url, port) => {
      const client = await raw(port, GET);
      await until(client, "part");
      client.close();
      await failed.wait();
    },
  );
  assertEquals(errors, ["RangeError: cleanup"]);
});

/** What is printed on stderr meanwhile, a line for each call. */
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

/** A stream of nothing, whose end fails. */
const stubborn = (): ReadableStream =>
  new ReadableStream({
    cancel() {
      throw new RangeError("cleanup");
    },
  });

Deno.test("what onHandlerError returns is given up and told if it cannot be sent, and the server goes on", async () => {
  const locked = (): Response => {
    const response = new Response(stubborn());
    response.body!.getReader();
    return response;
  };
  const answers: Record<string, [answer: () => Response, status: number, told: string]> = {
    "a locked body": [
      locked,
      500,
      "TypeError: Cannot answer a request as the body of its response must not have been used",
    ],
    "a response without a status": [
      () => Response.error(),
      500,
      "TypeError: Cannot answer a request as its response must",
    ],
    "a stream that fails": [
      () => new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("source")) })),
      200,
      "TypeError: source",
    ],
  };
  for (const [name, [answer, status, told]] of Object.entries(answers)) {
    let asked = 0;
    const lines = await printed(() =>
      withServer(
        () => {
          if (asked++ > 0) return new Response("fine");
          throw new TypeError("handler");
        },
        { onHandlerError: answer },
        async (url, port) => {
          using client = await raw(port, GET.replace("Host", "Connection: close\r\nHost"));
          assertEquals(Number((await rest(client)).slice(9, 12)), status, name);
          assertEquals(await (await fetch(url)).text(), "fine", name);
        },
      )
    );
    assertEquals(lines.length, 1, name);
    assert(lines[0]!.startsWith("Cannot answer GET http://"), lines[0]);
    assert(lines[0]!.includes(`with what "onHandlerError" has returned: ${told}`), lines[0]);
  }
});

Deno.test("what onHandlerError returns too late is given up, whatever its body does, and the server goes on", async () => {
  const locked = new Response(stubborn());
  locked.body!.getReader();
  const lines: string[][] = [];
  for (const answer of [locked, new Response(stubborn())]) {
    let asked = 0;
    lines.push(
      await printed(() =>
        withServer(
          () => {
            if (asked++ > 0) return new Response("fine");
            return new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("source")) }));
          },
          { onHandlerError: () => answer },
          async (url, port, { statistics }) => {
            using client = await raw(port, GET);
            await rest(client);
            while (statistics().open > 0) await sleep(1);
            assertEquals(await (await fetch(url)).text(), "fine");
          },
        )
      ),
    );
  }
  assertEquals(lines[0], []);
  assertEquals(lines[1]!.length, 1);
  assert(lines[1]![0]!.endsWith('with what "onHandlerError" has returned: RangeError: cleanup'), lines[1]![0]);
});

Deno.test(
  "in a simulation what onHandlerError returns fails the server if it cannot be sent",
  simulated(async () => {
    const error = await withServer(
      () => {
        throw new TypeError("handler");
      },
      { onHandlerError: () => Response.error() },
      async (_url, port) => {
        using client = await raw(port, GET);
        await shielded(() => rest(client));
        await sleepForever();
      },
    ).catch((error) => error);
    assertInstanceOf(error, ErrorGroup);
    assertEquals(error.flatten().map((error) => (error as Error).name), ["TypeError"]);
  }, QUIET),
);

/** Two requests that are given one and the same response at once: the host refuses the second. */
async function sharedAnswer(
  onHandlerError: (error: unknown, request: Request) => Response | void,
  before: (scope: CancelScope) => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const answers: string[] = [];
  const both = new Event();
  const go = new Event();
  const shared = new Response("shared");
  let asked = 0;
  const scope = new CancelScope();
  const server = httpServer(async () => {
    if (++asked === 2) both.set();
    await go.wait();
    return shared;
  }, { ...HERE, onHandlerError });
  await openNursery(async (nursery) => {
    const [address] = await nursery.start<readonly [TcpAddress]>((status) => scope.run(() => server(status)));
    await openNursery(async (clients) => {
      for (let n = 0; n < 2; n++) {
        clients.startSoon(async () => {
          using client = await raw(address.port, GET.replace("Host", "Connection: close\r\nHost"));
          answers.push((await rest(client)).slice(9, 12));
        });
      }
      await both.wait();
      await before(scope);
      go.set();
    });
    scope.cancel();
  });
  return answers.toSorted();
}

Deno.test("an answer that the host refuses is told with a request that stands in, and what comes back is given up", async () => {
  const told: string[] = [];
  let ended = 0;
  const answers = await sharedAnswer((error, request) => {
    told.push(`${(error as Error).name} ${request.method} ${new URL(request.url).pathname}`);
    return new Response(new ReadableStream({ cancel: () => void ended++ }));
  });
  assertEquals([answers, told, ended], [["200", "500"], ["TypeError GET /"], 1]);
});

Deno.test("an answer that the host refuses during a shutdown is told as well", async () => {
  const told: string[] = [];
  const answers = await sharedAnswer((error) => void told.push((error as Error).name), async (scope) => {
    scope.shutdown({ grace: 60_000 });
    // The server knows of it.
    for (let turn = 0; turn < 10; turn++) await checkpoint();
  });
  assertEquals([answers, told], [["200", "500"], ["TypeError"]]);
});
