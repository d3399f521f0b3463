// deno-lint-ignore-file no-console -- what frameworks print is kept, and looked at
/** What docs/guides/frameworks.md claims of frameworks, by the very code that it shows. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import "npm:express@5.1.0";
import { Hono } from "npm:hono@4.6.14";
import {
  CancelScope,
  failAfter,
  fetch,
  moveOnAfter,
  serveHttp,
  simulate,
  type Simulation,
  sleep,
  TooSlowError,
} from "../../mod.ts";
import { blocksOf } from "../page_blocks.ts";

// At the top level: see "Limits" of the README.
const blocks = await blocksOf("docs/guides/frameworks.md", [
  "@oakserver/oak@14.1.0",
  "express@5.1.0",
  "hono@4.6.14",
]);
const { app: honoApp } = await blocks["hono.ts"]!();
const { serveNode } = await blocks["serve_node.ts"]!();
const { handler: oak } = await withoutWarnings(async () => {
  // Named here so that it is loaded with the rest. The one of npm says as it loads what it cannot do.
  await import("npm:@oakserver/oak@14.1.0");
  return await blocks["oak.ts"]!();
});

async function withoutWarnings<T>(fn: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await fn();
  } finally {
    console.warn = warn;
  }
}

/** Asks for a page, and reads the answer. */
async function get(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: "close" } });
  return `${response.status} ${await response.text()}`;
}

/** Runs with what is printed as an error kept. */
async function quietly(fn: () => Promise<void>): Promise<string> {
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (...data) => void printed.push(...data);
  try {
    await fn();
  } finally {
    console.error = error;
  }
  return printed.join("\n");
}

/** A handler that waits for long, and notes when it ended. */
function slow(sim: Simulation): { readonly ended: number[]; readonly work: () => Promise<string> } {
  const ended: number[] = [];
  const work = async () => {
    try {
      await sleep(60_000);
      return "done";
    } finally {
      ended.push(sim.now);
    }
  };
  return { ended, work };
}

Deno.test("hono under serveHttp(): a middleware's timeout is a 503, as onError throws cancellations again", async () => {
  await simulate(async (sim) => {
    sim.background.startSoon(() => serveHttp(honoApp.fetch, { port: 80 }));
    assertEquals([await get("http://localhost/"), sim.now], ["200 hello", 0]);
    assertEquals([await get("http://localhost/slow"), sim.now], ["503 busy, try again", 2_000]);
  });
});

Deno.test("hono alone turns a middleware's timeout into a 500, and prints it", async () => {
  const printed = await quietly(() =>
    simulate(async (sim) => {
      const app = new Hono();
      app.use(async (c, next) => {
        const outcome = await moveOnAfter(2_000, next);
        if (outcome.cancelledCaught) c.res = c.text("busy", 503);
      });
      app.get("/", async (c) => c.text(await slow(sim).work()));
      sim.background.startSoon(() => serveHttp(app.fetch, { port: 80 }));
      assertEquals([await get("http://localhost/"), sim.now], ["500 Internal Server Error", 2_000]);
    })
  );
  assertStringIncludes(printed, "Cancelled");
});

Deno.test("hono alone: neither a timeout in the handler nor handlerTimeout is deceived", async () => {
  await quietly(() =>
    simulate(async (sim) => {
      const app = new Hono();
      app.get("/own", async (c) => {
        const outcome = await moveOnAfter(1_000, slow(sim).work);
        return outcome.cancelledCaught ? c.text("busy", 503) : c.text("done");
      });
      app.get("/server", async (c) => c.text(await slow(sim).work()));
      const errors: unknown[] = [];
      sim.background.startSoon(() =>
        serveHttp(app.fetch, {
          port: 80,
          handlerTimeout: 5_000,
          onHandlerError: (error) => (errors.push(error), new Response("late", { status: 504 })),
        })
      );
      assertEquals([await get("http://localhost/own"), sim.now], ["503 busy", 1_000]);
      assertEquals([await get("http://localhost/server"), sim.now], ["504 late", 6_000]);
      assertEquals(errors.map((error) => error instanceof TooSlowError), [true]);
    })
  );
});

