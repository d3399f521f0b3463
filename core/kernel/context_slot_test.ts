import process from "node:process";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { behaves, findSlot, type Slot } from "./context_slot.ts";
import { simulated } from "../../testing/mod.ts";
import { currentTask, openNursery, sleep } from "../mod.ts";

// These tests pass with and without the slot: TREFOIL_CONTEXT=storage turns it off.

const slot = findSlot();
const onDeno = { ignore: slot === null };

Deno.test("a host without a slot has none, whatever it has in its place", () => {
  const { Deno: own } = globalThis;
  const hosts: unknown[] = [undefined, {}, { internal: Symbol("x") }, {
    get internal(): never {
      throw new Error();
    },
  }];
  for (const core of [undefined, {}, { getAsyncContext: 5, setAsyncContext: 5 }, { getAsyncContext: () => 5 }]) {
    hosts.push({ internal: "i", i: core === undefined ? undefined : { core } });
  }
  hosts.push({ internal: "i", i: { core: { getAsyncContext() {}, setAsyncContext() {} } } });
  try {
    for (const host of hosts) {
      Object.defineProperty(globalThis, "Deno", { value: host, configurable: true, writable: true });
      assertEquals(findSlot(), null);
    }
  } finally {
    Object.defineProperty(globalThis, "Deno", { value: own, configurable: true, writable: true });
  }
});

Deno.test({
  name: "a slot that does not do what the host's storages do is found out",
  ...onDeno,
  fn() {
    const { get, set } = slot as Slot;
    assert(behaves({ get, set }));
    const cell: { value?: unknown } = {};
    const faulty: Record<string, Slot> = {
      "is not the one of the storages": { get: () => cell.value, set: (value) => cell.value = value },
      "loses symbols": {
        get,
        set: (value) => set(value && Object.fromEntries(Object.entries(value))),
      },
      "loses other people's values": {
        get,
        set: (value) => {
          const [key] = Object.getOwnPropertySymbols(value ?? {});
          set(key === undefined ? value : { [key]: (value as Record<symbol, unknown>)[key] });
        },
      },
      "keeps what it has": {
        get,
        set: (value) => {
          if (Object.getOwnPropertySymbols(value ?? {}).length > 0) set(value);
        },
      },
      "gives nothing": { get: () => undefined, set },
      "takes nothing": { get, set() {} },
    };
    for (const [name, made] of Object.entries(faulty)) {
      const before = get();
      assert(!behaves(made), name);
      set(before);
    }
  },
});

Deno.test({
  name: "a slot that does not reach the next microtask is given up for good",
  ...onDeno,
  async fn() {
    const { get, set } = slot as Slot;
    const { Deno: own } = globalThis;
    let sync = true;
    const core = { getAsyncContext: () => sync ? get() : undefined, setAsyncContext: set };
    let context: typeof import("./context.ts");
    try {
      const host = { internal: "i", i: { core }, permissions: own.permissions };
      Object.defineProperty(globalThis, "Deno", { value: host, configurable: true, writable: true });
      context = await import("./context.ts?given-up");
    } finally {
      Object.defineProperty(globalThis, "Deno", { value: own, configurable: true, writable: true });
    }
    const node = { name: "a node" } as never;
    const seen = context.within(node, () => {
      queueMicrotask(() => sync = false);
      return context.ambientNode();
    }, null);
    assertStrictEquals(seen, node);
    await Promise.resolve();
    await Promise.resolve();
    sync = true;
    const other = { name: "another" } as never;
    await context.within(other, async () => {
      for (let i = 0; i < 3; i++) await undefined;
      assertStrictEquals(context.ambientNode(), other);
    }, null);
    assertEquals(context.ambientNode(), undefined);
  },
});

/** Ways on which the host carries async-local values: each calls back later. */
const WAYS: Readonly<Record<string, (then: () => void) => void>> = {
  "a promise": (then) => void Promise.resolve().then(then),
  "a thenable": (then) => void Promise.resolve({ then: (ok: () => void) => (then(), ok()) }),
  "await": async (then) => {
    await null;
    then();
  },
  "an async generator": async (then) => {
    const generator = (async function* () {
      yield 1;
      await null;
      yield 2;
    })();
    for await (const n of generator) if (n === 2) then();
  },
  "queueMicrotask": (then) => queueMicrotask(then),
  "setTimeout": (then) => void setTimeout(then, 0),
  "setImmediate": (then) => void setImmediate(then),
  "process.nextTick": (then) => process.nextTick(then),
  "an event target": (then) => {
    const target = new EventTarget();
    target.addEventListener("x", then);
    target.dispatchEvent(new Event("x"));
  },
  "a stream": async (then) => {
    const stream = new ReadableStream({ pull: (controller) => (then(), controller.close()) }, { highWaterMark: 0 });
    await stream.getReader().read();
  },
  "a transform": async (then) => {
    const { readable, writable } = new TransformStream({ transform: () => then() }, undefined, { highWaterMark: 1 });
    const writer = writable.getWriter();
    await writer.write(1);
    await writer.close();
    for await (const _ of readable);
  },
  "a digest": async (then) => {
    await crypto.subtle.digest("SHA-256", new Uint8Array(1));
    then();
  },
  "AsyncLocalStorage.bind()": (then) => void Promise.resolve().then(AsyncLocalStorage.bind(then)),
  "AsyncResource": (then) => {
    const resource = new AsyncResource("test");
    queueMicrotask(() => resource.runInAsyncScope(then));
  },
  "snapshot()": (then) => {
    const again = AsyncLocalStorage.snapshot();
    setImmediate(() => again(then));
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  Deno.test(`${name} carries the task, and other people's values, below and above it`, async () => {
    const below = new AsyncLocalStorage<string>();
    const above = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    await below.run("b", () =>
      openNursery((nursery) => {
        for (const task of ["one", "two"]) {
          nursery.startSoon(async () => {
            await sleep(0);
            await above.run(task, () =>
              new Promise<void>((resolve) =>
                way(() => {
                  seen.push(`${currentTask().name} ${below.getStore()} ${above.getStore()}`);
                  resolve();
                })
              ));
            seen.push(`${currentTask().name} ${below.getStore()} ${above.getStore()}`);
          }, { name: task });
        }
      }));
    assertEquals(seen.sort(), ["one b one", "one b undefined", "two b two", "two b undefined"]);
    assertEquals([below.getStore(), above.getStore()], [undefined, undefined]);
  });
}

Deno.test(
  "a value that is entered for good in a task stays in it, and in what it starts",
  simulated(async () => {
    const values = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        values.enterWith("first");
        await sleep(1);
        nursery.startSoon(() => seen.push(values.getStore(), currentTask().name), { name: "child" });
        await sleep(1);
        seen.push(values.getStore(), currentTask().name);
      }, { name: "first" });
      nursery.startSoon(async () => {
        await sleep(5);
        seen.push(values.getStore());
      });
    });
    assertEquals([seen, values.getStore()], [["first", "child", "first", "first", undefined], undefined]);
  }),
);
