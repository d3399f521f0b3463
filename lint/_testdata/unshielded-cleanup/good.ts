// deno-lint-ignore-file
import { shielded, type SocketStream } from "@trefoil/io";

export async function serve(stream: SocketStream, user: string): Promise<void> {
  try {
    for await (const chunk of stream) await stream.sendAll(chunk);
  } finally {
    await shielded(() => stream.sendText(`${user} has left\n`), { timeout: 500 });
  }
}
// ---
import {
  CancelScope,
  closeForcefully,
  fetch,
  isCancelled,
  type Process,
  sleep,
  type WebSocketChannel,
  type Workers,
} from "@trefoil/io";

declare function rollback(): Promise<void>;
export async function closes(
  stream: SocketStream,
  socket: WebSocketChannel,
  process: Process,
  workers: Workers<Record<string, never>>,
): Promise<void> {
  try {
    await stream.sendText("x");
  } finally {
    stream.close();
    await socket.close();
    await process.end();
    await workers.close();
    await closeForcefully(stream);
    await rollback();
  }
}
export async function shields(stream: SocketStream): Promise<void> {
  try {
    await stream.sendText("x");
  } finally {
    await new CancelScope({ shield: true, timeout: 100 }).run(() => stream.sendText("bye"));
    await shielded(async () => {
      try {
        await stream.sendText("x");
      } finally {
        await stream.sendText("y");
      }
    }, { timeout: 500 });
  }
  const scope = new CancelScope({ shield: true, timeout: 100 });
  try {
    await sleep(1);
  } finally {
    await scope.run(() => sleep(1));
  }
}
export async function selective(stream: SocketStream): Promise<void> {
  try {
    await fetch("http://localhost");
  } catch (error) {
    if (isCancelled(error)) throw error;
    await stream.sendText("it has failed");
    throw error;
  }
  try {
    await fetch("http://localhost");
  } catch (error) {
    if (isCancelled(error)) throw error;
    // Another error: this is no cleanup, but an answer.
    await stream.sendText("it has failed");
    throw new Error("no", { cause: error });
  }
}
export async function nothingBefore(stream: SocketStream): Promise<void> {
  // Nothing is awaited in the try, so nothing is cancelled in it.
  try {
    JSON.parse("1");
  } finally {
    await stream.sendText("x");
  }
}
export async function ofOthers(stream: SocketStream, started: () => boolean): Promise<void> {
  try {
    await stream.sendText("x");
  } catch (error) {
    // A cancellation is no TypeError.
    if (error instanceof TypeError && started()) {
      await stream.sendText("it has failed");
    }
    throw error;
  }
  // What is under way already is not refused.
  const sending = stream.sendText("x");
  try {
    await sleep(5);
  } finally {
    await sending;
  }
}
export class Client {
  constructor(readonly stream: SocketStream) {}
  async [Symbol.asyncDispose](): Promise<void> {
    // For those who have time for it.
    try {
      await this.stream.sendText("QUIT");
    } catch {
      this.stream.close();
    }
  }
}
export async function chained(client: Client): Promise<void> {
  await sleep(5).finally(() => client.stream.close());
  await sleep(5).finally(() => shielded(() => client.stream.sendText("x"), { timeout: 5 }));
  await rollback().finally(() => rollback());
  await using stack = new AsyncDisposableStack();
  stack.defer(() => client.stream.close());
  stack.defer(() => client.stream.sendText("bye"));
}
