// deno-lint-ignore-file
import { type Lock, type SendChannel } from "@trefoil/io";

export async function record(lock: Lock, log: SendChannel<string>, line: string): Promise<void> {
  using _ = await lock.acquire();
  return await log.send(line);
}
// ---
import { BufferedStream, openTcpStream } from "@trefoil/io";

declare function closes(): void;
export async function fine(host: string): Promise<string | null> {
  if (host === "") return new BufferedStream(await openTcpStream(host, 80)).receiveLine();
  {
    using _ = new DisposableStack();
  }
  const stream = new BufferedStream(await openTcpStream(host, 80));
  try {
    await stream.sendText("x");
  } finally {
    closes();
  }
  return stream.receiveLine();
}
export function handsOn(stream: BufferedStream): Promise<string | null> {
  try {
    return stream.receiveLine();
  } catch (error) {
    return Promise.reject(error);
  }
}
export async function fromCatch(stream: BufferedStream): Promise<string | null> {
  try {
    await stream.sendText("x");
    return await stream.receiveLine();
  } catch {
    return stream.receiveLine(); // what it throws is for the caller
  }
}
export async function inner(host: string): Promise<() => Promise<string | null>> {
  await using stream = new BufferedStream(await openTcpStream(host, 80));
  await stream.sendText("x");
  return () => stream.receiveLine();
}
export async function inFinally(stream: BufferedStream): Promise<string | null> {
  try {
    await stream.sendText("x");
  } finally {
    // deno-lint-ignore no-unsafe-finally
    return stream.receiveLine();
  }
}
