import { assert, assertEquals } from "@std/assert";
import {
  type Cancelled,
  CancelScope,
  Event,
  moveOnAfter,
  openNursery,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  type TcpAddress,
} from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { decoder, encoder, GET, HERE, patient, QUIET, raw, rest, until, withServer } from "../_fixtures/http.ts";
import { httpServer } from "../mod.ts";

Deno.test("a handler that awaits a promise of somebody else's over the body is ended with its connection", async () => {
  const asked = new Event();
  let ended = 0;
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer(async (request) => {
      asked.set();
      try {
        return new Response(await new Response(request.body!.pipeThrough(new TransformStream())).text());
      } finally {
        ended++;
      }
    }, { ...HERE }));
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address.port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
        await rest(client);
      })
    );
    await asked.wait();
    nursery.cancel();
  });
  assertEquals(ended, 1);
});

Deno.test(
  "a shutdown answers newcomers with 503, lets handlers finish within the grace, and closes idle connections at the end",
  simulated(async () => {
    const events: string[] = [];
    const asked = new Event();
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      const listening = new Event();
      let port = 0;
      nursery.startSoon(async () => {
        const outcome = await scope.run(() =>
          httpServer(async (request) => {
            if (request.url.endsWith("/idle")) return new Response("idle");
            asked.set();
            await sleep(100);
            events.push(`finished, asked to hurry: ${shutdownRequested()}`);
            return new Response("finished");
          }, HERE)({ started: ([address]) => (port = address.port, listening.set()) })
        );
        events.push(`server ended, cancelled: ${outcome.cancelledCaught}`);
      });
      await listening.wait();
      using idle = await raw(port, "GET /idle HTTP/1.1\r\nHost: here\r\n\r\n");
      await until(idle, "idle");
      using busy = await raw(port, GET);
      await asked.wait();
      scope.shutdown({ grace: 10_000 });
      await sleep(1);
      using late = await raw(port, GET);
      assert((await rest(late)).startsWith("HTTP/1.1 503"));
      assert((await until(busy, "finished")).startsWith("HTTP/1.1 200"));
      assertEquals(await rest(idle), "");
      events.push("idle connection closed");
    });
    assertEquals(events.toSorted(), [
      "finished, asked to hurry: true",
      "idle connection closed",
      "server ended, cancelled: false",
    ]);
  }, QUIET),
);

Deno.test("a shutdown lets uploads finish, and refuses new requests meanwhile", async () => {
  const asked = new Event();
  let readers = 0;
  const scope = new CancelScope();
  await openNursery(async (nursery) => {
    const listening = new Event();
    let port = 0;
    nursery.startSoon(async () => {
      const outcome = await scope.run(() =>
        httpServer(async (request) => {
          if (++readers === 2) asked.set();
          if (request.url.endsWith("/whole")) return new Response(`got ${await request.text()}`);
          let text = "";
          for await (const chunk of request.body!) text += decoder.decode(chunk);
          return new Response(`got ${text}`);
        }, HERE)({ started: ([address]) => (port = address.port, listening.set()) })
      );
      assert(!outcome.cancelledCaught);
    });
    await listening.wait();
    const clients = ["whole", "parts"].map((path) =>
      raw(port, `POST /${path} HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc`)
    );
    await asked.wait();
    scope.shutdown({ grace: 60_000 });
    await sleep(5);
    {
      using late = await raw(port, GET);
      assert((await until(late, "Unavailable")).startsWith("HTTP/1.1 503"));
    }
    for (const pending of clients) {
      using client = await pending;
      await client.sendAll(encoder.encode("def"));
      assert((await until(client, "got")).startsWith("HTTP/1.1 200"));
    }
  });
});

Deno.test("a shutdown does not wait for a client that sends no more, or takes no more, once its answer is given", async () => {
  const requests = {
    "an upload that is not finished": "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc",
    "an idle connection": GET,
    "the beginning of a request": "GET / HT",
  };
  for (const [name, request] of Object.entries(requests)) {
    const scope = new CancelScope();
    const answered = new Event();
    const ended = new Event();
    await openNursery(async (nursery) => {
      const server = httpServer(() => (answered.set(), new Response("early")), HERE);
      const [address] = await nursery.start<readonly [TcpAddress]>((status) =>
        scope.run(() => server(status)).then(() => ended.set())
      );
      using client = await raw(address.port, request);
      if (name !== "the beginning of a request") await until(client, "early");
      scope.shutdown({ grace: 60_000 });
      const outcome = await moveOnAfter(5_000, () => ended.wait());
      assert(!outcome.cancelledCaught, name);
      await rest(client);
    });
  }
});

