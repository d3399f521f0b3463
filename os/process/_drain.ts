/**
 * How long the pipe of a process that has exited is still read: a pure machine.
 *
 *     OPEN ──the process has exited──▶ DRAINING: waits count, all together ──the time is used up──▶ LATE: only what is there
 *                                                                                                    └──a pipe full──▶ OVER
 *
 * A descendant may hold the pipe for as long as it likes. What is ready is always taken. Only the time in which the
 * pipe is open and empty counts, added up over all waits: a daemon that says something now and then cannot begin it
 * anew. And when it is used up, one that never stops writing could still be read for ever: so no more is taken than
 * fits into a pipe, which is all that the process itself can have left there.
 */

/** The most that a pipe holds on Linux for those who are not root (pipe(7), `pipe-max-size`), in bytes. */
const FULL_PIPE = 1024 * 1024;

/** See the header. */
export class Drain {
  /** The time that is left, in milliseconds. */
  #left: number;
  /** The bytes that may still be taken when no time is left. */
  #room = FULL_PIPE;

  constructor(ms: number) {
    this.#left = ms;
  }

  /** How long the next wait may take, in milliseconds. `0`: only what is there is taken. */
  get left(): number {
    return this.#left;
  }

  /** A wait has taken so long, in milliseconds. */
  waited(ms: number): void {
    this.#left = Math.max(0, this.#left - ms);
  }

  /** So many bytes were taken after the exit; returns whether to go on. */
  taken(size: number): boolean {
    if (this.#left > 0) return true;
    this.#room -= size;
    return this.#room > 0;
  }
}
