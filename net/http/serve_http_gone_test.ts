import { createConnection } from "node:net";
import { assert, assertEquals } from "@std/assert";
import {
  type Cancelled,
  Event,
  failAfter,
  isCancelled,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { encoder, GET, patient, QUIET, raw, rest, until, withServer } from "../_fixtures/http.ts";
import { fetch, type HttpHandler } from "../mod.ts";

Deno.test('a client that goes away cancels its handler, with the source "disconnect"', async () => {
  const { handler, asked, ended, errors } = patient();
  await withServer(handler, {}, async (url, port) => {
    const client = await raw(port, GET);
    await asked.wait();
    client.close();
    await ended.wait();
    const [error] = errors as Cancelled[];
    assert(isCancelled(error));
    assertEquals([error.source, error.reason], ["disconnect", "the client has gone away"]);
    // The server goes on.
    const outcome = await moveOnAfter(20, () => fetch(url));
    assert(outcome.cancelledCaught);
  });
});

Deno.test("a client that goes away cancels what the handler has started", async () => {
  const asked = new Event();
  const ended: string[] = [];
  const allEnded = new Event();
  const child = async (name: string): Promise<void> => {
    try {
      await sleepForever();
    } finally {
      ended.push(name);
      if (ended.length === 2) allEnded.set();
    }
  };
  await withServer(
    async () => {
      await openNursery((nursery) => {
        nursery.startSoon(() => child("one"));
        nursery.startSoon(() => failAfter(60_000, () => child("two")));
        asked.set();
      });
      return new Response();
    },
    {},
    async (_url, port) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      await allEnded.wait();
    },
  );
  assertEquals(ended.toSorted(), ["one", "two"]);
});

Deno.test("a client that went before its handler began to wait is noticed", async () => {
  const noticed = new Event();
  const asked = new Event();
  const gone = new Event();
  await withServer(
    async () => {
      asked.set();
      await shielded(() => gone.wait());
      try {
        await sleepForever();
      } finally {
        noticed.set();
      }
      return new Response();
    },
    {},
    async (_url, port) => {
      const client = await raw(port, GET);
      await asked.wait();
      client.close();
      gone.set();
      await noticed.wait();
    },
  );
});

Deno.test("a client that goes away in the middle of its body is no error of the handler", async () => {
  const readers: ((request: Request) => Promise<unknown>)[] = [
    (request) => request.text(),
    (request) => request.json(),
    (request) => request.bytes(),
    (request) => Array.fromAsync(request.body!),
    (request) => new Response(request.body!.pipeThrough(new TransformStream())).text(),
  ];
  for (const read of readers) {
    const asked = new Event();
    const over = new Event();
    await withServer(
      async (request) => {
        asked.set();
        try {
          return new Response(String(await read(request)));
        } finally {
          over.set();
        }
      },
      {},
      async (_url, port) => {
        const client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc");
        await asked.wait();
        client.close();
        await over.wait();
        await sleep(5);
      },
    );
  }
});

Deno.test("a client that resets in the middle of its body is no error of the handler, however that reads it", async () => {
  const readers: ((request: Request) => Promise<unknown>)[] = [
    (request) => request.text(),
    (request) => request.json(),
    (request) => request.formData(),
    (request) => Array.fromAsync(request.body!),
    (request) => Array.fromAsync(request.clone().body!),
    (request) => Array.fromAsync(request.body!.pipeThrough(new TransformStream())),
    (request) => Array.fromAsync(request.body!.tee()[1]),
    async ({ body }) => {
      const reader = body!.getReader();
      while (!(await reader.read()).done);
    },
    (request) =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => request.text());
        await request.clone().text();
      }),
  ];
  const heads = ["Content-Length: 100000", "Transfer-Encoding: chunked"];
  for (const read of readers) {
    for (const head of heads) {
      const asked = new Event();
      const over = new Event();
      const errors: unknown[] = [];
      await withServer(
        async (request) => {
          asked.set();
          try {
            return new Response(String(await read(request)));
          } finally {
            over.set();
          }
        },
        { onHandlerError: (error) => void errors.push(error) },
        async (_url, port) => {
          const type = "Content-Type: multipart/form-data; boundary=x\r\n";
          const peer = createConnection({ host: "127.0.0.1", port });
          peer.on("error", () => {});
          peer.write(`POST / HTTP/1.1\r\nHost: here\r\n${type}${head}\r\n\r\n3\r\nabc\r\n`);
          await asked.wait();
          await sleep(5);
          peer.resetAndDestroy();
          await over.wait();
          await sleep(2);
        },
      );
      assertEquals(errors, [], `${read} ${head}`);
    }
  }
});

