// deno-lint-ignore-file no-console
/**
 * Three sensors and two writers over a queue of four places. The writers are slower, so the sensors come to wait for
 * them: that is backpressure, and the queue never grows. Ctrl-C ends it cleanly: the sensors stop, the writers write
 * down what is in the queue, and nothing is lost. A second Ctrl-C does not wait for that.
 *
 * Run it: deno run examples/backpressure.ts
 */
import {
  type MemoryReceiveChannel,
  type MemorySendChannel,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
  untilShutdown,
} from "@trefoil/io";

/** What went in, and what came out. */
export interface Totals {
  measured: number;
  written: number;
}

async function measure(queue: MemorySendChannel<string>, name: string, totals: Totals): Promise<void> {
  // The queue ends when the last sensor has closed its end.
  using end = queue;
  while (true) {
    // Nothing is lost when this wait ends early, so a shutdown may end it; the next one, with a value in hand, not.
    const pause = await untilShutdown(() => sleep(100));
    if (pause.cancelledCaught) return;
    const reading = `${name}${++totals.measured}`;
    await end.send(reading);
  }
}

async function write(queue: MemoryReceiveChannel<string>, totals: Totals, print: (line: string) => void) {
  // Goes on until the queue is empty and has ended.
  for await (const reading of queue) {
    await sleep(150);
    totals.written++;
    const { currentBufferUsed, maxBufferSize, tasksWaitingSend } = queue.statistics();
    print(`wrote ${reading}; queue ${currentBufferUsed}/${maxBufferSize}, sensors waiting: ${tasksWaitingSend}`);
  }
}

/** Runs until a shutdown of a scope around it. */
export async function pipeline(print: (line: string) => void = console.log): Promise<Totals> {
  const totals = { measured: 0, written: 0 };
  await openNursery((nursery) => {
    const [send, receive] = openMemoryChannel<string>(4, { name: "readings" });
    for (const name of ["a", "b", "c"]) {
      const end = send.clone();
      nursery.startSoon(() => measure(end, name, totals), { name: `sensor ${name}` });
    }
    send.close();
    for (let i = 1; i <= 2; i++) nursery.startSoon(() => write(receive, totals, print), { name: `writer ${i}` });
  });
  print(`${totals.measured} readings were measured, ${totals.written} written`);
  return totals;
}

if (import.meta.main) {
  console.log("measuring, Ctrl-C to stop");
  run(pipeline, { grace: 5_000 });
}
