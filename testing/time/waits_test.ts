// deno-lint-ignore-file no-console -- what is printed is tested
import { assert, assertEquals } from "@std/assert";
import {
  Event,
  isOnlyCancelled,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  run,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { hostOperation } from "../../core/lowlevel.ts";
import type { VirtualNetworkImpl } from "../net/virtual_network_impl.ts";
import {
  assertCancellable,
  assertCheckpoints,
  assertFair,
  assertNoCheckpoints,
  checkChannel,
  expectErrors,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
  MockClock,
  scriptedStream,
  Sequencer,
  settled,
  simulate,
  simulated,
  type Simulation,
  sweepCancel,
  trickle,
} from "../mod.ts";

// The laws of every wait, for all functions of this folder that return a promise.

const { setImmediate: realImmediate } = globalThis;
const realTurn = () => new Promise<void>((resolve) => void realImmediate(() => resolve()));
const steps = { step: (_name: string, fn: () => Promise<void>) => fn() };
const bytes = new Uint8Array([1]);

/** Calls that wait, and go on waiting until they are cancelled; in a simulation, and those that need none. */
const WAITS: Record<string, (sim: Simulation) => Promise<unknown>> = {
  "sim.settled": (sim) => sim.settled(),
  "sim.advance": (sim) => sim.advance(60_000),
  "assertCheckpoints": () => assertCheckpoints(() => sleepForever()),
  "assertNoCheckpoints": () => assertNoCheckpoints(() => hostOperation("turn", realTurn())),
  "assertFair": () => assertFair({ acquire: () => sleepForever() }),
  "host.run": (sim) => sim.net.host("db").run(() => sleepForever()),
};
const hooks = { beforeSend: () => sleepForever(), beforeReceive: () => sleepForever() };
const WAITS_ANYWHERE: Record<string, () => Promise<unknown>> = {
  "memory stream: receiveSome": () => memoryStreamPair()[0].receiveSome(),
  "memory stream: receiveInto": () => memoryStreamPair()[0].receiveInto(bytes),
  "memory stream: sendAll": () => memoryStreamPair({ capacity: 1 })[0].sendAll(new Uint8Array(2)),
  "memory stream: iteration": () => memoryStreamPair()[0][Symbol.asyncIterator]().next(),
  "memory stream: hook of send": () => memoryStreamPair({ hooks })[0].sendAll(bytes),
  "memory stream: hook of receive": () => memoryStreamPair({ hooks })[0].receiveSome(),
  "one-way stream: iteration": () => memoryStreamOneWayPair()[1][Symbol.asyncIterator]().next(),
  "lockstep stream: sendAll": () => lockstepStreamPair()[0].sendAll(bytes),
  "scripted stream: receiveSome": () => scriptedStream().wait(60_000).reply("x").receiveSome(),
  "scripted stream: receiveInto": () => scriptedStream().wait(60_000).reply("x").receiveInto(bytes),
  "scripted stream: sendAll": () => scriptedStream().wait(60_000).expect("x").sendAll(bytes),
  "scripted stream: iteration": () => scriptedStream().wait(60_000).eof()[Symbol.asyncIterator]().next(),
  "Sequencer.turn": () => new Sequencer().turn(1),
  "trickle": () => trickle(memoryStreamPair()[0], new Uint8Array(9), { every: 60_000 }),
  "settled": () => settled({ cushion: 60_000 }),
  "expectErrors": () => expectErrors(() => sleepForever(), [Error]),
  "checkChannel": () => checkChannel({ step: () => sleepForever() }, () => openMemoryChannel<number>(0)),
};
/** Calls that run simulations of their own: outside any run. */
const RUNS: Record<string, () => Promise<unknown>> = {
  "simulate": () => simulate(() => sleep(1)),
  "simulated": () => simulated(() => sleep(1))(),
  "sweepCancel": () => sweepCancel(() => sleep(1)),
  "assertCancellable": () => assertCancellable(() => sleep(1)),
  "checkChannel": () => checkChannel(steps, () => openMemoryChannel<number>(0)),
  "assertFair": () => assertFair(new Lock()),
};

/** Collects the rejections that would end the process. */
async function unhandled(body: () => Promise<unknown>): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reasons.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    await body();
    for (let i = 0; i < 3; i++) await realTurn();
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
  return reasons;
}

Deno.test("no wait that nobody awaits ends the process by its cancellation, made before or after it", async () => {
  const inSimulation = { ...WAITS, ...WAITS_ANYWHERE };
  for (const [name, call] of Object.entries(inSimulation)) {
    for (const early of [true, false]) {
      const reasons = await unhandled(() =>
        simulate((sim) =>
          moveOnAfter(Infinity, async (scope) => {
            if (early) scope.cancel();
            call(sim);
            await hostOperation("turn", realTurn());
            scope.cancel();
          }), { leaks: "ignore" })
      );
      assertEquals([name, early, reasons], [name, early, []]);
    }
  }
  for (const [name, call] of Object.entries({ ...WAITS_ANYWHERE, ...RUNS })) {
    for (const early of [true, false]) {
      const reasons = await unhandled(() =>
        moveOnAfter(Infinity, async (scope) => {
          if (early) scope.cancel();
          call();
          await realTurn();
          scope.cancel();
        }).catch(() => {})
      );
      assertEquals([name, early, reasons], [name, early, []]);
    }
  }
});