Deno.test("hono under serveHttp(): a client that leaves cancels its handler, and nothing is printed", async () => {
  const printed = await quietly(() =>
    simulate(async (sim) => {
      const { ended, work } = slow(sim);
      const app = new Hono();
      app.onError((error) => {
        throw error;
      });
      app.get("/", async (c) => c.text(await work()));
      sim.background.startSoon(() => serveHttp(app.fetch, { port: 80 }));
      await moveOnAfter(1_000, () => fetch("http://localhost/"));
      await sim.advance(20);
      assertEquals(ended, [1_000]);
    })
  );
  assertEquals(printed, "");
});

Deno.test("hono in a simulation needs no server", async () => {
  await simulate(async (sim) => {
    const response = await honoApp.request("/slow");
    assertEquals([response.status, sim.now], [503, 2_000]);
  });
});

Deno.test("express: a handler is a task, which is cancelled when its client leaves", async () => {
  await simulate(async (sim) => {
    const { ended, work } = slow(sim);
    sim.background.startSoon(() => serveNode(80, work));
    await sim.settled();
    await moveOnAfter(1_000, () => fetch("http://localhost/work"));
    await sim.advance(20);
    assertEquals(ended, [1_000]);
  });
});

Deno.test("express: what a handler throws, a timeout too, is handled as express does", async () => {
  await simulate(async (sim) => {
    sim.background.startSoon(() => serveNode(80, () => failAfter(2_000, slow(sim).work)));
    await sim.settled();
    const printed = await quietly(async () => {
      const answer = await get("http://localhost/work");
      assertEquals([answer.slice(0, 3), sim.now], ["500", 2_000]);
      assertStringIncludes(answer, "TooSlowError");
    });
    assertStringIncludes(printed, "TooSlowError");
  });
});

Deno.test("express: a shutdown takes nothing new, finishes what is begun, and cuts off the rest after the grace", async () => {
  const run = (wait: number) =>
    simulate(async (sim) => {
      const scope = new CancelScope();
      const work = () => sleep(wait).then(() => "done");
      const server = sim.background.startSoon(() => scope.run(() => serveNode(80, work)));
      await sim.settled();
      const answer = sim.background.startSoon(() => get("http://localhost/work").catch(() => "cut off"));
      await sleep(500);
      scope.shutdown({ grace: 5_000 });
      await sim.settled();
      assertEquals(await get("http://localhost/work").catch(() => "refused"), "refused");
      await server.join();
      return [await answer.join(), sim.now];
    });
  assertEquals(await run(3_000), ["200 done", 3_000]);
  assertEquals(await run(60_000), ["cut off", 5_500]);
});

Deno.test("oak under serveHttp(): a middleware's timeout is a 503, as oak catches at its outermost only", async () => {
  await simulate(async (sim) => {
    sim.background.startSoon(() => serveHttp(oak, { port: 80 }));
    assertEquals([await get("http://localhost/"), sim.now], ["200 hello", 0]);
    assertEquals([await get("http://localhost/slow"), sim.now], ["503 busy, try again", 2_000]);
  });
});

Deno.test("oak: a timeout around all of it gets oak's 500, handlerTimeout does not", async () => {
  await simulate(async (sim) => {
    const around: typeof oak = async (request: Request) => {
      const outcome = await moveOnAfter(1_000, () => oak(request));
      return outcome.cancelledCaught ? new Response("busy", { status: 503 }) : outcome.value;
    };
    sim.net.host("around").startSoon(() => serveHttp(around, { port: 80 }));
    sim.net.host("server").startSoon(() =>
      serveHttp(oak, { port: 80, handlerTimeout: 1_000, onHandlerError: () => new Response("late", { status: 504 }) })
    );
    assertEquals((await get("http://around/slow")).slice(0, 3), "500");
    assertEquals(await get("http://server/slow"), "504 late");
    assertEquals(sim.now, 2_000);
  });
});
