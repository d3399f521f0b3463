// deno-lint-ignore-file
import { fetch, isCancelled, sleep } from "@trefoil/io";

export async function poll(url: string): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(url);
      console.log(await response.text());
      await sleep(1_000);
    } catch (error) {
      if (isCancelled(error)) throw error;
      console.log("trying again:", error);
    }
  }
}
// ---
import { Cancelled, CancelScope, currentSignal, EndOfChannel, type MemoryReceiveChannel, shielded } from "@trefoil/io";

declare function work(n: number): void;
declare function log(error: unknown): void;
function rethrow(error: unknown): void {
  if (error instanceof TypeError) return;
  throw error;
}
export async function leaves(channel: MemoryReceiveChannel<number>, scope: CancelScope): Promise<void> {
  for (;;) {
    // Waits outside of the try: there the cancellation gets out.
    await sleep(1_000);
    try {
      work(await channel.receive());
    } catch (error) {
      log(error);
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch (error) {
      log(error);
      await sleep(1_000);
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch {
      break;
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch (error) {
      if (!(error instanceof EndOfChannel)) throw error;
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch (error) {
      if (error instanceof Cancelled) return;
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch (error) {
      rethrow(error);
    }
  }
  while (!scope.cancelCalled) {
    try {
      work(await channel.receive());
    } catch (error) {
      log(error);
    }
  }
  for (;;) {
    try {
      work(await channel.receive());
    } catch (error) {
      log(error);
      if (currentSignal().aborted) return;
    }
  }
}
export async function ends(channel: MemoryReceiveChannel<number>, list: readonly number[]): Promise<void> {
  // Counts, or goes through a list: it is cancelled late, and it ends.
  for (let i = 0; i < 3; i++) {
    try {
      work(await channel.receive());
    } catch {}
  }
  let attempts = 3;
  while (attempts-- > 0) {
    try {
      work(await channel.receive());
    } catch {}
  }
  for (const n of list) {
    try {
      work(n + await channel.receive());
    } catch {}
  }
  while (true) {
    try {
      work(await channel.receive());
      break;
    } catch {
      return;
    }
  }
  for (;;) {
    try {
      // Nothing from outside gets in here.
      await shielded(() => channel.receive(), { timeout: 5 });
    } catch {}
    if (list.length > 3) return;
  }
}
export async function inner(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    try {
      const read = async () => await channel.receive();
      log(read);
    } catch {}
  }
}
declare function foreign(): Promise<void>;
export async function waitsAround(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    await foreign();
    try {
      work(await channel.receive());
    } catch {
      continue;
    }
  }
}
export async function waitsAfter(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    for (const _ of [1, 2]) {
      try {
        work(await channel.receive());
      } catch {
        continue; // with the inner loop: the outer one waits
      }
    }
    await foreign();
  }
}
export async function doesNotSpin(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) {
    try {
      work(await channel.receive());
    } catch {
      await foreign();
    }
  }
}
declare const unknown: (error: unknown) => void;
export async function chained(channel: MemoryReceiveChannel<number>): Promise<void> {
  for (;;) await channel.receive().catch(rethrow);
  for (;;) await channel.receive().catch(unknown);
  for (;;) {
    await channel.receive().catch((error) => {
      if (isCancelled(error)) throw error;
    });
  }
  for (;;) {
    await sleep(5);
    await channel.receive().catch(() => {});
  }
  for (;;) {
    await channel.receive().catch(() => {});
    if (channel.tryReceive() === undefined) return;
    if (currentSignal().aborted) return;
  }
  await channel.receive().catch(() => {});
  while (await channel.receive().catch(() => null) !== null);
  for (;;) {
    const n = await channel.receive().catch(() => null);
    if (n === null) break;
  }
}
