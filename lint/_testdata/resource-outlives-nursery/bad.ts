// deno-lint-ignore-file
import { openNursery, openTcpStream } from "@trefoil/io";

export async function copy(host: string): Promise<void> {
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream(host, 80);
    nursery.startSoon(() => stream.sendText("GET / HTTP/1.0\r\n\r\n")); // BAD
    nursery.startSoon(async () => {
      for await (const chunk of stream) console.log(chunk);
    });
  });
}
// ---
import type { SocketStream } from "@trefoil/io";

declare function talk(stream: SocketStream): Promise<void>;
declare function prepare(): Promise<void>;
export async function others(hosts: readonly string[]): Promise<void> {
  await openNursery(async (outer) => {
    for (const host of hosts) {
      await using stream = await openTcpStream(host, 80);
      await prepare();
      outer.startSoon(async () => await talk(stream)); // BAD
    }
  });
  await openNursery(async (nursery) => {
    using stack = new DisposableStack();
    if (hosts.length > 3) nursery.startSoon(() => void stack.use(null), { name: "x" }); // BAD
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    await nursery.start((status) => {
      status.started();
      return talk(stream); // BAD
    });
  });
}
