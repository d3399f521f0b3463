import { assert, assertEquals } from "@std/assert";
import { all, fetch, moveOnAfter, serveHttp, simulated } from "@trefoil/io";
import { logged, makeLog, orders } from "./logging.ts";

Deno.test(
  "L: logging.ts says of each line which request and task it belongs to, and how it has ended",
  simulated(async (sim) => {
    const lines: Record<string, unknown>[] = [];
    const log = makeLog((line) => void lines.push(JSON.parse(line)));
    const server = sim.net.host("server");
    server.startSoon(() => serveHttp(logged(log, orders(log)), { port: 80 }));
    await sim.advance(1);
    const answers = await all([
      async () => await (await fetch("http://server/orders/1")).json(),
      async () => await (await fetch("http://server/orders/2")).json(),
    ]);
    assertEquals(answers, [["stock", "prices"], ["stock", "prices"]]);
    await moveOnAfter(10, () => fetch("http://server/orders/3"));
    await sim.advance(10);
    const of = (request: string) => lines.filter((line) => line["request"] === request);
    for (const request of ["r1", "r2"]) {
      assertEquals(of(request).map(({ message }) => message), [
        "begin",
        "look up in stock",
        "look up in prices",
        "end",
      ]);
      assertEquals([of(request).at(-1)?.["status"], of(request).at(-1)?.["ms"]], [200, 30]);
      assertEquals(new Set(of(request).map(({ taskId }) => taskId)).size, 3);
    }
    // Its client has gone away.
    assertEquals([of("r3").at(-1)?.["message"], of("r3").at(-1)?.["status"]], ["end", 500]);
    assert(lines.every((line) => typeof line["task"] === "string" && "request" in line));
  }),
);
