import { assert, assertEquals, assertRejects } from "@std/assert";
import { moveOnAfter, sleep } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { bytes, text } from "../_fixtures/memory_streams.ts";
import { ReceiveHalf } from "./_receive_half.ts";

// The host is worked by hand, so what is in flight must not hold up time.
const BY_HAND = { io: { quiet: 1 } } as const;

/** Brings texts. */
class Texts extends ReceiveHalf<string | null> {
  protected readonly label = "text";
  readonly reads: PromiseWithResolvers<string | null>[] = [];

  constructor() {
    super("a book");
  }

  async bring(value: string | null): Promise<void> {
    this.reads.shift()!.resolve(value);
    await sleep(0);
  }

  override begin(): Promise<string | null> {
    const read = Promise.withResolvers<string | null>();
    this.reads.push(read);
    return read.promise;
  }

  protected override landed(value: string | null): void {
    if (value === null) this.over({ value: null });
    else this.arrived(bytes(value));
  }

  protected override failed(error: unknown): void {
    this.over({ error });
  }
}

Deno.test(
  "ReceiveHalf gives chunks in parts of the size that is wanted, and reads no more while there is a rest",
  simulated(async () => {
    const half = new Texts();
    const first = half.receiveSome(2);
    await half.bring("abcdefg");
    assertEquals([text(await first), text(await half.receiveSome(1)), half.reads.length], ["ab", "c", 0]);
    const buffer = new Uint8Array(2);
    assertEquals([await half.receiveInto(buffer), text(buffer)], [2, "de"]);
    assertEquals(text(await half.receiveSome(9)), "fg");
    assertEquals(half.kept, null);
  }, BY_HAND),
);

Deno.test(
  "ReceiveHalf gives what a cancelled receive has left behind to the next, whichever kind it is, and then the end",
  simulated(async () => {
    const half = new Texts();
    assert((await moveOnAfter(1, () => half.receiveSome(1))).cancelledCaught);
    await half.bring("abc");
    const buffer = new Uint8Array(9);
    assertEquals([await half.receiveInto(buffer), buffer[2]], [3, "c".charCodeAt(0)]);
    assert((await moveOnAfter(1, () => half.receiveInto(buffer))).cancelledCaught);
    await half.bring("d");
    half.reads.length = 0;
    assertEquals(text(await half.receiveSome(9)), "d");
    assert((await moveOnAfter(1, () => half.receiveSome(9))).cancelledCaught);
    await half.bring(null);
    assertEquals([await half.receiveSome(9), await half.receiveInto(buffer)], [null, null]);
  }, BY_HAND),
);

Deno.test(
  "ReceiveHalf loses no byte, and ends no process, if the buffer is transferred while a receive waits for another's read",
  simulated(async () => {
    const half = new Texts();
    assert((await moveOnAfter(1, () => half.receiveSome(9))).cancelledCaught);
    const buffer = new Uint8Array(4);
    const waiting = half.receiveInto(buffer);
    structuredClone(buffer, { transfer: [buffer.buffer] });
    await half.bring("abc");
    await assertRejects(
      () => waiting,
      TypeError,
      'Cannot receive as "buffer" must stay as it is meanwhile: it was transferred or resized',
    );
    assertEquals(text(await half.receiveSome(9)), "abc");
  }, BY_HAND),
);

Deno.test(
  "ReceiveHalf drops what is kept when it is closed",
  simulated(async () => {
    const half = new Texts();
    const first = half.receiveSome(1);
    await half.bring("abc");
    await first;
    half.close("it was taken over");
    assertEquals(half.kept, null);
    await assertRejects(() => half.receiveSome(1), Error, "Cannot receive as it was taken over");
  }, BY_HAND),
);
