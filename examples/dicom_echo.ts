// deno-lint-ignore-file no-console
/**
 * A DICOM server for the verification service (C-ECHO), the "ping" of medical imaging. Ctrl-C ends it.
 *
 * Run it: deno run --allow-net examples/dicom_echo.ts [port] [AE title]
 * Try it: echoscu -v 127.0.0.1 11112 (Debian's package dcmtk)
 *
 * An association is a connection on which both ends agree, in the first message each way, on what they will talk about:
 *
 *     peer                                this server
 *     A-ASSOCIATE-RQ  ──────────────────▶
 *                     ◀──────────────────  A-ASSOCIATE-AC, or -RJ and the end
 *     P-DATA-TF (C-ECHO-RQ)  ───────────▶                                          any number of times
 *                     ◀──────────────────  P-DATA-TF (C-ECHO-RSP)
 *     A-RELEASE-RQ    ──────────────────▶
 *                     ◀──────────────────  A-RELEASE-RP, and the end
 *
 * Either end may break it off with A-ABORT. Numbers of sections are those of DICOM PS3.7 and PS3.8.
 *
 * Over 400 lines, as an example is one file that can be copied.
 */
import {
  BufferedStream,
  failAfter,
  type HalfCloseableStream,
  isOnlyCancelled,
  moveOnAfter,
  run,
  type Server,
  type ServeTcpOptions,
  shielded,
  type TcpAddress,
  tcpServer,
  TooSlowError,
  untilShutdown,
} from "@trefoil/io";

/** PDU types (PS3.8, 9.3). */
const ASSOCIATE_RQ = 1;
const ASSOCIATE_AC = 2;
const ASSOCIATE_RJ = 3;
const DATA_TF = 4;
const RELEASE_RQ = 5;
const RELEASE_RP = 6;
const ABORT = 7;
/** Items of an association request or its answer. */
const APPLICATION_CONTEXT = 0x10;
const PRESENTATION_CONTEXT_RQ = 0x20;
const PRESENTATION_CONTEXT_AC = 0x21;
const ABSTRACT_SYNTAX = 0x30;
const TRANSFER_SYNTAX = 0x40;
const USER_INFORMATION = 0x50;
const MAXIMUM_LENGTH = 0x51;
const IMPLEMENTATION_CLASS = 0x52;

const DICOM_APPLICATION = "1.2.840.10008.3.1.1.1";
const VERIFICATION = "1.2.840.10008.1.1";
const IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2";
/** Ours, below the root that is free for all (made from a UUID, PS3.5 B.2). */
const IMPLEMENTATION_UID = "2.25.149386417209387210932774610298347610211";

/** Results of a presentation context (PS3.8, 9.3.3.2). */
const ACCEPTED = 0;
const NO_SUCH_SERVICE = 3;
const NO_SUCH_ENCODING = 4;

/** The largest PDU we take, in bytes; the peer is told. It bounds what a connection can cost us. */
const MAX_PDU = 64 * 1024;
/** How long a peer may take to say what it wants, in milliseconds: the ARTIM timer (PS3.8, 9.1.4). */
const ARTIM = 10_000;
/** How long an association may be silent, in milliseconds. */
const IDLE = 60_000;

/** Why an association is aborted (PS3.8, 9.3.8). */
const UNSPECIFIED = 0;
const UNKNOWN_PDU = 1;
const UNEXPECTED_PDU = 2;
const BAD_VALUE = 6;

/** What the peer did against the protocol. */
class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(message: string, readonly reason: number = BAD_VALUE) {
    super(message);
  }
}

interface Pdu {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Takes fields from bytes in order; big endian, as everything outside of commands is. */
class Fields {
  readonly #view: DataView;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  take(size: number): Uint8Array {
    if (size > this.left) {
      throw new ProtocolError(
        `Cannot take a field as it must end within its message: ${size} bytes, ${this.left} left`,
      );
    }
    return this.bytes.subarray(this.#at, this.#at += size);
  }

  uint8(): number {
    return this.take(1)[0]!;
  }

  uint16(): number {
    this.take(2);
    return this.#view.getUint16(this.#at - 2);
  }

  uint32(): number {
    this.take(4);
    return this.#view.getUint32(this.#at - 4);
  }

