import { assert, assertEquals, assertRejects } from "@std/assert";
import { failAfter, moveOnAfter, openNursery, sleep, sleepForever, timeLeft, TooSlowError } from "../../core/mod.ts";
import { simulated, type Simulation } from "../../testing/mod.ts";
import { fetch, type HttpHandler, httpServer, type ServeHttpOptions } from "../mod.ts";

const HEADER = "x-time-left";
const WAY = 8;

/** A server on a host of its own, one way of 8 ms away. */
function serve(sim: Simulation, name: string, handler: HttpHandler, options: Partial<ServeHttpOptions> = {}): void {
  const [host] = [name, "stock", "price"].map((each) => sim.net.host(each));
  for (const [one, other] of [["test", "stock"], ["stock", "price"]] as const) {
    sim.net.link(one, other, { latency: WAY });
  }
  host!.startSoon(() => httpServer(handler, { port: 80, deadlineHeader: HEADER, ...options })());
}

const call = (name: string, init: RequestInit = {}) => fetch(`http://${name}/`, { ...init, deadlineHeader: HEADER });

Deno.test(
  "over two hops each server has what the one before it had left, and is cancelled one way after its caller",
  simulated(async (sim) => {
    const log: [string, number, number][] = [];
    const ending = (name: string) => log.push([name, sim.now, -1]);
    serve(sim, "price", async () => {
      log.push(["price", sim.now, timeLeft()]);
      try {
        await sleep(10_000);
      } finally {
        ending("price ends");
      }
      return new Response();
    });
    serve(sim, "stock", async () => {
      log.push(["stock", sim.now, timeLeft()]);
      try {
        return await call("price");
      } finally {
        ending("stock ends");
      }
    });
    await sleep(10);
    const start = sim.now;
    await assertRejects(() => failAfter(100, () => call("stock")), TooSlowError);
    ending("caller ends");
    await sleep(1_000);
    const [stock, price] = [log[0]!, log[1]!];
    // Connecting takes a way and back, the request another way.
    assertEquals(stock, ["stock", start + 3 * WAY, 100]);
    assertEquals(price, ["price", start + 6 * WAY, 100]);
    assertEquals(log.slice(2).map(([what, at]) => [what, at - start]), [
      ["caller ends", 100],
      ["stock ends", 100 + WAY],
      ["price ends", 100 + 2 * WAY],
    ]);
  }, { leaks: "ignore" }),
);

Deno.test(
  "the server stops by itself when the time of the client is over, answers 504, and nobody is told of an error",
  simulated(async (sim) => {
    const errors: unknown[] = [];
    let ended = -1;
    let limited = -1;
    serve(sim, "stock", async () => {
      limited = timeLeft();
      const began = sim.now;
      try {
        await sleepForever();
      } finally {
        ended = sim.now - began;
      }
      return new Response();
    }, { onHandlerError: (error) => void errors.push(error) });
    await sleep(10);
    // A client that says so, and waits on nevertheless.
    const response = await fetch("http://stock/", { headers: { [HEADER]: "25" } });
    assertEquals([response.status, await response.text(), limited, ended, errors], [
      504,
      "Gateway Timeout",
      25,
      25,
      [],
    ]);
  }),
);

Deno.test(
  "the header can only make the time shorter: the shorter of it and handlerTimeout holds, and says whose it is",
  simulated(async (sim) => {
    const errors: unknown[] = [];
    const onHandlerError = (error: unknown): void => void errors.push(error);
    serve(sim, "stock", () => sleepForever(), { handlerTimeout: 50, onHandlerError });
    await sleep(10);
    const get = async (left: string) => {
      const response = await fetch("http://stock/", { headers: { [HEADER]: left } });
      await response.body?.cancel();
      return [response.status, errors.splice(0).length];
    };
    assertEquals(await get("999999999999"), [500, 1]);
    assertEquals(await get("49"), [504, 0]);
    assertEquals(await get("0"), [504, 0]);
  }),
);

