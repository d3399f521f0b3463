import { assert, assertEquals } from "@std/assert";
import { Program } from "./_program.ts";

/**
 * Every wait here is for something that lives as long as the program, and is given up. In a process of its own, as only
 * such a one can collect its garbage when it wants to.
 */
const SCRIPT = `
import * as t from "@trefoil/io";
const { CancelScope, cancellable, sleepForever } = t;

const closed = new Promise(() => {});
const thenable = { then: () => {} };
const idle = t.receiverFromReadable(new ReadableStream());
const loop = t.receiverFromReadable(new ReadableStream())[Symbol.asyncIterator]();
const once = new t.Lazy(() => sleepForever());
once.get();
const [, channel] = t.openMemoryChannel(0);
const constant = new Error("always the same");
const fail = () => Promise.reject(constant);
const endless = { [Symbol.asyncIterator]: () => ({ next: () => closed, return: async () => ({}) }) };
const quiet = (wait) => () => wait().catch(() => {});
const none = { cancel: () => {}, timeout: 0 };

const waits = {
  "cancellable()": () => cancellable(closed),
  "cancellable() of a thenable": () => cancellable(thenable),
  "cancellable() with a label": () => cancellable(closed, { label: "closed" }),
  "cancellable() with cancel": () => cancellable(closed, none),
  "cancellable() of an iterable": () => cancellable(endless).next(),
  "receiverFromReadable()": () => idle.receive(),
  "receiverFromReadable(), in a loop": () => loop.next(),
  "Lazy": () => once.get(),
  "all()": () => t.all([() => cancellable(closed)]),
  "allSettled()": () => t.allSettled([() => cancellable(closed)]),
  "race()": () => t.race([() => cancellable(closed), () => idle.receive()]),
  "any()": () => t.any([() => once.get(), () => channel.receive()]),
  "map()": () => t.map(channel, (n) => n),
  "map() of something foreign": () => t.map(endless, (n) => n),
  "asCompleted()": () => t.asCompleted(channel, (n) => n).next(),
  "toChannel()": () => t.toChannel(channel, (own) => own.receive()),
  "toChannel() of something foreign, with stop": () => t.toChannel(endless, (own) => own.receive(), { stop: () => {} }),
  "retry()": () => t.retry(() => cancellable(closed)),
  "retry() of a constant error": quiet(() => t.retry((n) => n < 3 ? Promise.reject(new Error("x")) : fail(), { attempts: 3, backoff: () => 0 })),
  "all() of a constant error": quiet(() => t.all([fail, () => sleepForever().catch(() => Promise.reject(new Error("x")))])),
};

async function use(wait, times) {
  for (let i = 0; i < times; i++) {
    const scope = new CancelScope();
    // Some are refused, as the scope is cancelled already.
    if (i % 10 === 0) scope.cancel();
    const waiting = scope.run(wait);
    await new Promise((resolve) => setImmediate(resolve));
    scope.cancel();
    await waiting;
  }
  gc();
  return Deno.memoryUsage().heapUsed;
}
const times = Number(Deno.args[0]);
for (const [name, wait] of Object.entries(waits)) {
  const before = await use(wait, times / 4);
  console.log(name + ": " + Math.round((await use(wait, times) - before) / times));
}
Deno.exit();
`;

Deno.test("10,000 waits that are given up, over one object that lives on, keep nothing of each", async () => {
  const program = Program.startCollecting(SCRIPT, "10000");
  assertEquals(await program.end(), 0, program.stderr);
  const lines = program.stdout.trim().split("\n");
  assertEquals(lines.length, 20, program.stdout);
  // A closure and a promise would be more: what is left is the noise of the engine.
  for (const line of lines) assert(Number(line.split(": ").at(-1)) < 64, program.stdout);
});
