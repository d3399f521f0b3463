/** Gives a process its input. */

import { BrokenResourceError } from "../../core/mod.ts";
import type { HostProcessInput } from "../../core/lowlevel.ts";
import { isInstance, turnDue } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";

/**
 * Sends everything, and ends the input. A process that does not want all of it is none that has failed: `head` is like
 * that.
 */
export async function feed(stdin: HostProcessInput, from: Uint8Array | ReceiveStream): Promise<void> {
  try {
    if (from instanceof Uint8Array) {
      await send(stdin, from);
      return;
    }
    // Not `pipe()`: what fails must be told apart, as only one of the two may break.
    while (true) {
      const turn = turnDue();
      if (turn !== null) await turn;
      const chunk = await from.receiveSome();
      if (chunk === null || !await send(stdin, chunk)) return;
    }
  } finally {
    stdin.close();
  }
}

/** Returns whether more is wanted. */
async function send(stdin: HostProcessInput, bytes: Uint8Array): Promise<boolean> {
  try {
    await stdin.sendAll(bytes);
    return true;
  } catch (error) {
    if (isInstance(error, BrokenResourceError)) return false;
    throw error;
  }
}
