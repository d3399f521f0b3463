/** The standard input of a simulation, as its tests see it; the mechanism is in `driver/simulated_stdin.ts`. */

/**
 * The standard input of the code under test, in memory: see `Simulation.stdin`.
 *
 * @category Simulation
 */
export interface VirtualStdin {
  /**
   * Writes what the code under test is to read; kept until it does.
   *
   * @param data Bytes, or a text, which stands for its UTF-8 bytes.
   * @throws {TypeError} If it is neither, or the input has ended.
   */
  send(data: string | Uint8Array): void;
  /** Ends the input, behind what was sent. Idempotent. */
  end(): void;
}
