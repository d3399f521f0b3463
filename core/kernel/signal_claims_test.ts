import { assertEquals } from "@std/assert";
import type { SignalSource } from "../seams/signals.ts";
import { claimSignal } from "./signal_claims.ts";

/** Signals in memory: who listens, in order. */
class Source implements SignalSource {
  readonly listeners: (() => void)[] = [];

  listen(_signal: string, tell: () => void): () => void {
    this.listeners.push(tell);
    return () => void this.listeners.splice(this.listeners.indexOf(tell), 1);
  }

  raise(): void {
    for (const tell of [...this.listeners]) tell();
  }
}

Deno.test("the last claim gets a signal; one that it has not looked at goes to the claim before it, or to nobody", () => {
  const source = new Source();
  const log: string[] = [];
  const [first, second, third] = ["first", "second", "third"].map((name) =>
    claimSignal("SIGINT", () => log.push(name), source)
  );
  source.raise();
  assertEquals(log, ["third"]);
  // From the middle: to the one before, not to the last.
  assertEquals([second!(true), log], [true, ["third", "first"]]);
  assertEquals([third!(false), log.length], [true, 2]);
  source.raise();
  assertEquals(log, ["third", "first", "first"]);
  assertEquals([first!(true), log.length, source.listeners.length], [false, 3, 0]);
});
