/** The face of a process that was started. */

import { shielded } from "../../core/mod.ts";
import type { ProcessStatus } from "../../core/lowlevel.ts";
import { composedWait, inspectable, reportHook } from "../../core/internal.ts";
import type { ReceiveStream, SendStream } from "../../net/mod.ts";
import { requireSignal } from "../base/signal_names.ts";
import type { Child } from "./_child.ts";
import type { Process } from "./process.ts";

/** See `Process`. */
export class ProcessImpl implements Process {
  static {
    inspectable(ProcessImpl, "Process", ({ pid, command, status }) => ({ pid, command, status: status ?? undefined }));
  }

  readonly stdin: SendStream | null;
  readonly stdout: ReceiveStream | null;
  readonly stderr: ReceiveStream | null;
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
    const { plan, host } = child;
    // The others are for us to read and write.
    this.stdin = plan.stdin === "pipe" ? host.stdin : null;
    this.stdout = plan.stdout === "pipe" ? host.stdout : null;
    this.stderr = plan.stderr === "pipe" ? host.stderr : null;
  }

  get pid(): number {
    return this.#child.host.pid;
  }

  get command(): string {
    return this.#child.plan.name;
  }

  get status(): ProcessStatus | null {
    return this.#child.status;
  }

  wait(): Promise<ProcessStatus> {
    return this.#child.wait();
  }

  kill(signal: Deno.Signal = "SIGTERM"): boolean {
    requireSignal("send a signal", "signal", signal);
    return this.#child.kill(signal);
  }

  end(): Promise<ProcessStatus> {
    return composedWait(async () => {
      const outcome = await shielded(async () => {
        await this.endUnderShield();
        return await this.#child.wait();
      });
      return outcome.value as ProcessStatus;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return composedWait(async () => {
      try {
        await this.end();
      } catch (error) {
        reportHook(`Cannot end "${this.command}" as it should`, error);
      }
      // After its end, so that it can say goodbye.
      this.stdout?.close();
      this.stderr?.close();
    });
  }

  /** Ends the process, to be called under a shield. */
  endUnderShield(): Promise<void> {
    const { deliverCancel } = this.#child.plan;
    return this.#child.end(deliverCancel === undefined ? undefined : () => deliverCancel(this));
  }
}
