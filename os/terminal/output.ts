/** What the program writes. */

import { BrokenResourceError } from "../../core/mod.ts";
import { encodeText, inspectable } from "../../core/internal.ts";
import type { SendStream, TextSender } from "../../net/mod.ts";
import { OneAtATime } from "../base/one_at_a_time.ts";
import { writeAll } from "../base/write_all.ts";
import { requireDeno } from "../host/processes.ts";
import { saysNobodyReads, writeOutput } from "../host/terminal.ts";

/**
 * Opens the standard output of the program, to write as fast as somebody reads.
 *
 * `console.log()` into a pipe that is full blocks the whole program, and hides that nobody reads any more. Here a task
 * waits, and others go on; and a reader that has gone, such as `head -1`, is a `BrokenResourceError`. Closing ends this
 * stream, not the output. Several may be open: each sends its bytes whole as far as the system does so.
 *
 * @example A line
 * ```ts
 * import { openStdout } from "@trefoil/io/os";
 *
 * using stdout = openStdout();
 * await stdout.sendText("hello\n");
 * ```
 *
 * @returns The stream, which belongs to the caller.
 * @category Terminal
 */
export function openStdout(): SendStream & TextSender {
  return openOutput("stdout");
}

/**
 * Opens the standard error output of the program, as `openStdout()` does the other one.
 *
 * @example A line
 * ```ts
 * import { openStderr } from "@trefoil/io/os";
 *
 * using stderr = openStderr();
 * await stderr.sendText("half done\n");
 * ```
 *
 * @returns The stream, which belongs to the caller.
 * @category Terminal
 */
export function openStderr(): SendStream & TextSender {
  return openOutput("stderr");
}

function openOutput(name: "stdout" | "stderr"): SendStream & TextSender {
  requireDeno(`open ${name}`);
  return new Output(name);
}

class Output implements SendStream, TextSender {
  static {
    inspectable(Output, "Output", (output) => ({ to: output.#name }));
  }

  readonly #name: "stdout" | "stderr";
  readonly #operations: OneAtATime;

  constructor(name: "stdout" | "stderr") {
    this.#name = name;
    const words = { action: "send", what: "the stream", busy: "sending on this stream" };
    this.#operations = new OneAtATime(words, { kind: "send to", label: name }, (cause) => {
      if (!saysNobodyReads(cause)) return cause;
      return new BrokenResourceError(`Cannot send as somebody must read ${name}: nobody does any more`, { cause });
    });
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    const write = (rest: Uint8Array): Promise<number> => writeOutput(this.#name, rest);
    return writeAll(this.#operations, bytes, { label: `write to ${this.#name}`, write });
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  close(): void {
    if (this.#operations.closedAs === null) this.#operations.shut();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