  /** Text, filled up with spaces or a zero byte. */
  text(size: number): string {
    return latin1.decode(this.take(size)).replace(/[\0 ]+$/, "").trimStart();
  }

  /** The items that follow: type, a reserved byte, length, value. */
  *items(): Generator<{ type: number; value: Fields }> {
    while (this.left > 0) {
      const type = this.uint8();
      this.take(1);
      yield { type, value: new Fields(this.take(this.uint16())) };
    }
  }
}

const latin1 = new TextDecoder("latin1");
const encoder = new TextEncoder();

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const uint16 = (value: number) => [value >> 8, value & 255];
const uint32 = (value: number) => [...uint16(value >>> 16), ...uint16(value & 0xffff)];
const item = (type: number, value: Uint8Array) => join([type, 0], uint16(value.length), value);
const pdu = (type: number, body: Uint8Array | readonly number[]) => join([type, 0], uint32(body.length), body);

/** An answer to an association request, and whether it is a yes. */
interface Answer {
  readonly pdu: Uint8Array;
  /** The contexts in which the peer may send; `null` if it was turned away. */
  readonly contexts: ReadonlySet<number> | null;
}

/** Decides on an association request (PS3.8, 9.3.2 to 9.3.4). */
function answerTo(request: Pdu, aeTitle: string | undefined): Answer {
  const refuse = (source: number, reason: number): Answer => ({
    pdu: pdu(ASSOCIATE_RJ, [0, 1, source, reason]),
    contexts: null,
  });
  const fields = new Fields(request.body);
  const version = fields.uint16();
  fields.take(2);
  const called = fields.text(16);
  fields.take(16 + 32);
  const contexts = new Set<number>();
  const answers: Uint8Array[] = [];
  let application = "";
  for (const { type, value } of fields.items()) {
    if (type === APPLICATION_CONTEXT) application = value.text(value.left);
    else if (type === PRESENTATION_CONTEXT_RQ) {
      const id = value.uint8();
      value.take(3);
      let service = "";
      let readable = false;
      for (const { type, value: name } of value.items()) {
        const uid = name.text(name.left);
        if (type === ABSTRACT_SYNTAX) service = uid;
        else if (type === TRANSFER_SYNTAX) readable ||= uid === IMPLICIT_LITTLE_ENDIAN;
      }
      const result = service !== VERIFICATION ? NO_SUCH_SERVICE : readable ? ACCEPTED : NO_SUCH_ENCODING;
      if (result === ACCEPTED) contexts.add(id);
      const encoding = item(TRANSFER_SYNTAX, encoder.encode(IMPLICIT_LITTLE_ENDIAN));
      answers.push(item(PRESENTATION_CONTEXT_AC, join([id, 0, result, 0], encoding)));
    }
  }
  if ((version & 1) === 0) return refuse(2, 2);
  if (application !== DICOM_APPLICATION) return refuse(1, 2);
  if (aeTitle !== undefined && called !== aeTitle) return refuse(1, 7);
  const body = join(
    [0, 1, 0, 0],
    // Both titles and the reserved bytes go back as they came.
    request.body.subarray(4, 68),
    item(APPLICATION_CONTEXT, encoder.encode(DICOM_APPLICATION)),
    ...answers,
    item(
      USER_INFORMATION,
      join(
        item(MAXIMUM_LENGTH, new Uint8Array(uint32(MAX_PDU))),
        item(IMPLEMENTATION_CLASS, encoder.encode(IMPLEMENTATION_UID)),
      ),
    ),
  );
  return { pdu: pdu(ASSOCIATE_AC, body), contexts };
}

/** The elements of a command that matter here (PS3.7, E.1), all of group 0. */
const AFFECTED_CLASS = 0x0002;
const COMMAND_FIELD = 0x0100;
const MESSAGE_ID = 0x0110;
const RESPONDED_MESSAGE_ID = 0x0120;
const DATA_SET_TYPE = 0x0800;
const STATUS = 0x0900;
const C_ECHO_RQ = 0x0030;
const C_ECHO_RSP = 0x8030;
const NO_DATA_SET = 0x0101;
const SUCCESS = 0;

/** An element of a command in implicit VR little endian: group, element, length, value. */
function element(number: number, value: Uint8Array | readonly number[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(8));
  head.setUint16(2, number, true);
  head.setUint32(4, value.length, true);
  return join(new Uint8Array(head.buffer), value);
}

/** The answer to a command, which must be a C-ECHO request (PS3.7, 9.3.5). */
function answerToCommand(command: Uint8Array): Uint8Array {
  const little = (value: number) => [value & 255, value >> 8];
  const numbers = new Map<number, number>();
  const fields = new Fields(command);
  while (fields.left > 0) {
    const [group, number] = [fields.uint16(), swap(fields.uint16())];
    if (group !== 0) {
      throw new ProtocolError(`Cannot obey a command as its elements must be of group 0: found ${swap(group)}`);
    }
    const [low, high] = [swap(fields.uint16()), swap(fields.uint16())];
    const value = new Fields(fields.take(high * 0x10000 + low));
    if (value.left === 2) numbers.set(number, swap(value.uint16()));
  }
  const id = numbers.get(MESSAGE_ID);
  if (numbers.get(COMMAND_FIELD) !== C_ECHO_RQ || numbers.get(DATA_SET_TYPE) !== NO_DATA_SET || id === undefined) {
    throw new ProtocolError("Cannot obey a command as it must be a C-ECHO request without a data set");
  }
  const elements = join(
    // A UID is filled up to an even length.
    element(AFFECTED_CLASS, encoder.encode(`${VERIFICATION}\0`)),
    element(COMMAND_FIELD, little(C_ECHO_RSP)),
    element(RESPONDED_MESSAGE_ID, little(id)),
    element(DATA_SET_TYPE, little(NO_DATA_SET)),
    element(STATUS, little(SUCCESS)),
  );
  return join(element(0, [elements.length, 0, 0, 0]), elements);
}

function swap(value: number): number {
  return (value & 255) << 8 | value >> 8;
}

/** One association, from the peer's first byte. */
class Association {
  readonly #stream: BufferedStream<HalfCloseableStream>;
  /** The parts of a command that is not complete. */
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(stream: HalfCloseableStream) {
    this.#stream = new BufferedStream(stream);
  }

