/**
 * Many requests to a server in another process, so many at a time, each body read: `map()` and `fetch()` against the
 * global `fetch()` with small libraries, with and without a timeout for each. Counted is the CPU time of the client.
 */

import { failAfter, fetch as ours, map, run } from "../mod.ts";
import { type Candidate, measure, subjectOptions, timePer } from "./_measure.ts";
import { loadSmallPeers } from "./_peers.ts";
import { startServer } from "./_processes.ts";

const { quick } = subjectOptions();
const REQUESTS = quick ? 500 : 3_000;
const AT_A_TIME = 100;
const TIMEOUT = 5_000;

const { pLimit, pMap } = await loadSmallPeers();
const server = await startServer("_http_server.ts", "bare", "at once");
const url = `http://127.0.0.1:${server.port}/`;
const items = Array.from({ length: REQUESTS }, (_, i) => i);

async function get(fetch: typeof globalThis.fetch, init?: RequestInit): Promise<number> {
  return (await (await fetch(url, init)).text()).length;
}

const plain: Candidate[] = [
  {
    name: "ours",
    round: () => run(() => timePer(REQUESTS, () => map(items, () => get(ours), { concurrency: AT_A_TIME }))),
  },
];
const inTime: Candidate[] = [{
  name: "ours, failAfter()",
  round: () =>
    run(() =>
      timePer(REQUESTS, () => map(items, () => failAfter(TIMEOUT, () => get(ours)), { concurrency: AT_A_TIME }))
    ),
}];
if (pMap !== null) {
  const each = (init: () => RequestInit) => () =>
    timePer(REQUESTS, () => pMap.default(items, () => get(fetch, init()), { concurrency: AT_A_TIME }));
  // The floor of whatever can take one request back: a signal that is only its own.
  const own = each(() => ({ signal: new AbortController().signal }));
  plain.push({ name: "p-map", round: each(() => ({})) }, { name: "p-map, AbortController", round: own });
  inTime.push({ name: "p-map, AbortSignal.timeout()", round: each(() => ({ signal: AbortSignal.timeout(TIMEOUT) })) });
}
if (pLimit !== null) {
  plain.push({
    name: "p-limit",
    round: () =>
      timePer(REQUESTS, () => {
        const limit = pLimit.default(AT_A_TIME);
        return Promise.all(items.map(() => limit(() => get(fetch))));
      }),
  });
}

await measure([
  {
    title: `${REQUESTS} requests, ${AT_A_TIME} at a time`,
    unit: "us/request",
    baseline: "p-map",
    candidates: plain,
    limits: [{ of: "ours", against: "p-map", atMost: 1.1 }],
  },
  {
    title: `${REQUESTS} requests, ${AT_A_TIME} at a time, each in time`,
    unit: "us/request",
    baseline: "p-map, AbortSignal.timeout()",
    candidates: inTime,
    limits: [{ of: "ours, failAfter()", against: "p-map, AbortSignal.timeout()", atMost: 1.1 }],
  },
]);
await server.stop();
