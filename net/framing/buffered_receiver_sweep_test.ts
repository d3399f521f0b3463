import { assert, assertEquals } from "@std/assert";
import { simulate, sweepCancel } from "../../testing/mod.ts";
import { BufferedReceiver } from "./buffered_receiver.ts";
import { MessageTooLongError } from "./framing_errors.ts";
import { bytes, ScriptedReceiveStream, type Step, text } from "../_fixtures/memory_streams.ts";

/** The data in pieces: bit n of `cuts` says whether there is a cut after byte n. */
function pieces(data: string, cuts: number): Step[] {
  const all = bytes(data);
  const steps: Step[] = [];
  let start = 0;
  for (let end = 1; end <= all.length; end++) {
    if (end < all.length && (cuts >> (end - 1) & 1) === 0) continue;
    steps.push({ wait: 1 }, all.slice(start, end));
    start = end;
  }
  return steps;
}

type Receive = (stream: BufferedReceiver, max: number) => Promise<string | null>;
const line: Receive = (stream, max) => stream.receiveLine({ max });
const next: Receive = async (stream, max) => (await stream.lines({ max }).next()).value;
const until: Receive = async (stream, max) => text(await stream.receiveUntil("--", { max }));
const message: Receive = (stream, max) =>
  stream.receiveMessage((held) => {
    const end = text(held)!.indexOf("!");
    return end === -1 ? null : { value: text(held.subarray(0, end + 1))!, size: end + 1 };
  }, { max });

Deno.test("max is exact to the byte in every way the bytes can be cut, and who exceeds it has taken nothing", async () => {
  const rows: [data: string, expected: string, Receive[]][] = [
    ["abcd\r\nx", "abcd", [line, next]],
    ["abcd\nx", "abcd", [line, next]],
    ["ab\r\r\nx", "ab\r", [line, next]],
    ["\r\nx", "", [line, next]],
    ["abcd--x", "abcd", [until]],
    ["a-cd--x", "a-cd", [until]],
    // The delimiter begins as early as it can.
    ["abc---x", "abc", [until]],
    ["--x", "", [until]],
    ["abc!x", "abc!", [message]],
  ];
  await simulate(async () => {
    for (const [data, expected, ways] of rows) {
      for (const receive of ways) {
        for (let cuts = 0; cuts < 1 << (data.length - 1); cuts++) {
          for (let max = receive === message ? 1 : 0; max <= data.length; max++) {
            const stream = new BufferedReceiver(new ScriptedReceiveStream(...pieces(data, cuts)));
            const got = await receive(stream, max).catch((error) => error);
            const what = `${JSON.stringify(data)}, cuts ${cuts.toString(2)}, max ${max}`;
            if (max >= expected.length) assertEquals(got, expected, what);
            else {
              assert(got instanceof MessageTooLongError, what);
              assertEquals(text(await stream.receiveExactly(data.length)), data, what);
            }
          }
        }
      }
    }
  }, { maxStepsAtOneInstant: 1e9 });
});

Deno.test("whatever wait an operation is cancelled at, it can be made again: nothing is lost, nothing comes twice", async () => {
  const data = "\x03abc|line\r\nmore\n\x00\x01\x00\x00\x00\x02xyz|\x00\x00\x00\x00\x00\x00\x00\x07end";
  const expected = ["abc", "|l", "", "line", "more", 1, 0x02000000, "xy", "z", 7n, "e", 2, "end", null];
  const operations: readonly ((stream: BufferedReceiver) => Promise<unknown>)[] = [
    (stream) =>
      stream.receiveMessage((held) => {
        const size = 1 + held[0]!;
        return held.length < size ? null : { value: text(held.subarray(1, size)), size };
      }),
    async (stream) => text(await stream.peek(2)),
    async (stream) => text(await stream.receiveUntil("|")),
    async (stream) => (await stream.lines().next()).value,
    (stream) => stream.receiveLine(),
    (stream) => stream.receiveUint16(),
    (stream) => stream.receiveUint32({ endian: "little" }),
    async (stream) => text(await stream.receiveExactly(2)),
    async (stream) => text(await stream.receiveUntil("|")),
    (stream) => stream.receiveUint64(),
    async (stream) => text(await stream.peek(1)),
    async (stream) => (await stream.peek(2)).length,
    (stream) => stream.receiveLine(),
    (stream) => stream.receiveLine(),
  ];
  async function goOn({ stream, got }: { stream: BufferedReceiver; got: unknown[] }): Promise<void> {
    while (got.length < operations.length) got.push(await operations[got.length]!(stream));
  }
  for (let seed = 0; seed < 20; seed++) {
    await sweepCancel(goOn, {
      setup: () => {
        const cuts = Math.imul(seed + 1, 0x9e3779b1) >>> (seed % 8);
        // The mask has 32 bits, so the rest comes in one piece.
        const head = pieces(data.slice(0, 30), cuts);
        return {
          stream: new BufferedReceiver(new ScriptedReceiveStream(...head, data.slice(30))),
          got: [] as unknown[],
        };
      },
      after: async (state) => {
        await goOn(state);
        assertEquals(state.got, expected);
        assertEquals(await state.stream.receiveSome(), null);
      },
    });
  }
});
