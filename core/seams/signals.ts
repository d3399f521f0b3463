/**
 * The seam to the signals of the system: where a run hears of them, for itself and for code that receives them as
 * values.
 *
 * Tests send signals in memory here. Only a type: the default is the host.
 */

/**
 * Signals for `run()`: it listens here itself, and `openSignals()` in `os` uses nothing else.
 *
 * @category Low level
 */
export interface SignalSource {
  /** Begins to listen for a signal; returns how to stop. All who listen are told. Throws if there is no such signal. */
  listen(signal: string, tell: () => void): () => void;
  /** Does what a signal does to a program in which nobody listens for it. */
  raise(signal: string): void;
  /** Whether they are in memory: then a wait for one is no operation of the host, and none ends the process. */
  readonly inMemory?: boolean;
}
