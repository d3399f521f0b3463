/** Calls of functions in threads and processes, one after another and all at once; items of a stream. */

import { openWorkers, run } from "../mod.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { loadPiscina } from "./_peers.ts";

const CALLS = 500;
const ITEMS = 20_000;
const url = new URL("./_worker_functions.ts", import.meta.url);
type Functions = typeof import("./_worker_functions.ts");

/** The bare minimum: a thread of the host, a message there and one back. */
async function bareThread(): Promise<{ call(n: number): Promise<number>; close(): unknown }> {
  const { Worker } = await import("node:worker_threads");
  const code =
    `const { parentPort } = require("node:worker_threads"); parentPort.on("message", (n) => parentPort.postMessage(n + 1))`;
  const worker = new Worker(code, { eval: true });
  const waiting: ((n: number) => void)[] = [];
  worker.on("message", (n) => waiting.shift()!(n));
  return {
    call(n) {
      worker.postMessage(n);
      return new Promise((resolve) => waiting.push(resolve));
    },
    close: () => worker.terminate(),
  };
}

await run(async () => {
  await using threads = await openWorkers<Functions>(url, { size: 1 });
  await using processes = await openWorkers<Functions>(url, { size: 1, kind: "process" });
  const bare = await bareThread();
  const piscina = await loadPiscina(url);
  const ways: [name: string, call: (n: number) => Promise<number>][] = [
    ["bare thread", (n) => bare.call(n)],
    ["ours, thread", (n) => threads.call("addOne", n)],
    ["ours, process", (n) => processes.call("addOne", n)],
  ];
  if (piscina !== null) ways.push(["piscina", (n) => piscina.run(n)]);
  const inTurn = ways.map(([name, call]): Candidate => ({
    name,
    round: () =>
      timePer(CALLS, async () => {
        for (let n = 0; n < CALLS; n++) await call(n);
      }),
  }));
  const atOnce = ways.map(([name, call]): Candidate => ({
    name,
    round: () => timePer(CALLS, () => Promise.all(Array.from({ length: CALLS }, (_, n) => call(n)))),
  }));
  const streams = ([["thread", threads], ["process", processes]] as const).map(([kind, workers]): Candidate => ({
    name: `ours, ${kind}`,
    round: () =>
      timePer(ITEMS, async () => {
        let sum = 0;
        for await (const n of workers.stream("count", ITEMS)) sum += n;
      }),
  }));
  await measure([
    { title: "a call of a worker, one after another", unit: "us", baseline: "bare thread", candidates: inTurn },
    { title: "500 calls of a worker at once", unit: "us", baseline: "bare thread", candidates: atOnce },
    { title: "an item of a stream from a worker", unit: "us", baseline: "ours, thread", candidates: streams },
  ]);
  await bare.close();
  await piscina?.destroy();
});