Deno.test("several turns of a sequence that are cancelled together end no process either", async () => {
  const reasons = await unhandled(() =>
    moveOnAfter(Infinity, async (scope) => {
      const sequencer = new Sequencer();
      for (const n of [3, 1, 2]) sequencer.turn(n);
      await realTurn();
      scope.cancel();
    })
  );
  assertEquals(reasons, []);
});

Deno.test("every wait is cancelled as a cancellation: nothing else comes of it", async () => {
  for (const [name, call] of Object.entries({ ...WAITS, ...WAITS_ANYWHERE })) {
    // The steps are those of the caller; and where nothing waits, nothing is cancelled.
    if (["checkChannel", "assertNoCheckpoints"].includes(name)) continue;
    for (const early of [true, false]) {
      let error: unknown = "returned";
      await simulate((sim) =>
        moveOnAfter(Infinity, async (scope) => {
          if (early) scope.cancel();
          const waiting = call(sim).catch((thrown) => error = thrown);
          await hostOperation("turn", realTurn());
          scope.cancel();
          await waiting;
        }), { leaks: "ignore" });
      // It calls the function a second time, in a scope that is cancelled by then.
      assert(isOnlyCancelled(error), `${name}, ${early ? "before" : "after"}: ${error}`);
    }
  }
});

Deno.test("an assertion in a cancelled scope outside any run is cancelled, and blames nobody", async () => {
  for (const call of [() => assertCheckpoints(() => sleep(1)), () => assertFair(new Lock()), RUNS.assertCancellable!]) {
    const outcome = await moveOnAfter(Infinity, (scope) => {
      scope.cancel();
      return call();
    });
    assert(outcome.cancelledCaught);
  }
});

/** Calls that are ready, and calls that are refused: made anew for each loop. */
const READY: Record<string, () => () => unknown> = {
  "memory stream: receiveSome": () => {
    const [a, b] = memoryStreamPair();
    return async () => {
      await a.sendAll(bytes);
      await b.receiveSome();
    };
  },
  "memory stream with hooks": () => {
    const [a, b] = memoryStreamPair({ hooks: { beforeSend() {}, beforeReceive() {} } });
    return async () => {
      await a.sendAll(bytes);
      await b[Symbol.asyncIterator]().next();
    };
  },
  "memory stream with hooks, busy": () => {
    const [a] = memoryStreamPair({ hooks: { beforeReceive: () => sleepForever() } });
    a.receiveSome();
    return () => a.receiveSome();
  },
  "memory stream, closed": () => {
    const [a] = memoryStreamPair();
    a.close();
    return () => a.receiveSome();
  },
  "scripted stream: receiveSome": () => {
    const stream = scriptedStream().reply("x");
    return async () => {
      await stream.receiveSome(1);
      stream.reply("x");
    };
  },
  "scripted stream: sendAll": () => {
    const stream = scriptedStream();
    return () => stream.expect("\x01").sendAll(bytes);
  },
  "scripted stream: at its end": () => {
    const stream = scriptedStream().eof();
    return () => stream.receiveSome();
  },
  "scripted stream: broken": () => {
    const stream = scriptedStream().fail();
    return () => stream.sendAll(bytes);
  },
  "scripted stream: closed": () => {
    const stream = scriptedStream();
    stream.close();
    return () => stream.sendEof();
  },
  "Sequencer.turn": () => {
    const sequencer = new Sequencer();
    let n = 0;
    return async () => {
      using _ = await sequencer.turn(n++);
    };
  },
  "Sequencer.turn, used": () => {
    const sequencer = new Sequencer();
    sequencer.turn(0);
    return () => sequencer.turn(0);
  },
  "trickle": () => {
    const stream = { sendAll: () => Promise.resolve() };
    return () => trickle(stream, new Uint8Array(2), { every: 0 });
  },
  "settled": () => () => settled(),
};

Deno.test("a loop of calls that are ready, or refused, lets timers fire and is cancelled", async () => {
  for (const [name, make] of Object.entries(READY)) {
    let calls = 0;
    let fired = false;
    const outcome = await moveOnAfter(5, async () => {
      const call = make();
      setTimeout(() => fired = true, 1);
      while (calls < 300_000) {
        calls++;
        await Promise.resolve(call()).catch((error) => {
          if (isOnlyCancelled(error)) throw error;
        });
      }
    });
    assertEquals([name, outcome.cancelledCaught, fired], [name, true, true]);
  }
});

Deno.test("the network of a simulation settles what nobody awaits any more", async () => {
  const reasons = await unhandled(() =>
    simulate(async (sim) => {
      const network = sim.net as unknown as VirtualNetworkImpl;
      const listener = network.listen({ hostname: "127.0.0.1", port: 80 });
      listener.accept().catch(() => {});
      network.resolve("localhost");
      listener.close();
      await sleep(1);
    })
  );
  assertEquals(reasons, []);
});

Deno.test("an alarm of a MockClock that throws takes no other with it, and is told", async () => {
  const { error } = console;
  const told: unknown[] = [];
  console.error = (text: Error) => told.push((text.cause as Error).message);
  try {
    const clock = new MockClock({ autojumpThreshold: 0 });
    await run(async () => {
      const event = new Event();
      clock.at(5, () => {
        throw new RangeError("from an alarm");
      }, undefined);
      clock.at(5, () => event.set(), undefined);
      await event.wait();
    }, { clock, handleSignals: false });
  } finally {
    console.error = error;
  }
  assertEquals(told, ["from an alarm"]);
});
