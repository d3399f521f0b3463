/** What docs/guides/frameworks.md claims of `deno serve`. */

import { assertEquals, assertFalse } from "@std/assert";
import { fetch, moveOnAfter } from "../../mod.ts";
import { Program } from "./_program.ts";

const main = `
  import { sleep, withSignal } from "@trefoil/io";
  const scoped = (handler) => async (request) => {
    try {
      return await withSignal(request.signal, () => handler(request));
    } catch (error) {
      if (request.signal.aborted) return new Response(null, { status: 499 });
      throw error;
    }
  };
  export default {
    fetch: scoped(async ({ url }) => {
      try {
        console.log("begun");
        await sleep(Number(new URL(url).searchParams.get("ms")));
        return new Response("done");
      } catch (error) {
        console.log(String(error));
        throw error;
      }
    }),
  };
`;

/** Starts it; the address is what it prints. */
async function serve(): Promise<[program: Program, url: string]> {
  const program = Program.serve(main);
  await program.prints("Listening on", "stderr");
  await program.prints("/\n", "stderr");
  return [program, /http:\/\/127\.0\.0\.1:\d+\//.exec(program.stderr)![0]];
}

Deno.test("under deno serve, a request is cancelled when its client leaves", async () => {
  const [program, url] = await serve();
  await moveOnAfter(60_000, async (scope) => {
    program.prints("begun").then(() => scope.cancel());
    await fetch(`${url}?ms=600000`);
  });
  await program.prints("Cancelled");
  await program.kill();
  assertFalse(program.stderr.includes("Error"), program.stderr);
});

Deno.test("deno serve finishes on SIGTERM the requests that it has", async () => {
  const [program, url] = await serve();
  const answer = fetch(`${url}?ms=300`).then((response) => response.text());
  await program.prints("begun");
  program.signal("SIGTERM");
  assertEquals(await answer, "done");
  assertEquals(await program.end(), 0);
});
