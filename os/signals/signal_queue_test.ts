import { assertEquals } from "@std/assert";
import { SignalQueue } from "./_signal_queue.ts";

Deno.test("S1: each signal is there once, in the order in which they first came, and none starves", () => {
  const queue = new SignalQueue();
  assertEquals([queue.take(), queue.pending], [undefined, []]);
  for (const signal of ["SIGHUP", "SIGUSR2", "SIGHUP", "SIGHUP"] as const) queue.add(signal);
  assertEquals(queue.pending, ["SIGHUP", "SIGUSR2"]);
  assertEquals(queue.take(), "SIGHUP");
  queue.add("SIGHUP");
  assertEquals([queue.take(), queue.take(), queue.take()], ["SIGUSR2", "SIGHUP", undefined]);
});
