import { assertEquals } from "@std/assert";
import { Event, openNursery, sleep } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { settled, simulated } from "../../testing/mod.ts";
import { GET, QUIET, raw, withServer } from "../_fixtures/http.ts";
import { DisconnectSweep, type SweepEntry } from "./_disconnect_sweep.ts";
import { denoHttp } from "../host/deno_http.ts";
import { Exchange, type ServerContext } from "./_exchange.ts";
import { Pending } from "./_pending.ts";

/** Sweeps that a test makes by hand, and what was watched in them. */
function byHand() {
  const set: (() => void)[] = [];
  const watched: string[] = [];
  const sweep = new DisconnectSweep((callback) => {
    set.push(callback);
    return () => void set.splice(set.indexOf(callback), 1);
  });
  return {
    sweep,
    set,
    watched,
    add: (name: string): SweepEntry => sweep.add({ watch: () => void watched.push(name) }),
    end: () => sweep.end(),
    tick: () => set.shift()!(),
  };
}

Deno.test("DisconnectSweep watches a request in the fourth sweep after it was added", () => {
  const { add, tick, watched } = byHand();
  add("one");
  tick();
  add("two");
  tick();
  tick();
  assertEquals(watched, []);
  tick();
  assertEquals(watched, ["one"]);
  tick();
  assertEquals(watched, ["one", "two"]);
});

Deno.test("DisconnectSweep has one timer at a time, and none when there is nothing to watch", () => {
  const { add, tick, set, watched } = byHand();
  assertEquals(set.length, 0);
  for (const name of ["one", "two", "three"]) add(name);
  for (let sweeps = 0; sweeps < 4; sweeps++) {
    assertEquals([set.length, watched], [1, []]);
    tick();
  }
  assertEquals([set.length, watched], [0, ["one", "two", "three"]]);
  add("four");
  assertEquals(set.length, 1);
});

Deno.test("DisconnectSweep watches no request that was taken out, and sets no timer for it alone", () => {
  const { add, tick, set, watched } = byHand();
  const [young, old] = [add("young"), add("old")];
  add("kept");
  young.request = null;
  for (let sweeps = 0; sweeps < 3; sweeps++) tick();
  old.request = null;
  tick();
  assertEquals(watched, ["kept"]);
  add("gone").request = null;
  tick();
  assertEquals(set.length, 0);
});

Deno.test("DisconnectSweep clears its timer at the end, and watches none of those that were added", () => {
  const { add, end, tick, set, watched } = byHand();
  end();
  for (const name of ["one", "two"]) {
    add(name);
    if (name === "one") tick();
  }
  end();
  assertEquals([set.length, watched], [0, []]);
  add("three");
  for (let sweeps = 0; sweeps < 4; sweeps++) tick();
  assertEquals(watched, ["three"]);
});

Deno.test("a request is asked for its signal by the sweep, and only if it is not answered", async () => {
  const { sweep, tick } = byHand();
  const context: ServerContext = {
    http: denoHttp,
    handler: async (request) => {
      await release.wait();
      return new Response(request.url);
    },
    handlerTimeout: Infinity,
    onHandlerError: "fail",
    slots: null,
    pending: new Pending(),
    counts: { accepted: 0, open: 0 },
    deadlineHeader: undefined,
    isLeaving: false,
    disconnects: sweep,
  };
  const release = new Event();
  const asked: string[] = [];
  const answers: Response[] = [];
  const info = {
    remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    completed: Promise.resolve(),
  } as const;
  await openNursery(async (nursery) => {
    const begin = (url: string): void => {
      const request = new Request(url);
      const { signal } = request;
      Object.defineProperty(request, "signal", {
        get() {
          asked.push(url);
          return signal;
        },
      });
      context.pending.begin();
      const exchange = new Exchange(context, request, info, (response) => void answers.push(response));
      nursery.startSoon(() => exchange.run());
    };
    begin("http://here/slow");
    await settled();
    for (let sweeps = 0; sweeps < 3; sweeps++) tick();
    assertEquals(asked, []);
    tick();
    assertEquals(asked, ["http://here/slow"]);
    begin("http://here/quick");
    await settled();
    release.set();
    await settled();
    tick();
    assertEquals([asked.includes("http://here/quick"), answers.length], [false, 2]);
  });
});

Deno.test(
  "httpServer() in a simulation notices a client that goes away before time goes on",
  simulated(async () => {
    const asked = new Event();
    const log: string[] = [];
    await withServer(
      async () => {
        asked.set();
        try {
          await sleep(60_000);
        } finally {
          log.push(`ended at ${currentRun().clock.now()}`);
        }
        return new Response();
      },
      {},
      async (_url, port) => {
        const client = await raw(port, GET);
        await asked.wait();
        client.close();
        await sleep(60_000);
      },
    );
    assertEquals(log, ["ended at 0"]);
  }, QUIET),
);
