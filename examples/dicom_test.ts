import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BufferedStream,
  CancelScope,
  currentTime,
  type HalfCloseableStream,
  IncompleteReceiveError,
  openNursery,
  simulated,
  sleep,
  type Task,
  TooSlowError,
} from "@trefoil/io";
import { memoryStreamPair, sweepCancel } from "@trefoil/io/testing";
import { dicomEcho, type DicomEchoOptions, dicomEchoServer } from "./dicom_echo.ts";
import { hasProgram } from "./_has_program.ts";

const VERIFICATION = "1.2.840.10008.1.1";
const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";
const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";

type Bytes = readonly number[];
const text = (value: string): Bytes => [...new TextEncoder().encode(value)];
const u16 = (value: number): Bytes => [value >> 8, value & 255];
const u32 = (value: number): Bytes => [...u16(value >>> 16), ...u16(value & 0xffff)];
const item = (type: number, value: Bytes): Bytes => [type, 0, ...u16(value.length), ...value];
const pdu = (type: number, body: Bytes): Bytes => [type, 0, ...u32(body.length), ...body];
const context = (id: number, service: string, ...encodings: string[]): Bytes =>
  item(0x20, [
    ...[id, 0, 0, 0],
    ...item(0x30, text(service)),
    ...encodings.flatMap((encoding) => item(0x40, text(encoding))),
  ]);

interface RequestParts {
  readonly version?: number;
  readonly called?: string;
  readonly application?: string;
  readonly contexts?: readonly Bytes[];
}

function associate(parts: RequestParts = {}): Bytes {
  const { version = 1, called = "ANY-SCP", application = "1.2.840.10008.3.1.1.1" } = parts;
  const { contexts = [context(1, VERIFICATION, IMPLICIT)] } = parts;
  return pdu(1, [
    ...[...u16(version), 0, 0],
    ...text(called.padEnd(16)),
    ...text("ECHOSCU".padEnd(16)),
    ...new Array<number>(32).fill(0),
    ...item(0x10, text(application)),
    ...contexts.flat(),
    ...item(0x50, item(0x51, u32(16_384))),
  ]);
}

/** A C-ECHO request with message id 0x0102. */
const ECHO: Bytes = [
  ...[0, 0, 0, 0, 4, 0, 0, 0, 56, 0, 0, 0],
  ...[0, 0, 2, 0, 18, 0, 0, 0, ...text(VERIFICATION), 0],
  ...[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0],
  ...[0, 0, 0x10, 1, 2, 0, 0, 0, 0x02, 0x01],
  ...[0, 0, 0, 8, 2, 0, 0, 0, 0x01, 0x01],
];
const ECHO_ANSWER: Bytes = [
  ...[0, 0, 0, 0, 4, 0, 0, 0, 66, 0, 0, 0],
  ...[0, 0, 2, 0, 18, 0, 0, 0, ...text(VERIFICATION), 0],
  ...[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0x80],
  ...[0, 0, 0x20, 1, 2, 0, 0, 0, 0x02, 0x01],
  ...[0, 0, 0, 8, 2, 0, 0, 0, 0x01, 0x01],
  ...[0, 0, 0, 9, 2, 0, 0, 0, 0, 0],
];
const part = (value: Bytes, control = 3, id = 1): Bytes => [...u32(value.length + 2), id, control, ...value];
const RELEASE = pdu(5, [0, 0, 0, 0]);
const RELEASED = pdu(6, [0, 0, 0, 0]);
const abort = (source: number, reason: number): Bytes => pdu(7, [0, 0, source, reason]);

/** The other end: sends bytes, and expects some. */
class Peer {
  readonly #stream: BufferedStream<HalfCloseableStream>;

  constructor(stream: HalfCloseableStream) {
    this.#stream = new BufferedStream(stream);
  }

  sends(bytes: Bytes): Promise<void> {
    return this.#stream.sendAll(new Uint8Array(bytes));
  }

