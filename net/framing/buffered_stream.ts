/** Messages out of a stream that can be sent on as well. */

import { encodeText, show } from "../../core/internal.ts";
import { callStream } from "../base/call_stream.ts";
import { BufferedReceiver } from "./buffered_receiver.ts";
import type { HalfCloseableStream, TextSender } from "../streams/stream.ts";

/**
 * A stream in both directions from which whole messages can be received: a `BufferedReceiver` that sends.
 *
 * It takes over the stream it is made of: use no other way to receive from that, and close this one. It is a stream
 * itself; sending goes straight through, without a buffer.
 *
 * @example A protocol of lines
 * ```ts
 * import { BufferedStream, openNursery } from "@trefoil/io";
 * import { memoryStreamPair } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = memoryStreamPair();
 * using client = new BufferedStream(here);
 * using server = new BufferedStream(there);
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     for await (const name of server.lines({ max: 100 })) await server.sendText(`hello, ${name}\r\n`);
 *   });
 *   await client.sendText("Ada\r\n");
 *   assertEquals(await client.receiveLine(), "hello, Ada");
 *   await client.sendEof();
 * });
 * ```
 *
 * @category Framing
 */
export class BufferedStream<S extends HalfCloseableStream = HalfCloseableStream> extends BufferedReceiver<S>
  implements HalfCloseableStream, TextSender {
  /**
   * Takes a stream over.
   *
   * @param stream The stream to receive from and to send on.
   * @throws {TypeError} If it cannot do both.
   */
  constructor(stream: S) {
    super(stream);
    for (const method of ["sendAll", "sendEof"] as const) {
      if (typeof stream[method] === "function") continue;
      throw new TypeError(
        `Cannot buffer a stream as "stream" must be able to send: received ${show(stream)} without ${method}(); ` +
          "a BufferedReceiver needs none",
      );
    }
  }

  /**
   * Sends all bytes, in order, on the stream it is made of.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as the stream says.
   *
   * @param bytes What to send; may be empty.
   */
  sendAll(bytes: Uint8Array): Promise<void> {
    return callStream(() => this.stream.sendAll(bytes));
  }

  /**
   * Sends a text, as UTF-8, on the stream it is made of.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as the stream says.
   *
   * @example A line
   * ```ts
   * import { BufferedStream } from "@trefoil/io";
   * import { memoryStreamPair } from "@trefoil/io/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [here, there] = memoryStreamPair();
   * using client = new BufferedStream(here);
   * using server = new BufferedStream(there);
   * await client.sendText("EHLO café\r\n");
   * assertEquals(await server.receiveLine(), "EHLO café");
   * ```
   *
   * @param text What to send; may be empty. Half a surrogate pair is sent as U+FFFD.
   * @throws {TypeError} If `text` is not a string.
   */
  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  /**
   * Tells the peer that nothing more will be sent, on the stream it is made of; receiving goes on.
   *
   * **Cancellation:** throws `Cancelled`; the end is sent all the same.
   */
  sendEof(): Promise<void> {
    return callStream(() => this.stream.sendEof());
  }
}
