// deno-lint-ignore-file
import { openNursery, openTcpStream } from "@trefoil/io";

export async function copy(host: string): Promise<void> {
  await using stream = await openTcpStream(host, 80);
  await openNursery((nursery) => {
    nursery.startSoon(() => stream.sendText("GET / HTTP/1.0\r\n\r\n"));
    nursery.startSoon(async () => {
      for await (const chunk of stream) console.log(chunk);
    });
  });
}
// ---
import { sleep, type SocketStream, type Task } from "@trefoil/io";

declare function talk(stream: SocketStream): Promise<void>;
declare function waitFor(task: Task): Promise<void>;
export async function fine(hosts: readonly string[]): Promise<void> {
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    nursery.startSoon(() => talk(stream), { daemon: true });
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    nursery.startSoon(() => talk(stream));
    await sleep(5);
    nursery.cancel();
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    const task = nursery.startSoon(() => talk(stream));
    await task.join();
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    const task = nursery.startSoon(() => talk(stream));
    await waitFor(task);
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    nursery.startSoon(() => sleep(5));
    await stream.sendText("x");
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    nursery.startSoon(() => talk(stream));
    for await (const chunk of stream) console.log(chunk);
  });
  await openNursery((nursery) => {
    for (const host of hosts) {
      nursery.startSoon(async () => {
        await using stream = await openTcpStream(host, 80);
        await talk(stream);
      });
    }
  });
  await openNursery(async (nursery) => {
    await using stream = await openTcpStream("a", 80);
    await openNursery((inner) => {
      inner.startSoon(() => talk(stream));
    });
    nursery.startSoon(() => sleep(1));
  });
}
