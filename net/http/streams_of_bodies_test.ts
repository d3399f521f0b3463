import { assertEquals } from "@std/assert";
import { BufferedReceiver, fetch, serveHttp, streamFromReadable } from "../mod.ts";
import { sleep } from "../../core/mod.ts";
import { simulate } from "../../testing/mod.ts";

/** A line each second, three of them. */
async function* lines(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let n = 1; n <= 3; n++) {
    await sleep(1_000);
    yield new TextEncoder().encode(`${n}\n`);
  }
}

Deno.test("streamFromReadable() of a response's body lets virtual time pass", async () => {
  await simulate(async (sim) => {
    sim.background.startSoon(() => serveHttp(() => new Response(ReadableStream.from(lines())), { port: 80 }));
    const response = await fetch("http://localhost/");
    using receiver = new BufferedReceiver(streamFromReadable(response.body!));
    assertEquals([await receiver.receiveLine(), sim.now], ["1", 1_000]);
    assertEquals([await receiver.receiveLine(), await receiver.receiveLine(), sim.now], ["2", "3", 3_000]);
    assertEquals(await receiver.receiveLine(), null);
  });
});

Deno.test("streamFromReadable() of a request's body lets virtual time pass", async () => {
  await simulate(async (sim) => {
    const seen: unknown[] = [];
    sim.background.startSoon(() =>
      serveHttp(async (request) => {
        using receiver = new BufferedReceiver(streamFromReadable(request.body!));
        for await (const line of receiver.lines()) seen.push([line, sim.now]);
        return new Response("done");
      }, { port: 80 })
    );
    const response = await fetch("http://localhost/", { method: "POST", body: ReadableStream.from(lines()) });
    assertEquals(await response.text(), "done");
    assertEquals(seen, [["1", 1_000], ["2", 2_000], ["3", 3_000]]);
  });
});
