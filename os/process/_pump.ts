/** Reads an output of a process to its end, or, once the process has exited, for as long as `_drain.ts` says. */

import { CancelScope } from "../../core/mod.ts";
import type { HostProcessOutput } from "../../core/lowlevel.ts";
import { hostImmediate, turnDue } from "../../core/internal.ts";
import { Drain } from "./_drain.ts";
import type { Patience } from "../base/patience.ts";
import type { Sink } from "./_sinks.ts";

/** See the header. */
export class Pump {
  readonly name: "stdout" | "stderr";
  readonly sink: Sink;
  /** Whether somebody still held the pipe when it was given up. */
  leftOpen = false;
  readonly #stream: HostProcessOutput;
  readonly #patience: Patience;
  readonly #drain: Drain;
  #exited = false;
  /** The receive in progress. Written by `#receive()`. */
  #receiving: CancelScope | null = null;
  /** Since when it counts as waiting, and how to stop its timer. Written by `#arm()`. */
  #since = 0;
  #stop = (): unknown => undefined;

  constructor(name: "stdout" | "stderr", { stream, sink, patience, drain }: {
    readonly stream: HostProcessOutput;
    readonly sink: Sink;
    readonly patience: Patience;
    readonly drain: number;
  }) {
    this.name = name;
    this.sink = sink;
    this.#stream = stream;
    this.#patience = patience;
    this.#drain = new Drain(drain);
  }

  /** Runs until there is no more, or nobody waits for it any longer. */
  async run(): Promise<void> {
    try {
      while (true) {
        const turn = turnDue();
        if (turn !== null) await turn;
        const chunk = await this.#receive();
        if (chunk === null) break;
        await this.sink.take(chunk);
        if (this.#exited && !this.#drain.taken(chunk.length)) {
          this.leftOpen = true;
          break;
        }
      }
      this.sink.end?.();
    } finally {
      // At once: nobody reads it any more, and a process that writes on is to notice.
      this.#stream.close();
    }
  }

  /** The process has exited: from now on waiting counts. */
  exited(): void {
    if (this.#exited) return;
    this.#exited = true;
    if (this.#receiving !== null) this.#arm(this.#receiving);
  }

  /** The next chunk; `null` at the end, or if it was waited for long enough. */
  async #receive(): Promise<Uint8Array | null> {
    const scope = new CancelScope();
    this.#receiving = scope;
    if (this.#exited) this.#arm(scope);
    try {
      const outcome = await scope.run(() => this.#stream.receiveSome());
      if (!outcome.cancelledCaught) return outcome.value;
      this.leftOpen = true;
      return null;
    } finally {
      this.#receiving = null;
      if (this.#exited) {
        this.#stop();
        this.#drain.waited(this.#patience.now() - this.#since);
      }
    }
  }

  /**
   * Gives the receive up when the time is used up; but what is there by then has the turns it takes to be delivered.
   */
  #arm(scope: CancelScope): void {
    this.#since = this.#patience.now();
    let stopped = false;
    const look = (turns: number): void => {
      if (stopped) return;
      if (turns === 0) scope.cancel("the pipe is idle, and somebody else holds it");
      else hostImmediate(() => look(turns - 1));
    };
    const stop = this.#patience.after(this.#drain.left, () => look(this.#patience.turns));
    this.#stop = () => {
      stopped = true;
      stop();
    };
  }
}
