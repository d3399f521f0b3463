import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openMemoryChannel } from "../core/mod.ts";
import {
  assertCancellable,
  assertCheckpoints,
  assertFair,
  assertNoCheckpoints,
  checkChannel,
  checkHalfCloseableStream,
  checkListener,
  checkOneWayStream,
  checkTwoWayStream,
  expectErrors,
  memoryStreamOneWayPair,
  memoryStreamPair,
  MockClock,
  scriptedStream,
  Sequencer,
  settled,
  simulate,
  simulated,
  sweepCancel,
  trickle,
} from "./mod.ts";

// Arguments that cannot be meant are errors before any effect.

const t = { step: () => Promise.reject(new Error("not reached")) };
const make = () => openMemoryChannel<number>(0);
const generators: (() => never)[] = [function* () {} as never, async function* () {} as never];

Deno.test("a generator function is refused wherever a function is taken: its body would never run", async () => {
  const takers: Record<string, (fn: () => never) => unknown> = {
    "simulate() body": (fn) => simulate(fn),
    "simulated() body": (fn) => simulated(fn),
    "background": (fn) => simulate((sim) => void sim.background.startSoon(fn)),
    "host.run()": (fn) => simulate((sim) => sim.net.host("db").run(fn)),
    "host.startSoon()": (fn) => simulate((sim) => void sim.net.host("db").startSoon(fn)),
    "schedule": (fn) => simulate(() => {}, { schedule: fn }),
    "sweepCancel() scenario": (fn) => sweepCancel(fn),
    "sweepCancel() setup": (fn) => sweepCancel(() => {}, { setup: fn }),
    "sweepCancel() after": (fn) => sweepCancel(() => {}, { after: fn }),
    "expectErrors() action": (fn) => expectErrors(fn, [Error]),
    "expectErrors() predicate": (fn) => expectErrors(() => Promise.reject(new Error("x")), [fn], { allowSingle: true }),
    "expectErrors() type": (fn) => expectErrors(() => Promise.reject(new Error("x")), [{ cause: { type: fn } }]),
    "expectErrors() group": (fn) =>
      expectErrors(() => Promise.reject(new Error("x")), { group: [Error, { group: [fn] }] }),
    "assertCheckpoints()": (fn) => assertCheckpoints(fn),
    "assertNoCheckpoints()": (fn) => assertNoCheckpoints(fn),
    "assertCancellable()": (fn) => assertCancellable(fn),
    "assertFair() acquire": (fn) => assertFair({ acquire: fn }),
    "assertFair() tryAcquire": (fn) => assertFair({ acquire: () => Promise.reject(), tryAcquire: fn }),
    "checkChannel() make": (fn) => checkChannel(t, fn),
    "checkChannel() step": (fn) => checkChannel({ step: fn }, make),
    "trickle() stream": (fn) => trickle({ sendAll: fn }, new Uint8Array(1)),
    "hook beforeSend": (fn) => memoryStreamPair({ hooks: { beforeSend: fn } }),
    "hook beforeReceive": (fn) => memoryStreamPair({ hooks: { beforeReceive: fn } }),
    "hook closed": (fn) => memoryStreamPair({ hooks: { closed: fn } }),
  };
  for (const [name, take] of Object.entries(takers)) {
    for (const generator of generators) {
      // What throws and what rejects is up to each; a nursery wraps what its body throws.
      const error = await Promise.try(take, generator).then(() => null, (error) => error.errors?.[0] ?? error);
      assertEquals(
        [name, error?.name, /must be a plain or async function: received a generator function$/.test(error?.message)],
        [name, "TypeError", true],
      );
    }
  }
});

