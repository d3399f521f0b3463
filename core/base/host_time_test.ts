import { assert, assertEquals } from "@std/assert";

type Times = typeof import("./host_time.ts");

/** What the module takes if it is imported while other things stand among the globals. */
async function importedUnder(fakes: object, load: () => Promise<Times>): Promise<Times> {
  const real = Object.keys(fakes).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(fakes)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    return await load();
  } finally {
    for (const [name, descriptor] of real) Object.defineProperty(globalThis, name, descriptor as PropertyDescriptor);
  }
}

/** Whether timers ring and clocks are those of the host. */
async function assertReal(times: Times): Promise<void> {
  await new Promise<void>((rung) => times.hostTimeout(rung, 0));
  await new Promise<void>((rung) => times.hostImmediate(rung));
  const [timer, turn] = [times.hostTimeout(() => assert(false), 0), times.hostImmediate(() => assert(false))];
  times.hostClear(timer);
  times.hostClearImmediate(turn);
  await new Promise<void>((rung) => times.hostTimeout(rung, 0));
  const [before, after] = [performance.now(), Date.now()];
  assert(times.hostNow() >= before && times.hostNow() <= performance.now());
  assert(times.hostDate() >= after && times.hostDate() <= Date.now());
}

const nothing = () => 0;
const FAKE_TIMERS = {
  setTimeout: nothing,
  clearTimeout: nothing,
  setImmediate: nothing,
  clearImmediate: nothing,
};

Deno.test("imported under fake timers and clocks that replace the globals, the library takes the host's", async () => {
  class FakeDate extends Date {
    static override now = nothing;
  }
  await assertReal(
    await importedUnder(
      { ...FAKE_TIMERS, performance: { now: nothing }, Date: FakeDate },
      () => import("./host_time.ts?under=fakes"),
    ),
  );
});

Deno.test("imported under spies on the methods of the clocks, the library takes the host's", async () => {
  const now = Date.now;
  Date.now = nothing;
  performance.now = nothing;
  let times: Times;
  try {
    times = await import("./host_time.ts?under=spies");
  } finally {
    Date.now = now;
    delete (performance as Partial<Performance>).now;
  }
  await assertReal(times);
});

Deno.test("imported where nothing is faked, the library takes what the globals are", async () => {
  const times: Times = await import("./host_time.ts?under=nothing");
  assertEquals(times.hostDate, Date.now);
  const [ours, theirs] = [times.hostTimeout(nothing, 0), setTimeout(nothing, 0)];
  assert(Object.getPrototypeOf(ours) === Object.getPrototypeOf(theirs));
  clearTimeout(ours);
  clearTimeout(theirs);
  await assertReal(times);
});

Deno.test("where a host knows no other clock than the fake, the library takes that", async () => {
  const performance = { now: nothing };
  const times = await importedUnder(
    { performance, process: undefined },
    () => import("./host_time.ts?under=no-process"),
  );
  assertEquals(times.hostNow(), 0);
  const spied = await importedUnder(
    { performance: Object.assign(Object.create(null), performance), Performance: undefined },
    () => import("./host_time.ts?under=no-class"),
  );
  assertEquals(spied.hostNow(), 0);
});

Deno.test("each call of the host's timers says that it is the library's own", async () => {
  const times: Times = await import("./host_time.ts?under=nothing");
  const depths: number[] = [];
  // Asked in the middle of the call, when the delay is turned into a number.
  const delay = { valueOf: () => depths.push(times.ownTimerCalls.depth) && 0 } as unknown as number;
  times.hostClear(times.hostTimeout(() => {}, delay));
  assert(depths.every((depth) => depth === 1) && depths.length > 0);
  assertEquals(times.ownTimerCalls.depth, 0);
});
