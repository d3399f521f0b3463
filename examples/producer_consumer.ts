// deno-lint-ignore-file no-console
/**
 * Two producers and two consumers over one queue of three places: whoever is too fast has to wait.
 *
 * Run it: deno run examples/producer_consumer.ts
 */
import {
  type MemoryReceiveChannel,
  type MemorySendChannel,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
} from "@trefoil/io";

async function produce(queue: MemorySendChannel<string>, name: string, count: number): Promise<void> {
  // The queue ends when the last producer has closed its end.
  using end = queue;
  for (let n = 1; n <= count; n++) {
    await sleep(50);
    await end.send(`${name}${n}`);
  }
}

async function consume(
  queue: MemoryReceiveChannel<string>,
  name: string,
  print: (line: string) => void,
): Promise<void> {
  for await (const item of queue) {
    await sleep(200);
    print(`${name} has done ${item}`);
  }
}

/** Makes 2 × 4 items and works them off. */
export async function producerConsumer(print: (line: string) => void = console.log): Promise<void> {
  await openNursery((nursery) => {
    const [send, receive] = openMemoryChannel<string>(3, { name: "items" });
    for (const name of ["a", "b"]) {
      const end = send.clone();
      nursery.startSoon(() => produce(end, name, 4), { name: `producer ${name}` });
    }
    send.close();
    for (const name of ["x", "y"]) nursery.startSoon(() => consume(receive, name, print), { name: `consumer ${name}` });
  });
  print("all items are done");
}

if (import.meta.main) run(producerConsumer);
