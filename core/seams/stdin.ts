/**
 * The seam to what a program reads from its standard input.
 *
 * Tests write into one in memory here. Only a type: the default is the host, in `os/`. Nothing of it waits: what has come
 * is taken in one step, so nothing is ever taken for somebody who has gone.
 */

/**
 * Standard input for `run()`: `openStdin()` in `os` uses nothing else.
 *
 * @category Low level
 */
export interface StandardInput {
  /**
   * Takes what has come: bytes, at least one, which are the caller's from then on; `null` at the end; `undefined` while
   * there is nothing. Throws if reading has failed.
   */
  take(): Uint8Array | null | undefined;
  /**
   * Puts bytes back, in front of all others.
   *
   * @param bytes At least one, which are the source's from then on.
   */
  putBack(bytes: Uint8Array): void;
  /**
   * Calls back once, when there is something to take. One task at a time waits.
   *
   * @param tell Called without arguments, in a later step.
   * @returns How to stop that.
   */
  wait(tell: () => void): () => void;
  /** Whether it is in memory: then a wait for it is no operation of the host. */
  readonly inMemory?: boolean;
}