Deno.test("an option that does not exist is refused, as one that is misspelt would do nothing", async () => {
  const takers: Record<string, (options: never) => unknown> = {
    "simulate()": (options) => simulate(() => {}, options),
    "simulated()": (options) => simulated(() => {}, options),
    "sweepCancel()": (options) => sweepCancel(() => {}, options),
    "sweepCancel() simulation": (options) => sweepCancel(() => {}, { simulation: options }),
    "expectErrors()": (options) => expectErrors(() => {}, [], options),
    "expectErrors() properties": (options) => expectErrors(() => {}, [options]),
    "checkChannel()": (options) => checkChannel(t, make, options),
    "checkListener()": (options) => checkListener(t, () => null as never, options),
    "checkOneWayStream()": (options) => checkOneWayStream(t, () => memoryStreamOneWayPair(), options),
    "checkTwoWayStream()": (options) => checkTwoWayStream(t, memoryStreamPair, options),
    "checkHalfCloseableStream()": (options) => checkHalfCloseableStream(t, memoryStreamPair, options),
    "checkListener() simulation": (options) => checkListener(t, () => null as never, { simulation: options }),
    "settled()": (options) => settled(options),
    "trickle()": (options) => trickle({ sendAll: () => Promise.resolve() }, new Uint8Array(1), options),
    "memoryStreamPair()": (options) => memoryStreamPair(options),
    "hooks": (options) => memoryStreamPair({ hooks: options }),
    "MockClock": (options) => new MockClock(options),
    "dns()": (options) => simulate((sim) => void sim.net.dns("x", [], options)),
    "link()": (options) => simulate((sim) => void sim.net.link("test", "test", options)),
    "partition()": (options) => simulate((sim) => void sim.net.partition("test", "test", options)),
    "hold()": (options) => simulate((sim) => void sim.net.hold("test", "test", options)),
    "host.startSoon()": (options) => simulate((sim) => void sim.net.host("db").startSoon(() => {}, options)),
  };
  for (const [name, take] of Object.entries(takers)) {
    const error = await Promise.try(take, { tiemout: 5 } as never).then(
      () => null,
      (error) => error.errors?.[0] ?? error,
    );
    assertEquals([name, error?.name, /tiemout/.test(error?.message)], [name, "TypeError", true]);
  }
});

Deno.test("options of the wrong kind are refused, and nothing has been called then", async () => {
  const called: string[] = [];
  const action = () => {
    called.push("action");
    throw new Error("x");
  };
  await assertRejects(
    () => expectErrors(action, Error as never),
    TypeError,
    'Cannot expect errors as "expected" must be an array of expectations, or { group }: received a function',
  );
  await assertRejects(
    () => expectErrors(action, [5 as never]),
    TypeError,
    "Cannot expect errors as each expectation must be a class, a predicate, properties or { group }: received 5",
  );
  await assertRejects(
    () => expectErrors(action, [{ message: 5 as never }]),
    TypeError,
    'Cannot expect errors as "message" must be a string or a RegExp: received 5',
  );
  await assertRejects(
    () => expectErrors(action, [{ group: Error as never }]),
    TypeError,
    'Cannot expect errors as "group" must be an array: received a function',
  );
  await assertRejects(
    () => expectErrors(action, [Error], { flatten: 1 as never }),
    TypeError,
    'Cannot expect errors as "flatten" must be true or false: received 1',
  );
  await assertRejects(
    () => expectErrors(5 as never, [Error]),
    TypeError,
    'Cannot expect errors as "action" must be a function: received 5',
  );
  await assertRejects(
    () => sweepCancel(action, { task: 5 as never }),
    TypeError,
    'Cannot sweep as "task" must be the name of a task: received 5',
  );
  await assertRejects(
    () => sweepCancel(action, { simulation: { schedule: (resume) => resume() } }),
    TypeError,
    'Cannot sweep with option "schedule" as the schedule must be that of the sweep: received another',
  );
  await assertRejects(
    () => sweepCancel(action, { simulation: { io: "no" as never } }),
    RangeError,
    'Cannot simulate as "io" must be',
  );
  await assertRejects(
    () => assertFair(null as never),
    TypeError,
    'Cannot assert fairness as "lock.acquire" must be a function: received undefined',
  );
  await assertRejects(
    () => new Sequencer().turn("1" as never),
    TypeError,
    'Cannot take a turn as "n" must be a number: received "1"',
  );
  await assertRejects(
    () => checkTwoWayStream(t, memoryStreamPair, { time: "virtual" as never }),
    RangeError,
    'Cannot check streams as "time" must be "simulated" or "real": received "virtual"',
  );
  await assertRejects(
    () => checkListener(t, () => null as never, { over: 5 as never }),
    TypeError,
    'Cannot check a listener as "over" must be a function: received 5',
  );
  assertThrows(
    () => scriptedStream().fail(5 as never),
    TypeError,
    'Cannot add a step to the script as "error" must be an Error: received 5',
  );
  assertThrows(
    () => memoryStreamPair({ seed: NaN }),
    RangeError,
    'Cannot make a memory stream as "seed" must be a safe integer: received NaN',
  );
  assertThrows(
    () => memoryStreamPair({ name: 5 as never }),
    TypeError,
    'Cannot make a memory stream as "name" must be a string: received 5',
  );
  assertThrows(
    () => memoryStreamPair({ seed: "x" as never }),
    TypeError,
    'Cannot make a memory stream as "seed" must be a number: received "x"',
  );
  assertThrows(
    () => simulated(5 as never),
    TypeError,
    'Cannot simulate as "body" must be a function: received 5',
  );
  assertEquals(called, []);
});
