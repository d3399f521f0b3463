// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  try {
    return await fetch(url);
  } catch (cause) { // BAD
    throw new Error(`Cannot load ${url}`, { cause });
  }
}
// ---
import { type BufferedStream, openTcpStream } from "@trefoil/io";

class StoreError extends Error {}
async function connect(): Promise<void> {
  await using stream = await openTcpStream("localhost", 80);
  await stream.sendText("x");
}
export async function more(stream: BufferedStream): Promise<void> {
  try {
    await connect();
  } catch { // BAD
    throw new StoreError();
  }
  try {
    await stream.receiveLine();
  } catch (error) { // BAD
    console.log(error);
    throw new StoreError(String(error));
  }
  try {
    for await (const line of stream.lines()) console.log(line);
  } catch (error) { // BAD
    if (error instanceof TypeError) throw new StoreError("type");
    throw new StoreError((error as Error).message) as Error;
  }
  try {
    await stream.receiveLine();
  } catch ({ message }: any) { // BAD, no fix
    throw new StoreError(String(message));
  }
}
export function chained(): Promise<Response> {
  return fetch("x").catch((cause) => { // BAD, no fix
    throw new StoreError("no", { cause });
  });
}
