import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { all, CancelScope, Event, fetch, openNursery, simulate, sleep, type TcpAddress } from "@trefoil/io";
import { reportServer } from "./http_server.ts";

Deno.test("http_server.ts finishes what it has begun when it shuts down, ends its streams, and takes no more", () =>
  simulate(() =>
    openNursery(async (nursery) => {
      const scope = new CancelScope();
      const server = reportServer({ hostname: "127.0.0.1", port: 0 });
      const [address] = await nursery.start<readonly [TcpAddress]>((status) => scope.run(() => server(status)));
      const url = `http://127.0.0.1:${address.port}`;
      assertEquals(await (await fetch(`${url}/report?seconds=0`)).text(), "took 0 seconds\n");
      for (const [path, status] of [["report?seconds=-1", 400], ["elsewhere", 404]] as const) {
        const response = await fetch(`${url}/${path}`);
        assertEquals(response.status, status);
        // Unread, it would keep its connection.
        await response.body?.cancel();
      }
      const ticked = new Event();
      const [slow, ticks] = await all([
        async () => await (await fetch(`${url}/report?seconds=5`)).text(),
        async () => {
          let text = "";
          for await (const chunk of (await fetch(`${url}/clock`)).body!.pipeThrough(new TextDecoderStream())) {
            text += chunk;
            ticked.set();
          }
          return text;
        },
        async () => {
          await ticked.wait();
          while (server.statistics().open < 2) await sleep(1);
          scope.shutdown({ grace: 10_000 });
        },
      ]);
      assertEquals(slow, "took 5 seconds\n");
      assertStringIncludes(ticks, "event: tick\ndata: 0\n");
      assertStringIncludes(ticks, "event: end\ndata: the server is closing\n");
      await assertRejects(() => fetch(url), TypeError);
    })
  ));
