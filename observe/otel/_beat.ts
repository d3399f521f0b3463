/** How late the event loop is: by how much a timer of the host comes too late. */

import { hostClear, hostNow, hostTimeout, outside } from "../../core/internal.ts";

/** How often it is looked, in milliseconds. */
const BEAT = 20;

/** Tells how late each beat was, in milliseconds. It keeps no program alive. */
export class Beat {
  readonly #late: (ms: number) => void;
  #timer: ReturnType<typeof hostTimeout> | null = null;

  constructor(late: (ms: number) => void) {
    this.#late = late;
  }

  /** Begins, if it does not go on already. */
  start(): void {
    if (this.#timer !== null) return;
    const last = hostNow();
    // It goes on for longer than the task that happens to be the first, and must not keep that.
    const timer = outside(() =>
      hostTimeout(() => {
        this.#timer = null;
        // A timer may also come a little early.
        const ms = Math.max(0, hostNow() - last - BEAT);
        this.start();
        this.#late(ms);
      }, BEAT)
    );
    (timer as unknown as { unref?(): void }).unref?.();
    this.#timer = timer;
  }

  stop(): void {
    if (this.#timer !== null) hostClear(this.#timer);
    this.#timer = null;
  }
}
