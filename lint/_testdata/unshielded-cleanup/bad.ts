// deno-lint-ignore-file
import type { SocketStream } from "@trefoil/io";

export async function serve(stream: SocketStream, user: string): Promise<void> {
  try {
    for await (const chunk of stream) await stream.sendAll(chunk);
  } finally {
    await stream.sendText(`${user} has left\n`); // BAD
  }
}
// ---
import { fetch, Lock, type MemorySendChannel, sleep } from "@trefoil/io";

async function say(stream: SocketStream, text: string): Promise<void> {
  await stream.sendText(text);
}
const bye = (stream: SocketStream) => say(stream, "bye");
export async function own(stream: SocketStream): Promise<void> {
  try {
    await fetch("http://localhost");
  } finally {
    await bye(stream); // BAD
    if (stream) await say(stream, "x"); // BAD
  }
}
export async function handler(stream: SocketStream, lock: Lock): Promise<void> {
  try {
    await stream.sendText("BEGIN");
  } catch (error) {
    await stream.sendText("ROLLBACK"); // BAD
    throw error;
  }
  try {
    await sleep(5);
  } catch (error) {
    console.log(error);
    using _ = await lock.acquire(); // BAD
    throw error;
  } finally {
    for await (const _ of stream) console.log(_); // BAD
  }
}
export async function all(out: MemorySendChannel<number>, log: MemorySendChannel<string>): Promise<void> {
  try {
    await out.send(1);
  } finally {
    await Promise.all([out.send(0), log.send("done")]); // BAD
  }
}
export function chained(stream: SocketStream): Promise<void> {
  return sleep(5).finally(async () => {
    await stream.sendText("bye"); // BAD
  }).finally(() => stream.sendText("bye")); // BAD
}