  /** Until the association is released, refused, or aborted by the peer. Whatever else happens, the peer is told. */
  async live(options: DicomEchoOptions): Promise<string> {
    try {
      return await this.#talk(options);
    } catch (error) {
      const ours = isOnlyCancelled(error) || error instanceof TooSlowError;
      if (ours || error instanceof ProtocolError) {
        const reason = error instanceof ProtocolError ? error.reason : UNSPECIFIED;
        await this.#abort(ours ? 0 : 2, reason);
      }
      throw error;
    }
  }

  async #talk({ aeTitle }: DicomEchoOptions): Promise<string> {
    const request = await this.#receive(ARTIM);
    if (request === null) return "ended before it began";
    if (request.type === ABORT) return "aborted by the peer";
    if (request.type !== ASSOCIATE_RQ) {
      throw new ProtocolError("Cannot begin as the first message must be an association request", UNEXPECTED_PDU);
    }
    const { pdu: answer, contexts } = answerTo(request, aeTitle);
    await this.#stream.sendAll(answer);
    if (contexts === null) return await this.#untilHungUp("refused");
    let echoes = 0;
    while (true) {
      // Waiting for the next request is idle: a shutdown ends it, and the peer is told by an abort.
      const next = await untilShutdown(() => this.#receive(IDLE));
      if (next.cancelledCaught) {
        await this.#abort(0, UNSPECIFIED);
        return "aborted, as the server is shutting down";
      }
      const message = next.value;
      if (message === null) return "hung up without a release";
      if (message.type === ABORT) return "aborted by the peer";
      if (message.type === RELEASE_RQ) {
        await this.#stream.sendAll(pdu(RELEASE_RP, [0, 0, 0, 0]));
        return await this.#untilHungUp(`released after ${echoes === 1 ? "1 echo" : `${echoes} echoes`}`);
      }
      if (message.type !== DATA_TF) {
        throw new ProtocolError("Cannot associate as the peers are associated already", UNEXPECTED_PDU);
      }
      for (const answer of this.#answers(message, contexts)) {
        await this.#stream.sendAll(answer);
        echoes++;
      }
    }
  }

