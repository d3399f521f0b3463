/** Server-sent events: a response that is a stream of messages (HTML Standard, section 9.2). */

import { failureOf, NOTHING, show } from "../../core/internal.ts";

/**
 * A message of `serverSentEvents()`.
 *
 * @category HTTP
 */
export interface ServerSentEvent {
  /** The text, of one or more lines. */
  readonly data?: string;
  /** The type of the event. Without it browsers take `"message"`. */
  readonly event?: string;
  /** The id of the message. A client that connects again sends the last one in the header `last-event-id`. */
  readonly id?: string;
  /** How long a client waits before it connects again, in milliseconds. */
  readonly retry?: number;
  /** A text that clients ignore, to keep the connection alive. */
  readonly comment?: string;
}

/**
 * Makes a response that sends the messages of an iterable as server-sent events.
 *
 * A message is asked for when the client takes it, in the task of the request. When the client goes away, whatever the
 * iterable waits for is cancelled, and its `return()` is called, so an async generator can clean up in `finally`. The
 * receiving end of a channel is such an iterable, too.
 *
 * @example A clock for one client
 * ```ts
 * import { fetch, httpServer, openNursery, serverSentEvents, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function* ticks() {
 *   for (let n = 1; n <= 2; n++) {
 *     await sleep(1);
 *     yield { event: "tick", data: `${n}` };
 *   }
 * }
 * const server = httpServer(() => serverSentEvents(ticks()), { hostname: "127.0.0.1", port: 0 });
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(server);
 *   const response = await fetch(`http://127.0.0.1:${address.port}/`);
 *   assertEquals(await response.text(), "event: tick\ndata: 1\n\nevent: tick\ndata: 2\n\n");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param events The messages. A string is a message with that text.
 * @param init The status, and further headers.
 * @returns The response.
 * @throws {TypeError} If `events` is not iterable, or `init` is not an object.
 * @category HTTP
 */
export function serverSentEvents(
  events: AsyncIterable<ServerSentEvent | string> | Iterable<ServerSentEvent | string>,
  init: ResponseInit = {},
): Response {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`Cannot send events as "init" must be an object: received ${show(init)}`);
  }
  const source = events as AsyncIterable<ServerSentEvent | string> & Iterable<ServerSentEvent | string>;
  const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.();
  if (iterator === undefined) {
    throw new TypeError(`Cannot send events as "events" must be iterable: received ${show(events)}`);
  }
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("content-type", "text/event-stream");
  // A proxy that keeps them would send them to somebody else, or too late.
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  let failure: unknown;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      let next: Awaited<ReturnType<typeof iterator.next>>;
      try {
        next = await iterator.next();
      } catch (error) {
        throw failure = error;
      }
      const { done, value } = next;
      if (done) return controller.close();
      try {
        controller.enqueue(encoder.encode(formatEvent(typeof value === "string" ? { data: value } : value)));
      } catch (error) {
        // A stream that fails is not cancelled, and the iterable would never hear of it.
        await iterator.return?.();
        throw error;
      }
    },
    async cancel() {
      await iterator.return?.();
      // The `finally` of a generator that was waiting has run meanwhile, but nobody listens to a pull any more.
      if (failure !== undefined && failureOf(failure) !== NOTHING) throw failure;
    },
  }, { highWaterMark: 0 });
  return new Response(body, { ...init, headers });
}

const encoder = new TextEncoder();
const LINE_END = /\r\n|\r|\n/;

function formatEvent({ comment, event, id, retry, data }: ServerSentEvent): string {
  let text = "";
  for (const line of comment?.split(LINE_END) ?? []) text += `: ${line}\n`;
  if (event !== undefined) text += `event: ${oneLine("event", event)}\n`;
  if (id !== undefined) text += `id: ${oneLine("id", id)}\n`;
  if (retry !== undefined) {
    if (!Number.isInteger(retry) || retry < 0) {
      throw new RangeError(
        `Cannot send an event as "retry" must be a whole number of milliseconds >= 0: received ${retry}`,
      );
    }
    text += `retry: ${retry}\n`;
  }
  for (const line of data?.split(LINE_END) ?? []) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** A line break would let the author of the text write further fields. */
function oneLine(name: string, text: string): string {
  if (!/[\r\n\0]/.test(text)) return text;
  throw new RangeError(
    `Cannot send an event as "${name}" must have no line breaks and no zero bytes: received ${JSON.stringify(text)}`,
  );
}
