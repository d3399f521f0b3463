import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  openNursery,
  run,
} from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import type { SendStream, TextSender } from "../../net/mod.ts";
import { openStderr, openStdout } from "./output.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** An output of the host whose writes end when the test says so. */
class SlowOutput {
  readonly writes: string[] = [];
  readonly pending: { resolve(size: number): void; reject(error: unknown): void }[] = [];

  write = (bytes: Uint8Array): Promise<number> => {
    this.writes.push(decode(bytes));
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** Runs a test with outputs of the host that are slow. */
function withSlow(body: (slow: SlowOutput, stream: SendStream & TextSender) => Promise<unknown>): Promise<void> {
  return run(async () => {
    for (const name of ["stdout", "stderr"] as const) {
      const slow = new SlowOutput();
      const { write } = Deno[name];
      Deno[name].write = slow.write;
      try {
        using stream = name === "stdout" ? openStdout() : openStderr();
        await body(slow, stream);
      } finally {
        Deno[name].write = write;
      }
    }
  }, { handleSignals: false });
}

Deno.test("T2: what the host takes in parts is sent whole, in order; nothing needs no host", () =>
  withSlow(async (slow, stream) => {
    const sent = stream.sendText("héllo");
    for (const size of [2, 4]) {
      await turns();
      slow.pending.shift()!.resolve(size);
    }
    await sent;
    await stream.sendAll(new Uint8Array());
    // The second byte is the first half of a letter.
    assertEquals(slow.writes, ["héllo", "\ufffdllo"]);
    const none = stream.sendText("x");
    await turns();
    slow.pending.shift()!.resolve(0);
    await assertRejects(() => none, RangeError, "must move 1 to 1 bytes");
  }));

Deno.test("T2: the write of a cancelled send lands before anything else is sent, and the rest of it is not", () =>
  withSlow(async (slow, stream) => {
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => stream.sendText("abcdef")));
      await turns();
      scope.cancel();
    });
    assertEquals(currentRun().statistics().hostOperations.length, 1);
    const next = stream.sendText("Z");
    await turns();
    assertEquals(slow.writes, ["abcdef"]);
    slow.pending.shift()!.resolve(3);
    await turns();
    assertEquals(slow.writes, ["abcdef", "Z"]);
    slow.pending.shift()!.resolve(1);
    await next;
  }));

Deno.test("T2: one task at a time sends; closing wakes it and leaves the output open for others", () =>
  withSlow(async (slow, stream) => {
    const sent = stream.sendText("a");
    await assertRejects(() => stream.sendText("b"), BusyResourceError, "another task is sending on this stream");
    assertStringIncludes(`${currentRun().taskTree()}`, "send to std");
    stream.close();
    stream.close();
    await assertRejects(() => sent, ClosedResourceError, "Cannot send as the stream was closed meanwhile");
    await assertRejects(() => stream.sendText("c"), ClosedResourceError, "Cannot send as the stream is closed");
    slow.pending.shift()!.resolve(1);
    await stream[Symbol.asyncDispose]();
  }));

Deno.test("T2: a reader that has gone is a BrokenResourceError; other failures of the host pass as they are", () =>
  withSlow(async (slow, stream) => {
    for (const cause of [new Deno.errors.BrokenPipe("Broken pipe"), new Error("No space left on device")]) {
      const sent = stream.sendText("a");
      await turns();
      slow.pending.shift()!.reject(cause);
      const error = await assertRejects(() => sent, Error);
      if (cause instanceof Deno.errors.BrokenPipe) {
        assertEquals([error instanceof BrokenResourceError, error.cause], [true, cause]);
        assertStringIncludes(error.message, "as somebody must read std");
      } else assertEquals(error, cause);
    }
  }));

Deno.test("openStdout() and openStderr() refuse what they cannot send", () =>
  withSlow(async (slow, stream) => {
    await assertRejects(() => stream.sendAll("x" as never), TypeError, '"bytes" must be a Uint8Array');
    await assertRejects(() => stream.sendText(5 as never), TypeError, '"text" must be a string');
    assertEquals(slow.writes, []);
    assertStringIncludes(Deno.inspect(stream), 'Output { to: "std');
  }));
