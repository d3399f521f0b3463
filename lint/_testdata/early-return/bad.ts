// deno-lint-ignore-file
import { type Lock, type SendChannel } from "@trefoil/io";

export async function record(lock: Lock, log: SendChannel<string>, line: string): Promise<void> {
  using _ = await lock.acquire();
  return log.send(line); // BAD
}
// ---
import { BufferedStream, openTcpStream, race } from "@trefoil/io";

async function ask(stream: BufferedStream): Promise<string | null> {
  return await stream.receiveLine();
}
export async function first(host: string, quick: boolean): Promise<string | null> {
  await using stream = new BufferedStream(await openTcpStream(host, 80));
  if (quick) {
    return stream.receiveLine(); // BAD
  }
  try {
    return ask(stream); // BAD
  } finally {
    stream.close();
  }
}
export async function waits(host: string): Promise<unknown> {
  const stream = new BufferedStream(await openTcpStream(host, 80));
  try {
    if (host === "x") return stream.receiveLine() as Promise<unknown>; // BAD, no fix
    return race([() => stream.receiveLine()]); // BAD
  } catch (error) {
    return stream.sendText(String(error)); // BAD
  } finally {
    stream.close();
  }
}
export async function orNothing(stream: BufferedStream): Promise<string | null> {
  try {
    if (stream.buffered > 0) return stream.receiveLine(); // BAD
    for (;;) {
      return ask(stream); // BAD
    }
  } catch {
    return null;
  }
}
export function plain(stream: BufferedStream): Promise<string | null> {
  try {
    return stream.receiveLine(); // BAD, no fix
  } finally {
    stream.close();
  }
}
