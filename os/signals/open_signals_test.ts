import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BusyResourceError, CancelScope, ClosedResourceError, openNursery, run } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { until } from "../_fixtures/in_time.ts";
import { openSignals, type SignalReceiver } from "./open_signals.ts";

/** Sends this process a signal, and waits until it has come. */
async function send(signals: SignalReceiver, ...names: Deno.Signal[]): Promise<void> {
  for (const name of names) {
    Deno.kill(Deno.pid, name);
    await until(`${name} comes`, () => signals.statistics().pending.includes(name));
  }
}

Deno.test("S1: signals are received in the order in which they came, each once", async () => {
  using signals = openSignals("SIGHUP", "SIGUSR2");
  await send(signals, "SIGUSR2", "SIGHUP");
  assertEquals(signals.statistics(), {
    signals: ["SIGHUP", "SIGUSR2"],
    pending: ["SIGUSR2", "SIGHUP"],
    tasksWaitingReceive: 0,
  });
  const received: Deno.Signal[] = [];
  for await (const signal of signals) if (received.push(signal) === 2) break;
  assertEquals([received, signals.statistics().pending], [["SIGUSR2", "SIGHUP"], []]);
  // Leaving the loop has not closed it.
  await send(signals, "SIGHUP");
  assertEquals(await signals.receive(), "SIGHUP");
});

Deno.test("S1: a receive that was cancelled loses no signal", async () => {
  using signals = openSignals("SIGHUP");
  const scope = new CancelScope();
  const outcome = await scope.run(() => {
    const received = signals.receive();
    scope.cancel();
    return received;
  });
  assertEquals([outcome.cancelledCaught, signals.statistics().tasksWaitingReceive], [true, 0]);
  Deno.kill(Deno.pid, "SIGHUP");
  assertEquals(await signals.receive(), "SIGHUP");
});

Deno.test("S1: one task receives at a time, and closing wakes it", async () => {
  const signals = openSignals("SIGHUP");
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => signals.receive().catch((error) => error));
    await until("it waits", () => signals.statistics().tasksWaitingReceive === 1);
    await assertRejects(() => signals.receive(), BusyResourceError);
    signals.close();
    signals.close();
    assert(await task.join() instanceof ClosedResourceError);
  });
  await assertRejects(() => signals.receive(), ClosedResourceError);
  await assertRejects(async () => {
    for await (const _ of signals);
  }, ClosedResourceError);
});

Deno.test("S2: what cannot be listened for is refused, and nothing is", async () => {
  // deno-lint-ignore no-explicit-any -- the types refuse it as well
  const open = openSignals as any;
  assertThrows(() => open(), TypeError, "at least one must be named: received none");
  assertThrows(
    () => open("SIGHUP", "SIGFOO"),
    TypeError,
    'must be the name of a signal, such as "SIGHUP": received "SIGFOO"',
  );
  assertThrows(() => open("hup"), TypeError, 'received "hup"');
  assertThrows(() => open(["SIGHUP"]), TypeError);
  for (const signal of ["SIGKILL", "SIGSTOP", "SIGSEGV", "SIGFPE", "SIGILL"]) {
    assertThrows(() => open("SIGUSR2", signal), TypeError, "each must be one that a program can receive here");
  }
  // One that another system has.
  assertThrows(() => open("SIGHUP", "SIGBREAK"), TypeError);
  using signals = openSignals("SIGHUP", "SIGHUP");
  assertEquals(signals.statistics().signals, ["SIGHUP"]);
  await send(signals, "SIGHUP");
});

Deno.test("S3: while a task waits for a signal, and only then, that is an operation of the host", async () => {
  await run(async () => {
    using signals = openSignals("SIGHUP", "SIGUSR2");
    assertEquals(currentRun().statistics().hostOperations, []);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => signals.receive(), { name: "reload" });
      await until("it waits", () => signals.statistics().tasksWaitingReceive === 1);
      assertEquals(currentRun().statistics().hostOperations, ["signal SIGHUP, SIGUSR2"]);
      assert(currentRun().taskTree().toString().includes("receive signal SIGHUP, SIGUSR2"));
      task.cancel();
    });
    assertEquals(currentRun().statistics().hostOperations, []);
  }, { handleSignals: false });
});

Deno.test("S4: signals that a run handles are taken over, the last claim wins, and what it has not received goes on", async () => {
  await run(async () => {
    using outer = openSignals("SIGTERM");
    {
      using inner = openSignals("SIGTERM");
      await send(inner, "SIGTERM");
      assertEquals(outer.statistics().pending, []);
    }
    assertEquals(await outer.receive(), "SIGTERM");
    await send(outer, "SIGTERM");
    assertEquals(await outer.receive(), "SIGTERM");
  });
});

Deno.test("S4: a claim that is closed first passes on what it got before the other", async () => {
  await run(async () => {
    const first = openSignals("SIGTERM");
    const second = openSignals("SIGTERM");
    await send(second, "SIGTERM");
    first.close();
    assertEquals(await second.receive(), "SIGTERM");
    second.close();
  });
});

Deno.test("S4: other signals come to all who listen", async () => {
  using one = openSignals("SIGUSR2");
  using two = openSignals("SIGUSR2");
  Deno.kill(Deno.pid, "SIGUSR2");
  assertEquals([await one.receive(), await two.receive()], ["SIGUSR2", "SIGUSR2"]);
});

Deno.test({
  name: "S5: signals take no permission",
  permissions: "none",
  async fn() {
    using signals = openSignals("SIGHUP", "SIGTERM");
    Deno.kill(Deno.pid, "SIGHUP");
    assertEquals(await signals.receive(), "SIGHUP");
  },
});