  /** The answers to the commands that end in these data (PS3.8, 9.3.5 and E.2). */
  *#answers(data: Pdu, contexts: ReadonlySet<number>): Generator<Uint8Array> {
    const fields = new Fields(data.body);
    while (fields.left > 0) {
      const value = new Fields(fields.take(fields.uint32()));
      const context = value.uint8();
      const control = value.uint8();
      if (!contexts.has(context)) {
        throw new ProtocolError(`Cannot take data as their context must be one agreed on: ${context}`);
      }
      if ((control & 1) === 0) throw new ProtocolError("Cannot take a data set as an echo has none");
      const part = value.take(value.left);
      // Empty parts must not add up.
      if (part.length > 0) this.#parts.push(part);
      this.#size += part.length;
      if (this.#size > MAX_PDU) {
        throw new ProtocolError(`Cannot take a command as it must be at most ${MAX_PDU} bytes long`);
      }
      if ((control & 2) === 0) continue;
      const answer = answerToCommand(join(...this.#parts));
      this.#parts = [];
      this.#size = 0;
      yield pdu(DATA_TF, join(uint32(answer.length + 2), [context, 3], answer));
    }
  }

  /** The next PDU, or `null` if the peer has hung up between two of them. */
  async #receive(timeout: number): Promise<Pdu | null> {
    return await failAfter(timeout, async () => {
      if ((await this.#stream.peek(1)).length === 0) return null;
      const head = new Fields(await this.#stream.receiveExactly(6));
      const type = head.uint8();
      head.take(1);
      const length = head.uint32();
      if (type < ASSOCIATE_RQ || type > ABORT) {
        throw new ProtocolError(`Cannot read a PDU as its type must be 1 to 7: ${type}`, UNKNOWN_PDU);
      }
      if (length > MAX_PDU) {
        throw new ProtocolError(`Cannot read a PDU as it must be at most ${MAX_PDU} bytes long: ${length}`);
      }
      // What a server sends, no peer may send to it.
      if (type === ASSOCIATE_AC || type === ASSOCIATE_RJ || type === RELEASE_RP) {
        throw new ProtocolError(`Cannot obey a PDU as only a server sends its type: ${type}`, UNEXPECTED_PDU);
      }
      return { type, body: await this.#stream.receiveExactly(length) };
    });
  }

  /** The peer closes first, so that it gets the last message for sure; one that does not is cut off. */
  async #untilHungUp(outcome: string): Promise<string> {
    await moveOnAfter(ARTIM, async () => {
      while (await this.#stream.receiveSome() !== null);
    });
    return outcome;
  }

  /**
   * Says that it is over, and why. Works in a cancelled scope, too, but not for long; a peer that is gone is no error.
   */
  async #abort(source: number, reason: number): Promise<void> {
    await shielded(() => this.#stream.sendAll(pdu(ABORT, [0, 0, source, reason])), { timeout: 1_000 })
      .catch(() => {});
  }
}

/** How to serve, besides where. */
export interface DicomEchoOptions {
  /** The application entity title that peers must call; any by default. */
  readonly aeTitle?: string;
}

/** Serves one connection of any kind; returns what became of it. */
export async function dicomEcho(stream: HalfCloseableStream, options: DicomEchoOptions = {}): Promise<string> {
  return await new Association(stream).live(options);
}

/** A peer that breaks the protocol is aborted and reported, and does not end the server. */
export function dicomEchoServer(
  options: ServeTcpOptions & DicomEchoOptions & { readonly report?: (line: string) => void },
): Server<TcpAddress> {
  const { report = console.log } = options;
  return tcpServer(async (stream) => report(`${stream.remoteAddress.hostname}: ${await dicomEcho(stream, options)}`), {
    maxConnections: 100,
    onHandlerError: (error, { remoteAddress }) => report(`${remoteAddress.hostname}: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  // 11112 is the registered port; 104, the old one, is for root alone.
  const [port = "11112", aeTitle] = Deno.args;
  const server = dicomEchoServer({ ...(aeTitle === undefined ? {} : { aeTitle }), port: Number(port) });
  run(() => server({ started: ([address]) => console.log(`DICOM echo on port ${address.port}, Ctrl-C to stop`) }));
}
