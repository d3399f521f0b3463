/** Recipes for what core exports. Over 400 lines, as a list of recipes is best read in one piece. */

import {
  all,
  allSettled,
  any,
  asCompleted,
  Barrier,
  cancellable,
  CancelScope,
  CapacityLimiter,
  checkpoint,
  Condition,
  currentTime,
  Event,
  failAfter,
  failAt,
  forEach,
  handleErrors,
  Lazy,
  LazyMap,
  Lock,
  map,
  moveOnAfter,
  moveOnAt,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openPool,
  openWatch,
  race,
  RateLimiter,
  receiverFromReadable,
  retry,
  run,
  select,
  Semaphore,
  service,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
  toChannel,
  untilShutdown,
  withSignal,
  withTimeLeft,
} from "../../core/mod.ts";
import {
  cancelShieldedCheckpoint,
  checkpointIfCancelled,
  composedWait,
  hostOperation,
  ParkingLot,
  suspend,
} from "../../core/lowlevel.ts";
import { type AnyRecipe, FOREVER, type Kit, NOBODY, nothing, type Recipe, recipe } from "./_recipe.ts";

const NEVER: Promise<never> = new Promise(() => {});
const AT_ONCE = "it never waits";

/** What needs nothing made before. */
function plain(it: Omit<Recipe<void>, "open">): AnyRecipe {
  return recipe({ ...it, open: nothing });
}

/** What runs a body of the caller's: ready as the body is. */
function block(call: (body: () => unknown) => unknown, more: Partial<Recipe<void>> = {}): AnyRecipe {
  return plain({ ready: () => call(nothing), waiting: () => call(sleepForever), close: NOBODY, ...more });
}

/** Something that a task beside holds for ever. */
async function heldFor<T extends { acquire(): Promise<unknown> }>(kit: Kit, lock: T): Promise<T> {
  await kit.beside(async (ready) => {
    await lock.acquire();
    ready();
    await sleepForever();
  });
  return lock;
}

async function acquireAndRelease(lock: { acquire(): Promise<Disposable> }): Promise<void> {
  using _guard = await lock.acquire();
}

const endless = (): ReadableStream<number> => new ReadableStream({ pull: (controller) => controller.enqueue(1) });
const silent = (): ReadableStream<number> => new ReadableStream({ pull: () => NEVER });

const fails = (): never => {
  throw new Error("Failed");
};