Deno.test("a shutdown cuts no answer that was just given, nor one that takes its time", async () => {
  const sizes = [10, 50_000, 5_000_000];
  for (const size of sizes) {
    for (const body of ["x".repeat(size), new Uint8Array(size)]) {
      const scope = new CancelScope();
      let asked = 0;
      await openNursery(async (nursery) => {
        const server = httpServer(() => {
          if (++asked === 10) scope.shutdown({ grace: 60_000 });
          return new Response(body);
        }, HERE);
        const [address] = await nursery.start<readonly [TcpAddress]>((status) => scope.run(() => server(status)));
        for (let n = 0; n < 10; n++) {
          nursery.startSoon(async () => {
            using client = await raw(address.port, GET);
            let length = 0;
            for await (const chunk of client) {
              length += chunk.length;
              if (size > 1_000_000) await sleep(1);
            }
            assert(length > size && length < size + 300, `${size}: ${length}`);
          });
        }
      });
    }
  }
});

Deno.test("an upload that takes longer than the grace is cancelled, and its connection closed", async () => {
  const asked = new Event();
  const errors: unknown[] = [];
  const scope = new CancelScope();
  const outcome = await scope.run(() =>
    withServer(
      async (request) => {
        asked.set();
        return new Response(
          await request.text().catch((error) => {
            errors.push(error);
            throw error;
          }),
        );
      },
      {},
      async (_url, port) => {
        using client = await raw(port, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc");
        await asked.wait();
        scope.shutdown({ grace: 20 });
        await shielded(() => rest(client));
      },
    )
  );
  assert(outcome.cancelledCaught);
  assertEquals((errors as Cancelled[]).map(({ source }) => source), ["shutdown"]);
});

Deno.test(
  "handlers that take longer than the grace are cancelled when it is over",
  simulated(async (sim) => {
    const { handler, asked, errors } = patient();
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const listening = new Event();
      let port = 0;
      nursery.startSoon(async () => {
        const outcome = await scope.run(() =>
          httpServer(handler, HERE)({ started: ([address]) => (port = address.port, listening.set()) })
        );
        assert(outcome.cancelledCaught);
        assertEquals(outcome.cancelled.source, "shutdown");
      });
      await listening.wait();
      using client = await raw(port, GET);
      await asked.wait();
      const begun = sim.now;
      scope.shutdown({ grace: 500 });
      await rest(client);
      assertEquals(sim.now - begun, 500);
    });
    assertEquals((errors as Cancelled[]).map(({ source }) => source), ["shutdown"]);
  }, QUIET),
);

Deno.test("cancelling a server cancels its handlers and streams, and closes everything", async () => {
  const { handler, asked, errors } = patient();
  let streaming = false;
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer((request, info) => {
      if (request.url.endsWith("/wait")) return handler(request, info);
      return new Response(
        new ReadableStream({
          async pull(controller) {
            controller.enqueue(encoder.encode("part"));
            if (!streaming) return void (streaming = true);
            await sleepForever();
          },
        }, { highWaterMark: 0 }),
      );
    }, { ...HERE }));
    const streamed = new Event();
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address.port, "GET /wait HTTP/1.1\r\nHost: here\r\n\r\n");
        assert(!(await rest(client)).includes("200 OK"));
      })
    );
    nursery.startSoon(() =>
      shielded(async () => {
        using client = await raw(address.port, GET);
        await until(client, "part");
        streamed.set();
        assertEquals(await rest(client), "");
      })
    );
    await asked.wait();
    await streamed.wait();
    await sleep(1);
    nursery.cancel("enough");
  });
  assert(streaming);
  assertEquals((errors as Cancelled[]).map(({ source, reason }) => [source, reason]), [["explicit", "enough"]]);
});
