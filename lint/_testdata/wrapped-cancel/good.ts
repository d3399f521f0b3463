// deno-lint-ignore-file
import { fetch, isCancelled } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  try {
    return await fetch(url);
  } catch (cause) {
    if (isCancelled(cause)) throw cause;
    throw new Error(`Cannot load ${url}`, { cause });
  }
}
// ---
import { type BufferedStream, shielded, sleep } from "@trefoil/io";

class StoreError extends Error {}
declare function foreign(): Promise<void>;
declare function reasonOf(error: unknown): Error;
export async function fine(stream: BufferedStream): Promise<void> {
  try {
    await foreign();
  } catch {
    throw new StoreError();
  }
  try {
    JSON.parse(await Deno.readTextFile("x"));
  } catch (error) {
    throw new StoreError(String(error));
  }
  try {
    await stream.receiveLine();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new StoreError(error.message);
  }
  try {
    await stream.receiveLine();
  } catch (error) {
    const first = reasonOf(error);
    if (!(first instanceof TypeError)) throw first;
    throw new StoreError();
  }
  try {
    await stream.receiveLine();
  } catch (error) {
    throw reasonOf(error);
  }
  try {
    await shielded(() => stream.receiveLine(), { timeout: 100 });
  } catch {
    throw new StoreError();
  }
  try {
    // Who keeps it inside, has nothing left to wrap.
    try {
      await stream.receiveLine();
    } catch {
      await foreign();
    }
  } catch {
    throw new StoreError();
  }
  try {
    await sleep(1);
  } catch (error) {
    if ((error as Error).name === "Cancelled") return;
    throw new StoreError();
  }
}
export async function chained(stream: BufferedStream): Promise<void> {
  await stream.receiveLine().catch((error) => {
    if (isCancelled(error)) throw error;
    throw new StoreError();
  });
  await foreign().catch(() => {
    throw new StoreError();
  });
  try {
    // Nothing of a cancellation gets past the catch.
    await stream.receiveLine().catch(() => null);
  } catch {
    throw new StoreError();
  }
}
