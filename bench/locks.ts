/** Locks and semaphores: free, and wanted by a thousand tasks. */

import { CapacityLimiter, Lock, openNursery, run, Semaphore } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { loadSmallPeers } from "./_peers.ts";

const FREE = 100_000;
const TASKS = 1_000;
const TURNS = 20;
const peers = await loadSmallPeers();

interface Guard {
  release(): void;
}

/** What to acquire, as a function that gives a function that releases. */
type Acquire = () => Promise<() => void>;

function free(name: string, acquire: Acquire): Candidate {
  return {
    name,
    round: () =>
      run(() =>
        timePer(FREE, async () => {
          for (let i = 0; i < FREE; i++) (await acquire())();
        })
      ),
  };
}

/** The same without the closure that the others give. */
function freeGuard(name: string, acquire: () => Promise<Guard>): Candidate {
  return {
    name,
    round: () =>
      run(() =>
        timePer(FREE, async () => {
          for (let i = 0; i < FREE; i++) (await acquire()).release();
        })
      ),
  };
}

function contended(name: string, acquire: () => Promise<Guard>): Candidate {
  return {
    name,
    round: () =>
      run(() =>
        timePer(TASKS * TURNS, () =>
          openNursery((nursery) => {
            for (let i = 0; i < TASKS; i++) {
              nursery.startSoon(async () => {
                for (let turn = 0; turn < TURNS; turn++) {
                  const guard = await acquire();
                  await null;
                  guard.release();
                }
              });
            }
          }))
      ),
  };
}

const lock = new Lock();
const semaphore = new Semaphore(1);
const limiter = new CapacityLimiter(1);
const freeLocks: Candidate[] = [freeGuard("ours", () => lock.acquire())];
const freeSemaphores: Candidate[] = [
  freeGuard("ours", () => semaphore.acquire()),
  freeGuard("ours, CapacityLimiter", () => limiter.acquire()),
];
const contendedLocks: Candidate[] = [contended("ours", () => lock.acquire())];
if (peers.asyncMutex !== null) {
  const mutex = new peers.asyncMutex.Mutex();
  const counter = new peers.asyncMutex.Semaphore(1);
  freeLocks.push(free("async-mutex", () => mutex.acquire()));
  freeSemaphores.push(free("async-mutex", async () => (await counter.acquire())[1]));
  contendedLocks.push(contended("async-mutex", async () => ({ release: await mutex.acquire() })));
}
if (peers.asyncSema !== null) {
  const sema = new peers.asyncSema.Sema(1);
  const release = () => sema.release();
  const guard = { release };
  freeLocks.push(freeGuard("async-sema", async () => (await sema.acquire(), guard)));
  freeSemaphores.push(freeGuard("async-sema", async () => (await sema.acquire(), guard)));
  contendedLocks.push(contended("async-sema", async () => (await sema.acquire(), guard)));
}

using _live = holdOurs();
const faster = ["async-mutex", "async-sema"].map((against) => ({ of: "ours", against, atMost: 1 }));
await measure([
  { title: "a free lock, acquired and released", unit: "us", baseline: "ours", candidates: freeLocks, limits: faster },
  {
    title: "a free semaphore, acquired and released",
    unit: "us",
    baseline: "ours",
    candidates: freeSemaphores,
    limits: faster,
  },
  {
    title: "a lock that 1,000 tasks want, 20 times each",
    unit: "us/turn",
    baseline: "ours",
    candidates: contendedLocks,
    limits: faster,
  },
]);
