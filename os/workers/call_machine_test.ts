import { assertEquals } from "@std/assert";
import { type CallAction, type CallEvent, CallMachine, type CallState } from "./_call_machine.ts";

function after(kind: "thread" | "process", events: readonly CallEvent[]): [CallState, CallAction[]] {
  const machine = new CallMachine(kind);
  const actions = events.map((event) => machine.on(event));
  return [machine.state, actions];
}

Deno.test("W2: a call that is cancelled in line is over, and nothing was started", () => {
  assertEquals(after("thread", ["cancelled", "sent", "answer"]), ["done", ["nothing", "nothing", "nothing"]]);
});

Deno.test("W2: a call that is cancelled later is told, and its answer of any kind frees the worker", () => {
  for (const kind of ["thread", "process"] as const) {
    assertEquals(after(kind, ["sent", "cancelled", "answer", "graceOver"]), [
      "done",
      ["nothing", "interrupt", "free", "nothing"],
    ]);
  }
});

Deno.test("W2: after the grace a process is killed, and a thread is written off until it answers", () => {
  assertEquals(after("process", ["sent", "cancelled", "graceOver"]), ["done", ["nothing", "interrupt", "kill"]]);
  assertEquals(after("thread", ["sent", "cancelled", "graceOver"]), ["writtenOff", [
    "nothing",
    "interrupt",
    "writeOff",
  ]]);
  assertEquals(after("thread", ["sent", "cancelled", "graceOver", "answer"])[1].at(-1), "free");
});

Deno.test("W2: whatever happens, a worker is freed or replaced at most once, and only told once", () => {
  const all: CallEvent[] = ["sent", "cancelled", "answer", "graceOver", "gone"];
  const each = (events: CallEvent[], depth: number): void => {
    for (const kind of ["thread", "process"] as const) {
      const [state, actions] = after(kind, events);
      const ends = actions.filter((action) => action === "free" || action === "replace" || action === "kill").length;
      assertEquals([ends <= 1, actions.filter((action) => action === "interrupt").length <= 1], [true, true]);
      if (ends === 1) assertEquals(state, "done");
    }
    if (depth > 0) { for (const event of all) each([...events, event], depth - 1); }
  };
  each([], 5);
});