  async hears(): Promise<Bytes> {
    const head = await this.#stream.peek(6);
    if (head.length < 6) return [...head];
    return [...await this.#stream.receiveExactly(6 + new DataView(head.buffer).getUint32(2))];
  }

  async associates(): Promise<void> {
    await this.sends(associate());
    assertEquals((await this.hears())[0], 2);
  }

  close(): void {
    this.#stream.close();
  }
}

/** What became of the server's end. */
type Outcome = { readonly text: string } | { readonly error: unknown };

/**
 * A test in simulated time; receives give a few bytes at a time. The server's end is closed as a server would do it.
 */
function dicomTest(
  name: string,
  test: (peer: Peer, server: Task<Outcome>, scope: CancelScope) => Promise<void>,
  options: DicomEchoOptions = {},
): void {
  Deno.test(
    name,
    simulated(() =>
      openNursery(async (nursery) => {
        const [here, there] = memoryStreamPair({ chunk: 5 });
        const scope = new CancelScope();
        const server = nursery.startSoon(async (): Promise<Outcome> => {
          using stream = there;
          try {
            const outcome = await scope.run(() => dicomEcho(stream, options));
            return { text: outcome.cancelledCaught ? "cancelled" : outcome.value };
          } catch (error) {
            return { error };
          }
        });
        const peer = new Peer(here);
        await test(peer, server, scope);
        peer.close();
      })
    ),
  );
}

async function textOf(server: Task<Outcome>): Promise<string> {
  const outcome = await server.join();
  if ("error" in outcome) throw outcome.error;
  return outcome.text;
}

async function failureOf(server: Task<Outcome>): Promise<string> {
  return (await assertRejects(() => textOf(server), Error)).message;
}

dicomTest("an association, two echoes and a release, byte for byte", async (peer, server) => {
  await peer.sends(associate());
  const answer = await peer.hears();
  const body = [
    ...[0, 1, 0, 0, ...text("ANY-SCP".padEnd(16)), ...text("ECHOSCU".padEnd(16)), ...new Array<number>(32).fill(0)],
    ...item(0x10, text("1.2.840.10008.3.1.1.1")),
    ...item(0x21, [1, 0, 0, 0, ...item(0x40, text(IMPLICIT))]),
    ...item(0x50, [
      ...item(0x51, u32(65_536)),
      ...item(0x52, text("2.25.149386417209387210932774610298347610211")),
    ]),
  ];
  assertEquals(answer, pdu(2, body));
  for (let round = 0; round < 2; round++) {
    await peer.sends(pdu(4, part(ECHO)));
    assertEquals(await peer.hears(), pdu(4, part(ECHO_ANSWER)));
  }
  await peer.sends(RELEASE);
  assertEquals(await peer.hears(), RELEASED);
  peer.close();
  assertEquals(await textOf(server), "released after 2 echoes");
});

dicomTest(
  "a command may come in parts, within one message and over several, and several commands in one",
  async (peer, server) => {
    await peer.associates();
    await peer.sends(pdu(4, [...part(ECHO.slice(0, 9), 1), ...part([], 1), ...part(ECHO.slice(9, 30), 1)]));
    await peer.sends(pdu(4, [...part(ECHO.slice(30)), ...part(ECHO)]));
    assertEquals(await peer.hears(), pdu(4, part(ECHO_ANSWER)));
    assertEquals(await peer.hears(), pdu(4, part(ECHO_ANSWER)));
    await peer.sends(RELEASE);
    assertEquals(await peer.hears(), RELEASED);
    peer.close();
    assertEquals(await textOf(server), "released after 2 echoes");
  },
);

dicomTest("each context on offer is answered: echo in the one encoding, nothing else", async (peer) => {
  const contexts = [
    context(1, CT_IMAGE, IMPLICIT),
    context(3, VERIFICATION, EXPLICIT),
    context(5, VERIFICATION, EXPLICIT, IMPLICIT),
  ];
  await peer.sends(associate({ contexts }));
  const answer = String(await peer.hears());
  for (const [id, result] of [[1, 3], [3, 4], [5, 0]] as const) {
    assertStringIncludes(answer, String(item(0x21, [id, 0, result, 0, ...item(0x40, text(IMPLICIT))])));
  }
  await peer.sends(pdu(4, part(ECHO, 3, 5)));
  assertEquals(await peer.hears(), pdu(4, part(ECHO_ANSWER, 3, 5)));
  await peer.sends(pdu(4, part(ECHO, 3, 3)));
  assertEquals(await peer.hears(), abort(2, 6));
});

for (
  const [what, parts, rejected] of [
    ["another title", { called: "SOMEBODY" }, [0, 1, 1, 7]],
    ["another version of the protocol", { called: "TREFOIL", version: 2 }, [0, 1, 2, 2]],
    ["another application", { called: "TREFOIL", application: "1.2.3" }, [0, 1, 1, 2]],
  ] as const
) {
  dicomTest(`a request for ${what} is rejected`, async (peer, server) => {
    await peer.sends(associate(parts));
    assertEquals(await peer.hears(), pdu(3, rejected));
    peer.close();
    assertEquals(await textOf(server), "refused");
  }, { aeTitle: "TREFOIL" });
}

const field = (at: number, value: number) => ECHO.with(at, value);

for (
  const [what, bytes, answer, message] of [
    ["HTTP", text("GET / HTTP/1.1\r\n\r\n"), [2, 1], "Cannot read a PDU as its type must be 1 to 7: 71"],
    [
      "a huge PDU",
      [4, 0, 255, 255, 255, 255],
      [2, 6],
      "Cannot read a PDU as it must be at most 65536 bytes long: 4294967295",
    ],
    ["a second association", associate(), [2, 2], "Cannot associate as the peers are associated already"],
    ["what only a server sends", RELEASED, [2, 2], "Cannot obey a PDU as only a server sends its type: 6"],
    [
      "a part longer than its message",
      pdu(4, [0, 0, 1, 0, 1, 3]),
      [2, 6],
      "Cannot take a field as it must end within its message: 256 bytes, 2 left",
    ],
    [
      "a part without a header",
      pdu(4, [0, 0, 0, 1, 1]),
      [2, 6],
      "Cannot take a field as it must end within its message: 1 bytes, 0 left",
    ],
    [
      "a foreign context",
      pdu(4, part(ECHO, 3, 9)),
      [2, 6],
      "Cannot take data as their context must be one agreed on: 9",
    ],
    ["a data set", pdu(4, part([1, 2], 2)), [2, 6], "Cannot take a data set as an echo has none"],
    [
      "another command",
      pdu(4, part(field(46, 0x20))),
      [2, 6],
      "Cannot obey a command as it must be a C-ECHO request without a data set",
    ],
    [
      "an echo with a data set",
      pdu(4, part(field(66, 0x02))),
      [2, 6],
      "Cannot obey a command as it must be a C-ECHO request without a data set",
    ],
    [
      "an empty command",
      pdu(4, part([])),
      [2, 6],
      "Cannot obey a command as it must be a C-ECHO request without a data set",
    ],
    [
      "an element that does not end",
      pdu(4, part(field(7, 0x7f))),
      [2, 6],
      "Cannot take a field as it must end within its message: 2130706436 bytes, 60 left",
    ],
    [
      "an element of another group",
      pdu(4, part([8, 0, 5, 0, 0, 0, 0, 0])),
      [2, 6],
      "Cannot obey a command as its elements must be of group 0: found 8",
    ],
  ] as const
) {
  dicomTest(`a peer that sends ${what} is aborted`, async (peer, server) => {
    await peer.associates();
    await peer.sends(bytes);
    assertEquals(await peer.hears(), abort(answer[0], answer[1]));
    assertEquals(await failureOf(server), message);
  });
}

dicomTest("a command that never ends is aborted before it fills the memory", async (peer, server) => {
  await peer.associates();
  const large = pdu(4, part(new Array<number>(30_000).fill(0), 1));
  for (let n = 0; n < 3; n++) await peer.sends(large);
  assertEquals(await peer.hears(), abort(2, 6));
  assertEquals(await failureOf(server), "Cannot take a command as it must be at most 65536 bytes long");
});

dicomTest("data before an association are aborted", async (peer, server) => {
  await peer.sends(RELEASE);
  assertEquals(await peer.hears(), abort(2, 2));
  assertEquals(await failureOf(server), "Cannot begin as the first message must be an association request");
});

dicomTest("an association request that ends too early is aborted", async (peer, server) => {
  await peer.sends(pdu(1, [0, 1, 0, 0, 65]));
  assertEquals(await peer.hears(), abort(2, 6));
  assertEquals(await failureOf(server), "Cannot take a field as it must end within its message: 16 bytes, 1 left");
});

dicomTest("the peer may abort, and may hang up between two messages", async (peer, server) => {
  await peer.associates();
  await peer.sends(abort(0, 0));
  assertEquals(await textOf(server), "aborted by the peer");
});

dicomTest("hanging up in the middle of a message is a failure, which nobody is told", async (peer, server) => {
  await peer.associates();
  await peer.sends([4, 0, 0]);
  peer.close();
  const outcome = await server.join();
  assertInstanceOf("error" in outcome && outcome.error, IncompleteReceiveError);
});

dicomTest("hanging up between two messages ends the association", async (peer, server) => {
  await peer.associates();
  peer.close();
  assertEquals(await textOf(server), "hung up without a release");
});

dicomTest(
  "a peer that says nothing is aborted after ten seconds",
  async (peer, server) => {
    const outcome = await server.join();
    assert("error" in outcome && outcome.error instanceof TooSlowError);
    assertEquals([currentTime(), await peer.hears()], [10_000, abort(0, 0)]);
  },
);

dicomTest("an association that falls silent is aborted after a minute", async (peer, server) => {
  await peer.associates();
  await assertRejects(() => textOf(server), TooSlowError);
  assertEquals([currentTime(), await peer.hears()], [60_000, abort(0, 0)]);
});

dicomTest("a peer that does not close after the release is cut off after ten seconds", async (peer, server) => {
  await peer.associates();
  await peer.sends(RELEASE);
  assertEquals(await peer.hears(), RELEASED);
  assertEquals([await textOf(server), currentTime()], ["released after 0 echoes", 10_000]);
});

dicomTest(
  "a shutdown aborts an idle association, and the peer is told",
  async (peer, server, scope) => {
    await peer.associates();
    await sleep(1);
    scope.shutdown();
    assertEquals(await peer.hears(), abort(0, 0));
    assertEquals(await textOf(server), "aborted, as the server is shutting down");
  },
);

dicomTest("a cancelled association is aborted, and the peer is told", async (peer, server, scope) => {
  await peer.associates();
  await sleep(1);
  scope.cancel();
  assertEquals(await peer.hears(), abort(0, 0));
  assertEquals(await textOf(server), "cancelled");
});

Deno.test("dicom_echo.ts: wherever it is cancelled, the peer hears whole messages, of which the last is an abort", async () => {
  await sweepCancel(() =>
    openNursery(async (nursery) => {
      const [here, there] = memoryStreamPair({ chunk: 20 });
      nursery.startSoon(async () => {
        using stream = there;
        await dicomEcho(stream);
      }, { name: "server" });
      using peer = { peer: new Peer(here), [Symbol.dispose]: () => here.close() };
      for (const message of [associate(), pdu(4, part(ECHO)), RELEASE]) await peer.peer.sends(message).catch(() => {});
      const heard: number[] = [];
      for (let bytes = await peer.peer.hears(); bytes.length > 0; bytes = await peer.peer.hears()) {
        heard.push(bytes[0]!);
        if (bytes[0] === 6) break;
      }
      assert([6, 7].includes(heard.at(-1)!), `it heard ${heard}`);
    }), { task: "server" });
});

Deno.test({
  name: "dicom_echo.ts: with echoscu of dcmtk: echoes, a wrong title, an abort",
  ignore: !(await hasProgram("echoscu", "dcmtk")),
  fn: async () => {
    const lines: string[] = [];
    const echoscu = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command("echoscu", { args: ["-v", ...args] }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    await openNursery(async (nursery) => {
      const [address] = await nursery.start(
        dicomEchoServer({
          hostname: "127.0.0.1",
          port: 0,
          aeTitle: "TREFOIL",
          report: (line) => lines.push(line),
        }),
      );
      const here = ["127.0.0.1", `${address.port}`];
      const good = await echoscu("-aec", "TREFOIL", "--repeat", "5", "--propose-ts", "3", "--propose-pc", "4", ...here);
      assertEquals([good.code, good.text.match(/Received Echo Response \(Success\)/g)?.length], [0, 5], good.text);
      const wrong = await echoscu("-aec", "OTHER", ...here);
      assertEquals(wrong.code === 0, false);
      assertStringIncludes(wrong.text, "Called AE Title Not Recognized");
      assertEquals((await echoscu("-aec", "TREFOIL", "--abort", ...here)).code, 0);
      nursery.cancel();
    });
    assertEquals(lines, [
      "127.0.0.1: released after 5 echoes",
      "127.0.0.1: refused",
      "127.0.0.1: aborted by the peer",
    ]);
  },
});