Deno.test("a body that is not what its header says breaks the request, not the server", async () => {
  const asked = new Event();
  const over = new Event();
  await withServer(
    async (request) => {
      asked.set();
      try {
        return new Response(await request.text());
      } finally {
        over.set();
      }
    },
    {},
    async (url, port) => {
      using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
      await asked.wait();
      await client.sendAll(encoder.encode("nonsense\r\n"));
      await over.wait();
      assert(!(await rest(client)).includes("200 OK"));
      assertEquals(await (await fetch(url, { method: "POST", body: "fine" })).text(), "fine");
    },
  );
});

Deno.test("a client that breaks its body is nobody's fault, however the handler reads it", async () => {
  const handlers: HttpHandler[] = [
    async (request) => {
      let text = "";
      await openNursery((nursery) => {
        nursery.startSoon(async () => text = await request.text());
      });
      return new Response(text);
    },
    (request) => new Response(request.body),
    (request) => new Response(request.body!.pipeThrough(new TransformStream())),
  ];
  for (const handler of handlers) {
    for (const end of ["leave", "garbage"]) {
      await withServer(handler, {}, async (url, port, { statistics }) => {
        using client = await raw(
          port,
          "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        );
        while (statistics().open === 0) await sleep(1);
        if (end === "leave") client.close();
        else {
          await client.sendAll(encoder.encode("nonsense\r\n"));
          assert(!(await rest(client)).includes("\r\n0\r\n"), "a cut, not an end");
        }
        while (statistics().open > 0) await sleep(1);
        assertEquals(await (await fetch(url, { method: "POST", body: "fine" })).text(), "fine");
      });
    }
  }
});

Deno.test("a client that goes away in the middle of a streamed body cancels the source of it", async () => {
  const sources: ((log: (what: string) => void) => ReadableStream<Uint8Array<ArrayBuffer>>)[] = [0, 1, 5].map((
    highWaterMark,
  ) =>
  (log) =>
    new ReadableStream({
      async pull(controller) {
        try {
          await sleep(1);
          controller.enqueue(encoder.encode("tick"));
          if (++pulls % 3 === 0) await sleepForever();
        } catch (error) {
          log(isCancelled(error) ? error.source : String(error));
          throw error;
        }
      },
    }, { highWaterMark })
  );
  let pulls = 0;
  for (const source of sources) {
    const logged: string[] = [];
    const over = new Event();
    pulls = 0;
    await withServer(
      () =>
        new Response(source((what) => {
          logged.push(what);
          over.set();
        })),
      {},
      async (_url, port) => {
        const client = await raw(port, GET);
        await until(client, "tick");
        client.close();
        await over.wait();
      },
    );
    assertEquals(logged, ["disconnect"]);
  }
});

Deno.test("a source that knows no scopes is cancelled as a stream when the client goes away", async () => {
  const cancelled = new Event();
  await withServer(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encoder.encode("part")),
          cancel: () => cancelled.set(),
        }),
      ),
    {},
    async (_url, port) => {
      const client = await raw(port, GET);
      await until(client, "part");
      client.close();
      await cancelled.wait();
    },
  );
});

Deno.test(
  "a source whose cancel() never settles does not keep its request when the client goes away",
  simulated(async () => {
    const cancelled = new Event();
    await withServer(
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(encoder.encode("part")),
            cancel() {
              cancelled.set();
              return new Promise(() => {});
            },
          }),
        ),
      {},
      async (_url, port, { statistics }) => {
        const client = await raw(port, GET);
        await until(client, "part");
        client.close();
        await cancelled.wait();
        await sleep(600);
        assertEquals(statistics().open, 0);
      },
    );
  }, QUIET),
);

Deno.test(
  "a source that waits in its cancel(), in a shield of its own, is given the time it asks for",
  simulated(async () => {
    const log: string[] = [];
    await withServer(
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(encoder.encode("part")),
            async cancel() {
              await shielded(() => sleep(700), { timeout: 5_000 });
              log.push("cleaned up");
            },
          }),
        ),
      {},
      async (_url, port, { statistics }) => {
        const client = await raw(port, GET);
        await until(client, "part");
        client.close();
        await sleep(600);
        assertEquals([log, statistics().open], [[], 1]);
        await sleep(200);
        assertEquals(statistics().open, 0);
      },
    );
    assertEquals(log, ["cleaned up"]);
  }, QUIET),
);
