import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { BrokenResourceError, ClosedResourceError, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import { bytes, text } from "../_fixtures/memory_streams.ts";
import { SendHalf } from "./_send_half.ts";

// The host is worked by hand, so what is in flight must not hold up time.
const BY_HAND = { io: { quiet: 1 } } as const;

/** Takes bytes when it is told to. */
class Sink extends SendHalf {
  readonly writes: { readonly data: Uint8Array; readonly answer: PromiseWithResolvers<number> }[] = [];
  readonly ends: PromiseWithResolvers<void>[] = [];
  taken = "";
  /** What the host does when it is called, before anything else. */
  called = () => {};

  constructor() {
    super("a sink");
  }

  /** Takes some bytes of the write in flight. */
  async take(size = this.writes[0]!.data.length): Promise<void> {
    const { data, answer } = this.writes.shift()!;
    this.taken += text(data.subarray(0, size));
    answer.resolve(size);
    await sleep(0);
  }

  async takeEnd(): Promise<void> {
    this.taken += "|";
    this.ends.shift()!.resolve();
    await sleep(0);
  }

  protected override get label(): string {
    return this.ended ? "end" : "write";
  }

  protected override write(data: Uint8Array): Promise<number> {
    this.called();
    const answer = Promise.withResolvers<number>();
    this.writes.push({ data, answer });
    return answer.promise;
  }

  protected override writeEnd(): Promise<void> {
    this.called();
    const end = Promise.withResolvers<void>();
    this.ends.push(end);
    return end.promise;
  }

  protected override explain(error: unknown): Error {
    return new BrokenResourceError("Cannot send as the sink broke", { cause: error });
  }
}

const operations = () => currentRun().statistics().hostOperations;

async function leave(send: () => Promise<void>): Promise<void> {
  assert((await moveOnAfter(1, send)).cancelledCaught);
}

Deno.test(
  "SendHalf writes on until all is taken, and nothing for no bytes",
  simulated(async () => {
    const sink = new Sink();
    await sink.sendAll(bytes(""));
    const sent = sink.sendAll(bytes("abcdef"));
    for (const size of [1, 2, 3]) await sink.take(size);
    await sent;
    assertEquals([sink.taken, operations()], ["abcdef", []]);
  }, BY_HAND),
);

Deno.test(
  "SendHalf never sends what the write of a cancelled send did not take, also if the next send is of the same bytes",
  simulated(async () => {
    const sink = new Sink();
    const data = bytes("abc");
    await leave(() => sink.sendAll(data));
    await leave(() => sink.sendAll(bytes("never")));
    const sent = sink.sendAll(data);
    assertEquals(sink.writes.length, 1);
    await sink.take();
    assertEquals(sink.writes.length, 1);
    await sink.take();
    await sent;
    assertEquals(sink.taken, "abcabc");
    await leave(() => sink.sendAll(bytes("de")));
    await sink.take(1);
    assertEquals([sink.taken, sink.inFlight, operations()], ["abcabcd", false, []]);
  }, BY_HAND),
);

Deno.test(
  "SendHalf sends the end behind what a cancelled send has left behind, also if sendEof() is cancelled itself",
  simulated(async () => {
    for (const cancelled of [false, true]) {
      const sink = new Sink();
      await leave(() => sink.sendAll(bytes("ab")));
      let done = false;
      await openNursery(async (nursery) => {
        if (cancelled) await leave(() => sink.sendEof());
        else nursery.startSoon(() => sink.sendEof().then(() => done = true));
        await sleep(1);
        assertEquals([sink.ends.length, operations()], [0, ["write"]]);
        await sink.take();
        assertEquals([sink.ends.length, operations()], [1, ["end"]]);
        await sink.takeEnd();
      });
      assertEquals([done, sink.taken, operations()], [!cancelled, "ab|", []]);
      await sink.sendEof();
      await assertRejects(() => sink.sendAll(bytes("")), ClosedResourceError, "sendEof() was called before");
    }
  }, BY_HAND),
);

Deno.test(
  "SendHalf that broke stays so, whether a send waited or not",
  simulated(async () => {
    for (const left of [false, true]) {
      for (const ends of [false, true]) {
        const sink = new Sink();
        const waiting = [() => sink.sendAll(bytes("a")), () => sink.sendEof()][Number(ends)]!;
        const errors: unknown[] = [];
        if (left) await leave(waiting);
        else waiting().catch((error) => errors.push(error));
        (ends ? sink.ends : sink.writes.map(({ answer }) => answer))[0]!.reject("no space");
        await sleep(1);
        for (const send of [() => sink.sendAll(bytes("a")), () => sink.sendAll(bytes("")), () => sink.sendEof()]) {
          errors.push(await send().catch((error) => error));
        }
        assertInstanceOf(errors[0], BrokenResourceError);
        assertEquals(errors[0].cause, "no space");
        for (const error of errors) assertStrictEquals(error, errors[0]);
      }
    }
    const odd = new Sink();
    const sent = odd.sendAll(bytes("a"));
    odd.writes[0]!.answer.resolve(2);
    await assertRejects(() => sent, BrokenResourceError);
  }, BY_HAND),
);

Deno.test(
  "SendHalf leaves no operation on the list if it is closed from within the call of the host",
  simulated(async () => {
    for (const send of [(sink: Sink) => sink.sendAll(bytes("a")), (sink: Sink) => sink.sendEof()]) {
      const sink = new Sink();
      sink.called = () => sink.close();
      await assertRejects(() => send(sink), ClosedResourceError, "Cannot send as the stream was closed meanwhile");
      assertEquals(operations(), []);
    }
  }, BY_HAND),
);