export const CORE: Readonly<Record<string, AnyRecipe>> = {
  checkpoint: plain({ ready: () => checkpoint(), waiting: AT_ONCE, close: NOBODY }),
  checkpointIfCancelled: plain({
    ready: () => checkpointIfCancelled(),
    waiting: AT_ONCE,
    close: NOBODY,
  }),
  cancelShieldedCheckpoint: plain({
    ready: () => cancelShieldedCheckpoint(),
    waiting: AT_ONCE,
    close: NOBODY,
    uncancelled: "shielded",
  }),
  sleep: plain({ ready: () => sleep(0), waiting: () => sleep(1e9), close: NOBODY }),
  sleepUntil: plain({
    ready: () => sleepUntil(-1),
    waiting: () => sleepUntil(currentTime() + 1e9),
    close: NOBODY,
  }),
  sleepForever: plain({ ready: FOREVER, waiting: () => sleepForever(), close: NOBODY }),
  suspend: plain({
    ready: () => suspend<void>({ kind: "ready" }, (waker) => void waker.wake(), () => true),
    waiting: () => suspend<void>({ kind: "waiting" }, nothing, () => true),
    close: NOBODY,
    refused: () => suspend({ kind: "refused" }, (waker) => void waker.fail(new Error("Refused")), () => true),
  }),
  "suspend (register throws)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: () => suspend({ kind: "refused" }, fails, () => true),
  }),
  cancellable: plain({
    ready: () => cancellable(Promise.resolve()),
    waiting: () => cancellable(NEVER),
    close: NOBODY,
    refused: () => cancellable(Promise.reject(new Error("Refused"))),
  }),
  "cancellable (settled by the run)": plain({
    ready: () => cancellable(Promise.resolve(), { settledBy: "run" }),
    waiting: () => cancellable(NEVER, { settledBy: "run", label: "reply" }),
    close: NOBODY,
    refused: () => cancellable(Promise.reject(new Error("Refused")), { settledBy: "run" }),
  }),
  "cancellable (settled by the host)": plain({
    ready: () => cancellable(Promise.resolve(), { settledBy: "host" }),
    waiting: () => cancellable(NEVER, { settledBy: "host", label: "reply" }),
    close: NOBODY,
    refused: () => cancellable(Promise.reject(new Error("Refused")), { settledBy: "host" }),
  }),
  "cancellable (abandoned)": plain({
    ready: () => cancellable(Promise.resolve(), { onAbandoned: nothing }),
    waiting: () => cancellable(new Promise(nothing), { onAbandoned: nothing }),
    close: NOBODY,
  }),
  hostOperation: plain({
    ready: () => hostOperation("ready", Promise.resolve()),
    waiting: "it returns the promise it was given, which nobody cancels",
    close: NOBODY,
    uncancelled: "host's",
  }),

  openNursery: block((body) => openNursery(body), { uncancelled: "body" }),
  "openNursery (a child)": block((body) => openNursery((nursery) => void nursery.startSoon(body as () => void)), {
    uncancelled: "body",
  }),
  "CancelScope.run": block((body) => new CancelScope().run(body), { uncancelled: "body" }),
  moveOnAfter: block((body) => moveOnAfter(1e9, body), { uncancelled: "body" }),
  moveOnAt: block((body) => moveOnAt(currentTime() + 1e9, body), { uncancelled: "body" }),
  failAfter: block((body) => failAfter(1e9, body), { uncancelled: "body" }),
  failAt: block((body) => failAt(currentTime() + 1e9, body), { uncancelled: "body" }),
  "failAfter (too slow)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: () => failAfter(0, sleepForever),
  }),
  withTimeLeft: block((body) => withTimeLeft("1000000000", body), { uncancelled: "body" }),
  "withTimeLeft (no time)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: () => withTimeLeft("0", sleepForever),
  }),
  untilShutdown: block((body) => untilShutdown(body), { uncancelled: "body" }),
  shielded: block((body) => shielded(body), {
    uncancelled: "body",
    waiting: "nothing from outside reaches it",
  }),
  withSignal: recipe({
    open: () => new AbortController(),
    ready: ({ signal }) => withSignal(signal, nothing),
    waiting: ({ signal }) => withSignal(signal, sleepForever),
    close: NOBODY,
    uncancelled: "body",
  }),
  run: block((body) => run(body, { handleSignals: false }), { uncancelled: "body", where: "bare" }),
  handleErrors: block((body) => handleErrors(body, [[TypeError, nothing]]), { uncancelled: "body" }),
  // A loop of failures that are handled is one of calls that end at once.
  composedWait: plain({
    ready: () => composedWait(checkpoint),
    waiting: () => composedWait(sleepForever),
    close: NOBODY,
  }),
  "handleErrors (handled)": plain({
    ready: () => handleErrors(fails, [[Error, nothing]]),
    waiting: () => handleErrors(sleepForever, [[Error, nothing]]),
    close: NOBODY,
  }),
  "handleErrors (unhandled)": plain({
    ready: FOREVER,
    waiting: () => handleErrors(() => openNursery(sleepForever), [[TypeError, nothing]]),
    close: NOBODY,
    refused: () => handleErrors(fails, [[TypeError, nothing]]),
  }),

  "Nursery.start": recipe({
    open: ({ nursery }) => nursery,
    ready: (nursery) => nursery.start((status) => status.started()),
    waiting: (nursery) => nursery.start(sleepForever),
    close: NOBODY,
    refused: (nursery) => nursery.start(fails),
  }),
  "Nursery.start (closed)": recipe({
    open: () => openNursery((nursery) => nursery),
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (nursery) => nursery.start((status) => status.started()),
  }),
  "Nursery.adopt": recipe({
    open: ({ nursery }) => nursery,
    ready: (nursery) => nursery.adopt(nothing),
    waiting: (nursery) => nursery.adopt(sleepForever),
    close: NOBODY,
    // What it runs goes on, and is the nursery's.
    spoilt: true,
    refused: (nursery) => nursery.adopt(fails),
  }),
  "Task.join": recipe({
    async open({ nursery }) {
      const [done, waits] = [nursery.startSoon(nothing), nursery.startSoon(sleepForever)];
      await done.join();
      return { done, waits };
    },
    ready: ({ done }) => done.join(),
    waiting: ({ waits }) => waits.join(),
    close: ({ waits }) => waits.cancel(),
  }),
  "Task.join (cancelled)": recipe({
    async open({ nursery }) {
      const task = nursery.startSoon(sleepForever);
      task.cancel();
      await task.join().catch(nothing);
      return task;
    },
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (task) => task.join(),
  }),

  all: plain({
    ready: () => all([nothing]),
    waiting: () => all([sleepForever]),
    close: NOBODY,
    refused: () => all([fails]),
  }),
  "all (none)": plain({ ready: () => all([]), waiting: AT_ONCE, close: NOBODY }),
  allSettled: plain({ ready: () => allSettled([nothing]), waiting: () => allSettled([sleepForever]), close: NOBODY }),
  "allSettled (failing)": plain({ ready: () => allSettled([fails]), waiting: AT_ONCE, close: NOBODY }),
  race: plain({
    ready: () => race([nothing]),
    waiting: () => race([sleepForever]),
    close: NOBODY,
    refused: () => race([fails]),
  }),
  any: plain({
    ready: () => any([fails, nothing]),
    waiting: () => any([sleepForever]),
    close: NOBODY,
    refused: () => any([fails]),
  }),
  map: plain({
    ready: () => map([1], nothing),
    waiting: () => map([1], sleepForever),
    close: NOBODY,
    refused: () => map([1], fails),
  }),
  "map (endless)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: () => map(forEver(), nothing),
  }),
  "forEach (endless)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: () => forEach(forEver(), nothing),
  }),
  "forEach (endless, asynchronous)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: () => forEach(asynchronously(forEver()), nothing),
  }),
  "CompletedResults.next (endless)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: async () => {
      for await (const _ of asCompleted(forEver(), nothing));
    },
  }),
  "retry (endless)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: () => retry((n) => n > MOST ? undefined : fails(), { attempts: Infinity, backoff: () => 0 }),
  }),
  "toChannel (endless)": plain({
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    endless: () =>
      toChannel(asynchronously(forEver()), async (channel) => {
        for await (const _ of channel);
      }),
  }),
  "map (source waits)": plain({ ready: FOREVER, waiting: () => map(waitingSource(), nothing), close: NOBODY }),
  forEach: plain({
    ready: () => forEach([1], nothing),
    waiting: () => forEach([1], sleepForever),
    close: NOBODY,
    refused: () => forEach([1], fails),
  }),
  "CompletedResults.next": recipe({
    open: () => asCompleted([1], sleepForever),
    ready: async () => {
      for await (const _ of asCompleted([1], nothing));
    },
    alone: () => asCompleted([1], nothing).next(),
    waiting: (iterator) => iterator.next(),
    close: (iterator) => iterator.return!(),
    refused: async () => {
      for await (const _ of asCompleted([1], fails));
    },
    spoilt: true,
  }),
  "CompletedResults.[Symbol.asyncIterator]": recipe({
    open: () => asCompleted([1], sleepForever),
    ready: async () => {
      for await (const _ of asCompleted([1], nothing));
    },
    alone: () => asCompleted([1], nothing)[Symbol.asyncIterator]().next(),
    waiting: (results) => results[Symbol.asyncIterator]().next(),
    close: (results) => results.return!(),
    spoilt: true,
  }),
  "CompletedResults.[Symbol.asyncDispose]": recipe({
    open: () => asCompleted([1], nothing),
    ready: (results) => results[Symbol.asyncDispose](),
    waiting: "as a cleanup it is not cancelled",
    close: NOBODY,
    uncancelled: "release",
  }),
  "CancellableIterator.next": recipe({
    open: () => ({ endless: cancellable(asynchronously(forEver())), silent: cancellable(silentSource()) }),
    ready: ({ endless }) => endless.next(),
    waiting: ({ silent }) => silent.next(),
    close: ({ endless, silent }) => [endless, silent].map((iterator) => iterator.return!()),
    spoilt: true,
  }),
  "CancellableIterator.[Symbol.asyncIterator]": recipe({
    open: () => ({ endless: cancellable(asynchronously(forEver())), silent: cancellable(silentSource()) }),
    ready: ({ endless }) => endless[Symbol.asyncIterator]().next(),
    waiting: ({ silent }) => silent[Symbol.asyncIterator]().next(),
    close: NOBODY,
    spoilt: true,
  }),
  "CancellableIterator.[Symbol.asyncDispose]": recipe({
    open: () => cancellable(silentSource()),
    ready: (iterator) => iterator[Symbol.asyncDispose](),
    waiting: "as a cleanup it is not cancelled",
    close: NOBODY,
    uncancelled: "release",
  }),
  "cancellable (a promise that lives long)": plain({
    ready: FOREVER,
    waiting: () => cancellable(NEVER, { cancel: nothing, timeout: 0, label: "long" }),
    close: NOBODY,
  }),
  retry: plain({
    ready: () => retry(nothing),
    waiting: () => retry(sleepForever),
    close: NOBODY,
    refused: () => retry(fails, { attempts: 2, backoff: () => 0 }),
  }),
  service: plain({
    ready: () => service(nothing),
    waiting: () => service(sleepForever),
    close: NOBODY,
    refused: () => service(fails, { limit: 1, backoff: () => 0 }),
    endless: () => service(fails, { limit: Infinity, backoff: () => 0 }),
  }),
  "service (backoff)": plain({ ready: FOREVER, waiting: () => service(fails, { backoff: () => 1e9 }), close: NOBODY }),
  "retry (backoff)": plain({ ready: FOREVER, waiting: () => retry(fails, { backoff: () => 1e9 }), close: NOBODY }),

  "Event.wait": recipe({
    open() {
      const set = new Event();
      set.set();
      return { set, unset: new Event() };
    },
    ready: ({ set }) => set.wait(),
    waiting: ({ unset }) => unset.wait(),
    close: NOBODY,
  }),
  "Barrier.wait": recipe({
    open: () => ({ one: new Barrier(1), many: new Barrier(1_000_000) }),
    ready: ({ one }) => one.wait(),
    waiting: ({ many }) => many.wait(),
    close: NOBODY,
  }),
  "Lock.acquire": recipe({
    open: async (kit) => ({ free: new Lock(), held: await heldFor(kit, new Lock()) }),
    ready: ({ free }) => acquireAndRelease(free),
    alone: ({ free }) => free.acquire(),
    waiting: ({ held }) => held.acquire(),
    close: NOBODY,
  }),
  "Lock.acquire (twice)": recipe({
    async open() {
      const lock = new Lock();
      await lock.acquire();
      return lock;
    },
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (lock) => lock.acquire(),
  }),
  "Condition.acquire": recipe({
    open: async (kit) => ({ free: new Condition(), held: await heldFor(kit, new Condition()) }),
    ready: ({ free }) => acquireAndRelease(free),
    alone: ({ free }) => free.acquire(),
    waiting: ({ held }) => held.acquire(),
    close: NOBODY,
  }),
  "Condition.wait": recipe({
    open: () => ({ condition: new Condition(), other: new Condition() }),
    ready: "it waits for a notification",
    waiting({ condition }) {
      if (condition.statistics().lockStatistics.owner === null) void condition.acquire();
      return condition.wait();
    },
    close: NOBODY,
    refused: ({ other }) => other.wait(),
  }),
  "Semaphore.acquire (several)": recipe({
    open: () => ({ free: new Semaphore(3), used: new Semaphore(1) }),
    ready: async ({ free }) => {
      using _permits = await free.acquire(3);
    },
    alone: ({ free }) => free.acquire(3),
    waiting: ({ used }) => used.acquire(2),
    close: NOBODY,
  }),
  "Semaphore.acquire": recipe({
    open: () => ({ free: new Semaphore(1), used: new Semaphore(0) }),
    ready: ({ free }) => acquireAndRelease(free),
    alone: ({ free }) => free.acquire(),
    waiting: ({ used }) => used.acquire(),
    close: NOBODY,
  }),
  "CapacityLimiter.acquire": recipe({
    open: async (kit) => ({ free: new CapacityLimiter(1), full: await heldFor(kit, new CapacityLimiter(1)) }),
    ready: ({ free }) => acquireAndRelease(free),
    alone: ({ free }) => free.acquire(),
    waiting: ({ full }) => full.acquire({ onBehalfOf: {} }),
    close: NOBODY,
  }),
  "CapacityLimiter.acquire (twice)": recipe({
    async open() {
      const limiter = new CapacityLimiter(2);
      await limiter.acquire();
      return limiter;
    },
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (limiter) => limiter.acquire(),
  }),
  "RateLimiter.acquire": recipe({
    async open() {
      const slow = new RateLimiter(0.000_001, { burst: 1 });
      await slow.acquire();
      return { quick: new RateLimiter(1e9, { burst: 1e9 }), slow };
    },
    ready: ({ quick }) => quick.acquire(),
    waiting: ({ slow }) => slow.acquire(),
    close: NOBODY,
  }),
  "ParkingLot.park": recipe({
    open: () => new ParkingLot(),
    ready: "it waits to be unparked",
    waiting: (lot) => lot.park(),
    close: NOBODY,
  }),
  "LazyMap.get": recipe({
    open: async () => {
      const done = new LazyMap(() => 1);
      await done.get(1);
      return { done, waits: new LazyMap(() => sleepForever()) };
    },
    ready: ({ done }) => done.get(1),
    waiting: ({ waits }) => waits.get(1),
    close: NOBODY,
  }),
  "LazyMap.get (failing)": recipe({
    open: () => new LazyMap(fails),
    ready: "it fails",
    waiting: "it fails",
    close: NOBODY,
    refused: (map) => map.get(1),
  }),
  "Pool.use": recipe({
    open: () => ({ free: openPool({ open: nothing }), full: openPool({ open: sleepForever, max: 1 }) }),
    ready: ({ free }) => free.use(nothing),
    waiting: ({ full }) => full.use(nothing),
    close: NOBODY,
    refused: ({ free }) => free.use(fails),
  }),
  "Pool.close": recipe({
    open: async () => {
      const used = openPool({ open: nothing });
      const closed = openPool({ open: nothing });
      await closed.close();
      return { used, closed, using: used.use(sleepForever) };
    },
    ready: ({ closed }) => closed.close(),
    waiting: ({ used }) => used.close(),
    close: NOBODY,
    uncancelled: "release",
  }),
  "Pool.[Symbol.asyncDispose]": recipe({
    open: () => openPool({ open: nothing }),
    ready: (pool) => pool[Symbol.asyncDispose](),
    waiting: "as a cleanup it is not cancelled",
    close: NOBODY,
    uncancelled: "release",
  }),
  "Lazy.get": recipe({
    async open() {
      const done = new Lazy(() => 1);
      await done.get();
      return { done, waits: new Lazy(() => sleepForever()) };
    },
    ready: ({ done }) => done.get(),
    waiting: ({ waits }) => waits.get(),
    close: NOBODY,
  }),
  "Lazy.get (failing)": recipe({
    open: () => new Lazy(fails),
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (once) => once.get(),
  }),

  "MemorySendChannel.send": recipe({
    open: () => ({ roomy: openMemoryChannel<number>(1), full: openMemoryChannel<number>(0) }),
    async ready({ roomy: [send, receive] }) {
      await send.send(1);
      receive.tryReceive();
    },
    alone: ({ roomy: [send] }) => send.send(1),
    waiting: ({ full: [send] }) => send.send(1),
    close({ roomy, full }) {
      roomy[0].close();
      full[0].close();
    },
  }),
  "MemorySendChannel.send (broken)": recipe({
    open() {
      const [send, receive] = openMemoryChannel<number>(1);
      receive.close();
      return send;
    },
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (send) => send.send(1),
  }),
  "MemorySendChannel.[Symbol.asyncDispose]": recipe({
    open: () => openMemoryChannel<number>(1)[0],
    ready: (end) => end[Symbol.asyncDispose](),
    waiting: "it waits for nothing",
    close: NOBODY,
    uncancelled: "release",
  }),
  "MemoryReceiveChannel.receive": recipe({
    open: () => openMemoryChannel<number>(1),
    ready([send, receive]) {
      send.trySend(1);
      return receive.receive();
    },
    alone: ([, receive]) => receive.receive(),
    waiting: ([, receive]) => receive.receive(),
    close: ([, receive]) => receive.close(),
  }),
  "MemoryReceiveChannel.receiveOrNull": recipe({
    open: () => openMemoryChannel<number>(1),
    ready([send, receive]) {
      send.trySend(1);
      return receive.receiveOrNull();
    },
    alone: ([, receive]) => receive.receiveOrNull(),
    waiting: ([, receive]) => receive.receiveOrNull(),
    close: ([, receive]) => receive.close(),
  }),
  "MemoryReceiveChannel.receive (ended)": recipe({
    open() {
      const [send, receive] = openMemoryChannel<number>(1);
      send.close();
      return receive;
    },
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (receive) => receive.receive(),
  }),
  "MemoryReceiveChannel.[Symbol.asyncIterator]": recipe({
    open: () => openMemoryChannel<number>(1),
    ready([send, receive]) {
      send.trySend(1);
      return receive[Symbol.asyncIterator]().next();
    },
    alone: ([, receive]) => receive[Symbol.asyncIterator]().next(),
    waiting: ([, receive]) => receive[Symbol.asyncIterator]().next(),
    close: ([, receive]) => receive.close(),
  }),
  "MemoryReceiveChannel.[Symbol.asyncDispose]": recipe({
    open: () => openMemoryChannel<number>(1)[1],
    ready: (end) => end[Symbol.asyncDispose](),
    waiting: "it waits for nothing",
    close: NOBODY,
    uncancelled: "release",
  }),
  "BroadcastSendChannel.send": recipe({
    open() {
      const full = openBroadcastChannel<number>(1);
      full.subscribe();
      full.trySend(1);
      return { alone: openBroadcastChannel<number>(1), full };
    },
    ready: ({ alone }) => alone.send(1),
    waiting: ({ full }) => full.send(1),
    close({ alone, full }) {
      alone.close();
      full.close();
    },
  }),
  "BroadcastSendChannel.[Symbol.asyncDispose]": recipe({
    open: () => openBroadcastChannel<number>(1),
    ready: (end) => end[Symbol.asyncDispose](),
    waiting: "it waits for nothing",
    close: NOBODY,
    uncancelled: "release",
  }),
  "BroadcastReceiveChannel.receive": recipe({
    open() {
      const send = openBroadcastChannel<number>(1);
      return { send, receive: send.subscribe() };
    },
    ready({ send, receive }) {
      send.trySend(1);
      return receive.receive();
    },
    alone: ({ receive }) => receive.receive(),
    waiting: ({ receive }) => receive.receive(),
    close: ({ receive }) => receive.close(),
  }),
  "BroadcastReceiveChannel.receiveOrNull": recipe({
    open() {
      const send = openBroadcastChannel<number>(1);
      return { send, receive: send.subscribe() };
    },
    ready({ send, receive }) {
      send.trySend(1);
      return receive.receiveOrNull();
    },
    alone: ({ receive }) => receive.receiveOrNull(),
    waiting: ({ receive }) => receive.receiveOrNull(),
    close: ({ receive }) => receive.close(),
  }),
  "BroadcastReceiveChannel.[Symbol.asyncIterator]": recipe({
    open() {
      const send = openBroadcastChannel<number>(1);
      return { send, receive: send.subscribe() };
    },
    ready({ send, receive }) {
      send.trySend(1);
      return receive[Symbol.asyncIterator]().next();
    },
    alone: ({ receive }) => receive[Symbol.asyncIterator]().next(),
    waiting: ({ receive }) => receive[Symbol.asyncIterator]().next(),
    close: ({ receive }) => receive.close(),
    // The end of a loop, by whatever, ends its subscription.
    spoilt: true,
  }),
  "WatchReceiver.changed": recipe({
    open: () => openWatch(0),
    ready([sender, receiver]) {
      sender.update((value) => value + 1);
      return receiver.changed();
    },
    alone: ([, receiver]) => receiver.changed(),
    waiting: ([, receiver]) => receiver.changed(),
    close: "the sender closes, which is the other side",
  }),
  "WatchReceiver.changedOrNull": recipe({
    open: () => openWatch(0),
    ready([sender, receiver]) {
      sender.update((value) => value + 1);
      return receiver.changedOrNull();
    },
    alone: ([, receiver]) => receiver.changedOrNull(),
    waiting: ([, receiver]) => receiver.changedOrNull(),
    close: "the sender closes, which is the other side",
  }),
  "WatchReceiver.waitFor": recipe({
    open: () => openWatch(0),
    ready: ([, receiver]) => receiver.waitFor(() => true),
    waiting: ([, receiver]) => receiver.waitFor(() => false),
    close: NOBODY,
  }),
  "WatchReceiver.[Symbol.asyncIterator]": recipe({
    open() {
      const [sender, receiver] = openWatch(0);
      return { sender, iterator: receiver[Symbol.asyncIterator]() };
    },
    ready({ sender, iterator }) {
      sender.update((value) => value + 1);
      return iterator.next();
    },
    alone: ({ iterator }) => iterator.next(),
    waiting: ({ iterator }) => iterator.next(),
    close: ({ sender }) => sender.close(),
  }),
  select: recipe({
    open: () => ({ one: openMemoryChannel<number>(1), other: openMemoryChannel<number>(1) }),
    ready({ one: [send, receive], other }) {
      send.trySend(1);
      return select({ one: receive, other: other[1] });
    },
    alone: ({ one, other }) => select({ one: one[1], other: other[1] }),
    waiting: ({ one, other }) => select({ one: one[1], other: other[1] }),
    close({ one, other }) {
      one[1].close();
      other[1].close();
    },
  }),
  "BroadcastReceiveChannel.[Symbol.asyncDispose]": recipe({
    open: () => openBroadcastChannel<number>(1).subscribe(),
    ready: (end) => end[Symbol.asyncDispose](),
    waiting: "it waits for nothing",
    close: NOBODY,
    uncancelled: "release",
  }),
  toChannel: plain({
    ready: () => toChannel([1], (channel) => channel.receive()),
    waiting: () => toChannel(waitingSource(), (channel) => channel.receive()),
    close: NOBODY,
    uncancelled: "body",
  }),
  "ReadableReceiver.receive": recipe({
    open: (kit) => ({
      endless: kit.use(receiverFromReadable(endless())),
      silent: kit.use(receiverFromReadable(silent())),
    }),
    ready: ({ endless }) => endless.receive(),
    waiting: ({ silent }) => silent.receive(),
    close: ({ endless, silent }) => Promise.all([endless.close(), silent.close()]),
  }),
  "ReadableReceiver.[Symbol.asyncIterator]": recipe({
    open: (kit) => ({
      endless: kit.use(receiverFromReadable(endless())),
      silent: kit.use(receiverFromReadable(silent())),
    }),
    ready: ({ endless }) => endless[Symbol.asyncIterator]().next(),
    waiting: ({ silent }) => silent[Symbol.asyncIterator]().next(),
    close: ({ endless, silent }) => Promise.all([endless.close(), silent.close()]),
  }),
  "ReadableReceiver.close": recipe({
    open: () => receiverFromReadable(endless()),
    ready: (receiver) => receiver.close(),
    waiting: "as a cleanup it is not cancelled",
    close: NOBODY,
    uncancelled: "release",
  }),
  "ReadableReceiver.[Symbol.asyncDispose]": recipe({
    open: () => receiverFromReadable(endless()),
    ready: (receiver) => receiver[Symbol.asyncDispose](),
    waiting: "as a cleanup it is not cancelled",
    close: NOBODY,
    uncancelled: "release",
  }),
};

/** A source of the user's that never gives anything. */
function silentSource(): AsyncIterable<number> {
  return { [Symbol.asyncIterator]: () => ({ next: () => NEVER }) };
}

async function* waitingSource(): AsyncGenerator<number> {
  yield await sleepForever();
}

/** So that a loop which never lets go ends after all. */
const MOST = 300_000;

function* forEver(): Generator<number> {
  for (let i = 0; i < MOST; i++) yield i;
}

async function* asynchronously<T>(source: Iterable<T>): AsyncGenerator<T> {
  yield* source;
}
