// deno-lint-ignore-file no-console
/**
 * A client of the echo server: sends and receives at the same time, and fails if the answer takes too long.
 *
 * Run it: deno run --allow-net examples/echo_client.ts [port]
 */
import { failAfter, openNursery, openTcpStream, run, sleep } from "@trefoil/io";

/** Sends some lines and returns what came back. */
export async function echoClient(port: number, lines: readonly string[], pause = 500): Promise<string> {
  await using stream = await openTcpStream("127.0.0.1", port);
  let answer = "";
  await failAfter(10_000, () =>
    openNursery((nursery) => {
      nursery.startSoon(async function send() {
        for (const line of lines) {
          await stream.sendAll(new TextEncoder().encode(`${line}\n`));
          await sleep(pause);
        }
        // The server sees the end, sends back what is left, and closes.
        await stream.sendEof();
      });
      nursery.startSoon(async function receive() {
        const decoder = new TextDecoder();
        for await (const chunk of stream) answer += decoder.decode(chunk, { stream: true });
      });
    }));
  return answer;
}

if (import.meta.main) {
  const port = Number(Deno.args[0] ?? 8000);
  run(async () => console.log(await echoClient(port, ["hello", "is anybody there?", "goodbye"])));
}
