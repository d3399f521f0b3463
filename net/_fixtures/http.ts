/** What the tests of servers of HTTP share: a server beside a test, and a client of bytes. */

import { assert, assertInstanceOf } from "@std/assert";
import { BrokenResourceError, Event, openNursery, sleepForever, type TcpAddress } from "../../core/mod.ts";
import {
  type HttpHandler,
  httpServer,
  openTcpStream,
  type ServeHttpOptions,
  type Server,
  type SocketStream,
} from "../mod.ts";

export const HERE = { hostname: "127.0.0.1", port: 0 };
export const encoder = new TextEncoder();
export const decoder = new TextDecoder();
/** Time stands still while a server waits for connections, unless nothing happens for so long. */
export const QUIET = { io: { quiet: 30 }, network: "host" } as const;

/** Runs a server on a free port of this machine beside a test. */
export async function withServer(
  handler: HttpHandler,
  options: Partial<ServeHttpOptions>,
  test: (url: string, port: number, server: Server<TcpAddress>) => Promise<void>,
): Promise<void> {
  const server = httpServer(handler, { ...HERE, ...options });
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(server);
    await test(`http://127.0.0.1:${address.port}/`, address.port, server);
    nursery.cancel();
  });
}

/** A client of bytes, for what `fetch` would never do. */
export async function raw(port: number, request: string): Promise<SocketStream> {
  const stream = await openTcpStream("127.0.0.1", port);
  await stream.sendAll(encoder.encode(request));
  return stream;
}

/** Everything that a client of bytes still gets. */
export async function rest(stream: SocketStream): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  } catch (error) {
    assertInstanceOf(error, BrokenResourceError);
  }
  return text;
}

/** Receives until a text has come. */
export async function until(stream: SocketStream, end: string): Promise<string> {
  let text = "";
  while (!text.includes(end)) {
    const chunk = await stream.receiveSome();
    assert(chunk !== null, `ended after ${JSON.stringify(text)}`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

export const GET = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

/** A handler that waits for ever and tells what became of it. */
export function patient(): { handler: HttpHandler; asked: Event; ended: Event; errors: unknown[] } {
  const asked = new Event();
  const ended = new Event();
  const errors: unknown[] = [];
  return {
    asked,
    ended,
    errors,
    async handler() {
      asked.set();
      try {
        await sleepForever();
      } catch (error) {
        errors.push(error);
        throw error;
      } finally {
        ended.set();
      }
      throw new Error("Cannot get here as it waits for ever");
    },
  };
}
