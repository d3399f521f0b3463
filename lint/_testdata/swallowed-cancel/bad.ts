// deno-lint-ignore-file
import { fetch, sleep } from "@trefoil/io";

export async function poll(url: string): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(url);
      console.log(await response.text());
      await sleep(1_000);
    } catch (error) { // BAD
      console.log("trying again:", error);
    }
  }
}
// ---
import { EndOfChannel, type MemoryReceiveChannel } from "@trefoil/io";

declare function work(n: number): void;
export async function drain(channel: MemoryReceiveChannel<number>, isOpen: () => boolean): Promise<void> {
  while (isOpen()) {
    try {
      work(await channel.receive());
    } catch { // BAD
    }
  }
  while (true) {
    try {
      for await (const n of channel) work(n);
    } catch { // BAD
      // Somebody closed it.
      console.log("again");
    }
  }
  do {
    try {
      await channel.receive();
    } catch (error) { // BAD
      if (error instanceof EndOfChannel) return;
    }
  } while (true);
}
declare function tell(n: number): Promise<void>;
export async function next(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    let n: number;
    try {
      n = await channel.receive();
    } catch (error) { // BAD
      console.log(error);
      continue;
    }
    if (n < 0) return;
    await tell(n); // not reached
  }
}
async function once(channel: MemoryReceiveChannel<number>): Promise<void> {
  work(await channel.receive());
}
export async function through(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    for (const _ of [1, 2]) {
      try {
        await once(channel);
      } catch (error) { // BAD
        console.log(error);
      }
    }
  }
}
export async function shadowed(channel: MemoryReceiveChannel<number>, error: Error): Promise<void> {
  for (;;) {
    try {
      await once(channel);
    } catch { // BAD
      console.log(error);
    }
  }
}
export async function taken(channel: MemoryReceiveChannel<number>, isCancelled: boolean): Promise<void> {
  while (isCancelled) {
    try {
      await once(channel);
    } catch { // BAD, no fix
      console.log("no");
    }
  }
}
export async function comments(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    try {
      await once(channel);
    } catch { // BAD
      // Nothing to do.
    }
  }
}
export async function chained(channel: MemoryReceiveChannel<number>): Promise<void> {
  while (true) await once(channel).catch(() => {}); // BAD, no fix
  for (;;) {
    const n = await channel.receive().catch(() => 0); // BAD, no fix
    work(n);
  }
  for (;;) await once(channel).then(() => {}).catch(console.error); // BAD, no fix
  for (;;) await once(channel).then(() => {}, (error) => console.log(error)); // BAD, no fix
}