Deno.test(
  "the wait for a slot is in the time of the client, the sending of the body is not",
  simulated(async (sim) => {
    let calls = 0;
    serve(sim, "stock", async (request) => {
      calls++;
      if (request.url.endsWith("/slow")) await sleep(500);
      let left = 3;
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await sleep(100);
            controller.enqueue(new Uint8Array([left]));
            if (--left === 0) controller.close();
          },
        }, { highWaterMark: 0 }),
      );
    }, { maxRequests: 1 });
    await sleep(10);
    const streamed = await fetch("http://stock/", { headers: { [HEADER]: "50" } });
    assertEquals([streamed.status, (await streamed.bytes()).length], [200, 3]);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => void await (await fetch("http://stock/slow")).bytes());
      await sleep(50);
      const waited = await fetch("http://stock/", { headers: { [HEADER]: "50" } });
      await waited.body?.cancel();
      assertEquals([waited.status, calls], [504, 2]);
    });
  }),
);

Deno.test(
  "a header that is no time is a 400, and the handler is not called; without one there is no limit",
  simulated(async (sim) => {
    const seen: number[] = [];
    serve(sim, "stock", () => {
      seen.push(timeLeft());
      return new Response();
    });
    await sleep(10);
    for (const text of ["", "-1", "1.5", "1e3", "Infinity", "1234567890123", "5, 6"]) {
      const response = await fetch("http://stock/", { headers: { [HEADER]: text } });
      await response.body?.cancel();
      assertEquals([response.status, seen], [400, []], text);
    }
    await (await fetch("http://stock/")).body?.cancel();
    assertEquals(seen, [Infinity]);
  }),
);

Deno.test(
  "fetch() sends whole milliseconds, with the other headers, and no header where there is no deadline",
  simulated(async (sim) => {
    const seen: (string | null)[][] = [];
    serve(sim, "stock", ({ headers }) => {
      seen.push([headers.get(HEADER), headers.get("x-mine")]);
      return new Response();
    }, { deadlineHeader: "x-other" });
    await sleep(10);
    const all = async (ms: number) => {
      seen.length = 0;
      const headers = { "x-mine": "1" };
      const init = { deadlineHeader: HEADER };
      await moveOnAfter(ms, async () => {
        await (await fetch("http://stock/", { ...init, headers })).body?.cancel();
      });
      await moveOnAfter(ms, async () => {
        await (await fetch(new Request("http://stock/", { headers }), init)).body?.cancel();
      });
      await moveOnAfter(ms, async () => {
        await (await fetch("http://stock/", { ...init, headers: new Headers(headers) })).body?.cancel();
      });
      return seen;
    };
    assertEquals(await all(1_000.7), [["1000", "1"], ["1000", "1"], ["1000", "1"]]);
    assertEquals(await all(Infinity), [[null, "1"], [null, "1"], [null, "1"]]);
  }),
);

Deno.test("what is no name of a header is refused, before any effect", async () => {
  for (const name of ["", "a b", "a:b", "ä"]) {
    await assertRejects(
      () => fetch("http://localhost:1/", { deadlineHeader: name }),
      RangeError,
      'Cannot fetch as "deadlineHeader" must be the name of a header: received ',
    );
    await assertRejects(
      async () => await httpServer(() => new Response(), { port: 0, deadlineHeader: name })(),
      RangeError,
      'Cannot serve as "deadlineHeader" must be the name of a header: received ',
    );
  }
  await assertRejects(() => fetch("http://localhost:1/", { deadlineHeader: 5 as never }), TypeError);
});

Deno.test("over loopback a server of the host does the same", async () => {
  let ended = "";
  const server = httpServer(async () => {
    await sleepForever().catch(({ source }) => ended = source);
    return new Response("never");
  }, { port: 0, hostname: "127.0.0.1", deadlineHeader: HEADER });
  await openNursery(async (nursery) => {
    const [{ port }] = await nursery.start(server);
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { [HEADER]: "5" } });
    await response.body?.cancel();
    assertEquals([response.status, ended], [504, "deadline"]);
    const plain = await fetch(`http://127.0.0.1:${port}/`, { headers: { [HEADER]: "soon" } });
    await plain.body?.cancel();
    assertEquals(plain.status, 400);
    assert(timeLeft() === Infinity);
    nursery.cancel();
  });
});
